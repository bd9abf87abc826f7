"""Screens on the wall: the administrator's list, the page that pairs a browser, and the stream that the wall hears."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from community.screen_room import CODE_LASTS, GOOD_FOR, ScreenRoom, is_silent
from community.store.screens import Screen
from community.web.admin_parts import AdminForm, SettingsReader, UserSetter, Visit, ids
from community.web.console import Console, Wired
from community.web.refusals import in_words
from community.web.rooms import room_of
from community.web.wall import Watching, keep_word
from community.web.wall_stream import WallStream
from shouwang.alert import Sentence
from shouwang.errors import ConfigError, IllegalMove, TryLater

router = APIRouter()
Room = Annotated[ScreenRoom, Depends(room_of(ScreenRoom))]
ScreenId = Annotated[str, Path(max_length=16, pattern=r"^[0-9a-f]+$")]


class NewScreen(AdminForm):
    """A screen that is to hang somewhere."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    areas: Annotated[str, Field(max_length=2000)] = "*"
    language: Literal["zh", "en"] = "zh"


class Pairing(BaseModel):
    """The code that is typed at the wall. It needs no token: there is no session."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, Field(max_length=32)]


@router.get("/admin/screens")
async def screens(visit: SettingsReader, room: Room) -> HTMLResponse:
    """All of them."""
    return await _screens(visit, room)


@router.post("/admin/screens")
async def make(visit: UserSetter, room: Room, form: Annotated[NewScreen, Form()]) -> Response:
    """A new one, and the code that pairs it."""
    try:
        await visit.check(form)
        made = await room.make(visit.user, form.name, ids(form.areas), form.language)
    except (IllegalMove, ConfigError) as error:
        return await _screens(visit, room, problem=in_words(error), kept=form)
    return await _screens(visit, room, made=made)


@router.post("/admin/screens/{screen_id}/{deed}")
async def change(
    visit: UserSetter,
    room: Room,
    screen_id: ScreenId,
    deed: Annotated[Literal["code", "end"], Path()],
    form: Annotated[AdminForm, Form()],
) -> Response:
    """Another code, or dark at once."""
    try:
        await visit.check(form)
        if deed == "code":
            return await _screens(visit, room, made=await room.new_code(visit.user, screen_id))
        await room.end(visit.user, screen_id)
    except (IllegalMove, ConfigError) as error:
        return await _screens(visit, room, problem=in_words(error))
    return RedirectResponse("/admin/screens", status_code=303)


@router.get("/screen")
async def door(
    request: Request, console: Wired, _: Room, code: Annotated[str, Query(max_length=32)] = ""
) -> HTMLResponse:
    """Where a code is typed. Opening a link alone does not use it up: chat programs open links to preview them."""
    return await _door(request, console, code=code)


@router.post("/screen")
async def pair(request: Request, console: Wired, room: Room, form: Annotated[Pairing, Form()]) -> Response:
    """This browser shows the wall from now on."""
    client = request.client.host if request.client else ""
    try:
        word = await room.pair(form.code, client=client)
    except TryLater:
        return await _door(request, console, problem="busy", status=503)
    if not word:
        return await _door(request, console, problem="wrong", status=401)
    response = RedirectResponse("/wall", status_code=303)
    keep_word(response, console, word)
    return response


@router.get("/wall/events")
async def events(console: Wired, watching: Watching) -> Response:
    """That something has happened, and nothing of what: the wall reads itself again."""
    if not console.walls.has_room(watching.name):
        raise HTTPException(503)
    return WallStream(console, watching)


async def _door(
    request: Request, console: Console, *, code: str = "", problem: str = "", status: int = 200
) -> HTMLResponse:
    return await console.page(request, "screen.html", None, status=status, code=code, problem=problem)


async def _screens(
    visit: Visit,
    room: ScreenRoom,
    *,
    problem: Sentence | None = None,
    made: tuple[Screen, str] | None = None,
    kept: NewScreen | None = None,
) -> HTMLResponse:
    return await visit.page(
        "admin_screens.html",
        problem=problem,
        screens=await room.everything(),
        areas=await room.areas(),
        made=made,
        link=room.link(made[1]) if made else "",
        kept=kept,
        minutes=int(CODE_LASTS.total_seconds()) // 60,
        days=GOOD_FOR.days,
        is_silent=is_silent,
    )
