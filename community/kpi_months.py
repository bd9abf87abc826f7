"""Spans of time that figures are made of: months and weeks in the centre's time zone, any number of days. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError

_WRITTEN = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")
_WEEK = re.compile(r"(20\d\d)-W(0[1-9]|[1-4]\d|5[0-3])")


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
        return Window(
            start=_midnight(date(self.year, self.month, 1), zone),
            end=_midnight(date(self.next.year, self.next.month, 1), zone),
        )


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Week:
    """A week of the calendar on the wall, from Monday on, numbered as ISO 8601 does."""

    year: int
    week: int

    def __str__(self) -> str:
        """E.g. 2026-W48."""
        return f"{self.year:04d}-W{self.week:02d}"

    @property
    def monday(self) -> date:
        """Its first day."""
        return date.fromisocalendar(self.year, self.week, 1)

    @property
    def next(self) -> "Week":
        """The one after it."""
        return _week(self.monday + timedelta(days=7))

    @property
    def before(self) -> "Week":
        """The one before it."""
        return _week(self.monday - timedelta(days=7))

    def window(self, zone: tzinfo | None) -> Window:
        """From Monday's midnight in this zone (None: the server's own) to that of the next."""
        return Window(start=_midnight(self.monday, zone), end=_midnight(self.next.monday, zone))


Period = Month | Week


def month_of(at: datetime, zone: tzinfo | None) -> Month:
    """The month that the calendar in this zone shows at this moment."""
    local = at.astimezone(zone)
    return Month(year=local.year, month=local.month)


def week_of(at: datetime, zone: tzinfo | None) -> Week:
    """The week that the calendar in this zone shows at this moment."""
    return _week(at.astimezone(zone).date())


def day_of(at: datetime, zone: tzinfo | None) -> Window:
    """The day that the calendar in this zone shows at this moment."""
    today = at.astimezone(zone).date()
    return Window(start=_midnight(today, zone), end=_midnight(today + timedelta(days=1), zone))


def period_named(written: str) -> Period:
    """From e.g. `2026-11` or `2026-W48`. Raises ConfigError."""
    found = _WEEK.fullmatch(written)
    if found is None:
        return month_named(written)
    try:
        date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError as error:
        raise ConfigError(
            Bilingual(f"the year {found[1]} has no week {found[2]}", zh=f"{found[1]} 年没有第 {found[2]} 周")
        ) from error
    return Week(year=int(found[1]), week=int(found[2]))


def month_named(written: str) -> Month:
    """From e.g. `2026-11`. Raises ConfigError."""
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise ConfigError(
            Bilingual(
                f'"{written[:20]}" is no month; write the year and the month, e.g. 2026-11',
                zh=f"“{written[:20]}”不是月份；请写年和月，例如 2026-11",
            )
        )
    return Month(year=int(found[1]), month=int(found[2]))


def days_before(at: datetime, days: int) -> Window:
    """The days up to this moment."""
    return Window(start=at - timedelta(days=days), end=at)


def days_after(at: datetime, days: int) -> Window:
    """The days from this moment on."""
    return Window(start=at, end=at + timedelta(days=days))


def _week(day: date) -> Week:
    year, week, _ = day.isocalendar()
    return Week(year=year, week=week)


def _midnight(day: date, zone: tzinfo | None) -> datetime:
    first = datetime.combine(day, time())
    return (first if zone is None else first.replace(tzinfo=zone)).astimezone(UTC)
