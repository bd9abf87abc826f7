"""The console's names for forms of the register: reasons, fields, what is wrong with them, and the history."""

from collections.abc import Mapping
from typing import TypeVar

from community.people import Item
from community.register_forms import Fault, Why
from community.web import people_words
from community.web.words import marked

K = TypeVar("K", bound=str)

WHYS = {
    Why.TRIED: marked("The number was tried"),
    Why.PERSON: marked("The person says so"),
    Why.RELATIVE: marked("A relative or contact says so"),
    Why.VISIT: marked("Seen at a visit"),
    Why.PAPER: marked("A letter or document says so"),
    Why.SLIP: marked("It was written down wrongly"),
    Why.OTHER: marked("Another reason"),
}
ORDER = marked("The order of calling was changed")
REVIEWED = marked("The whole entry was gone through")

FIELDS = {
    "name": marked("Full name"),
    "relation": marked("Relation"),
    "circle": marked("Circle"),
    "phones": marked("Telephone"),
    "has_key": marked("Key"),
    "hours": marked("May be called at"),
    "languages": marked("Languages"),
    "may_see": marked("May see"),
    "tested_on": marked("Number tested on"),
    "born": marked("Year of birth"),
    "sex": marked("Sex"),
    "phone": marked("Own telephone"),
    "language": marked("Language"),
    "hearing": marked("Hearing"),
    "living": marked("How the person lives"),
    "situation": marked("With whom the person lives"),
    "care_level": marked("Care level"),
    "eligibility": marked("Public support"),
    "flags": marked("Risks"),
    "conditions": marked("Illnesses"),
    "allergies": marked("Allergies"),
    "medicines": marked("Medicines"),
    "notes": marked("Remarks"),
    "reviewed_on": marked("Reviewed"),
    "left": marked("What has happened"),
    "left_why": marked("Lives here no more"),
    "left_on": marked("Since"),
    "home_id": marked("Home"),
    "place": marked("Place among those who live there"),
    "photo": marked("Where the photograph is kept"),
    "photo_kept": marked("Photograph"),
    "address": marked("Address"),
    "lat": marked("Latitude"),
    "lon": marked("Longitude"),
    "route": marked("Way to the door"),
    "gateway_id": marked("Box"),
    "offline_after": marked("Silent minutes until it is offline"),
    "high_risk": marked("Called at once when the box is silent"),
    "place_id": marked("Place in the tree"),
    "hint": marked("Where the key-safe hangs"),
    "code": marked("Code of the key-safe"),
    "contacts": marked("Contacts"),
    "new": marked("New contact"),
    "gone": marked("Contact taken away"),
    "order": marked("Order of calling"),
    "call": marked("Number tried"),
    "proposal": marked("Own proposal"),
    "told": marked("Why it is refused"),
    "new_resident": marked("New entry"),
    "new_home": marked("New home"),
    "new_contacts": marked("New list of contacts"),
    "new_device": marked("New device"),
    "care_plans": marked("Care plan"),
    "assessments": marked("Assessment"),
}

ADVICE = {
    "name": marked("Write a name of 1 to 200 characters on one line."),
    "relation": marked("Write at most 200 characters on one line."),
    "circle": marked("Choose one."),
    "phones": marked("Write 1 to 5 numbers in digits, e.g. 138 0000 0001 or +86 21 5555 0001."),
    "hours": marked("Write spans of a day such as 08:00-22:00, with commas between; empty for always."),
    "languages": marked("Write words with commas between."),
    "may_see": marked("Choose from the list."),
    "tested_on": marked("Write a day such as 2026-11-24."),
    "born": marked("Write a year such as 1944."),
    "sex": marked("Choose one."),
    "phone": marked("Write one number in digits, e.g. 138 0000 0001; empty where there is none."),
    "language": marked("Write at most 200 characters on one line."),
    "living": marked("Write at most 200 characters on one line."),
    "conditions": marked("One on each line, each of at most 200 characters."),
    "allergies": marked("One on each line, each of at most 200 characters."),
    "medicines": marked("One on each line, each of at most 200 characters."),
    "notes": marked("Write at most 2,000 characters."),
    "address": marked("Write 1 to 200 characters on one line, as it is told to an ambulance."),
    "route": marked("Write at most 2,000 characters."),
    "hint": marked("Write at most 200 characters on one line."),
    "code": marked("A code has 3 to 40 signs that can be seen."),
    "by": marked("Write who said it."),
    "at": marked("Write a day such as 2026-11-24, not later than today."),
    "id": marked("Up to 64 letters, digits, “-”, “_” or “.”, no spaces; never a name."),
    "proof": marked("That password or code was not right."),
    "why": marked("Choose a reason."),
    "left": marked("Choose one."),
    "left_on": marked("Write a day such as 2026-11-24."),
}
"""What helps where the model of the import refuses a field."""
ANYTHING = marked("This cannot stand here. Look at it again.")

