"""Whom to call about a resident, kept at the desk; and what all forms of the register share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from community.accounts import Shift
from community.casefile import StaleVersion
from community.people import Circle, Item
from community.register_forms import Fault, Unfit, Why, same_elsewhere, silent_now, words_of
from community.register_room import RegisterRoom, Sheet, Stranger, Wish
from community.registry import ContactRow
from community.rights import Right, holds
from community.web import register_words
from community.web.console import Console, Refused, SignedIn, Wired, check_form, language_of
from community.web.language import translations
from community.web.rooms import room_of

router = APIRouter()

ResidentId = Annotated[str, Path(max_length=64)]
ContactId = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Field(max_length=4000)]
"""A bound against abuse; what a field may hold the model of the import says, so that the form can be mended."""
MOST_PHONES = 5
_MOST_WORDS = 300
KNOWN_LANGUAGES = ("zh", "en")


def _filled(written: object) -> object:
    return None if written == "" else written


CaseNumber = Annotated[int | None, Field(ge=1, le=2**62), BeforeValidator(_filled)]


class KeptForm(BaseModel):
    """What each form of the register carries: how the entry stood, and why it is changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    seen: Annotated[str, Field(max_length=64)] = ""
    case: CaseNumber = None
    why: Annotated[str, Field(max_length=20)] = ""
    words: Text = ""


class ContactForm(KeptForm):
    """Somebody to call."""

    name: Text = ""
    relation: Text = ""
    circle: Annotated[str, Field(max_length=20)] = Circle.FAMILY.value
    phones: Annotated[tuple[Text, ...], Field(max_length=MOST_PHONES)] = ()
    has_key: bool = False
    hours: Text = ""
    languages: Annotated[tuple[Text, ...], Field(max_length=9)] = ()
    other_languages: Text = ""
    may_see: Annotated[tuple[Text, ...], Field(max_length=len(Item))] = ()
    tested_on: Text = ""
    elsewhere: bool = False

    def written(self) -> dict[str, object]:
        """As the model of the import reads it."""
        return {
            "name": self.name,
            "relation": self.relation,
            "circle": self.circle,
            "phones": tuple(one for one in self.phones if one),
            "has_key": self.has_key,
            "hours": self.hours.replace("，", ",").replace("–", "-"),
            "languages": (*(one for one in self.languages if one), *words_of(self.other_languages)),
            "may_see": tuple(self.may_see),
            "tested_on": self.tested_on,
        }


class DeedForm(KeptForm):
    """A button beside a contact. `phone`: which of his numbers was tried."""

    phone: Text = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who may keep the register asks for something."""

    request: Request
    console: Console
    shift: Shift
    room: RegisterRoom

    def wish(self, resident_id: str, form: KeptForm, said: str = "") -> Wish:
        """Who wants it and why. Raises Refused for a form that is not ours, Unfit without a reason.

        `said`: a msgid that is reason enough, where a button says it all.
        """
        check_form(self.shift, form.csrf)
        reason = self.words(said) if said else self.reason(form)
        return Wish(user=self.shift.user, resident_id=resident_id, reason=reason, seen=form.seen, case=form.case)

    def reason(self, form: KeptForm) -> str:
        """Why it is changed, in the words of who does it. Raises Unfit."""
        words = " ".join(form.words.split())
        if form.why not in set(Why):
            raise Unfit({"why": Fault.WRONG})
        if len(words) > _MOST_WORDS or (form.why == Why.OTHER and not words):
            raise Unfit({"words": Fault.NO_WORDS})
        label = "" if form.why == Why.OTHER else self.words(register_words.WHYS[Why(form.why)])
        return ": ".join(part for part in (label, words) if part)

    def words(self, msgid: str) -> str:
        """In the language of who asks: it stands in the history as if he had written it."""
        return translations(language_of(self.request, self.shift)).gettext(msgid)

    async def page(
        self, template: str, sheet: Sheet | None, /, *, tab: str, faults: "Faults | None" = None, **values: object
    ) -> HTMLResponse:
        """A page of the register; `faults`: why what was written was not taken."""
        shown: dict[str, object] = {
            "sheet": sheet,
            "entry": None if sheet is None else sheet.entry,
            "tab": tab,
            "faults": {} if faults is None else faults.told(),
            "is_stale": faults is not None and faults.is_stale,
            "is_refused": faults is not None,
            "register_words": register_words,
            "is_proved": self.shift.is_proved(self.console.clock()),
            "saved": "saved" in self.request.query_params,
            "case": None,
            "asked": {},
        }
        status = 200 if faults is None else faults.status
        return await self.console.page(self.request, template, self.shift, status=status, **(shown | values))


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Why a change was not made: fields that cannot stand, or somebody was faster."""

    fields: Mapping[str, Fault]
    is_stale: bool = False

    @property
    def status(self) -> int:
        """Of the answer."""
        return 409 if self.is_stale else 422

    def told(self) -> dict[str, str]:
        """What to do about each field, as msgids."""
        return {field: register_words.advice(field, fault) for field, fault in self.fields.items()}


