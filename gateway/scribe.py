"""The only one who writes the card: batches of the pipeline in, stored messages to the uplink.

A card that is full, read-only or slow stops neither rules nor siren: the batch stays in memory and is tried again; only
its oldest telemetry goes, and is told as a gap, when it grows past a bound.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.batch import Batch
from gateway.clock import Clock
from gateway.outbox import Outbox, Stored
from gateway.pipeline import Pipeline
from messaging.backoff import Backoff
from shouwang.errors import TryLater
from shouwang.wire import GapBody, Lane

log = logging.getLogger(__name__)

GROUP_COMMIT_S = 5.0
"""Telemetry waits at most this long for the card: the loss window of a power cut."""
_UNWRITTEN_READINGS = 20_000
_RETRY_START_S, _RETRY_CAP_S = 0.2, 30.0
_A = TypeVar("_A")


class Scribe:
    """Owns the outbox's thread."""

    def __init__(
        self, outbox: Outbox, thread: ThreadPoolExecutor, clock: Clock, *, stored: Callable[[list[Stored]], None]
    ) -> None:
        """`thread` has exactly one worker, in which `outbox` was opened; `stored` is told each committed message."""
        self._outbox = outbox
        self._thread = thread
        self._clock = clock
        self._stored = stored
        self._backoff = Backoff(_RETRY_START_S, _RETRY_CAP_S)

    async def run(self, pipeline: Pipeline) -> None:
        """Write batches until cancelled."""
        while True:
            await pipeline.to_write.wait()
            try:
                async with asyncio.timeout(GROUP_COMMIT_S):
                    await pipeline.written_soon.wait()
            except TimeoutError:
                pass
            await self.write(pipeline)

    async def write(self, pipeline: Pipeline) -> None:
        """Write what the pipeline holds now; what cannot be written is given back after a pause."""
        batch = pipeline.take_batch()
        if batch.is_empty:
            return
        try:
            stored = await self._in_thread(self._outbox.commit, batch, self._clock.mark())
        except TryLater as error:
            await self._hold(batch, pipeline, error)
            return
        if self._backoff.failures:
            log.warning("the card can be written again after %d attempts", self._backoff.failures)
        self._backoff.succeeded()
        self._stored(stored)
        for done in batch.after_commit:
            done()

    async def pending(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        """Unconfirmed messages for the uplink. Raises TryLater."""
        return await self._in_thread(self._outbox.pending, lane, after, limit)

    async def confirm(self, confirmed: Iterable[tuple[Lane, int]]) -> None:
        """The centre has these. A card that cannot be written now leads to a resend, nothing worse."""
        try:
            await self._in_thread(self._outbox.confirm, list(confirmed))
        except TryLater as error:
            log.warning("a receipt could not be noted, the message will be sent again: %s", error)

    async def backlog(self) -> int:
        """How many messages have no receipt."""
        return await self._in_thread(self._outbox.backlog)

    async def _hold(self, batch: Batch, pipeline: Pipeline, error: TryLater) -> None:
        if self._backoff.failures == 0:
            log.error("%s; rules and siren go on, the data wait in memory", error)
        pipeline.give_back(batch)
        dropped = pipeline.batch.drop_oldest_readings(_UNWRITTEN_READINGS)
        if dropped:
            reason = "the card could not be written for too long"
            gap = GapBody(reason=reason, count=len(dropped), first_at=dropped[0].at, last_at=dropped[-1].at)
            pipeline.send(Lane.STATE, gap)
        await self._backoff.pause()

    async def _in_thread(self, work: Callable[..., _A], *args: object) -> _A:
        # no time-out: the thread cannot be abandoned in the middle of a transaction, and nobody at home waits for it
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
