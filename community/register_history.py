"""What was changed of an entry of the register, as people read it: who, when, why, and each thing before and after."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

HEALTH = frozenset({"hearing", "care_level", "eligibility", "flags", "conditions", "allergies", "medicines", "notes"})
"""Fields of a person that only who may see a medical card reads, and changes."""
OPEN = frozenset(
    {
        *("", "name", "born", "sex", "phone", "language", "living", "situation", "reviewed_on", "home_id", "place"),
        *(
            "photo",
            "photo_kept",
            "address",
            "gateway_id",
            "offline_after",
            "high_risk",
            "place_id",
            "code",
            "lat",
            "lon",
        ),
        *("contacts", "call", "proposal", "left_why", "left_on"),
    }
)
"""Fields that whoever reads the register reads. All others, those yet to come too, are on the medical card."""
MOST_OF_ONE = 30
"""Changes that one save makes at most, in round numbers: a card has some twenty fields."""
_ELSEWHERE = frozenset({"care_plans", "assessments", "medicines"})
"""Tables whose entries have a history of their own, in their forms (community.care_desk)."""
_TOLD_OF = frozenset({"call", "proposal"})
"""What became of a number tried, or of what a contact proposed: no value of the entry itself."""
_SEVERAL = frozenset({"eligibility", "flags", "conditions", "allergies", "medicines", "phones", "languages", "may_see"})
_NEW = frozenset({"resident", "home", "contacts"})
"""Subjects of their own name; anything else that is new is a device, by its id."""
_OF_A_CONTACT = ("name", "relation", "circle", "phones", "has_key", "hours", "languages", "may_see", "tested_on")


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A row of the history: what the register said before, and says since; erased words are None."""

    at: datetime
    by: str
    subject: str
    field: str
    before: str | None
    after: str | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One thing. `who`: the contact, number or device that it is about, empty where it is the person.

    `is_hidden`: not for this reader. `what`: the field; `new`, `gone`, `order` of a contact; `call` of a number tried.
    """

    who: str
    what: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    is_hidden: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What one person changed at one moment."""

    at: datetime
    by: str
    reason: str
    lines: tuple[Line, ...]


def told(changes: Iterable[Change], *, is_health_shown: bool, beside: Iterable[Change] = ()) -> tuple[Told, ...]:
    """The changes, in the same order; rows of one moment and one author together.

    Whoever may not see health reads no reason of what is hidden from him: people write there what the matter is.
    `beside`: changes of the pages before and after: a reason that stands with several is not read on one of them.
    """
    changes = tuple(changes)
    hushed = set() if is_health_shown else {(one.at, one.by) for one in (*changes, *beside) if _is_of_health(one)}
    found: list[Told] = []
    for one in (one for one in changes if one.subject not in _ELSEWHERE):
        lines = tuple(_lines(one, is_health_shown=is_health_shown))
        reason = "" if (one.at, one.by) in hushed else one.reason or ""
        last = found[-1] if found else None
        if last is not None and (last.at, last.by, last.reason) == (one.at, one.by, reason):
            found[-1] = Told(at=last.at, by=last.by, reason=last.reason, lines=(*last.lines, *lines))
        else:
            found.append(Told(at=one.at, by=one.by, reason=reason, lines=lines))
    return tuple(found)


def _is_of_health(one: Change) -> bool:
    return one.field not in OPEN


def _lines(one: Change, *, is_health_shown: bool) -> Iterable[Line]:
    if one.field == "contacts" and one.before is not None and one.after is not None:
        return _of_contacts(_list(one.before), _list(one.after))
    if _is_of_health(one) and not is_health_shown:
        return (Line(who="", what=_what(one), is_hidden=True),)
    if one.field == "entry":
        return (Line(who="", what=_what(one), before=_facts(one.before), after=_facts(one.after)),)
    if one.field in _TOLD_OF:
        return (Line(who=one.before or "", what=one.field, after=_words(one.field, one.after)),)
    if not one.field:
        return (Line(who="" if one.subject in _NEW else one.subject, what=_what(one), after=("on file",)),)
    return (Line(who="", what=one.field, before=_words(one.field, one.before), after=_words(one.field, one.after)),)


def _what(one: Change) -> str:
    """The field; of something new, or of a plan of care, what it is."""
    if one.field == "entry":
        return one.subject
    return one.field or (f"new_{one.subject}" if one.subject in _NEW else "new_device")


def _facts(written: str | None) -> tuple[str, ...]:
    """A plan, an assessment or a medicine in words."""
    try:
        found = json.loads(written or "{}")
    except ValueError:
        return (written or "",)
    return tuple(_fact(value) for value in found.values()) if isinstance(found, dict) else (str(found),)


def _fact(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _of_contacts(before: list[Mapping[str, object]], after: list[Mapping[str, object]]) -> Iterable[Line]:
    old, new = {_id(one): one for one in before}, {_id(one): one for one in after}
    for his_id, one in new.items():
        if his_id not in old:
            yield Line(who=_text(one, "name"), what="new", after=_texts(one, "phones"))
    for his_id, one in old.items():
        if his_id not in new:
            yield Line(who=_text(one, "name"), what="gone", before=_texts(one, "phones"))
            continue
        yield from _of_one(one, new[his_id])
    if [one for one in old if one in new] != [one for one in new if one in old]:
        yield Line(who="", what="order", before=_names(before), after=_names(after))


def _of_one(before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[Line]:
    for name in _OF_A_CONTACT:
        if before.get(name) != after.get(name):
            yield Line(who=_text(after, "name"), what=name, before=_texts(before, name), after=_texts(after, name))


def _names(rows: list[Mapping[str, object]]) -> tuple[str, ...]:
    return tuple(_text(one, "name") for one in rows)


def _id(one: Mapping[str, object]) -> str:
    return _text(one, "id") or f"{_text(one, 'name')} {_texts(one, 'phones')}"


def _text(one: Mapping[str, object], name: str) -> str:
    return str(one.get(name) or "")


def _texts(one: Mapping[str, object], name: str) -> tuple[str, ...]:
    value = one.get(name)
    if isinstance(value, list):
        return tuple(map(str, value))
    if isinstance(value, bool):
        return ("yes",) if value else ()
    return (str(value),) if value not in (None, "") else ()


def _words(field: str, written: str | None) -> tuple[str, ...]:
    if not written:
        return ()
    return tuple(map(str, _list(written))) if field in _SEVERAL else (written,)


def _list(written: str) -> list[Mapping[str, object]]:
    """What the history holds as JSON; one word where it holds something older."""
    try:
        found = json.loads(written)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
