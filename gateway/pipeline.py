"""Events in, rules over them, words to the people at home at once, and everything that must last to the scribe.

The pipeline waits for nothing but events and its own deadlines: no disk, no network. What it hands to the scribe grows
in one batch while the last one is being written, so a slow card delays neither rules nor siren.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from gateway.batch import READINGS_PER_MESSAGE, Batch, Key
from gateway.clock import Clock
from rules.bound import BoundRule
from rules.engine import Engine, Outcome
from shouwang.alert import Alert
from shouwang.driver import Measurement
from shouwang.quantities import QUANTITIES
from shouwang.reading import Reading
from shouwang.rule import Reset
from shouwang.status import SensorStatus
from shouwang.wire import Body, Command, GapBody, Lane, ResetAlarm, StatusBody

log = logging.getLogger(__name__)

Input = Reading | Measurement | SensorStatus | Reset
"""What the world tells a home; the rules' own wakes are the engine's."""

INBOX_CAPACITY = 10_000
"""Events not yet judged. When full, telemetry that comes is dropped and told as a gap; life-safety events are taken."""
_AT_ONCE = 500
_RECEIPTS_AT_ONCE = 100
"""Receipts are noted with the next group commit, or by the hundred: a transaction for each would double the wear."""
_BEAT_S = 5.0


class Pipeline:
    """One home's stream of events."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        announce: Callable[[Sequence[Alert]], None],
        beat: Callable[[], None],
    ) -> None:
        """`announce` speaks alerts at home and must not block; `beat` is called while the pipeline lives."""
        self._engine = engine
        self._clock = clock
        self._announce = announce
        self._beat = beat
        self._inbox: deque[Input] = deque()
        self._arrived = asyncio.Event()
        self._gap: GapBody | None = None
        self.batch = Batch()
        """What the scribe writes next."""
        self.to_write = asyncio.Event()
        """Set when the batch holds anything."""
        self.written_soon = asyncio.Event()
        """Set when the batch must be written at once."""

    def accept(self, event: Input) -> None:
        """Take an event in; never blocks. Telemetry beyond the inbox's capacity is dropped and counted."""
        if len(self._inbox) >= INBOX_CAPACITY and isinstance(event, Reading):
            is_vital = QUANTITIES[event.quantity].life_safety
            if not is_vital or len(self._inbox) >= 2 * INBOX_CAPACITY:
                self._drop(event)
                return
        self._inbox.append(event)
        self._arrived.set()

    def send(self, lane: Lane, body: Body) -> None:
        """Store a message of the gateway's own (birth, heartbeat, gap)."""
        self.batch.bodies.append((lane, body))
        self._want_written(at_once=lane == Lane.STATE)

    def obey(self, command: Command, done: Callable[[], None]) -> None:
        """Carry out an order from the centre; `done` is called once it and what was accepted for it are durable."""
        if isinstance(command.action, ResetAlarm):
            at, mono = self._clock.now(), self._clock.mono()
            for key in command.action.keys:
                self.accept(Reset(key=key, at=at, mono=mono, by=command.action.by))
        self.judge_all()  # so that the command and what it did are in one batch
        self.batch.commands.append(command.command_id)
        self.batch.after_commit.append(done)
        self._want_written(at_once=True)

    def rebind(self, rules: Sequence[BoundRule]) -> None:
        """Run these rules from now on: sensors have joined, or are no more."""
        self._take(self._engine.rebind(rules))
        self._arrived.set()  # the next wake may be another

    def confirmed(self, keys: Iterable[Key]) -> None:
        """The centre has these messages: they may leave the card, soon. Until then they may be sent once more."""
        self.batch.confirmed.extend(keys)
        self._want_written(at_once=len(self.batch.confirmed) >= _RECEIPTS_AT_ONCE)

    def judge_all(self) -> None:
        """Judge what waits, at once."""
        while self._inbox:
            self._judge()

    async def run(self) -> None:
        """Judge events and fire due wakes until cancelled."""
        while True:
            self._beat()
            self._judge()
            self._arrived.clear()
            if self._inbox:
                await asyncio.sleep(0)
                continue
            due = self._engine.next_wake
            pause = _BEAT_S if due is None else min(_BEAT_S, self._clock.seconds_until(due))
            try:
                async with asyncio.timeout(pause):
                    await self._arrived.wait()
            except TimeoutError:
                continue

    def _judge(self) -> None:
        for _ in range(min(len(self._inbox), _AT_ONCE)):
            event = self._inbox.popleft()
            if isinstance(event, Measurement):
                self._measure(event)
            else:
                self._take_in(event)
        if not self._inbox:  # an event that still waits may end what is due: it is judged first
            self._take(self._engine.advance(self._clock.now(), self._clock.mono()))
        self._tell_dropped()

    def _take_in(self, event: Reading | SensorStatus | Reset) -> None:
        if not (isinstance(event, Reading) and event.is_late):  # history is kept, not judged
            self._take(self._engine.feed(event), is_stream=_is_stream(event))
        self._keep(event)

    def _measure(self, measurement: Measurement) -> None:
        for reading in measurement.readings:
            self._take_in(reading)
        for note in measurement.notes:
            self.batch.notes[measurement.sensor_id, note.name] = note.text
        self._want_written(at_once=True)

    def _take(self, outcome: Outcome, *, is_stream: bool = False) -> None:
        if outcome.alerts:
            self._announce(outcome.alerts)
            self.batch.alerts.extend(outcome.alerts)
        if outcome.changed:
            self.batch.states.update(outcome.changed)
        if outcome.alerts or outcome.changed:
            # at 50 samples a second each step of a walk is an impact that a rule waits to judge: a wait that begins
            # with a sample of a stream is no countdown yet, and may be lost with the seconds of the power cut itself
            self._want_written(at_once=bool(outcome.alerts) or (outcome.rearmed and not is_stream))

    def _keep(self, event: Reading | SensorStatus | Reset) -> None:
        if _is_stream(event):
            return  # what a rule made of it goes out as an alert, with its evidence
        if isinstance(event, Reading):
            self.batch.readings.append(msgspec.structs.replace(event, frame=b""))
            self._want_written(at_once=len(self.batch.readings) >= READINGS_PER_MESSAGE)
        elif isinstance(event, SensorStatus):
            self.send(Lane.STATE, StatusBody(status=event))

    def _drop(self, reading: Reading) -> None:
        gap = self._gap or GapBody(
            reason="more readings at once than the gateway can judge", count=0, first_at=reading.at
        )
        self._gap = msgspec.structs.replace(gap, count=gap.count + 1, last_at=reading.at)

    def _tell_dropped(self) -> None:
        if self._gap is None or len(self._inbox) >= INBOX_CAPACITY:
            return
        log.error("too much at once: %d readings dropped before they were judged", self._gap.count)
        gap, self._gap = self._gap, None
        self.send(Lane.STATE, gap)

    def _want_written(self, *, at_once: bool) -> None:
        self.to_write.set()
        if at_once:
            self.batch.is_urgent = True
            self.written_soon.set()

    def take_batch(self) -> Batch:
        """The batch so far; a new one begins."""
        batch, self.batch = self.batch, Batch()
        self.to_write.clear()
        self.written_soon.clear()
        return batch

    def give_back(self, batch: Batch) -> None:
        """An older batch could not be written: it comes first in the next one."""
        self.batch.prepend(batch)
        self._want_written(at_once=batch.is_urgent)


def _is_stream(event: Reading | SensorStatus | Reset) -> bool:
    return isinstance(event, Reading) and QUANTITIES[event.quantity].is_stream
