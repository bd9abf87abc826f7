"""Weeks and months of the calendar on the wall: where they begin and end, how they are written."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community.kpi_months import Month, Week, day_of, period_named, week_of
from shouwang.errors import ConfigError

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_week_goes_from_monday_to_monday_by_the_wall() -> None:
    window = Week(year=2026, week=48).window(SHANGHAI)
    assert window.start == datetime(2026, 11, 22, 16, tzinfo=UTC)
    assert window.end == datetime(2026, 11, 29, 16, tzinfo=UTC)
    assert week_of(window.start, SHANGHAI) == Week(year=2026, week=48)
    assert week_of(window.start - timedelta(seconds=1), SHANGHAI) == Week(year=2026, week=47)


def test_the_week_of_new_year_belongs_to_one_year_alone() -> None:
    assert str(Week(year=2026, week=53).next) == "2027-W01"
    assert str(Week(year=2027, week=1).before) == "2026-W53"
    assert str(week_of(datetime(2027, 1, 2, tzinfo=UTC), SHANGHAI)) == "2026-W53"


def test_a_week_in_which_the_clocks_change_has_167_hours() -> None:
    window = Week(year=2026, week=13).window(BERLIN)
    assert window.end - window.start == timedelta(hours=167)


def test_a_day_begins_at_midnight_on_the_wall() -> None:
    window = day_of(datetime(2026, 11, 26, 17, tzinfo=UTC), SHANGHAI)
    assert window.start == datetime(2026, 11, 26, 16, tzinfo=UTC)
    assert window.end - window.start == timedelta(days=1)


@pytest.mark.parametrize("written", ["2026-11", "2026-W01", "2026-W53"])
def test_names_read_back(written: str) -> None:
    assert str(period_named(written)) == written


@pytest.mark.parametrize("written", ["2025-W53", "2026-W00", "2026-W54", "2026-13", "2026W48", "", "1999-W01"])
def test_what_is_no_period_is_refused(written: str) -> None:
    with pytest.raises(ConfigError):
        period_named(written)


@given(st.integers(0, 60 * 365 * 24 * 60))
def test_weeks_and_months_hold_their_moments_and_follow_each_other(minutes: int) -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    for period in (week_of(at, SHANGHAI), Month(year=at.year, month=at.month)):
        window = period.window(SHANGHAI)
        assert period.next.before == period
        assert period.next.window(SHANGHAI).start == window.end
    assert week_of(at, SHANGHAI).window(SHANGHAI).holds(at)
