"""The person of an entry of the register: the own card, what he agreed to, his face."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi.responses import HTMLResponse, Response
from pydantic import Field

from community.consent import How, Purpose
from community.people import POWER_DEPENDENT, CareLevel, Eligibility, Flag, Hearing, Sex, Situation
from community.photos import MAX_UPLOAD_BYTES
from community.register_forms import Fault, Unfit, lines_of
from community.register_history import HEALTH
from community.register_room import OF_REACH, Sheet
from community.registry import ResidentRow
from community.rights import Right
from community.web import register_words, resident_words
from community.web.register_visit import (
    KNOWN_LANGUAGES,
    CaseNumber,
    Faults,
    Keeper,
    KeptForm,
    Registrar,
    ResidentId,
    Text,
    Visit,
    asked_of,
    back_to,
    carried_out,
    filled,
    sheet_of,
)
from shouwang.errors import DecodeError

router = APIRouter()
Several = Annotated[tuple[Text, ...], Field(max_length=40)]
_LISTS = ("conditions", "allergies", "medicines")


class PersonForm(KeptForm):
    """The person's own card. What this user may not change is not read."""

    name: Text = ""
    born: Text = ""
    sex: Text = Sex.UNKNOWN.value
    phone: Text = ""
    language: Text = ""
    other_language: Text = ""
    hearing: Text = Hearing.UNKNOWN.value
    living: Text = ""
    situation: Text = Situation.UNKNOWN.value
    care_level: Text = CareLevel.UNKNOWN.value
    eligibility: Several = ()
    flags: Several = ()
    conditions: Text = ""
    allergies: Text = ""
    medicines: Text = ""
    notes: Text = ""

    def written(self) -> dict[str, object]:
        """As the model of the import reads it."""
        plain = self.model_dump(exclude={*KeptForm.model_fields, "other_language", *_LISTS, "language", "born"})
        lists = {name: lines_of(getattr(self, name)) for name in _LISTS}
        several = {"eligibility": self.eligibility, "flags": self.flags}
        return {
            **plain,
            **lists,
            **several,
            "born": self.born or None,
            "language": self.other_language or self.language,
        }


class ConsentForm(KeptForm):
    """What somebody agreed to, or withdrew."""

    purpose: Text = ""
    given: Text = ""
    by: Text = ""
    relation: Text = ""
    at: Text = ""
    text_version: Text = ""
    how: Text = How.PAPER.value

    def written(self) -> dict[str, object]:
        """As the model of the import reads it."""
        return self.model_dump(exclude={*KeptForm.model_fields})


# ---- the person ----


@router.get("/residents/{resident_id}/keep/person")
async def person(visit: Keeper, resident_id: ResidentId, case: Annotated[CaseNumber, Query()] = None) -> HTMLResponse:
    """The person's own card, as far as this user may change it."""
    return await _person(visit, resident_id, case=case)


