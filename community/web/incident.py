"""One case: its page, and the orders an operator gives. Every order works as a plain form, without scripts."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import Shift
from community.desk import Disposition, QueueRow, StaleVersion
from community.web.console import Console, Reader, Wired, Worker, check_form, language_of, wants_part
from shouwang.errors import IllegalMove

router = APIRouter()

IncidentId = Annotated[int, Path(ge=1, le=2**62)]
MAX_NOTE = 4000
_Words = Annotated[str, Field(max_length=MAX_NOTE)]


class Order(BaseModel):
    """What every form of a case carries; `back` is the page that the operator was on."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    command_id: Annotated[str, Field(min_length=8, max_length=64)]
    version: Annotated[int, Field(ge=0, le=2**31)]
    back: Literal["queue", "case"] = "case"


class Closing(Order):
    """The end of a case, in the operator's words."""

    disposition: Disposition
    note: Annotated[_Words, Field(min_length=1)]


class Noting(Order):
    """Words for the timeline."""

    text: Annotated[_Words, Field(min_length=1)]


@router.get("/incidents/{incident_id}")
async def incident(request: Request, console: Wired, shift: Reader, incident_id: IncidentId) -> HTMLResponse:
    """The case, whole."""
    return await _page(request, console, shift, incident_id)


@router.post("/incidents/{incident_id}/ack")
async def acknowledge(
    request: Request, console: Wired, shift: Worker, incident_id: IncidentId, order: Annotated[Order, Form()]
) -> Response:
    """Take the case."""
    check_form(shift, order.csrf)
    try:
        row = await console.desk.acknowledge(
            incident_id, version=order.version, by=shift.user.login, command_id=order.command_id
        )
    except IllegalMove as error:
        return await _conflict(request, console, shift, incident_id, error)
    return await _done(request, console, shift, row, order)


@router.post("/incidents/{incident_id}/close")
async def close(
    request: Request, console: Wired, shift: Worker, incident_id: IncidentId, order: Annotated[Closing, Form()]
) -> Response:
    """End the case."""
    check_form(shift, order.csrf)
    try:
        row = await console.desk.close(
            incident_id,
            version=order.version,
            by=shift.user.login,
            command_id=order.command_id,
            disposition=order.disposition,
            note=order.note,
        )
    except IllegalMove as error:
        kept = {"note": order.note, "disposition": order.disposition}
        return await _conflict(request, console, shift, incident_id, error, **kept)
    return await _done(request, console, shift, row, order)


@router.post("/incidents/{incident_id}/note")
async def note(
    request: Request, console: Wired, shift: Worker, incident_id: IncidentId, order: Annotated[Noting, Form()]
) -> Response:
    """Add words to the case."""
    check_form(shift, order.csrf)
    try:
        row = await console.desk.note(incident_id, by=shift.user.login, command_id=order.command_id, text=order.text)
    except IllegalMove as error:
        return await _conflict(request, console, shift, incident_id, error, text=order.text)
    return await _done(request, console, shift, row, order)


async def _page(
    request: Request,
    console: Console,
    shift: Shift,
    incident_id: int,
    /,
    *,
    status: int = 200,
    problem: str = "",
    **kept: str,
) -> HTMLResponse:
    """The case as it is now; `kept` is what the operator had typed."""
    seq = await console.desk.last_seq()  # before the case: what happens in between is told again, not lost
    case = await console.desk.incident(incident_id)
    if case is None:
        raise HTTPException(404)
    values = {"seq": seq, "case": case, "problem": problem, "kept": kept, "max_note": MAX_NOTE}
    return await console.page(request, "incident.html", shift, status=status, **values)


async def _done(request: Request, console: Console, shift: Shift, row: QueueRow, order: Order) -> Response:
    if wants_part(request):
        return await _row(request, console, shift, row)
    return RedirectResponse("/queue" if order.back == "queue" else f"/incidents/{row.incident_id}", status_code=303)


async def _conflict(
    request: Request, console: Console, shift: Shift, incident_id: int, error: IllegalMove, **kept: str
) -> Response:
    """Say what the case is now. Nothing has been changed."""
    problem = "stale" if isinstance(error, StaleVersion) else "illegal"
    if wants_part(request):
        case = await console.desk.incident(incident_id)
        if case is not None:
            return await _row(request, console, shift, case.row, status=409, problem=problem)
    return await _page(request, console, shift, incident_id, status=409, problem=problem, **kept)


async def _row(
    request: Request, console: Console, shift: Shift, row: QueueRow, /, *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    values = {"row": row, "shift": shift, "problem": problem, "names": await console.accounts.names()}
    return HTMLResponse(console.pages.render("_row.html", language_of(request, shift), values), status_code=status)