def _holding(right: Right) -> Callable[..., Awaitable[Visit]]:
    async def checked(shift: SignedIn) -> Shift:
        if not holds(shift.user, right):
            raise Refused("Your role may not see this.")
        return shift

    async def visit(
        request: Request,
        console: Wired,
        shift: Annotated[Shift, Depends(checked)],
        room: Annotated[RegisterRoom, Depends(room_of(RegisterRoom))],
    ) -> Visit:
        return Visit(request, console, shift, room)

    return visit


Keeper = Annotated[Visit, Depends(_holding(Right.KEEP_REACH))]
Registrar = Annotated[Visit, Depends(_holding(Right.KEEP_REGISTER))]


async def carried_out(deed: Awaitable[object], again: Callable[[Faults], Awaitable[HTMLResponse]], to: str) -> Response:
    """Change it, then go on; where that was not possible, the form again with what was written."""
    try:
        await deed
    except Unfit as error:
        return await again(Faults(fields=error.fields))
    except StaleVersion:
        return await again(Faults(fields={}, is_stale=True))
    except Stranger:
        raise HTTPException(404) from None
    return RedirectResponse(to, status_code=303)


async def sheet_of(visit: Visit, resident_id: str, right: Right = Right.KEEP_REACH) -> Sheet:
    """The entry. Raises HTTPException (404), Refused."""
    try:
        return await visit.room.sheet(visit.shift.user, resident_id, right)
    except Stranger:
        raise HTTPException(404) from None


def asked_of(form: KeptForm) -> dict[str, str]:
    """What was said of the reason, for the form that comes again."""
    return {"why": form.why, "words": form.words}


def back_to(resident_id: str, part: str, case: int | None = None) -> str:
    """Where one goes after a change: to the case in which it was learnt, else to the entry."""
    return f"/incidents/{case}" if case is not None else f"/residents/{resident_id}/keep{part}?saved=1"


# ---- contacts ----


@router.get("/residents/{resident_id}/keep")
async def contacts(visit: Keeper, resident_id: ResidentId) -> HTMLResponse:
    """The list, in the order in which an alarm walks it."""
    return await _contacts(visit, resident_id)


@router.get("/residents/{resident_id}/keep/new-contact")
async def new_contact(visit: Keeper, resident_id: ResidentId) -> HTMLResponse:
    """The form for somebody more."""
    return await _form(visit, resident_id)


@router.post("/residents/{resident_id}/keep/new-contact")
async def add(visit: Keeper, resident_id: ResidentId, form: Annotated[ContactForm, Form()]) -> Response:
    """Somebody more to call."""

    async def deed() -> None:
        await visit.room.add_contact(visit.wish(resident_id, form), form.written())

    async def again(faults: Faults) -> HTMLResponse:
        return await _form(visit, resident_id, form=form, faults=faults)

    return await carried_out(deed(), again, back_to(resident_id, ""))


@router.get("/residents/{resident_id}/keep/contacts/{contact_id}")
async def contact(
    visit: Keeper,
    resident_id: ResidentId,
    contact_id: ContactId,
    case: Annotated[CaseNumber, Query()] = None,
    wrong: Annotated[str, Query(max_length=60)] = "",
) -> HTMLResponse:
    """One of the list. `wrong`: the number that was found to be wrong, in which case."""
    return await _form(visit, resident_id, contact_id, case=case, wrong=wrong)


