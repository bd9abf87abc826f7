"""The alarm bus: one event stream per browser, and the proof that the console lives.

Each bell is an event whose id is its audit sequence. A browser that comes back says which it saw last and gets what it
missed; where that is too much, `resync` tells it to read the queue again. A ping carries the newest sequence, so that a
page notices by itself when it has missed something.
"""

import asyncio
import json
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from community.accounts import Shift
from community.desk import Bell
from community.web.console import Console, Reader, Wired
from community.web.streams import Stream, send_body

MAX_REPLAY = 500
"""A longer gap is answered by `resync`: to read the page again is cheaper than to tell so much again."""
RETRY_MS = 2000

router = APIRouter()


@router.get("/events")
async def events(
    console: Wired,
    shift: Reader,
    after: Annotated[int | None, Query(ge=0)] = None,
    last_event_id: Annotated[str, Header()] = "",
) -> Response:
    """The stream. `after` is what a fresh page has seen; the browser's Last-Event-ID is newer."""
    if not console.desks.has_room(shift.user.user_id):
        raise HTTPException(503)
    seen = int(last_event_id) if last_event_id.isdecimal() and len(last_event_id) < 19 else after
    return EventStream(console, shift, after=await console.desk.last_seq() if seen is None else seen)


class EventStream(Stream):
    """Sends until the browser goes, the shift ends, its seat is needed or the server goes down."""

    name = "console"

    def __init__(self, console: Console, shift: Shift, *, after: int) -> None:
        """`after`: the last bell that the browser has."""
        super().__init__(console)
        self._desk = console.desk_of(shift)
        self._user_id, self._token = shift.user.user_id, shift.token
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Talk until one of the ends is reached."""
        with self.console.desks.taken(self._user_id) as is_needed:
            await self.until_an_end(receive, send, is_needed)

    async def talk(self, send: Send, group: asyncio.TaskGroup) -> None:
        """What was missed, then what rings."""
        async with self._desk.bells() as live:
            await send_body(send, b"retry: %d\n\n" % RETRY_MS)
            await self._replay(send)
            await self._ping(send)
            await self.follow(send, live, group)

    async def may_stay(self) -> bool:
        """Whether he is signed in: his rights may be others by now."""
        return await self.console.accounts.shift(self._token, now=self.console.clock()) is not None

    async def heard(self, send: Send, bell: Bell | None) -> None:
        """Ring, but for what was replayed."""
        if bell is None:
            await self._ping(send)
        elif bell.seq > self._after:
            await self._ring(send, bell)

    async def fell_behind(self, send: Send) -> None:
        """Let it read the queue again."""
        self._after = await self._desk.last_seq()
        await send_body(send, _event("resync", {"seq": self._after}, self._after))

    async def _replay(self, send: Send) -> None:
        if self._after > await self._desk.last_seq():  # a backup was put in place, which counts the same numbers anew
            await self.fell_behind(send)
            return
        missed = await self._desk.bells_after(self._after, MAX_REPLAY + 1)
        if len(missed) > MAX_REPLAY:
            await self.fell_behind(send)
            return
        for bell in missed:
            await self._ring(send, bell)

    async def _ring(self, send: Send, bell: Bell) -> None:
        await send_body(send, _event("bell", _said(bell), bell.seq))
        self._after = bell.seq

    async def _ping(self, send: Send) -> None:
        now = self.console.clock().isoformat()
        await send_body(send, _event("ping", {"seq": await self._desk.last_seq(), "now": now}))


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
