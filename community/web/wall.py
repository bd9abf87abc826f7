"""The wallboard: for a large screen that nobody sits at. No person stands on it; whoever may see figures sees it."""

from fractions import Fraction
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from community.accounts import Shift
from community.kpi import Kpi
from community.kpi_numbers import written
from community.rights import Right, holds
from community.wall_room import WallRoom
from community.web import kpi_words
from community.web.console import Refused, SignedIn, Wired, language_of
from community.web.rooms import room_of
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


async def _onlooker(shift: SignedIn) -> Shift:
    if not holds(shift.user, Right.READ_KPIS):
        raise Refused("Your role may not see figures.")
    return shift


def _percent(value: Fraction | None) -> str:
    """To the tenth, a whole one without it: more digits are not read from afar."""
    return written(None if value is None else 100 * value, 1).removesuffix(".0") + "%"


Onlooker = Annotated[Shift, Depends(_onlooker)]


@router.get("/wall")
async def wall(
    request: Request, console: Wired, shift: Onlooker, room: Room, part: Literal["page", "live"] = "page"
) -> HTMLResponse:
    """The screen, or only what changes on it, which its script puts in place."""
    language = language_of(request, shift)
    found = await room.wall(shift.user)
    values: dict[str, object] = {
        "shift": shift,
        "wall": found,
        "ways": WAYS,
        "script_words": SCRIPT,
        "kpi_words": kpi_words,
        "percent": _percent,
        "Kpi": Kpi,
        "may_hear": holds(shift.user, Right.READ_QUEUE),
    }
    template = "_wall.html" if part == "live" else "wall.html"
    return HTMLResponse(console.pages.render(template, language, values))


@router.get("/kpi/wall")
async def old_address(_: Onlooker) -> RedirectResponse:
    """Where the wall was before."""
    return RedirectResponse("/wall", status_code=303)
