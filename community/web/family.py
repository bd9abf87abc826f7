"""A family member's page, made for a phone: how the elder is, and what one may do. Plain forms, no scripts needed."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.accounts import Shift
from community.casefile import NotNow
from community.desk import LONGEST_MODE_H, HomeMode
from community.family_room import FamilyRoom
from community.users import Role
from community.web import family_words
from community.web.console import Console, Refused, SignedIn, Wired, check_form
from community.web.rooms import room_of
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

router = APIRouter()

MAX_WORDS = 1000
HOURS = (8, 24, 72, 168, LONGEST_MODE_H)
"""How long somebody may be said to be away; the home ends it by itself."""
_NOT_DONE = Sentence(
    zh="现在无法这样做，请刷新页面再看一遍，或致电呼叫中心",
    en="this is not possible now: load the page again, or ring the centre",
)
ResidentId = Annotated[str, Path(max_length=64)]
Room = Annotated[FamilyRoom, Depends(room_of(FamilyRoom))]
_Words = Annotated[str, Field(max_length=MAX_WORDS)]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    csrf: Annotated[str, Field(max_length=128)]
    command_id: Annotated[str, Field(min_length=8, max_length=64)]


class Going(_Form):
    """He goes there."""

    incident_id: Annotated[int, Field(ge=1, le=2**62)]


class Away(_Form):
    """Where the elder is."""

    mode: HomeMode
    hours: Annotated[int, Field(ge=0, le=LONGEST_MODE_H)] = 0


class Asking(_Form):
    """What is asked for."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_WORDS)]


class Rating(_Form):
    """How it was."""

    incident_id: Annotated[int, Field(ge=1, le=2**62)]
    score: Annotated[int, Field(ge=1, le=5)]
    text: _Words = ""


async def relative(shift: SignedIn) -> Shift:
    """Who asks, if he is family. Raises Refused."""
    if shift.user.role is not Role.FAMILY:
        raise Refused("Your role may not see this.")
    return shift


Relative = Annotated[Shift, Depends(relative)]


@router.get("/family")
async def family(request: Request, console: Wired, shift: Relative, room: Room, done: str = "") -> HTMLResponse:
    """His elders."""
    return await _page(request, console, shift, room, done=done[:20])


@router.post("/family/{resident_id}/going")
async def going(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Relative,
    room: Room,
    resident_id: ResidentId,
    form: Annotated[Going, Form()],
) -> Response:
    """He answers the centre's call: he goes."""
    check_form(shift, form.csrf)
    try:
        await room.going(shift.user, resident_id, form.incident_id)
    except IllegalMove as error:
        return await _refused(request, console, shift, room, error)
    return _done("going")


@router.post("/family/{resident_id}/mode")
async def set_mode(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Relative,
    room: Room,
    resident_id: ResidentId,
    form: Annotated[Away, Form()],
) -> Response:
    """Say where the elder is."""
    check_form(shift, form.csrf)
    hours = 0 if form.mode is HomeMode.HOME else form.hours
    try:
        await room.set_mode(shift.user, resident_id, form.mode, hours, form.command_id)
    except IllegalMove as error:
        return await _refused(request, console, shift, room, error)
    return _done("mode")


@router.post("/family/{resident_id}/request")
async def ask(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Relative,
    room: Room,
    resident_id: ResidentId,
    form: Annotated[Asking, Form()],
) -> Response:
    """File a request."""
    check_form(shift, form.csrf)
    try:
        await room.ask(shift.user, resident_id, form.text.replace("\0", ""), form.command_id)
    except IllegalMove as error:
        return await _refused(request, console, shift, room, error, kept=form.text)
    return _done("request")


@router.post("/family/{resident_id}/rating")
async def rate(  # noqa: PLR0917 - FastAPI gives each part of a request by its own name
    request: Request,
    console: Wired,
    shift: Relative,
    room: Room,
    resident_id: ResidentId,  # noqa: ARG001 - the form stands on the page of this elder
    form: Annotated[Rating, Form()],
) -> Response:
    """Say how it was."""
    check_form(shift, form.csrf)
    try:
        await room.rate(shift.user, form.incident_id, form.score, form.text.replace("\0", ""), form.command_id)
    except IllegalMove as error:
        return await _refused(request, console, shift, room, error, kept=form.text)
    return _done("rating")


@router.get("/family/{resident_id}/photo")
async def photo(shift: Relative, room: Room, resident_id: ResidentId) -> Response:
    """The elder's face, where he has agreed to it."""
    picture = await room.photo(shift.user, resident_id)
    if picture is None:
        raise HTTPException(404)
    return Response(picture, media_type="image/jpeg", headers={"cache-control": "private, no-store"})


def _done(what: str) -> RedirectResponse:
    return RedirectResponse(f"/family?done={what}", status_code=303)


async def _refused(
    request: Request, console: Console, shift: Shift, room: FamilyRoom, error: IllegalMove, /, *, kept: str = ""
) -> HTMLResponse:
    """Say why, and keep what was written."""
    return await _page(
        request,
        console,
        shift,
        room,
        problem=error.said if isinstance(error, NotNow) else _NOT_DONE,
        kept=kept,
        status=409,
    )


async def _page(
    request: Request,
    console: Console,
    shift: Shift,
    room: FamilyRoom,
    /,
    *,
    done: str = "",
    problem: Sentence | None = None,
    kept: str = "",
    status: int = 200,
) -> HTMLResponse:
    values: dict[str, object] = {
        "elders": await room.elders(shift.user),
        "family_words": family_words,
        "done": done,
        "problem": problem,
        "kept": kept,
        "hours": HOURS,
        "max_words": MAX_WORDS,
        "phone": room.phone,
    }
    return await console.page(request, "family.html", shift, status=status, **values)
