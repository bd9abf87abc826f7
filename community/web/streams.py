"""An event stream of a page: sends until one of its ends is reached, and follows the bells of the desk.

Not an async generator: those are closed at a time of the collector's choosing, and the listener with them.
"""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Send

from community.desk import Bell
from community.web.console import Console
from shouwang.errors import ShouwangError

PING_S = 5.0
"""A page that hears nothing for longer than two of these says so in red: an operator must not trust a dead page."""
SEND_TIMEOUT_S = 10.0
_log = logging.getLogger(__name__)


class Stream(Response):
    """What a stream says is its own; `name` stands in the log."""

    media_type = "text/event-stream"
    name: str

    def __init__(self, console: Console) -> None:
        """From now on."""
        super().__init__(headers={"x-accel-buffering": "no", "cache-control": "no-store"})
        del self.headers["content-length"]
        self.console = console

    @abstractmethod
    async def talk(self, send: Send, group: asyncio.TaskGroup) -> None:
        """All that it says, until it has nothing more to say."""

    @abstractmethod
    async def may_stay(self) -> bool:
        """Whether who looks may look still; asked each PING_S, also where bells never pause."""

    @abstractmethod
    async def heard(self, send: Send, bell: Bell | None) -> None:
        """A bell, or nothing for PING_S."""

    @abstractmethod
    async def fell_behind(self, send: Send) -> None:
        """The browser was too slow for the bells: the last word before it comes again by itself."""

    async def until_an_end(self, receive: Receive, send: Send, *ends: asyncio.Event) -> None:
        """Talk until all is said, the browser has gone, the server goes down, or one of `ends` is set."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async with asyncio.TaskGroup() as group:
                waits = (end.wait() for end in (self.console.closing, *ends))
                tasks = [
                    group.create_task(one, name=f"{self.name} stream")
                    for one in (self.talk(send, group), _gone(receive), *waits)
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
            await send_body(send, self.last_words(), more=False)
        except* (ShouwangError, TimeoutError, OSError) as failed:  # the browser comes again by itself
            _log.warning("a %s stream ended: %s", self.name, failed.exceptions[0])

    def last_words(self) -> bytes:
        """What is said when it ends."""
        return b""

    async def follow(self, send: Send, live: AsyncIterator[Bell], group: asyncio.TaskGroup) -> None:
        """Tell each bell, and each PING_S without one, as long as who looks may."""
        waiting = group.create_task(_next(live), name=f"{self.name} stream: next bell")
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            while True:
                # Not wait_for: cancelling a half-done anext would end the listener.
                done, _ = await asyncio.wait({waiting}, timeout=PING_S)
                if loop.time() - asked >= PING_S:
                    if not await self.may_stay():
                        return
                    asked = loop.time()
                if not done:
                    await self.heard(send, None)
                    continue
                bell = waiting.result()
                if bell is None:
                    await self.fell_behind(send)
                    return
                await self.heard(send, bell)
                waiting = group.create_task(_next(live), name=f"{self.name} stream: next bell")
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})


async def send_body(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the browser does not take what is sent."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _next(live: AsyncIterator[Bell]) -> Bell | None:
    return await anext(live, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
