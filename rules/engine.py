"""Runs a home's rules: routes events, fires due wakes in order, keeps every state as JSON. No I/O, no clock.

Deterministic: what comes out depends on the stamps of the events and their order alone, never on when they were judged.
All wakes due up to an event's millisecond are fired before it, each at its own due time, ties in the order of the keys.
"""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from rules.bound import BoundRule
from shouwang.alert import Alert
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.rule import Event, Reset, Rule, Wake
from shouwang.status import SensorStatus

_SPARE_DEADLINES = 64
_AFTER_FAILURE_MS = 60_000
"""A rule that failed when its time had come is woken again after this."""


class Saved:
    """What must last of one rule: its state as JSON and the engine millisecond of its wake.

    The state is frozen, so it is encoded only where it is written: not at each of a thousand readings between.
    """

    __slots__ = ("_state", "wake_at")

    def __init__(self, *, state: object, wake_at: int | None = None) -> None:
        """`state`: JSON, or a frozen value that becomes JSON when it is asked for."""
        self._state = state
        self.wake_at = wake_at

    @property
    def state(self) -> bytes:
        """As JSON."""
        if not isinstance(self._state, bytes):
            self._state = msgspec.json.encode(self._state)
        return self._state

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Saved) and (self.state, self.wake_at) == (other.state, other.wake_at)

    def __hash__(self) -> int:
        return hash((self.state, self.wake_at))

    def __repr__(self) -> str:
        return f"Saved(state={self.state!r}, wake_at={self.wake_at!r})"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an event led to. `changed` holds, by key, the rules whose state or wake is not what was saved.

    `rearmed`: an alert was raised, a wait began, ends sooner or was called off, so this must last before anything else
    happens. Other changes may wait for the next group commit: after a power cut before it, state and wake are those of
    the commit before, both, so that a wait which was only prolonged ends as it stood then, and a wake that led to
    nothing comes once more. `failed`: the keys of rules that could not judge it, for a fault of theirs; they stand as
    before, and what they waited for wakes them once more.
    """

    alerts: tuple[Alert, ...] = ()
    changed: Mapping[str, Saved] = msgspec.field(default_factory=dict)
    rearmed: bool = False
    next_wake: int | None = None
    failed: Mapping[str, Exception] | None = None


class Engine:
    """The rules of one home, with their states."""

    def __init__(self, rules: Sequence[BoundRule], saved: Mapping[str, Saved]) -> None:
        """Go on from what was saved. Raises ValueError where two rules have the same key."""
        self._slots: dict[str, _Slot] = {}
        self._readings: dict[tuple[str, Quantity, str], list[_Slot]] = {}
        self._statuses: dict[str, list[_Slot]] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._now: int | None = None
        self._failed: dict[str, Exception] = {}
        _each_once([bound.rule.key for bound in rules])
        for bound in rules:
            self._place(bound, saved.get(bound.rule.key))
        self.forgotten = tuple(key for key, slot in self._slots.items() if slot.is_forgotten)
        """Keys whose saved state could not be read any more: those rules start afresh."""

    @property
    def next_wake(self) -> int | None:
        """The engine millisecond by which `advance` must be called if no event comes."""
        self._drop_stale()
        return self._deadlines[0][0] if self._deadlines else None

    def feed(self, event: Reading | SensorStatus | Reset) -> Outcome:
        """Judge one event, after all that was due up to it. One stamped before the last counts as at the last."""
        mono = self._forward(event.mono)
        if mono != event.mono:
            event = msgspec.structs.replace(event, mono=mono)
        touched = _Touched()
        if self._deadlines and self._deadlines[0][0] <= mono:
            self._wake(event.at, mono, touched)
        for slot in self._wanting(event):
            self._step(slot, event, touched)
        return self._outcome(touched)

    def advance(self, at: datetime, mono: int) -> Outcome:
        """Fire what is due up to `mono`. Feed every event stamped up to `mono` first: later ones count as at `mono`."""
        touched = _Touched()
        self._wake(at, self._forward(mono), touched)
        return self._outcome(touched)

    def restore(self, saved: Mapping[str, Saved], mono: int) -> None:
        """Go on from these states, which rules had at engine millisecond `mono`; the other rules stay as they are."""
        self._forward(mono)
        for key in saved.keys() & self._slots.keys():
            slot = self._slots[key]
            slot.load(saved[key])
            if slot.wake_at is not None:
                heapq.heappush(self._deadlines, (slot.wake_at, key))

    def rebind(self, rules: Sequence[BoundRule], revised: Collection[str] = ()) -> Outcome:
        """Run these rules from now on: those known by their key go on where they stand, new ones start, others end.

        One that is of another kind than the one with its key before starts too. `revised`: the keys of rules whose
        limits or times are others; they are woken at once, to see what is due by these. `changed` holds those that end,
        as having seen nothing: what gets such a key again starts afresh, after a restart too. Raises ValueError, and
        changes nothing, where two rules have the same key.
        """
        _each_once([bound.rule.key for bound in rules])
        before, self._slots = self._slots, {}
        self._readings, self._statuses, self._deadlines = {}, {}, []
        for bound in rules:
            known = before.get(bound.rule.key)
            if known is not None and type(known.state) is type(bound.rule.start()):
                self._place(bound, None, before.pop(bound.rule.key), is_revised=bound.rule.key in revised)
            else:
                self._place(bound, None)
        ended = {key: Saved(state=self._rule(key, slot).start()) for key, slot in before.items() if not slot.is_fresh}
        return Outcome(changed=ended, rearmed=bool(ended), next_wake=self.next_wake)

    def stands(self, key: str) -> bool:
        """Whether there is a rule with this key that has seen something: an alarm that is on comes from such a one."""
        slot = self._slots.get(key)
        return slot is not None and not slot.is_fresh

    def waits(self) -> dict[str, int]:
        """The keys of the rules that wait for something, and the engine millisecond at which they will be woken."""
        return {key: slot.wake_at for key, slot in self._slots.items() if slot.wake_at is not None}

    @property
    def count(self) -> int:
        """How many rules there are, each on each of its sensors."""
        return len(self._slots)

    def _rule(self, key: str, ended: "_Slot") -> Rule[Any]:
        return self._slots[key].rule if key in self._slots else ended.rule

    def _place(
        self, bound: BoundRule, saved: Saved | None, known: "_Slot | None" = None, *, is_revised: bool = False
    ) -> None:
        slot = _Slot(bound.rule, saved)
        if known is not None:
            slot.state, slot.wake_at = known.state, known.wake_at
        if is_revised and not slot.is_fresh and self._now is not None:
            slot.wake_at = self._now
        self._slots[slot.key] = slot
        for sensor_id, quantity in bound.readings:
            self._readings.setdefault((sensor_id, quantity, bound.person), []).append(slot)
        for sensor_id in bound.statuses:
            self._statuses.setdefault(sensor_id, []).append(slot)
        if slot.wake_at is not None:
            heapq.heappush(self._deadlines, (slot.wake_at, slot.key))

    def _forward(self, mono: int) -> int:
        self._now = mono if self._now is None else max(self._now, mono)
        return self._now

    def _wanting(self, event: Reading | SensorStatus | Reset) -> Iterable["_Slot"]:
        if isinstance(event, Reading):
            return self._readings.get((event.sensor_id, event.quantity, event.resident_id), ())
        if isinstance(event, SensorStatus):
            return self._statuses.get(event.sensor_id, ())
        return (self._slots[event.key],) if event.key in self._slots else ()

    def _wake(self, at: datetime, mono: int, touched: "_Touched") -> None:
        while True:
            self._drop_stale()
            if not self._deadlines or self._deadlines[0][0] > mono:
                return
            due, key = heapq.heappop(self._deadlines)
            slot = self._slots[key]
            touched.note(slot)
            slot.wake_at = None
            self._step(slot, Wake(at=at - timedelta(milliseconds=mono - due), mono=due), touched)

    def _step(self, slot: "_Slot", event: Event, touched: "_Touched") -> None:
        state = slot.state
        if slot.key not in touched.before:
            touched.before[slot.key] = (slot, state, slot.wake_at)
        try:
            step = slot.rule.step(state, event)
        except Exception as error:  # noqa: BLE001 - the fault of one rule must not cost the home all the others
            self._failed[slot.key] = error
            if isinstance(event, Wake):  # what it waited for is not forgotten
                slot.wake_at = event.mono + _AFTER_FAILURE_MS
                heapq.heappush(self._deadlines, (slot.wake_at, slot.key))
            return
        if step.alerts:
            touched.alerts += step.alerts
        slot.state = step.state
        # a wake must lie ahead, or a rule that always wants to be woken now would hold up the home for ever
        wake_at = step.wake_at
        if wake_at is not None and wake_at <= event.mono:
            wake_at = event.mono + 1
        if wake_at != slot.wake_at:
            slot.wake_at = wake_at
            if wake_at is not None:
                heapq.heappush(self._deadlines, (wake_at, slot.key))
                self._tidy()

    def _drop_stale(self) -> None:
        while self._deadlines and self._slots[self._deadlines[0][1]].wake_at != self._deadlines[0][0]:
            heapq.heappop(self._deadlines)

    def _tidy(self) -> None:
        """Keep the heap in proportion to the rules, also where wakes are moved with every reading."""
        if len(self._deadlines) > 2 * len(self._slots) + _SPARE_DEADLINES:
            self._deadlines = [(slot.wake_at, key) for key, slot in self._slots.items() if slot.wake_at is not None]
            heapq.heapify(self._deadlines)

    def _outcome(self, touched: "_Touched") -> Outcome:
        changed: dict[str, Saved] = {}
        is_rearmed = bool(touched.alerts)
        for slot, state, wake_at in touched.before.values():
            if slot.wake_at != wake_at or (slot.state is not state and slot.state != state):
                changed[slot.key] = Saved(state=slot.state, wake_at=slot.wake_at)
                is_rearmed = is_rearmed or self._is_rearmed(slot.wake_at, wake_at)
        judged = Outcome(alerts=tuple(touched.alerts), changed=changed, rearmed=is_rearmed, next_wake=self.next_wake)
        if not self._failed:  # as good as always, with every reading
            return judged
        failed, self._failed = self._failed, {}
        return msgspec.structs.replace(judged, failed=failed)

    def _is_rearmed(self, wake_at: int | None, before: int | None) -> bool:
        if wake_at is None or before is None:
            is_due = before is not None and self._now is not None and before <= self._now
            return wake_at != before and not is_due
        return wake_at < before


class _Slot:
    """One rule with its present state and wake."""

    __slots__ = ("is_forgotten", "key", "rule", "state", "wake_at")

    def __init__(self, rule: Rule[Any], saved: Saved | None) -> None:
        self.rule = rule
        self.key = rule.key
        self.state: Any = rule.start()
        self.wake_at: int | None = None
        self.is_forgotten = False
        if saved is not None:
            self.load(saved)

    def load(self, saved: Saved) -> None:
        """Stand where it was saved; where that cannot be read, as before."""
        try:
            self.state = msgspec.json.decode(saved.state, type=type(self.state))
            self.wake_at = saved.wake_at
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.is_forgotten = True

    @property
    def is_fresh(self) -> bool:
        """Whether it stands as one that has seen nothing."""
        return self.wake_at is None and bool(self.state == self.rule.start())


def _each_once(keys: Sequence[str]) -> None:
    for key, count in Counter(keys).items():
        if count > 1:
            raise ValueError(f"two rules have the key {key}")


class _Touched:
    """Rules that an event reached, as they were before it, and the alerts so far."""

    __slots__ = ("alerts", "before")

    def __init__(self) -> None:
        self.before: dict[str, tuple[_Slot, object, int | None]] = {}
        self.alerts: list[Alert] = []

    def note(self, slot: _Slot) -> None:
        if slot.key not in self.before:
            self.before[slot.key] = (slot, slot.state, slot.wake_at)
