"""Somebody of the register lives there no more; and the same taken back where it was a mistake."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, Response

from community import register_leaving
from community.people import Left
from community.rights import Right
from community.web import people_words
from community.web.register_visit import (
    Faults,
    KeptForm,
    Registrar,
    ResidentId,
    Text,
    Visit,
    asked_of,
    back_to,
    carried_out,
    sheet_of,
)

router = APIRouter()


class LeavingForm(KeptForm):
    """Why the person lives there no more, and since when."""

    left: Text = ""
    left_on: Text = ""


@router.get("/residents/{resident_id}/keep/left")
async def left(visit: Registrar, resident_id: ResidentId) -> HTMLResponse:
    """The form; of somebody who has left, how it is taken back."""
    return await _left(visit, resident_id)


@router.post("/residents/{resident_id}/keep/left")
async def leave(visit: Registrar, resident_id: ResidentId, form: Annotated[LeavingForm, Form()]) -> Response:
    """The person lives there no more."""

    async def deed() -> None:
        await register_leaving.leave(visit.room, visit.wish(resident_id, form), form.left, form.left_on)

    again = partial(_left, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/left"))


@router.post("/residents/{resident_id}/keep/stays")
async def stay(visit: Registrar, resident_id: ResidentId, form: Annotated[KeptForm, Form()]) -> Response:
    """That was a mistake."""

    async def deed() -> None:
        await register_leaving.stay(visit.room, visit.wish(resident_id, form))

    again = partial(_left, visit, resident_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, "/left"))


async def _left(
    visit: Visit, resident_id: str, *, form: KeptForm | None = None, faults: Faults | None = None
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id, Right.KEEP_REGISTER)
    sent = form.model_dump(include={"left", "left_on"}) if isinstance(form, LeavingForm) else {}
    return await visit.page(
        "keep_left.html",
        sheet,
        tab="left",
        faults=faults,
        sent=form,
        values={"left": Left.DIED.value, "left_on": "", **sent},
        stored={},
        lefts=people_words.LEFTS,
        others=[name or one for one, name in sheet.entry.names.items() if one != resident_id],
        asked={} if form is None else asked_of(form),
    )