FAULTS = {
    Fault.TWIN: marked("The same name and number stand on the list already."),
    Fault.TOO_MANY: marked("The list is full. Take somebody away first."),
    Fault.UNKNOWN_HOME: marked("No home of this id is on file."),
    Fault.SAME_HOME: marked("The person lives there already."),
    Fault.OPEN_CASE: marked("A case of this home is open. Let it end first: helpers look up who lives there."),
    Fault.ID_TAKEN: marked("This id is on file already. Write another one."),
    Fault.ID_ERASED: marked("This id was erased on request and is never used again. Write another one."),
    Fault.NO_WORDS: marked("Say in a few words why."),
    Fault.FUTURE: marked("This is in the future. Write when it was said."),
    Fault.OUTDONE: marked(
        "A newer word says otherwise, and it holds. Leave the day empty if it was said now, after that word."
    ),
    Fault.GONE: marked("The entry says that the person lives here no more. Take that back first."),
    Fault.SAME: marked("This number is on file already."),
    Fault.NOTHING: marked("Write the new number, or choose a language."),
    Fault.RETOLD: marked(
        "The contact was changed since this was proposed: nothing was taken over. Edit the contact by hand, or refuse."
    ),
    Fault.OVER: marked(
        "There is nothing to decide any more: it was withdrawn or decided, or the contact was taken off the list."
    ),
    Fault.OTHER_PERSON: marked(
        "Another name and another first number are another person. Take this one off the list and add the new person."
    ),
}

ITEMS = {
    Item.STATUS: marked("what happened"),
    Item.LOCATION: marked("where"),
    Item.VITALS: marked("measured values"),
    Item.CARD: marked("medical card"),
    Item.HISTORY: marked("earlier cases"),
}


def _spelled(words: Mapping[K, str]) -> dict[str, str]:
    return {str(key): said for key, said in words.items()}


_VALUES = {
    "circle": _spelled(people_words.CIRCLES),
    "sex": _spelled(people_words.SEXES),
    "hearing": _spelled(people_words.HEARINGS),
    "situation": _spelled(people_words.SITUATIONS),
    "care_level": _spelled(people_words.CARE_LEVELS),
    "eligibility": _spelled(people_words.ELIGIBILITIES),
    "flags": _spelled(people_words.FLAGS),
    "language": _spelled(people_words.LANGUAGES),
    "languages": _spelled(people_words.LANGUAGES),
    "may_see": _spelled(ITEMS),
    "left_why": _spelled(people_words.LEFTS),
}
_PLAIN = {
    "yes": marked("has a key"),
    "unknown": marked("not known"),
    "silent": marked("nobody answers"),
    "answered": marked("answers"),
    "put": marked("a new one"),
    "taken": marked("taken away"),
    "set": marked("set anew"),
    "accepted": marked("taken over"),
    "refused": marked("not taken over"),
    "on file": marked("on file"),
    "True": marked("yes"),
    "False": marked("no"),
}
_SPOKEN = frozenset(
    {"has_key", "call", "proposal", "photo_kept", "code", "high_risk", "hearing", "situation", "care_level", "sex"}
)
"""Fields whose words the register itself has chosen; in others people wrote them."""


def value_words(field: str, value: str) -> str:
    """The msgid of a value of the history; empty where people wrote it."""
    known = _VALUES.get(field, {})
    if value in known:
        return known[value]
    is_spoken = field in _SPOKEN or field.startswith("new_")
    return _PLAIN.get(value, "") if is_spoken else ""


def advice(field: str, fault: Fault) -> str:
    """What to do about a field that is refused."""
    return ADVICE.get(field, ANYTHING) if fault is Fault.WRONG else FAULTS[fault]
