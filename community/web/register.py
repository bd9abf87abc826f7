"""Whom to call about a resident, kept at the desk."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import Field

from community.people import Circle, Item
from community.register_forms import Why, same_elsewhere, silent_now, words_of
from community.register_room import Sheet
from community.registry import ContactRow
from community.registry_fields import MOST_PHONES
from community.store.register_keeping import Entry
from community.web import register_words
from community.web.register_visit import (
    KNOWN_LANGUAGES,
    CaseNumber,
    Faults,
    Keeper,
    KeptForm,
    ResidentId,
    Text,
    Visit,
    asked_of,
    back_to,
    carried_out,
    filled,
    sheet_of,
)

router = APIRouter()
ContactId = Annotated[str, Path(max_length=64)]


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


@router.get("/residents/{resident_id}/keep")
async def contacts(visit: Keeper, resident_id: ResidentId) -> HTMLResponse:
    """The list, in the order in which an alarm walks it."""
    return await list_page(visit, resident_id)


@router.get("/residents/{resident_id}/keep/new-contact")
async def new_contact(visit: Keeper, resident_id: ResidentId) -> HTMLResponse:
    """The form for somebody more."""
    return await _form(visit, resident_id)


@router.post("/residents/{resident_id}/keep/new-contact")
async def add(visit: Keeper, resident_id: ResidentId, form: Annotated[ContactForm, Form()]) -> Response:
    """Somebody more to call."""

    async def deed() -> None:
        await visit.room.add_contact(visit.wish(resident_id, form), form.written())

    again = partial(_form, visit, resident_id, form=form)
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
        fields = form.field_names()
        written = {name: value for name, value in form.written().items() if name in fields}
        await visit.room.change_contact(wish, contact_id, written, elsewhere=form.elsewhere)

    again = partial(_form, visit, resident_id, contact_id, case=form.case, form=form)
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
            return await _form(visit, resident_id, contact_id, case=form.case, faults=faults, away=form)
        return await list_page(visit, resident_id, faults=faults)

    return await carried_out(work(), again, back_to(resident_id, "", form.case))


async def list_page(visit: Visit, resident_id: str, *, faults: Faults | None = None) -> HTMLResponse:
    """The list of contacts; `faults`: why nothing was changed."""
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
    away: DeedForm | None = None,
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id)
    row = None if contact_id is None else sheet.entry.contact(contact_id)
    if contact_id is not None and row is None:
        if faults is None:
            raise HTTPException(404)
        return await list_page(visit, resident_id, faults=faults)
    stored = _BLANK if row is None else _of_row(row)
    sent, written = form or away, {} if form is None else form.written()
    fields = _fields(sheet, row)
    shown = filled(stored, fields, form=form, written=written, faults=faults)
    return await visit.page(
        "keep_contact.html",
        sheet,
        tab="contacts",
        faults=faults,
        sent=sent,
        contact=row,
        **shown,
        fields=fields,
        beside=() if row is None else beside(sheet.entry, row),
        is_elsewhere=form is None or form.elsewhere,
        case=case,
        wrong=wrong,
        asked={} if sent is None else asked_of(sent),
        marks=_days(sheet.entry.marks),
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
}


def _fields(sheet: Sheet, row: ContactRow | None) -> frozenset[str]:
    """What this user changes of a contact; who keeps numbers only may say that somebody has no key any more."""
    if sheet.is_whole:
        return frozenset(_BLANK)
    return frozenset(_BLANK) - {"may_see"} - (frozenset() if row is not None and row.has_key else {"has_key"})


def beside(entry: Entry, row: ContactRow) -> tuple[tuple[ContactRow, str], ...]:
    """Entries of other lists that are changed too, and whose list it is."""
    return tuple((one, entry.names[name]) for name, rows in entry.beside.items() for one in same_elsewhere(rows, row))


def _of_row(row: ContactRow) -> dict[str, object]:
    shown = row.model_dump(mode="json", exclude={"resident", "order", "id"})
    several: Mapping[str, Sequence[str]] = {name: tuple(shown[name]) for name in ("phones", "languages", "may_see")}
    return {**shown, **several}


def _days(marks: Mapping[str, date]) -> dict[str, str]:
    return {phone: day.isoformat() for phone, day in marks.items()}
