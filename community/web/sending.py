"""Sending people from the desk: whom to send and why, the sheet for 120, photos of a scene."""

from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from pydantic import Field

from community import engine
from community.accounts import Shift
from community.desk import Wish
from community.dispatch_room import DispatchRoom
from community.rights import Refused as NotAllowed
from community.sheet import Sheet, reference_of, text
from community.web.console import Console, Reader, Refused, Wired, Worker, check_form, language_of
from community.web.forms import CommandForm
from community.web.incident import IncidentId
from community.web.refusals import in_words
from community.web.responder import Room
from community.web.words import marked
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

router = APIRouter()
NOT_YOURS = marked("You may not see this of this home.")


class Sending(CommandForm):
    """Whom to send."""

    version: Annotated[int, Field(ge=0, le=2**31)]
    who: Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=20)] = ()


@router.get("/incidents/{incident_id}/send")
async def choose(request: Request, console: Wired, shift: Reader, room: Room, incident_id: IncidentId) -> HTMLResponse:
    """Whom one could send, the best first, each with the reasons; and who is left out, and why."""
    return await _choice(request, console, shift, room, incident_id)


@router.post("/incidents/{incident_id}/send/order")
async def send(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Worker,
    room: Room,
    incident_id: IncidentId,
    form: Annotated[Sending, Form()],
) -> Response:
    """Send those who are ticked."""
    return await _order(
        request, console, shift, room, incident_id, form=form, command="dispatch", version=form.version, then=""
    )


@router.post("/incidents/{incident_id}/send/units")
async def call_in(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Worker,
    room: Room,
    incident_id: IncidentId,
    form: Annotated[Sending, Form()],
) -> Response:
    """Call in the units that are ticked, beside whoever goes."""
    return await _order(request, console, shift, room, incident_id, form=form, command="call_unit")


@router.post("/incidents/{incident_id}/send/units/{answer}")
async def unit_answered(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Worker,
    room: Room,
    incident_id: IncidentId,
    answer: Literal["accept", "decline"],
    form: Annotated[Sending, Form()],
) -> Response:
    """A unit has said by telephone whether it helps."""
    return await _order(request, console, shift, room, incident_id, form=form, command=f"unit_{answer}")


async def _order(
    request: Request,
    console: Console,
    shift: Shift,
    room: DispatchRoom,
    incident_id: int,
    /,
    *,
    form: Sending,
    command: str,
    version: int | None = None,
    then: str = "/send#units",
) -> Response:
    """An order for those who are ticked; `then`: where the person goes on from, below the case."""
    check_form(shift, form.csrf)
    wish = Wish(
        incident_id=incident_id,
        command=command,
        by=shift.user.login,
        role=shift.user.role.value,
        command_id=form.command_id,
        version=version,
        targets=form.who,
    )
    try:
        await console.desk_of(shift).order(wish)
    except IllegalMove as error:
        return await _choice(request, console, shift, room, incident_id, problem=in_words(error), status=409)
    return RedirectResponse(f"/incidents/{incident_id}{then}", status_code=303)


@router.get("/incidents/{incident_id}/sheet")
async def sheet(request: Request, console: Wired, shift: Reader, room: Room, incident_id: IncidentId) -> HTMLResponse:
    """The sheet for 120, to be printed; the look is logged."""
    made = await _sheet(room, shift, incident_id)
    called = reference_of(made.helpers, "120")
    return await console.page(request, "sheet.html", shift, sheet=made, called=called)


@router.get("/incidents/{incident_id}/sheet.txt")
async def sheet_text(
    request: Request, console: Wired, shift: Reader, room: Room, incident_id: IncidentId
) -> PlainTextResponse:
    """The same as a text, to be sent or read out."""
    made = await _sheet(room, shift, incident_id)
    return PlainTextResponse(text(made, language_of(request, shift), console.pages.zone))


@router.get("/incidents/{incident_id}/photos/{photo_id}")
async def photo(shift: Reader, room: Room, incident_id: IncidentId, photo_id: str) -> Response:
    """A photo of the scene; the look is logged."""
    try:
        body = await room.picture(shift.user, incident_id, photo_id)
    except NotAllowed as error:
        raise Refused(NOT_YOURS) from error
    if body is None:
        raise HTTPException(404)
    return Response(body, media_type="image/jpeg", headers={"content-disposition": "inline"})


async def _sheet(room: DispatchRoom, shift: Shift, incident_id: int) -> Sheet:
    try:
        made = await room.sheet(shift.user, incident_id)
    except NotAllowed as error:
        raise Refused(NOT_YOURS) from error
    if made is None:
        raise HTTPException(404)
    return made


async def _choice(
    request: Request,
    console: Console,
    shift: Shift,
    room: DispatchRoom,
    incident_id: int,
    /,
    *,
    problem: Sentence | None = None,
    status: int = 200,
) -> HTMLResponse:
    try:
        choice = await room.choice(shift.user, incident_id)
    except NotAllowed as error:
        raise Refused(NOT_YOURS) from error
    page = await console.desk_of(shift).incident(incident_id)
    if choice is None or page is None:
        raise HTTPException(404)
    pictures = await room.errands.pictures(incident_id)
    values = {
        "row": page.row,
        "choice": choice,
        "pictures": pictures,
        "problem": problem,
        "called": await room.called(),
        "possible": engine.possible(choice.case, shift.user.login, shift.user.role.value),
    }
    return await console.page(request, "send.html", shift, status=status, **values)
