"""The stream of a wallboard: only that something has happened. What it shows the wall reads itself."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from community.desk import Bell
from community.users import User
from community.web.console import Console
from community.web.streams import Stream, send_body

GAVE_UP_RETRY_MS = 30_000
"""A wall whose seat went to a newer one comes again so late: it asks by itself meanwhile (static/wall.js)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watcher:
    """Who looks at the wall: a person, or a screen. `word`: what a screen's browser keeps from now on; empty: as it is.

    `is_here`: whether he may look still; `until_ended`: set where somebody sends him away at once.
    """

    user: User
    is_here: Callable[[], Awaitable[bool]]
    until_ended: Callable[[], AbstractContextManager[asyncio.Event]]
    is_screen: bool = False
    word: str = ""

    @property
    def name(self) -> str:
        """Whose stream it is; a screen is nobody's user."""
        return f"{'screen' if self.is_screen else 'user'} {self.user.user_id}"


class WallStream(Stream):
    """Sends until the browser goes, the screen is ended, its seat is needed or the server goes down."""

    name = "wall"

    def __init__(self, console: Console, watcher: Watcher) -> None:
        """For this watcher, from now on."""
        super().__init__(console)
        self._watcher = watcher
        self._is_needed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Talk until one of the ends is reached."""
        with self.console.walls.taken(self._watcher.name) as self._is_needed, self._watcher.until_ended() as ended:
            await self.until_an_end(receive, send, ended, self._is_needed)

    async def talk(self, send: Send, group: asyncio.TaskGroup) -> None:
        """How far the record is, now and after each bell."""
        async with self.console.desk.bells() as live:
            await self._tell(send)
            await self.follow(send, live, group)

    async def may_stay(self) -> bool:
        """Whether he may look still; so is seen, too, an end that another server has written."""
        return await self._watcher.is_here()

    async def heard(self, send: Send, bell: Bell | None) -> None:  # noqa: ARG002 - what has happened the wall reads itself
        """How far the record is."""
        await self._tell(send)

    async def fell_behind(self, send: Send) -> None:
        """The same."""
        await self._tell(send)

    def last_words(self) -> bytes:
        """Where its seat went to a newer one: when to come again."""
        return b"retry: %d\n\n" % GAVE_UP_RETRY_MS if self._is_needed.is_set() else b""

    async def _tell(self, send: Send) -> None:
        told = json.dumps({"seq": await self.console.desk.last_seq()})
        await send_body(send, f"event: news\ndata: {told}\n\n".encode())
