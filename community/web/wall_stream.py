"""The stream of a wallboard: only that something has happened. What it shows the wall reads itself."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from community.desk import Bell
from community.users import User
from community.web.console import Console
from shouwang.errors import ShouwangError

PING_S = 5.0
"""As on the bus of the desk; also how soon an end that another server has written is seen."""
SEND_TIMEOUT_S = 10.0
GAVE_UP_RETRY_MS = 30_000
"""A wall whose seat went to a newer one comes again so late: it asks by itself meanwhile (static/wall.js)."""
_log = logging.getLogger(__name__)


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


class WallStream(Response):
    """Sends until the browser goes, the screen is ended, its seat is needed or the server goes down."""

    media_type = "text/event-stream"

    def __init__(self, console: Console, watcher: Watcher) -> None:
        """For this watcher, from now on."""
        super().__init__(headers={"x-accel-buffering": "no", "cache-control": "no-store"})
        del self.headers["content-length"]
        self._console, self._watcher = console, watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Talk until one of the ends is reached."""
        with self._console.walls.taken(self._watcher.name) as is_needed, self._watcher.until_ended() as ended:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._until_an_end(receive, send, ended, is_needed)

    async def _until_an_end(self, receive: Receive, send: Send, ended: asyncio.Event, is_needed: asyncio.Event) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                ends = [
                    group.create_task(self._talk(send, group), name="wall stream"),
                    group.create_task(_gone(receive), name="wall stream: browser gone"),
                    group.create_task(ended.wait(), name="wall stream: screen ended"),
                    group.create_task(is_needed.wait(), name="wall stream: seat needed"),
                    group.create_task(self._console.closing.wait(), name="wall stream: server closing"),
                ]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in ends:
                    task.cancel()
            await _send(send, b"retry: %d\n\n" % GAVE_UP_RETRY_MS if is_needed.is_set() else b"", more=False)
        except* (ShouwangError, TimeoutError, OSError) as failed:  # the browser comes again by itself
            _log.warning("a wall stream ended: %s", failed.exceptions[0])

    async def _talk(self, send: Send, group: asyncio.TaskGroup) -> None:
        async with self._console.desk.bells() as live:
            await self._tell(send)
            waiting = group.create_task(_next(live), name="wall stream: next bell")
            loop = asyncio.get_running_loop()
            asked = loop.time()
            try:
                while True:
                    # Not wait_for: cancelling a half-done anext would end the listener.
                    done, _ = await asyncio.wait({waiting}, timeout=PING_S)
                    if loop.time() - asked >= PING_S:
                        if not await self._watcher.is_here():
                            return
                        asked = loop.time()
                    await self._tell(send)
                    if done and waiting.result() is None:  # too slow a browser: it comes again by itself
                        return
                    if done:
                        waiting = group.create_task(_next(live), name="wall stream: next bell")
            finally:
                waiting.cancel()
                await asyncio.wait({waiting})

    async def _tell(self, send: Send) -> None:
        told = json.dumps({"seq": await self._console.desk.last_seq()})
        await _send(send, f"event: news\ndata: {told}\n\n".encode())


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the browser does not take what is sent."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _next(live: AsyncIterator[Bell]) -> Bell | None:
    return await anext(live, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
