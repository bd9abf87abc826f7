"""The wallboard: for a large screen that nobody sits at. No person stands on it; whoever may see figures sees it."""

import asyncio
from contextlib import nullcontext
from fractions import Fraction
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from community.accounts import Shift
from community.kpi import Kpi
from community.kpi_numbers import written
from community.rights import Right, holds
from community.screen_room import GOOD_FOR, ScreenRoom
from community.wall_room import WallRoom
from community.web import kpi_words
from community.web.console import Console, NotSignedIn, Refused, SignedIn, Wired, language_of
from community.web.language import language_named
from community.web.rooms import room_of
from community.web.wall_stream import Watcher
from community.web.words import marked

router = APIRouter()
Room = Annotated[WallRoom, Depends(room_of(WallRoom))]

WAYS = {
    "console": marked("Console"),
    "voice": marked("Telephone"),
    "sms": marked("SMS"),
    "push": marked("Push"),
    "mail": marked("E-mail"),
    "webhook": marked("Webhook"),
}
"""What a channel is called on the wall."""
SCRIPT = {
    "stale": marked("OLD NUMBERS: this screen has heard nothing from the server for"),
    "seconds": marked("s"),
    "signedOut": marked("This screen is signed out: what it shows is old. Log in again."),
}
"""What the script of the wall says."""
ENDED = marked("This screen has been ended: what it shows is old. An administrator gives a new code for it.")
"""What it says instead of being signed out, on a screen that nobody is signed in at."""


async def _watching(request: Request, console: Wired) -> Watcher:
    """Who looks at the wall: whoever is logged in, else the screen whose cookie this is. Raises NotSignedIn."""
    shift = await console.shift(request)
    if shift is not None:
        return _person(console, await _onlooker(shift))
    room, word = request.app.state.rooms.get(ScreenRoom), request.cookies.get(console.screen_cookie)
    client = request.client.host if request.client else ""
    shown = await room.shown(word, client=client) if isinstance(room, ScreenRoom) and word else None
    if shown is None or word is None:
        raise NotSignedIn
    return Watcher(
        user=shown.user,
        is_here=partial(room.is_good, word),
        until_ended=partial(room.until_ended, shown.screen.screen_id),
        is_screen=True,
        word=shown.word,
    )


def _person(console: Console, shift: Shift) -> Watcher:
    async def is_here() -> bool:
        return await console.accounts.shift(shift.token, now=console.clock()) is not None

    return Watcher(user=shift.user, is_here=is_here, until_ended=lambda: nullcontext(asyncio.Event()))


def keep_word(response: Response, console: Console, word: str) -> None:
    """The browser of the screen keeps its word."""
    response.set_cookie(
        console.screen_cookie,
        word,
        max_age=int(GOOD_FOR.total_seconds()),
        secure=console.secure_cookies,
        httponly=True,
        samesite="strict",
    )


async def _onlooker(shift: SignedIn) -> Shift:
    if not holds(shift.user, Right.READ_KPIS):
        raise Refused("Your role may not see figures.")
    return shift


def _percent(value: Fraction | None) -> str:
    """To the tenth, a whole one without it: more digits are not read from afar."""
    return written(None if value is None else 100 * value, 1).removesuffix(".0") + "%"


Onlooker = Annotated[Shift, Depends(_onlooker)]
Watching = Annotated[Watcher, Depends(_watching)]


@router.get("/wall")
async def wall(
    request: Request, console: Wired, watching: Watching, room: Room, part: Literal["page", "live"] = "page"
) -> HTMLResponse:
    """The screen, or only what changes on it, which its script puts in place."""
    language = language_named(watching.user.language) or language_of(request, None)
    found = await room.wall(watching.user)
    values: dict[str, object] = {
        "wall": found,
        "ways": WAYS,
        "script_words": SCRIPT | ({"signedOut": ENDED} if watching.is_screen else {}),
        "kpi_words": kpi_words,
        "percent": _percent,
        "Kpi": Kpi,
        "may_hear": holds(watching.user, Right.READ_QUEUE),
    }
    template = "_wall.html" if part == "live" else "wall.html"
    response = HTMLResponse(console.pages.render(template, language, values))
    if watching.word:
        keep_word(response, console, watching.word)
    return response


@router.get("/kpi/wall")
async def old_address(_: Onlooker) -> RedirectResponse:
    """Where the wall was before."""
    return RedirectResponse("/wall", status_code=303)
