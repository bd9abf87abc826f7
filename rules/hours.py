"""Hours of the day as people write them, `22:00-06:00`, on the clocks of the home."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
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
        today = at.astimezone(zone).date()
        began, ended = (_last(_three_days(of_day, today, zone, -_DAY), at) for of_day in (self.begin, self.end))
        return began > ended

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
    return _last(_days(of_day, at, zone, -_DAY), at)


def mono_at(moment: datetime, at: datetime, mono: int) -> int:
    """The engine millisecond of a moment, where `at` is `mono`."""
    return mono + -(-(moment - at) // _MS)


def look_again(due: int, mono: int) -> int:
    """When to wake for what is due at a time of the day: within the hour, for the clock may be set meanwhile."""
    return min(due, mono + _RECHECK_MS)


def _last(days: tuple[datetime, ...], at: datetime) -> datetime:
    return days[0] if days[0] <= at else days[1] if days[1] <= at else days[2]


def _days(of_day: time, at: datetime, zone: tzinfo, step: timedelta) -> tuple[datetime, ...]:
    return _three_days(of_day, at.astimezone(zone).date(), zone, step)


@lru_cache(maxsize=256)
def _three_days(of_day: time, today: date, zone: tzinfo, step: timedelta) -> tuple[datetime, ...]:
    """Today, and the two days after or before it; in UTC, for of one zone Python compares what the clocks show."""
    return tuple(datetime.combine(today + days * step, of_day, tzinfo=zone).astimezone(UTC) for days in range(3))


def _hours(written: object) -> object:
    if isinstance(written, Hours):
        return written
    match = re.fullmatch(f"{_PATTERN}-{_PATTERN}", str(written))
    if not match or (match[1], match[2]) == (match[3], match[4]):
        raise ValueError('are no hours; write a beginning and an end on the 24-hour clock, e.g. "22:00-06:00"')
    return Hours(time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4])))


HoursOfDay = Annotated[
    Hours,
    BeforeValidator(_hours),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}-{_PATTERN}$", "examples": ["22:00-06:00"]}),
]
"""`22:00-06:00`."""
