"""Shifts: who is here, what goes over to the next one, who signs, who did not come."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import Field

from community.accounts import Shift
from community.dispatch_room import DispatchRoom
from community.rights import Right, holds
from community.ring_room import RingRoom
from community.shift_report_room import ShiftReport, ShiftReports
from community.step_words import name_of_clock
from community.web import ring_words
from community.web.console import Console, Reader, Wired, Worker, check_form
from community.web.forms import PlainForm
from community.web.paper import Press
from community.web.refusals import in_words
from community.web.responder import Room
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

router = APIRouter()
MAX_WORDS = 2000
Reports = Annotated[ShiftReports, Depends(room_of(ShiftReports))]
Printing = Annotated[Press, Depends(room_of(Press))]
GOING_ON = "now"
"""Stands for the shift that is going on, in the place of the number of a hand-over."""


class Offering(PlainForm):
    """The leaver signs."""

    taker: Annotated[str, Field(max_length=64)]
    words: Annotated[str, Field(max_length=MAX_WORDS)] = ""


class Answering(PlainForm):
    """The other one signs, or either says no."""

    handover_id: Annotated[int, Field(ge=1, le=2**53)]


class Settling(PlainForm):
    """A supervisor has seen to it."""

    no_show_id: Annotated[int, Field(ge=1, le=2**53)]


@router.get("/shifts")
async def page(request: Request, console: Wired, shift: Reader, room: Room, leaving: bool = False) -> HTMLResponse:  # noqa: FBT001, FBT002 - a query
    """The page; `leaving`: somebody wanted to log out and could not."""
    return await _page(request, console, shift, room, leaving=leaving)


@router.post("/shifts/offer")
async def offer(
    request: Request, console: Wired, shift: Worker, room: Room, form: Annotated[Offering, Form()]
) -> Response:
    """Give the shift to somebody who is here."""
    check_form(shift, form.csrf)
    try:
        await room.offer_shift(shift.user.login, form.taker, form.words)
    except IllegalMove as error:
        return await _page(request, console, shift, room, problem=in_words(error), words=form.words)
    return _back()


@router.post("/shifts/sign")
async def sign(
    request: Request, console: Wired, shift: Worker, room: Room, form: Annotated[Answering, Form()]
) -> Response:
    """Take the shift over."""
    check_form(shift, form.csrf)
    try:
        await room.sign_shift(form.handover_id, shift.user.login)
    except IllegalMove as error:
        return await _page(request, console, shift, room, problem=in_words(error))
    return _back()


@router.post("/shifts/withdraw")
async def withdraw(shift: Worker, room: Room, form: Annotated[Answering, Form()]) -> Response:
    """No."""
    check_form(shift, form.csrf)
    await room.withdraw_shift(form.handover_id, shift.user.login)
    return _back()


@router.post("/shifts/settle")
async def settle(
    request: Request, console: Wired, shift: Worker, room: Room, form: Annotated[Settling, Form()]
) -> Response:
    """A supervisor has seen to a colleague who did not come."""
    check_form(shift, form.csrf)
    try:
        await room.settle_no_show(shift.user, form.no_show_id)
    except IllegalMove as error:
        return await _page(request, console, shift, room, problem=in_words(error))
    return _back()


async def _wanted(
    shift: Reader, reports: Reports, which: Annotated[str, Path(pattern="^(now|[1-9][0-9]{0,15})$")]
) -> ShiftReport:
    found = await (reports.now(shift.user) if which == GOING_ON else reports.ended(shift.user, int(which)))
    if found is None:
        raise HTTPException(404)
    return found


Wanted = Annotated[ShiftReport, Depends(_wanted)]


async def _visit(request: Request, console: Wired, shift: Reader) -> tuple[Request, Console, Shift]:
    return request, console, shift


Visiting = Annotated[tuple[Request, Console, Shift], Depends(_visit)]


@router.get("/shifts/{which}/report")
async def report(visit: Visiting, room: Room, which: str, found: Wanted) -> HTMLResponse:
    """What happened in a shift, to be printed; `which`: the number of its hand-over, or `now`."""
    request, console, shift = visit
    values = await _words(room, found, which)
    return await console.page(request, "shift_report.html", shift, status=200, **values)


@router.get("/shifts/{which}/report.pdf")
async def report_on_paper(visit: Visiting, room: Room, which: str, found: Wanted, press: Printing) -> Response:
    """The same as PDF."""
    request, console, shift = visit
    values = await _words(room, found, which)
    name = f"shift-{which}.pdf"
    return await press.page(request, console, shift, template="shift_report.html", name=name, **values)


async def _words(room: DispatchRoom, found: ShiftReport, which: str) -> dict[str, object]:
    return {"found": found, "which": which, "called": await room.called(), "clock_name": name_of_clock}


_ringing = room_of(RingRoom)


def _back() -> RedirectResponse:
    return RedirectResponse("/shifts", status_code=303)


async def _page(
    request: Request,
    console: Console,
    shift: Shift,
    room: DispatchRoom,
    /,
    *,
    leaving: bool = False,
    problem: Sentence | None = None,
    words: str = "",
) -> HTMLResponse:
    shown = await room.shift_page(shift.user.login)
    may_direct = holds(shift.user, Right.DIRECT_CASES)
    return await console.page(
        request,
        "shifts.html",
        shift,
        status=409 if problem else 200,
        shown=shown,
        may_direct=may_direct,
        desks=await _ringing(request).desks() if may_direct else (),
        ring_words=ring_words,
        may_name=holds(shift.user, Right.READ_RESIDENTS),  # words of the desk may name a resident
        leaving=leaving,
        problem=problem,
        called=await room.called(),
        words_kept=words,
        max_words=MAX_WORDS,
    )