@router.post("/residents/{resident_id}/keep/contacts/{contact_id}")
async def change(
    visit: Keeper, resident_id: ResidentId, contact_id: ContactId, form: Annotated[ContactForm, Form()]
) -> Response:
    """He has another number, or anything else of him is another."""

    async def deed() -> None:
        wish = visit.wish(resident_id, form)
        await visit.room.change_contact(wish, contact_id, form.written(), elsewhere=form.elsewhere)

    async def again(faults: Faults) -> HTMLResponse:
        return await _form(visit, resident_id, contact_id, case=form.case, form=form, faults=faults)

    return await carried_out(deed(), again, back_to(resident_id, "", form.case))


@router.post("/residents/{resident_id}/keep/contacts/{contact_id}/{deed}")
async def order(
    visit: Keeper,
    resident_id: ResidentId,
    contact_id: ContactId,
    deed: Literal["up", "down", "answers", "silent", "away"],
    form: Annotated[DeedForm, Form()],
) -> Response:
    """One earlier or later; his number was tried; he is called no more."""

    async def work() -> None:
        room, tried = visit.room, register_words.WHYS[Why.TRIED]
        if deed == "away":
            await room.drop_contact(visit.wish(resident_id, form), contact_id)
        elif deed in ("up", "down"):
            await room.move_contact(visit.wish(resident_id, form, register_words.ORDER), contact_id, up=deed == "up")
        else:
            wish = visit.wish(resident_id, form, tried)
            await room.tried(wish, contact_id, form.phone, answers=deed == "answers")

    async def again(faults: Faults) -> HTMLResponse:
        if deed == "away" and not faults.is_stale:
            return await _form(visit, resident_id, contact_id, case=form.case, faults=faults, asked=asked_of(form))
        return await _contacts(visit, resident_id, faults=faults)

    return await carried_out(work(), again, back_to(resident_id, "", form.case))


async def _contacts(visit: Visit, resident_id: str, *, faults: Faults | None = None) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id)
    entry = sheet.entry
    silent = {one.id: silent_now(one.phones, one.tested_on, entry.marks) for one in entry.contacts}
    return await visit.page("keep_contacts.html", sheet, tab="contacts", faults=faults, silent=silent)


async def _form(
    visit: Visit,
    resident_id: str,
    contact_id: str | None = None,
    /,
    *,
    case: int | None = None,
    wrong: str = "",
    form: ContactForm | None = None,
    faults: Faults | None = None,
    asked: Mapping[str, str] | None = None,
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id)
    entry = sheet.entry
    row = None if contact_id is None else entry.contact(contact_id)
    if contact_id is not None and row is None:
        if faults is None:
            raise HTTPException(404)
        return await _contacts(visit, resident_id, faults=faults)
    stored = _BLANK if row is None else _of_row(row)
    beside = [name for name, rows in entry.beside.items() if row is not None and same_elsewhere(rows, row)]
    return await visit.page(
        "keep_contact.html",
        sheet,
        tab="contacts",
        faults=faults,
        contact=row,
        stored=stored,
        values=stored if form is None else {**form.written(), "elsewhere": form.elsewhere},
        beside=[entry.names[name] for name in beside],
        case=case,
        wrong=wrong,
        asked=(asked or {}) if form is None else asked_of(form),
        marks=_days(entry.marks),
        most_phones=MOST_PHONES,
        known_languages=KNOWN_LANGUAGES,
    )


_BLANK: Mapping[str, object] = {
    "name": "",
    "relation": "",
    "circle": Circle.FAMILY.value,
    "phones": (),
    "has_key": False,
    "hours": "",
    "languages": (),
    "may_see": (),
    "tested_on": "",
    "elsewhere": True,
}


def _of_row(row: ContactRow) -> dict[str, object]:
    shown = row.model_dump(mode="json", exclude={"resident", "order", "id"})
    several: Mapping[str, Sequence[str]] = {name: tuple(shown[name]) for name in ("phones", "languages", "may_see")}
    return {**shown, **several, "elsewhere": True}


def _days(marks: Mapping[str, date]) -> dict[str, str]:
    return {phone: day.isoformat() for phone, day in marks.items()}
