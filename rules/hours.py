"""Hours of the day as people write them, `22:00-06:00`, on the clocks of the home."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic.dataclasses import dataclass

_DAY = timedelta(days=1)
_MS = timedelta(milliseconds=1)
_RECHECK_MS = 3_600_000
_PATTERN = r"([01][0-9]|2[0-3]):([0-5][0-9])"


@dataclass(frozen=True)
class Hours:
    """From a time of the day to another, over midnight where the end is not after the beginning."""

    begin: time
    end: time

    def contains(self, at: datetime, zone: tzinfo) -> bool:
        """Whether they have begun and not ended: once a day, also where the clocks are put back or forward in them."""
        return last_time(self.begin, at, zone) > last_time(self.end, at, zone)

    def opens(self, at: datetime, zone: tzinfo) -> datetime:
        """When they begin next, after `at`."""
        return next_time(self.begin, at, zone)

    def opened(self, at: datetime, zone: tzinfo) -> datetime:
        """When they began last, at or before `at`."""
        return last_time(self.begin, at, zone)

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"


def next_time(of_day: time, at: datetime, zone: tzinfo) -> datetime:
    """When the clocks of `zone` next say so, after `at`."""
    return next(found for found in _days(of_day, at, zone, _DAY) if found > at)


def last_time(of_day: time, at: datetime, zone: tzinfo) -> datetime:
    """When the clocks of `zone` said so last, at or before `at`."""
    return next(found for found in _days(of_day, at, zone, -_DAY) if found <= at)


def mono_at(moment: datetime, at: datetime, mono: int) -> int:
    """The engine millisecond of a moment, where `at` is `mono`."""
    return mono + -(-(moment - at) // _MS)


def look_again(due: int, mono: int) -> int:
    """When to wake for what is due at a time of the day: within the hour, for the clock may be set meanwhile."""
    return min(due, mono + _RECHECK_MS)


def _days(of_day: time, at: datetime, zone: tzinfo, step: timedelta) -> Iterator[datetime]:
    """Today, and the two days after or before it; in UTC, for of one zone Python compares what the clocks show."""
    today = at.astimezone(zone).date()
    return (datetime.combine(today + days * step, of_day, tzinfo=zone).astimezone(UTC) for days in range(3))


def _hours(written: object) -> object:
    if isinstance(written, Hours):
        return written
    match = re.fullmatch(f"{_PATTERN}-{_PATTERN}", str(written))
    if not match or (match[1], match[2]) == (match[3], match[4]):
        raise ValueError('are no hours; write a beginning and an end on the 24-hour clock, e.g. "22:00-06:00"')
    return Hours(time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4])))


def _time(written: object) -> object:
    if isinstance(written, time):
        return written
    match = re.fullmatch(_PATTERN, str(written))
    if not match:
        raise ValueError('is no time of the day; write it on the 24-hour clock and in quotes, e.g. "09:30"')
    return time(int(match[1]), int(match[2]))


HoursOfDay = Annotated[
    Hours,
    BeforeValidator(_hours),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}-{_PATTERN}$", "examples": ["22:00-06:00"]}),
]
"""`22:00-06:00`."""
TimeOfDay = Annotated[
    time,
    BeforeValidator(_time),
    PlainSerializer(lambda one: f"{one:%H:%M}"),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$", "examples": ["09:30"]}),
]
"""`09:30`."""
