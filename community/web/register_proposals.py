"""What a contact proposed for himself, looked at and decided at the desk."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import HTMLResponse, Response

from community import register_proposals
from community.proposals import is_outrun, says_so, written
from community.register_forms import Fault, Unfit
from community.register_room import Wish
from community.web.console import check_form
from community.web.register import ContactId, beside, list_page
from community.web.register_visit import (
    Faults,
    Keeper,
    KeptForm,
    ResidentId,
    Text,
    Visit,
    asked_of,
    back_to,
    carried_out,
    sheet_of,
)

router = APIRouter()
MAX_REASON = 300
"""Signs of what the family is told."""


class AcceptForm(KeptForm):
    """It is put in force. `elsewhere`: also where the same person stands on another list of the home."""

    elsewhere: bool = False


class RefusalForm(KeptForm):
    """It is not. `told`: why, for who proposed it."""

    told: Text = ""


@router.get("/residents/{resident_id}/keep/contacts/{contact_id}/proposal")
async def proposal(visit: Keeper, resident_id: ResidentId, contact_id: ContactId) -> HTMLResponse:
    """What is on file, what is proposed, and the two answers."""
    return await _page(visit, resident_id, contact_id)


@router.post("/residents/{resident_id}/keep/contacts/{contact_id}/proposal/accept")
async def accept(
    visit: Keeper, resident_id: ResidentId, contact_id: ContactId, form: Annotated[AcceptForm, Form()]
) -> Response:
    """The centre calls so from now on."""

    async def deed() -> None:
        wish = visit.wish(resident_id, form)
        await register_proposals.accept(visit.room, wish, contact_id, elsewhere=form.elsewhere)

    again = partial(_page, visit, resident_id, contact_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, ""))


@router.post("/residents/{resident_id}/keep/contacts/{contact_id}/proposal/refuse")
async def refuse(
    visit: Keeper, resident_id: ResidentId, contact_id: ContactId, form: Annotated[RefusalForm, Form()]
) -> Response:
    """It stays as it is, and he reads why."""

    async def deed() -> None:
        check_form(visit.shift, form.csrf)
        told = " ".join(form.told.split())
        if not 1 <= len(told) <= MAX_REASON:
            raise Unfit({"told": Fault.NO_WORDS})
        wish = Wish(user=visit.shift.user, resident_id=resident_id, reason=told, seen=form.seen)
        await register_proposals.refuse(visit.room, wish, contact_id)

    again = partial(_page, visit, resident_id, contact_id, form=form)
    return await carried_out(deed(), again, back_to(resident_id, ""))


async def _page(
    visit: Visit,
    resident_id: str,
    contact_id: str,
    *,
    form: AcceptForm | RefusalForm | None = None,
    faults: Faults | None = None,
) -> HTMLResponse:
    sheet = await sheet_of(visit, resident_id)
    row, found = sheet.entry.contact(contact_id), sheet.entry.proposals.get(contact_id)
    if row is None or found is None:
        if faults is None:
            raise HTTPException(404)
        return await list_page(visit, resident_id, faults=Faults(fields={"proposal": Fault.OVER}))
    return await visit.page(
        "keep_proposal.html",
        sheet,
        tab="contacts",
        faults=faults,
        sent=form,
        contact=row,
        proposal=found,
        after=written(row, found),
        is_outrun=is_outrun(row, found),
        is_done=says_so(row, found),
        beside=beside(sheet.entry, row),
        is_elsewhere=not isinstance(form, AcceptForm) or form.elsewhere,
        told=form.told if isinstance(form, RefusalForm) else "",
        asked={} if form is None else asked_of(form),
        max_reason=MAX_REASON,
    )
