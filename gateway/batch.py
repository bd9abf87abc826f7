"""What one transaction of the outbox holds: rule states, messages, commands done, receipts. All is kept, or none."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from gateway.clock import ClockMark
from gateway.position import Position
from rules.engine import Saved
from shouwang.alert import Alert, AlertState
from shouwang.gap import GapCode
from shouwang.reading import Reading
from shouwang.wire import (
    AlertBody,
    Body,
    ClockBody,
    Envelope,
    GapBody,
    HeartbeatBody,
    Lane,
    MessageId,
    PathBody,
    StatusBody,
    TelemetryBody,
)

READINGS_PER_MESSAGE = 100
"""Telemetry is group-committed every 5 s or 100 samples (25 GB of card wear a year at 2 samples/s, not 803)."""

Key = tuple[str, Lane, int]
"""A message of this home: its epoch, lane and number."""


@dataclass(slots=True)
class Batch:
    """Grows while the last one is being written. `is_urgent`: write now, do not wait for more."""

    states: dict[str, Saved] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    bodies: list[tuple[Lane, Body]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    """What drivers noted, by sensor and name."""
    commands: list[str] = field(default_factory=list)
    confirmed: list[Key] = field(default_factory=list)
    gap: GapBody | None = None
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    position: Position = field(default_factory=Position)
    """How far the tail's story is told when this is written."""
    is_urgent: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.states
            or self.alerts
            or self.bodies
            or self.readings
            or self.notes
            or self.commands
            or self.confirmed
            or self.gap
            or self.after_commit
        )

    def messages(self, mark: ClockMark) -> list[tuple[Lane, Body]]:
        """The messages to store: alerts first, then state, then telemetry in groups, each of one era of the clock."""
        found: list[tuple[Lane, Body]] = [(Lane.LIFE_SAFETY, AlertBody(alert=alert)) for alert in self.alerts]
        found += self.bodies
        if self.gap is not None:
            found.append((Lane.STATE, self.gap))
        for readings in self._eras(mark):
            for start in range(0, len(readings), READINGS_PER_MESSAGE):
                group = tuple(readings[start : start + READINGS_PER_MESSAGE])
                found.append((Lane.TELEMETRY, TelemetryBody(readings=group)))
        return found

    def _eras(self, mark: ClockMark) -> list[list[Reading]]:
        """The readings by era: what a killed gateway had taken in before a reboot has times of another clock."""
        if not self.readings or mark.era_of(self.readings[0].mono) == mark.era_of(self.readings[-1].mono):
            return [self.readings]
        return [[*some] for _, some in itertools.groupby(self.readings, key=lambda reading: mark.era_of(reading.mono))]

    def ended_and_active(self) -> tuple[set[str], dict[str, Alert]]:
        """Alarm keys that ended in this batch, and those that are on after it."""
        ended: set[str] = set()
        active: dict[str, Alert] = {}
        for alert in self.alerts:
            if alert.state in (AlertState.PREALARM, AlertState.FIRING):
                active[alert.key] = alert
                ended.discard(alert.key)
            else:
                active.pop(alert.key, None)
                ended.add(alert.key)
        return ended, active

    def prepend(self, older: "Batch") -> None:
        """Take back an older batch that could not be written, but for its heartbeat: an old one tells nothing."""
        self.states = {**older.states, **self.states}
        self.alerts[:0] = older.alerts
        self.bodies[:0] = [(lane, body) for lane, body in older.bodies if not isinstance(body, HeartbeatBody)]
        self.readings[:0] = older.readings
        self.notes = {**older.notes, **self.notes}
        self.commands[:0] = older.commands
        self.confirmed[:0] = older.confirmed
        self.after_commit[:0] = older.after_commit
        self.gap = _joined(older.gap, self.gap)
        self.position = self.position.joined(older.position)
        self.is_urgent = self.is_urgent or older.is_urgent

    def drop_oldest(self, readings: int, bodies: int, reason: str) -> None:
        """Let go of the oldest readings and messages of state above these numbers, and tell them as one gap."""
        surplus = max(0, len(self.readings) - readings)
        dropped, self.readings = self.readings[:surplus], self.readings[surplus:]
        if dropped:
            self.gap = _joined(self.gap, _gap_of(dropped, reason, GapCode.CARD_FAILED))
        surplus = max(0, len(self.bodies) - bodies)
        oldest, self.bodies = self.bodies[:surplus], self.bodies[surplus:]
        self.bodies[:0] = [(lane, body) for lane, body in oldest if lane is Lane.LIFE_SAFETY]
        for lane, body in oldest:
            if lane is not Lane.LIFE_SAFETY:
                self.gap = _joined(self.gap, _gap_in_place_of(body, reason))

    def without_readings(self, reason: str, code: GapCode) -> "Batch":
        """The same with a gap in place of its readings, so that its alerts find room."""
        return replace(self, readings=[], gap=_joined(self.gap, _gap_of(self.readings, reason, code)))


def made_at(body: Body) -> int | None:
    """The engine millisecond of what a message tells; None where it tells of no moment."""
    match body:
        case AlertBody(alert=told) | StatusBody(status=told):
            return told.mono
        case TelemetryBody(readings=readings):
            return readings[0].mono if readings else None
        case ClockBody(mono=mono) | PathBody(mono=mono):
            return mono
        case _:
            return None


def enveloped(message_id: MessageId, body: Body, mark: ClockMark) -> Envelope:
    """The message as it will be sent, stamped with the clock and the era of what it tells."""
    made = made_at(body)
    era = mark.era_of(mark.engine_ms if made is None else made)
    return Envelope(
        id=message_id,
        created_at=mark.wall,
        boot=era.boot,
        mono=mark.engine_ms,
        body=body,
        is_clock_unsure=era.is_clock_unsure,
    )


def _gap_of(readings: Sequence[Reading], reason: str, code: GapCode) -> GapBody:
    first, last = readings[0].at, readings[-1].at
    return GapBody(reason=reason, count=len(readings), first_at=first, last_at=last, code=code)


def _gap_in_place_of(body: Body, reason: str) -> GapBody:
    match body:
        case GapBody():
            return msgspec.structs.replace(body, reason=reason, code=GapCode.CARD_FAILED)
        case StatusBody(status=status):
            return GapBody(reason=reason, count=1, first_at=status.at, last_at=status.at, code=GapCode.CARD_FAILED)
        case _:
            return GapBody(reason=reason, count=1, code=GapCode.CARD_FAILED)


def _joined(older: GapBody | None, newer: GapBody | None) -> GapBody | None:
    if older is None or newer is None:
        return older or newer
    return msgspec.structs.replace(
        newer,
        count=older.count + newer.count,
        first_at=older.first_at or newer.first_at,
        last_at=newer.last_at or older.last_at,
    )
