"""Events in, rules over them, words to the people at home at once, and everything that must last to the scribe.

The pipeline waits for nothing but events and its own deadlines: no disk, no network. What it hands to the scribe grows
in one batch while the last one is being written, so a slow card delays neither rules nor siren.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.alarms import failure_of
from gateway.batch import READINGS_PER_MESSAGE, Batch, Key
from gateway.clock import Clock
from gateway.position import Position
from gateway.tail import Tail
from gateway.tail_records import Deed, Done, Event, Noted, Obeyed, Outcome, Recovered, Sent, gap_of
from rules.bound import BoundRule
from rules.engine import Engine
from rules.engine import Outcome as Judged
from shouwang.alert import Alert
from shouwang.driver import Measurement
from shouwang.gap import GapCode
from shouwang.quantities import QUANTITIES
from shouwang.reading import Reading
from shouwang.rule import Reset
from shouwang.status import SensorStatus
from shouwang.wire import BirthBody, Body, Command, GapBody, HeartbeatBody, Lane, ResetAlarm, StatusBody

log = logging.getLogger(__name__)

Input = Event
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
        tail: Tail | None = None,
    ) -> None:
        """`announce` speaks alerts at home and must not block; `beat` is called while the pipeline lives.

        `tail` keeps what is taken in over the death of the process.
        """
        self._engine = engine
        self._clock = clock
        self._announce = announce
        self._beat = beat
        self._tail = tail
        self._inbox: deque[tuple[int, Input]] = deque()
        self._arrived = asyncio.Event()
        self._gap: GapBody | None = None
        self._failing: set[str] = set()
        self._judged, self._done = Position() if tail is None else tail.recovered.position
        self.batch = Batch()
        """What the scribe writes next."""
        self.to_write = asyncio.Event()
        """Set when the batch holds anything."""
        self.written_soon = asyncio.Event()
        """Set when the batch must be written at once."""

    def accept(self, event: Input) -> None:
        """Take an event in; never blocks. Telemetry beyond the inbox's capacity is dropped and counted.

        When this returns, the tail has it: who gave it may be told that it need not be given again.
        """
        if len(self._inbox) >= INBOX_CAPACITY and isinstance(event, Reading):
            is_vital = QUANTITIES[event.quantity].life_safety
            if not is_vital or len(self._inbox) >= 2 * INBOX_CAPACITY:
                self._drop(event)
                return
        self._inbox.append((0 if self._tail is None else self._tail.take_in(event), event))
        self._arrived.set()

    def send(self, lane: Lane, body: Body) -> None:
        """Store a message of the gateway's own (birth, heartbeat, gap, test alarm)."""
        if not isinstance(body, BirthBody | HeartbeatBody):  # of a process that died they tell nothing
            self._did(Sent(lane=lane, body=body))
        self._send(lane, body)

    def _send(self, lane: Lane, body: Body) -> None:
        self.batch.bodies.append((lane, body))
        self._want_written(at_once=lane <= Lane.STATE)

    def note(self, owner: str, name: str, text: str) -> None:
        """Keep a note of the gateway's own, in the same transaction as what is sent right after."""
        self._did(Noted(owner=owner, name=name, text=text))
        self.batch.notes[owner, name] = text
        self._want_written(at_once=False)

    def obey(self, command: Command, done: Callable[[], None]) -> None:
        """Carry out an order from the centre; `done` is called once it and what was accepted for it are durable."""
        if isinstance(command.action, ResetAlarm):
            at, mono = self._clock.now(), self._clock.mono()
            for key in command.action.keys:
                self.accept(Reset(key=key, at=at, mono=mono, by=command.action.by))
        self.judge_all()  # so that the command and what it did are in one batch
        self._did(Obeyed(command_id=command.command_id))
        self.batch.commands.append(command.command_id)
        self.batch.after_commit.append(done)
        self._want_written(at_once=True)

    def replay(self, recovered: Recovered) -> None:
        """Do again what no transaction holds, before anything else is taken in: with its own stamps, so that alerts
        get the ids that they had.
        """
        already = Position(self._judged, self._done)
        left_out: list[Event | Deed] = []
        for position, item in recovered.story:
            self._judged, self._done = position
            try:
                self._live_again(item)
            except Exception:  # what killed the last run must not kill each one after it: a home without any alarm
                log.exception("what was taken in cannot be taken up again and is left out: %r", item)
                left_out.append(item)
            self._note_position()
        self._judged, self._done = recovered.position.joined(already)
        self._note_position()
        if left_out:
            self.send(Lane.STATE, gap_of(left_out))
        if recovered.gap is not None:
            log.error("%s: %d missing", recovered.gap.reason, recovered.gap.count)
            self.send(Lane.STATE, recovered.gap)
        if recovered.story:
            log.warning("the last run was killed: %d events and deeds are taken up again", len(recovered.story))
            self._want_written(at_once=True)

    def rebind(self, rules: Sequence[BoundRule], revised: Collection[str] = ()) -> None:
        """Run these rules from now on: sensors have joined, or are no more, or the rules are `revised` (their keys)."""
        self._failing.clear()  # they are tried again, and told again
        self._take(self._engine.rebind(rules, revised))
        self._arrived.set()  # the next wake may be another

    def end(self, alarms: Sequence[Alert]) -> None:
        """These steps of alarms are nobody's doing but the configuration's: told and kept like those of rules."""
        self._keep_outcome(Judged(alerts=tuple(alarms)))
        self._take(Judged(alerts=tuple(alarms)))

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
            self._judged, event = self._inbox.popleft()
            self._hear(event)
            self._note_position()
        if not self._inbox:  # an event that still waits may end what is due: it is judged first
            self._advance(self._clock.now(), self._clock.mono())
        self._tell_dropped()

    def _live_again(self, item: Event | Deed) -> None:
        if isinstance(item, Deed):
            self._redo(item)
        else:
            self._hear(item)

    def _hear(self, event: Input) -> None:
        if isinstance(event, Measurement):
            self._measure(event)
        else:
            self._take_in(event)

    def _take_in(self, event: Reading | SensorStatus | Reset) -> None:
        if isinstance(event, Reading) and event.is_late:
            pass  # history is kept, not judged
        elif _is_stream(event):
            self._feel(event)
        else:
            self._take(self._engine.feed(event))
        self._keep(event)

    def _feel(self, sample: Reading | SensorStatus | Reset) -> None:
        """A sample of a stream, which the tail does not keep: what rules make of it must be kept instead."""
        if self._engine.next_wake is not None and self._engine.next_wake <= sample.mono:
            self._advance(sample.at, sample.mono)
        judged = self._engine.feed(sample)
        if judged.alerts:
            self._keep_outcome(judged)
        self._take(judged, is_stream=True)

    def _advance(self, at: datetime, mono: int) -> None:
        judged = self._engine.advance(at, mono)
        if judged.changed:  # by a clock that is not read a second time in the same way
            self._keep_outcome(judged)
        self._take(judged)

    def _keep_outcome(self, judged: Judged) -> None:
        states = {key: (saved.state, saved.wake_at) for key, saved in judged.changed.items()}
        self._did(Outcome(alerts=judged.alerts, states=states))

    def _measure(self, measurement: Measurement) -> None:
        for reading in measurement.readings:
            self._take_in(reading)
        for note in measurement.notes:
            self.batch.notes[measurement.sensor_id, note.name] = note.text
        self._want_written(at_once=True)

    def _take(self, outcome: Judged, *, is_stream: bool = False) -> None:
        if outcome.failed:
            self._tell_failed(outcome.failed)
        if outcome.alerts:
            self._announce(outcome.alerts)
            self.batch.alerts.extend(outcome.alerts)
        if outcome.changed:
            self.batch.states.update(outcome.changed)
        if outcome.alerts or outcome.changed:
            # at 50 samples a second each step of a walk is an impact that a rule waits to judge: a wait that begins
            # with a sample of a stream is no countdown yet, and may be lost with the seconds of the power cut itself
            self._want_written(at_once=bool(outcome.alerts) or (outcome.rearmed and not is_stream))

    def _tell_failed(self, failed: Mapping[str, Exception]) -> None:
        """A rule that cannot judge is a technical alarm, once in a run: this protection is not there."""
        for key in failed.keys() - self._failing:
            self._failing.add(key)
            log.error("the rule %s fails and watches nothing for now", key, exc_info=failed[key])
            self.end([failure_of(key, self._clock.now(), self._clock.mono())])

    def _keep(self, event: Reading | SensorStatus | Reset) -> None:
        if _is_stream(event):
            return  # what a rule made of it goes out as an alert, with its evidence
        if isinstance(event, Reading):
            self.batch.readings.append(msgspec.structs.replace(event, frame=b""))
            self._want_written(at_once=len(self.batch.readings) >= READINGS_PER_MESSAGE)
        elif isinstance(event, SensorStatus):
            self._send(Lane.STATE, StatusBody(status=event))

    def _drop(self, reading: Reading) -> None:
        gap = self._gap or GapBody(
            reason="more readings at once than the gateway can judge",
            count=0,
            first_at=reading.at,
            code=GapCode.FLOOD,
        )
        self._gap = msgspec.structs.replace(gap, count=gap.count + 1, last_at=reading.at)

    def _did(self, what: Done) -> None:
        if self._tail is not None:
            self._done = self._tail.do(what, after=self._judged)
            self._note_position()

    def _note_position(self) -> None:
        self.batch.position = Position(self._judged, self._done)

    def _redo(self, deed: Deed) -> None:
        match deed.what:
            case Outcome(alerts=alerts) as outcome:
                states = outcome.saved()
                self._engine.restore(states, deed.mono)
                self._take(Judged(alerts=alerts, changed=states, rearmed=True))
            case Obeyed(command_id=command_id):
                self.batch.commands.append(command_id)
            case Noted(owner=owner, name=name, text=text):
                self.batch.notes[owner, name] = text
            case Sent(lane=lane, body=body):
                self._send(lane, body)

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
        batch, self.batch = self.batch, Batch(position=self.batch.position)
        self.to_write.clear()
        self.written_soon.clear()
        if self._tail is not None:
            self._tail.turn()
        return batch

    def written(self, batch: Batch) -> None:
        """A transaction holds this batch: the tail need not keep it any longer."""
        if self._tail is not None:
            self._tail.committed(batch.position)

    def give_back(self, batch: Batch) -> None:
        """An older batch could not be written: it comes first in the next one."""
        self.batch.prepend(batch)
        self._want_written(at_once=batch.is_urgent)


def _is_stream(event: Reading | SensorStatus | Reset) -> bool:
    return isinstance(event, Reading) and QUANTITIES[event.quantity].is_stream
