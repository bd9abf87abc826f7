"""The alarm bus: one event stream per browser, and the proof that the console lives.

Each bell is an event whose id is its audit sequence. A browser that comes back says which it saw last and gets what it
missed; where that is too much, `resync` tells it to read the queue again. A ping carries the newest sequence, so that a
page notices by itself when it has missed something.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from community.accounts import Shift
from community.desk import Bell
from community.web.console import Console, Reader, Wired
from shouwang.errors import ShouwangError

PING_S = 5.0
"""A page that hears nothing for longer than two of these says so in red: an operator must not trust a dead page."""
MAX_REPLAY = 500
"""A longer gap is answered by `resync`: to read the page again is cheaper than to tell so much again."""
MAX_STREAMS = 256
SEND_TIMEOUT_S = 10.0
RETRY_MS = 2000

router = APIRouter()
_log = logging.getLogger(__name__)


@router.get("/events")
async def events(
    console: Wired,
    shift: Reader,
    after: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """The stream. `after` is what a fresh page has seen; the browser's Last-Event-ID is newer."""
    if len(console.streams) >= MAX_STREAMS:
        raise HTTPException(503)
    seen = int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < 19 else after
    return EventStream(console, shift, after=await console.desk.last_seq() if seen is None else seen)


class EventStream(Response):
    """Sends until the browser goes, the shift ends or the server goes down.

    Not an async generator: those are closed at a time of the collector's choosing, and the listener with them.
    """

    media_type = "text/event-stream"

    def __init__(self, console: Console, shift: Shift, *, after: int) -> None:
        """`after`: the last bell that the browser has."""
        super().__init__(headers={"x-accel-buffering": "no", "cache-control": "no-store"})
        del self.headers["content-length"]
        self._console = console
        self._desk = console.desk_of(shift)
        self._token = shift.token
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Talk until one of the ends is reached."""
        self._console.streams.add(self)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._until_an_end(receive, send)
        finally:
            self._console.streams.discard(self)

    async def _until_an_end(self, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                ends = [
                    group.create_task(self._talk(send, group), name="console stream"),
                    group.create_task(_gone(receive), name="console stream: browser gone"),
                    group.create_task(self._console.closing.wait(), name="console stream: server closing"),
                ]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                for task in ends:
                    task.cancel()
            await _send(send, b"", more=False)
        except* (ShouwangError, TimeoutError, OSError) as failed:  # the browser comes again by itself
            _log.warning("a console stream ended: %s", failed.exceptions[0])

    async def _talk(self, send: Send, group: asyncio.TaskGroup) -> None:
        async with self._desk.bells() as live:
            await _send(send, b"retry: %d\n\n" % RETRY_MS)
            await self._replay(send)
            await self._ping(send)
            await self._follow(send, live, group)

    async def _replay(self, send: Send) -> None:
        missed = await self._desk.bells_after(self._after, MAX_REPLAY + 1)
        if len(missed) > MAX_REPLAY:
            await self._resync(send)
            return
        for bell in missed:
            await self._ring(send, bell)

    async def _follow(self, send: Send, live: AsyncIterator[Bell], group: asyncio.TaskGroup) -> None:
        waiting = group.create_task(_next(live), name="console stream: next bell")
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            while True:
                # Not wait_for: cancelling a half-done anext would end the listener.
                done, _ = await asyncio.wait({waiting}, timeout=PING_S)
                if loop.time() - asked >= PING_S:  # also where bells never pause: his rights may be others by now
                    if not await self._is_signed_in():
                        return
                    asked = loop.time()
                if not done:
                    await self._ping(send)
                    continue
                bell = waiting.result()
                if bell is None:  # too slow a browser: it comes again by itself
                    await self._resync(send)
                    return
                if bell.seq > self._after:
                    await self._ring(send, bell)
                waiting = group.create_task(_next(live), name="console stream: next bell")
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})

    async def _ring(self, send: Send, bell: Bell) -> None:
        await _send(send, _event("bell", _said(bell), bell.seq))
        self._after = bell.seq

    async def _ping(self, send: Send) -> None:
        now = self._console.clock().isoformat()
        await _send(send, _event("ping", {"seq": await self._desk.last_seq(), "now": now}))

    async def _resync(self, send: Send) -> None:
        self._after = await self._desk.last_seq()
        await _send(send, _event("resync", {"seq": self._after}, self._after))

    async def _is_signed_in(self) -> bool:
        return await self._console.accounts.shift(self._token, now=self._console.clock()) is not None


def _said(bell: Bell) -> dict[str, object]:
    return {
        "seq": bell.seq,
        "kind": bell.kind,
        "incident": bell.incident_id,
        "priority": bell.priority.value,
        "state": bell.state,
    }


def _event(name: str, data: dict[str, object], seq: int | None = None) -> bytes:
    head = f"event: {name}\n" if seq is None else f"id: {seq}\nevent: {name}\n"
    return f"{head}data: {json.dumps(data)}\n\n".encode()


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the browser does not take what is sent."""
    async with asyncio.timeout(SEND_TIMEOUT_S):
        await send({"type": "http.response.body", "body": body, "more_body": more})


async def _next(live: AsyncIterator[Bell]) -> Bell | None:
    return await anext(live, None)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
