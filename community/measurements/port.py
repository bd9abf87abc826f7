"""The port of measurements: what drivers take in and what they answer. Values and one protocol, no SQL, no HTTP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple, Protocol

from community.desk import Timing
from shouwang.quantities import Quantity
from shouwang.reading import Quality
from shouwang.wire import Envelope, MessageId, Sent

TRUSTED = frozenset({Quality.GOOD, Quality.THINNED})
"""What means and extremes are made of; the others are counted beside. Of thinned readings each counts as one."""


class Step(IntEnum):
    """How far apart the points of an answer are, in seconds; RAW: each reading as it came."""

    RAW = 0
    MINUTE = 60
    QUARTER = 900
    DAY = 86_400

    @property
    def span(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=int(self))


class Span(NamedTuple):
    """From `start` on, up to and without `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class SeriesKey:
    """One quantity of one sensor and person of a home; `resident_id` is empty for the home's resident."""

    gateway_id: str
    sensor_id: str
    quantity: Quantity
    resident_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """What was measured from `at` on, for one step.

    `count` readings may be trusted and make `least`, `mean` and `most` (None where there is none); `doubtful` counts
    the others. A raw reading is a bucket of one, and `least` is its value also where it is doubtful.
    """

    at: datetime
    count: int
    least: float | None
    mean: float | None
    most: float | None
    doubtful: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Latest:
    """The newest reading of a series, by the moment of measuring."""

    series: SeriesKey
    at: datetime
    value: float
    quality: Quality
    timing: Timing


class Measurements(Protocol):
    """Where measurements are kept."""

    async def write(
        self, telemetry: Sequence[Envelope], received_at: datetime, sent: Mapping[MessageId, Sent] | None = None
    ) -> None:
        """Keep what is new among the messages; each counts once, however often it comes. What returns is on the disk.

        `sent`: when they were sent, of those that say so. Raises TryLater, GiveUp as the store does.
        """

    async def query(self, series: SeriesKey, span: Span, step: Step) -> tuple[Bucket, ...]:
        """What was measured, oldest first; steps without any are left out. Raises TryLater."""

    async def latest(self, gateway_id: str) -> tuple[Latest, ...]:
        """The newest reading of each series of the home, in the order of the series. Raises TryLater."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keep:
    """For how long: raw readings, minutes, quarters of an hour; days for ever (None) or so long.

    `day_offset`: how far the day of daily values is ahead of UTC.
    """

    raw: timedelta = timedelta(days=30)
    minutes: timedelta = timedelta(days=90)
    quarters: timedelta = timedelta(days=730)
    days: timedelta | None = None
    day_offset: timedelta = timedelta(hours=8)
