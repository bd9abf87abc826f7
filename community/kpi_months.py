"""Spans of time that figures are made of: months in the centre's time zone, and any number of days. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from shouwang.errors import ConfigError

_WRITTEN = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """From `start` on, up to but without `end`."""

    start: datetime
    end: datetime

    def holds(self, at: datetime | None) -> bool:
        """Whether the moment lies in it; None (it has not happened) never does."""
        return at is not None and self.start <= at < self.end


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Month:
    """A month of the calendar on the wall."""

    year: int
    month: int

    def __str__(self) -> str:
        """E.g. 2026-11."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def next(self) -> "Month":
        """The one after it."""
        return Month(year=self.year + self.month // 12, month=self.month % 12 + 1)

    @property
    def before(self) -> "Month":
        """The one before it."""
        return Month(year=self.year - (self.month == 1), month=(self.month - 2) % 12 + 1)

    def window(self, zone: tzinfo | None) -> Window:
        """From its first midnight in this zone (None: the server's own) to that of the next."""
        return Window(start=_midnight(self, zone), end=_midnight(self.next, zone))


def month_of(at: datetime, zone: tzinfo | None) -> Month:
    """The month that the calendar in this zone shows at this moment."""
    local = at.astimezone(zone)
    return Month(year=local.year, month=local.month)


def month_named(written: str) -> Month:
    """From e.g. `2026-11`. Raises ConfigError."""
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise ConfigError(f'"{written[:20]}" is no month; write the year and the month, e.g. 2026-11')
    return Month(year=int(found[1]), month=int(found[2]))


def days_before(at: datetime, days: int) -> Window:
    """The days up to this moment."""
    return Window(start=at - timedelta(days=days), end=at)


def days_after(at: datetime, days: int) -> Window:
    """The days from this moment on."""
    return Window(start=at, end=at + timedelta(days=days))


def _midnight(month: Month, zone: tzinfo | None) -> datetime:
    first = datetime(month.year, month.month, 1)  # noqa: DTZ001 - a calendar's midnight; its zone follows
    return (first if zone is None else first.replace(tzinfo=zone)).astimezone(UTC)
