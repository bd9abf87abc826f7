"""New bells to every console that listens in this process. Nobody waits for a slow listener.

What is rung is read from the audit log, never handed over in memory: a case that was committed rings in any event, in
the order of the log, also when the task that wrote it was cut off right after its commit.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import partial

from community.desk import Bell
from community.news import news_or_later
from community.store import views
from community.store.database import Store
from shouwang.errors import TryLater
from shouwang.outage import Outage

LOOK_EVERY_S = 1.0
"""How often the log is looked at without being told to."""
_AT_ONCE = 500
_BACKLOG = 256
"""Bells that a listener may be behind; a browser that is further behind reads the queue anew."""

log = logging.getLogger(__name__)


class Bells:
    """Rings in the order of the audit log."""

    def __init__(self, store: Store) -> None:
        """Nobody listens yet."""
        self._store = store
        self._listeners: set[asyncio.Queue[Bell | None]] = set()
        self._news = asyncio.Event()

    def look(self) -> None:
        """There may be something new in the log."""
        self._news.set()

    async def run(self) -> None:
        """Ring what is new, until cancelled."""
        last: int | None = None
        outage = Outage(log, "consoles hear nothing for now: %s", ends="consoles hear again", level=logging.WARNING)
        while True:
            self._news.clear()
            try:
                last = await self._ring_after(last)
                outage.over()
            except TryLater as error:
                outage.begin(error)
            await news_or_later(self._news, LOOK_EVERY_S)

    @contextmanager
    def listen(self) -> Iterator[AsyncIterator[Bell]]:
        """Bells from now on; the iterator ends for a listener that falls too far behind."""
        listener: asyncio.Queue[Bell | None] = asyncio.Queue(_BACKLOG + 1)
        self._listeners.add(listener)
        try:
            yield _rung(listener)
        finally:
            self._listeners.discard(listener)

    async def _ring_after(self, last: int | None) -> int:
        if last is None:
            return await self._store.read(views.last_seq)
        while True:
            bells = await self._store.read(partial(views.bells_after, seq=last, limit=_AT_ONCE))
            for bell in bells:
                self._ring(bell)
                last = bell.seq
            if len(bells) < _AT_ONCE:
                return last

    def _ring(self, bell: Bell) -> None:
        for listener in tuple(self._listeners):
            if listener.qsize() >= _BACKLOG:
                self._listeners.discard(listener)
                listener.put_nowait(None)
            else:
                listener.put_nowait(bell)


async def _rung(listener: asyncio.Queue[Bell | None]) -> AsyncIterator[Bell]:
    while (bell := await listener.get()) is not None:
        yield bell
