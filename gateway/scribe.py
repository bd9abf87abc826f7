"""The only one who writes the card: batches of the pipeline in, stored messages to the uplink.

A card that is full, read-only or slow stops neither rules nor siren: the batch stays in memory and is tried again; only
its oldest telemetry goes, and is told as a gap, when it grows past a bound. Alerts do not wait for such a card: they go
to the centre from memory.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.batch import Batch, Key
from gateway.clock import Clock
from gateway.outbox import Outbox, Stored
from gateway.pipeline import Pipeline
from gateway.slips import Slips
from messaging.backoff import Backoff
from shouwang.alert import Alert
from shouwang.bilingual import Bilingual
from shouwang.errors import TryLater
from shouwang.wire import Lane

log = logging.getLogger(__name__)

GROUP_COMMIT_S = 5.0
"""Telemetry waits at most this long for the card: the loss window of a power cut."""
_PATIENCE_S = 2.0
"""A card that takes longer is as good as one that fails (fdatasync of a sound one: 0.2 to 8 ms)."""
_UNWRITTEN_READINGS = 20_000
_UNWRITTEN_BODIES = 5_000
"""Some 5 MB: two days of one sensor that comes and goes each minute."""
_RETRY_START_S, _RETRY_CAP_S = 0.2, 30.0
_GLANCE_S = 0.2


class Scribe:
    """Owns the outbox's thread."""

    def __init__(
        self,
        outbox: Outbox,
        thread: ThreadPoolExecutor,
        clock: Clock,
        slips: Slips,
        *,
        stored: Callable[[list[Stored]], None],
        unwritten: Callable[[list[Stored]], None],
    ) -> None:
        """`thread` has exactly one worker, in which `outbox` was opened.

        `stored` is told each committed message, `unwritten` each alert that the card does not take in time.
        """
        self._outbox = outbox
        self._thread = thread
        self._clock = clock
        self._slips = slips
        self._stored = stored
        self._unwritten = unwritten
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
        # no time-out: the thread cannot be abandoned in the middle of a transaction, and nobody at home waits for it
        writing = asyncio.get_running_loop().run_in_executor(
            self._thread, self._outbox.commit, batch, self._clock.mark()
        )
        try:
            while not (await asyncio.wait({writing}, timeout=_PATIENCE_S))[0]:
                self._send_unwritten([*batch.alerts, *pipeline.batch.alerts])
                _bound(pipeline.batch)
            stored = writing.result()
        except asyncio.CancelledError:
            # the transaction goes on in its thread; what it cannot write must be there for `finish`
            writing.add_done_callback(lambda done: pipeline.give_back(batch) if done.exception() else None)
            raise
        except TryLater as error:
            await self._hold(batch, pipeline, error)
            return
        if self._backoff.failures:
            log.warning("the card can be written again after %d attempts", self._backoff.failures)
        self._backoff.succeeded()
        self._slips.written(batch.alerts)
        pipeline.written(batch)
        self._stored(stored)
        for done in batch.after_commit:
            done()

    async def finish(self, pipeline: Pipeline) -> None:
        """Write what is left at the end, after a transaction that may be under way; tries until it is done."""
        await asyncio.get_running_loop().run_in_executor(self._thread, _nothing)
        while not pipeline.batch.is_empty:
            await self.write(pipeline)

    async def pending(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        """Unconfirmed messages for the uplink. Raises TryLater, also where the card does not answer in time."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._outbox.pending, lane, after, limit
                )
        except TimeoutError as error:
            raise TryLater(
                Bilingual(
                    f"the card does not answer within {_PATIENCE_S:.0f} s",
                    zh=f"存储卡在 {_PATIENCE_S:.0f} 秒内没有应答",
                )
            ) from error

    @property
    def backlogs(self) -> Mapping[Lane, int]:
        """How many messages of each lane have no receipt."""
        return self._outbox.backlogs

    @property
    def backlog(self) -> int:
        """How many messages have no receipt."""
        return self._outbox.backlog

    def confirmed(self, keys: Iterable[Key]) -> None:
        """The centre has these messages."""
        self._slips.confirmed(keys)

    async def _hold(self, batch: Batch, pipeline: Pipeline, error: TryLater) -> None:
        if self._backoff.failures == 0:
            log.error("%s; rules and siren go on, the data wait in memory", error)
        pipeline.give_back(batch)
        _bound(pipeline.batch)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._backoff.next_pause_s()
        while (left := end - loop.time()) > 0:  # alerts do not wait for the end of the pause
            self._send_unwritten(pipeline.batch.alerts)
            await asyncio.sleep(min(left, _GLANCE_S))

    def _send_unwritten(self, alerts: Sequence[Alert]) -> None:
        slips = self._slips.of(alerts, self._clock.mark())
        if slips:
            log.warning("%d alerts go to the centre from memory: the card does not take them", len(slips))
            self._unwritten(slips)


def _bound(batch: Batch) -> None:
    batch.drop_oldest(_UNWRITTEN_READINGS, _UNWRITTEN_BODIES, "the card could not be written for too long")


def _nothing() -> None:
    pass
