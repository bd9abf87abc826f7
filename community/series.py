"""What was measured around an alarm, as a console shows it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from shouwang.quantities import Quantity
from shouwang.reading import Quality


class Timing(IntEnum):
    """How the moment of a reading or an alert is known; the numbers are stored."""

    RIGHT = 0
    """As its home told it, by a clock that was right."""
    MENDED = 1
    """The home's clock was wrong; the moment follows from what it showed later."""
    ESTIMATED = 2
    """The same, and nobody has set it since: the moment follows from the arrival."""
    AHEAD = 3
    """The home told a moment in the future: it was at the latest when it came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One stored reading; `is_late`: it came long after `at`: a device kept it, or its home was cut off."""

    at: datetime
    value: float
    quality: Quality
    is_late: bool = False
    timing: Timing = Timing.RIGHT


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Readings of one quantity of one sensor and person around the alarm, oldest first.

    `resident_id` is empty for the home's resident.
    """

    sensor_id: str
    quantity: Quantity
    points: tuple[Point, ...]
    resident_id: str = ""
