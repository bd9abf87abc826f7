"""One look for all who ask at the same moment: twenty consoles read the queue again after each bell."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_S = 0.5
"""Whoever asks while somebody reads waits for the next look so long; then it begins beside a read that hangs."""


class SharedRead(Generic[T]):
    """Whoever asks gets what was read after he had asked, never before: what was committed by then is in it.

    While one read is under way all who come wait for the next one, which is one for all of them.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        """`read`: looks anew each time it is called."""
        self._read = read
        self._next: asyncio.Task[T] | None = None
        self._under_way: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """What is so now. Raises what the read raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._under_way), name="shared read")
            self._next.add_done_callback(_take_note)
        return await asyncio.shield(self._next)  # one browser that goes takes the answer from nobody

    async def _after(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait({before}, timeout=PATIENCE_S)
        self._under_way, self._next = self._next, None  # from here on whoever asks waits for another
        return await self._read()


def _take_note(read: "asyncio.Task[T]") -> None:
    """Where all who asked have gone, nobody else looks at how it ended."""
    if not read.cancelled():
        read.exception()
