"""What every page of the console needs, handed to the routes by FastAPI: the desk, the accounts, the time, who asks."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from community.accounts import Accounts, Shift
from community.desk import Board, Desk
from community.guarded_desk import GuardedDesk
from community.rights import Right, holds
from community.web.language import Language, language_named, preferred
from community.web.pages import Pages
from community.web.seats import Seats
from community.web.words import marked

LANGUAGE_COOKIE = "language"
STREAMS_OF_ONE = 64
"""Streams of one login, which some centres share among all desks of a room: it must not fill the house alone."""
MAX_STREAMS = 256
WALLS_OF_ONE = 4
"""Streams of one screen, or of one person before the wall: a reload or two that the server has not noticed yet."""
MAX_WALLS = 256
"""Streams of all walls: 200 screens (community.screen_room), and people who look at it."""


class NotSignedIn(Exception):
    """Nobody is logged in, or the shift has ended."""


class Refused(Exception):
    """This user may not do this, or the form is not ours; the message is a msgid of the catalogues."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Console:
    """The wired console. `closing` is set when the server goes down: all open streams end then.

    `desks`: seats at the stream of bells, by login; `walls`: at that of the wall, which take none from a desk.
    """

    desk: Desk
    accounts: Accounts
    pages: Pages
    clock: Callable[[], datetime]
    secure_cookies: bool
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    desks: Seats = field(default_factory=lambda: Seats(each=STREAMS_OF_ONE, in_all=MAX_STREAMS))
    walls: Seats = field(default_factory=lambda: Seats(each=WALLS_OF_ONE, in_all=MAX_WALLS))

    @property
    def cookie(self) -> str:
        """Name of the session cookie; the `__Host-` prefix binds it to this host and HTTPS."""
        return "__Host-shift" if self.secure_cookies else "shift"

    @property
    def screen_cookie(self) -> str:
        """Name of the cookie of a screen on the wall: no page but the wall reads it."""
        return "__Host-screen" if self.secure_cookies else "screen"

    def desk_of(self, shift: Shift) -> GuardedDesk:
        """The desk as who asks may see it."""
        return self.accounts.guarded(self.desk, shift.user, self.clock)

    async def shift(self, request: Request) -> Shift | None:
        """Who asks."""
        token = request.cookies.get(self.cookie)
        return None if token is None else await self.accounts.shift(token, now=self.clock())

    async def page(
        self, request: Request, template: str, shift: Shift | None, /, *, status: int = 200, **values: object
    ) -> HTMLResponse:
        """A page of the shell, for this user. `board` and `names` among the values: what the page has read already."""
        shell: dict[str, object] = {"shift": shift, "path": request.url.path, "seq": 0, "strip": ()}
        if shift is not None and holds(shift.user, Right.READ_QUEUE):
            board, names = await asyncio.gather(self._board(shift, values), self._names(values))
            shell |= {"seq": board.seq, "strip": board.rows, "names": names}
        html = self.pages.render(template, language_of(request, shift), shell | values)
        return HTMLResponse(html, status_code=status)

    async def _board(self, shift: Shift, values: Mapping[str, object]) -> Board:
        read = values.get("board")
        return read if isinstance(read, Board) else await self.desk_of(shift).strip()

    async def _names(self, values: Mapping[str, object]) -> object:
        return values["names"] if "names" in values else await self.accounts.names()


def console_of(request: Request) -> Console:
    """The console of this application."""
    console = request.app.state.console
    if not isinstance(console, Console):
        raise TypeError("create_app puts the console here")
    return console


Wired = Annotated[Console, Depends(console_of)]


async def signed_in(request: Request, console: Wired) -> Shift:
    """Who asks. Raises NotSignedIn."""
    shift = await console.shift(request)
    if shift is None:
        raise NotSignedIn
    return shift


SignedIn = Annotated[Shift, Depends(signed_in)]


def holding(right: Right, refusal: str = marked("Your role may not see this.")) -> Callable[..., Awaitable[Shift]]:
    """A dependency: who asks, if the matrix gives him this right. Raises Refused with this msgid."""

    async def found(shift: SignedIn) -> Shift:
        if not holds(shift.user, right):
            raise Refused(refusal)
        return shift

    return found


Reader = Annotated[Shift, Depends(holding(Right.READ_QUEUE, marked("Your role may not see cases.")))]
BoxReader = Annotated[Shift, Depends(holding(Right.READ_HOMES))]
Worker = Annotated[Shift, Depends(holding(Right.WORK_CASES, marked("Your role may look, but not act.")))]
Taker = Annotated[Shift, Depends(holding(Right.EXPORT, marked("Your role may not do this.")))]
"""Takes data out as a file; stands behind whoever may see the page, whose refusal goes first."""


def check_form(shift: Shift, csrf: str) -> None:
    """Raise Refused unless the form was made for this session."""
    if not hmac.compare_digest(csrf.encode(), shift.csrf.encode()):
        raise Refused("This page is too old. Load it again, then repeat what you did.")


def language_of(request: Request, shift: Shift | None) -> Language:
    """The user's own, else the browser's choice."""
    chosen = shift.user.language if shift is not None else request.cookies.get(LANGUAGE_COOKIE)
    return language_named(chosen) or preferred(request.headers.get("accept-language", ""))


def wants_part(request: Request) -> bool:
    """Whether a script asks for a piece of the page rather than a person for the page."""
    return request.headers.get("hx-request-type") == "partial"


def is_script(request: Request) -> bool:
    """Whether the answer goes to a script, which must not follow us to the login page by itself."""
    return "hx-request" in request.headers or request.headers.get("sec-fetch-mode") in {"cors", "same-origin"}
