"""The queue of open cases, the strip that warns on every other page, and the closed cases."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from community.call_scripts import script_of
from community.rights import Right, holds
from community.users import Role
from community.web import plot
from community.web.choice import Choice, Show
from community.web.console import Reader, SignedIn, Wired, language_of
from community.web.incident import IncidentId

router = APIRouter()


@router.get("/")
async def home(shift: SignedIn) -> RedirectResponse:
    """Where a user of this role begins."""
    if shift.user.role is Role.FAMILY:
        return RedirectResponse("/family", status_code=303)
    return RedirectResponse("/queue" if holds(shift.user, Right.READ_QUEUE) else "/gateways", status_code=303)


@router.get("/queue")
async def queue(
    request: Request,
    console: Wired,
    shift: Reader,
    *,
    part: Literal["page", "live"] = "page",
    find: Annotated[str, Query(max_length=100)] = "",
    show: Show = Show.ALL,
    since: Annotated[str, Query(max_length=40)] = "",
    at: Literal["", "queue"] = "",
) -> HTMLResponse:
    """The page, or only what changes on it by itself, which scripts put in place. `find`: in names and addresses.

    `since`: the mark of the rows that a script has already; it gets the others, and the order of all. `at` the queue
    itself no strip is shown.
    """
    choice = Choice(login=shift.user.login, find=find, show=show)
    desk = console.desk_of(shift)
    board, storms, names = await asyncio.gather(desk.board(), desk.storms(), console.accounts.names())
    if part == "page":
        shown = {"board": board, "storms": storms, "names": names, "choice": choice}
        return await console.page(request, "queue.html", shift, status=200, **shown)
    values = {"shift": shift, "strip": board.rows, "storms": storms, "choice": choice, "seq": board.seq, "names": names}
    values |= {"since": since, "page": at}
    return HTMLResponse(console.pages.render("_live.html", language_of(request, shift), values))


@router.get("/incidents/{incident_id}/preview")
async def preview(request: Request, console: Wired, shift: Reader, incident_id: IncidentId) -> HTMLResponse:
    """The selected row in short. A look at the case like any other: the desk writes it down."""
    case = await console.desk_of(shift).incident(incident_id)
    if case is None:
        raise HTTPException(404)
    script = script_of(case.row.hazard, case.row.workflow)
    values = {
        "shift": shift,
        "case": case,
        "names": await console.accounts.names(),
        "curves": [series for series in case.evidence if series.points and plot.is_curve(series)],
        "next_step": next((step for step in script.steps if step.id not in case.answers), None),
    }
    return HTMLResponse(console.pages.render("_preview.html", language_of(request, shift), values))


@router.get("/closed")
async def closed(request: Request, console: Wired, shift: Reader) -> HTMLResponse:
    """The cases closed last."""
    desk = console.desk_of(shift)
    rows, called = await asyncio.gather(desk.closed(), desk.called())
    return await console.page(request, "closed.html", shift, rows=rows, called=called)
