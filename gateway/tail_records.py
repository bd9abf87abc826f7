"""What the tail keeps: events that were taken in, and deeds that follow from no event that it keeps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum

import msgspec

from gateway.clock import ClockMark
from gateway.position import Position
from rules.engine import Saved
from shouwang.alert import Alert
from shouwang.driver import Measurement
from shouwang.gap import GapCode
from shouwang.reading import Reading
from shouwang.rule import Reset
from shouwang.status import SensorStatus
from shouwang.wire import Body, GapBody, Lane

Event = Reading | Measurement | SensorStatus | Reset


class Kind(IntEnum):
    """The kind of a record in the file; never renumbered."""

    MARK = 1
    READING = 2
    MEASUREMENT = 3
    STATUS = 4
    RESET = 5
    DEED = 6


class Outcome(msgspec.Struct, frozen=True, kw_only=True, tag="outcome"):
    """What rules made of a deadline or of a stream: the alerts, and the states and wakes (engine ms) after it."""

    alerts: tuple[Alert, ...]
    states: dict[str, tuple[bytes, int | None]]

    def saved(self) -> dict[str, Saved]:
        """The states as the engine knows them."""
        return {key: Saved(state=state, wake_at=wake_at) for key, (state, wake_at) in self.states.items()}


class Obeyed(msgspec.Struct, frozen=True, kw_only=True, tag="obeyed"):
    """A command was carried out."""

    command_id: str


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag="noted"):
    """The gateway noted something for itself."""

    owner: str
    name: str
    text: str


class Sent(msgspec.Struct, frozen=True, kw_only=True, tag="sent"):
    """The gateway said something of its own."""

    lane: Lane
    body: Body


Done = Outcome | Obeyed | Noted | Sent


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was done after the event of number `after` was judged, at engine millisecond `mono`."""

    after: int
    mono: int
    what: Done


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The first record of a file: the clock, and the last numbers given before it."""

    clock: ClockMark
    events: int
    deeds: int


KIND_OF: Mapping[type[Event], Kind] = {
    Reading: Kind.READING,
    Measurement: Kind.MEASUREMENT,
    SensorStatus: Kind.STATUS,
    Reset: Kind.RESET,
}


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was read back: the story after the last commit, in order, up to `position`; `gap` is what is lost of it."""

    story: tuple[tuple[Position, Event | Deed], ...] = ()
    position: Position = field(default_factory=Position)
    marks: tuple[ClockMark, ...] = ()
    gap: GapBody | None = None

    def notes(self, saved: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
        """What drivers noted: what was `saved` on the card, and what they noted since."""
        found = {sensor_id: dict(notes) for sensor_id, notes in saved.items()}
        for _, item in self.story:
            if isinstance(item, Measurement):
                for note in item.notes:
                    found.setdefault(item.sensor_id, {})[note.name] = note.text
            elif isinstance(item, Deed) and isinstance(item.what, Noted):
                found.setdefault(item.what.owner, {})[item.what.name] = item.what.text
        return found

    def commands(self) -> set[str]:
        """Those that were carried out since the last commit."""
        deeds = (item.what for _, item in self.story if isinstance(item, Deed))
        return {what.command_id for what in deeds if isinstance(what, Obeyed)}

    def clock_mark(self, saved: ClockMark | None) -> ClockMark | None:
        """Where engine time goes on: never before what was taken in last, also where the box started anew since."""
        marks = [mark for mark in (saved, *self.marks) if mark is not None]
        if not marks:
            return None
        best = max(marks, key=lambda mark: mark.engine_ms)
        ahead = max((mono - best.engine_ms for mono in self._monos()), default=0)
        if ahead <= 0:
            return best
        return replace(
            best,
            boottime_ms=best.boottime_ms + ahead,
            engine_ms=best.engine_ms + ahead,
            wall=best.wall + timedelta(milliseconds=ahead),
        )

    def _monos(self) -> Iterable[int]:
        for _, item in self.story:
            if isinstance(item, Measurement):
                yield from (reading.mono for reading in item.readings)
            else:
                yield item.mono


def gap_of(left_out: Sequence[Event | Deed]) -> GapBody:
    """What the centre is told of what was read back, but cannot be taken up again."""
    moments = [moment for item in left_out if (moment := moment_of(item)) is not None]
    return GapBody(
        reason="the gateway was killed, and some of what it had taken in cannot be taken up again",
        count=len(left_out),
        first_at=min(moments, default=None),
        last_at=max(moments, default=None),
        code=GapCode.TAIL_DAMAGED,
    )


def moment_of(item: Event | Deed) -> datetime | None:
    """When it was, as believed; None for what has no moment."""
    if isinstance(item, Measurement):
        return item.readings[-1].at if item.readings else None
    return None if isinstance(item, Deed) else item.at
