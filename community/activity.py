"""Where in a home somebody moved: spells of presence, motion, bed and doors, by sensor and room. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.measurements.port import Span
from shouwang.quantities import Quantity

SHOWN = timedelta(hours=24)
"""How far back the page of a case shows who moved where: one night and one day."""
PULSE = timedelta(minutes=1)
"""What one sign of motion is drawn as: a day of them on a screen has no finer line."""
LEVELS = (Quantity.PRESENCE, Quantity.BED, Quantity.DOOR)
"""Last until the sensor says otherwise."""
PULSES = (Quantity.MOTION,)
"""Come again and again while somebody moves."""
TELLS_WHERE = frozenset({Quantity.PRESENCE, Quantity.BED, Quantity.MOTION})
"""A door moves for whoever comes or goes; the others say that somebody is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """Something went on from `start` to `end`; `is_on`: it still does, as far as the sensor has told."""

    start: datetime
    end: datetime
    is_on: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityLane:
    """One sensor's spells, oldest first; `room` as the register says, empty where it does not."""

    sensor_id: str
    room: str
    quantity: Quantity
    spells: tuple[Spell, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LastSeen:
    """The newest sign of somebody; `is_there`: it goes on, `at` is then when it began."""

    lane: ActivityLane
    at: datetime
    is_there: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Activity:
    """A home's movements within the span."""

    span: Span
    lanes: tuple[ActivityLane, ...] = ()

    @property
    def last_seen(self) -> LastSeen | None:
        """Where somebody was noticed last; None: nowhere."""
        told = [
            LastSeen(lane=lane, at=_noticed(lane, last), is_there=last.is_on)
            for lane in self.lanes
            if lane.quantity in TELLS_WHERE and lane.spells
            for last in (lane.spells[-1],)
        ]
        return max(told, key=lambda one: (one.is_there, one.at), default=None)


def _noticed(lane: ActivityLane, last: Spell) -> datetime:
    if lane.quantity in PULSES:
        return max(last.start, last.end - PULSE)
    return last.start if last.is_on else last.end


def levels(changes: Sequence[tuple[datetime, bool]], span: Span) -> tuple[Spell, ...]:
    """Spells of a level that was told at these moments, oldest first: each lasts until the next word."""
    ends = [at for at, _ in changes[1:]]
    found = (
        [
            Spell(start=max(at, span.start), end=min(end or span.end, span.end), is_on=end is None)
            for (at, is_on), end in zip(changes, [*ends, None], strict=True)
            if is_on
        ]
        if changes
        else []
    )
    return _joined(one for one in found if one.start < one.end)


def pulses(moments: Iterable[datetime], span: Span) -> tuple[Spell, ...]:
    """Spells of motion that was seen at these moments, oldest first."""
    return _joined(Spell(start=max(at, span.start), end=min(at + PULSE, span.end)) for at in moments)


def _joined(spells: Iterable[Spell]) -> tuple[Spell, ...]:
    found: list[Spell] = []
    for one in spells:
        if found and one.start <= found[-1].end:
            found[-1] = Spell(start=found[-1].start, end=max(found[-1].end, one.end), is_on=one.is_on)
        else:
            found.append(one)
    return tuple(found)
