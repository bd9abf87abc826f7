"""How messages are put together for one transaction: what is there, and what comes at once; never for long."""

import asyncio
from collections.abc import Sequence

from messaging.session import Message, Session

BATCH_MESSAGES, BATCH_BYTES = 200, 32 * 1024
"""What one transaction takes at most. An alert waits for the transaction under way: with 20,000 readings of homes that
come back after an outage that was a second, with these 300 it is 20 ms (`./dev bench uplink drain`)."""
ALERT_BYTES = 128 * 1024
"""The same for alerts: some 150, which are cheap together and dear one by one (`./dev bench storm`). An SOS in a city
without power waits 0.1 s for them; more at once would gain nothing."""
TELEMETRY_BYTES = 512 * 1024
"""The same for telemetry that has a file and a writer of its own: no alert waits for it."""
QUIET_S = 0.005
"""With nothing new for this long, waiting gains nothing: the sender's window is full or empty."""
PAUSE_S = 5.0
"""With nothing for so long there is an empty batch, so that whoever watches sees that somebody waits."""


async def fill(waiting: asyncio.Queue[Message], session: Session) -> None:
    """Put what comes into the queue; where that is full, the broker waits."""
    async for message in session.messages():
        await waiting.put(message)


async def batch_of(waiting: asyncio.Queue[Message], linger_s: float, bytes_at_once: int = BATCH_BYTES) -> list[Message]:
    """What is there, and what comes within `linger_s` without a pause; empty where nothing came for a while."""
    batch: list[Message] = []
    first = await _next(waiting, PAUSE_S)
    if first is None:
        return batch
    batch.append(first)
    end = asyncio.get_running_loop().time() + linger_s
    size = len(first.payload)
    while len(batch) < BATCH_MESSAGES and size < bytes_at_once:
        left = end - asyncio.get_running_loop().time()
        more = await _next(waiting, min(QUIET_S, left))
        if more is None:
            break
        batch.append(more)
        size += len(more.payload)
    return batch


def is_full(batch: Sequence[Message], bytes_at_once: int) -> bool:
    """Whether it ended by its size: more may wait. Else all that was there is in it."""
    return len(batch) >= BATCH_MESSAGES or sum(len(message.payload) for message in batch) >= bytes_at_once


async def _next(waiting: asyncio.Queue[Message], seconds: float) -> Message | None:
    if not waiting.empty():
        return waiting.get_nowait()
    if seconds <= 0:
        return None
    try:
        async with asyncio.timeout(seconds):
            return await waiting.get()
    except TimeoutError:
        return None