@router.post("/residents/{resident_id}/keep/person")
async def change_person(visit: Keeper, resident_id: ResidentId, form: Annotated[PersonForm, Form()]) -> Response:
    """It says something else now."""

    async def deed() -> None:
        wish = visit.wish(resident_id, form)
        mine = fields_of(await sheet_of(visit, resident_id)) & form.field_names()
        written = {name: value for name, value in form.written().items() if name in mine}
        await visit.room.change_person(wish, written)

    again = partial(_person, visit, resident_id, case=form.case, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/person", form.case))


@router.post("/residents/{resident_id}/keep/reviewed")
async def reviewed(visit: Registrar, resident_id: ResidentId, form: Annotated[KeptForm, Form()]) -> Response:
    """Somebody has gone through the whole entry today."""

    async def deed() -> None:
        wish = visit.wish(resident_id, form, register_words.REVIEWED)
        await visit.room.change_person(wish, {}, reviewed=True)

    again = partial(_person, visit, resident_id)
    return await carried_out(deed(), again, back_to(resident_id, "/person"))


def fields_of(sheet: Sheet) -> frozenset[str]:
    """What of the person's card this user changes in this form."""
    if not sheet.is_whole:
        return OF_REACH
    whole = frozenset(PersonForm.model_fields) - frozenset(KeptForm.model_fields) - {"other_language"}
    return whole if sheet.is_health_shown else whole - HEALTH


async def _person(
    visit: Visit,
    resident_id: str,
    *,
    case: int | None = None,
    form: PersonForm | None = None,
    faults: Faults | None = None,
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id)
    stored, mine = _of_row(sheet.entry.resident), fields_of(sheet)
    shown = filled(stored, mine, form=form, written={} if form is None else form.written(), faults=faults)
    return await visit.page(
        "keep_person.html",
        sheet,
        tab="person",
        faults=faults,
        sent=form,
        mine=mine,
        **shown,
        asked={} if form is None else asked_of(form),
        case=case,
        **CHOICES,
    )


CHOICES: Mapping[str, object] = {
    "all_flags": tuple(Flag),
    "power_flags": POWER_DEPENDENT,
    "all_eligibilities": tuple(Eligibility),
    "known_languages": KNOWN_LANGUAGES,
}


def _of_row(row: ResidentRow) -> dict[str, object]:
    shown = row.model_dump(mode="json")
    return {**shown, **{name: tuple(shown[name]) for name in (*_LISTS, "eligibility", "flags")}}


# ---- consents ----


@router.get("/residents/{resident_id}/keep/consents")
async def consents(visit: Registrar, resident_id: ResidentId) -> HTMLResponse:
    """What was said, and the form for another word."""
    return await _consents(visit, resident_id)


@router.post("/residents/{resident_id}/keep/consents")
async def say(visit: Registrar, resident_id: ResidentId, form: Annotated[ConsentForm, Form()]) -> Response:
    """Somebody agreed, or withdrew: it holds at once. Who said it and how is the reason."""

    async def deed() -> None:
        await visit.room.say_consent(visit.wish(resident_id, form, form.by or "-"), form.written())

    again = partial(_consents, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/consents"))


async def _consents(
    visit: Visit, resident_id: str, *, form: ConsentForm | None = None, faults: Faults | None = None
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id, Right.KEEP_REGISTER)
    blank: dict[str, object] = dict(ConsentForm(csrf="").written())
    return await visit.page(
        "keep_consents.html",
        sheet,
        tab="consents",
        faults=faults,
        sent=form,
        values=blank if form is None else form.written(),
        purposes=tuple(Purpose),
        hows=tuple(How),
        resident_words=resident_words,
    )


# ---- the face ----


@router.get("/residents/{resident_id}/keep/photo")
async def photo(visit: Registrar, resident_id: ResidentId) -> HTMLResponse:
    """The face, and the form for another one."""
    return await _photo(visit, resident_id)


@router.post("/residents/{resident_id}/keep/photo")
async def put_photo(
    visit: Registrar,
    resident_id: ResidentId,
    *,
    csrf: Annotated[str, Form(max_length=128)],
    seen: Annotated[str, Form(max_length=64)] = "",
    why: Annotated[str, Form(max_length=20)] = "",
    words: Annotated[str, Form(max_length=4000)] = "",
    file: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Another face, made anew: without place, time and camera."""
    form = KeptForm(csrf=csrf, seen=seen, why=why, words=words)

    async def deed() -> None:
        wish = visit.wish(resident_id, form)
        upload = b"" if file is None else await file.read(MAX_UPLOAD_BYTES + 1)
        if not upload:
            raise Unfit({"file": Fault.WRONG})
        try:
            await visit.room.put_photo(wish, upload)
        except DecodeError:
            raise Unfit({"file": Fault.WRONG}) from None

    again = partial(_photo, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/photo"))


@router.post("/residents/{resident_id}/keep/no-photo")
async def take_photo_away(visit: Registrar, resident_id: ResidentId, form: Annotated[KeptForm, Form()]) -> Response:
    """No face any more."""

    async def deed() -> None:
        await visit.room.put_photo(visit.wish(resident_id, form), None)

    again = partial(_photo, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/photo"))


async def _photo(
    visit: Visit, resident_id: str, *, form: KeptForm | None = None, faults: Faults | None = None
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id, Right.KEEP_REGISTER)
    asked = {} if form is None else asked_of(form)
    return await visit.page("keep_photo.html", sheet, tab="photo", faults=faults, sent=form, asked=asked)
