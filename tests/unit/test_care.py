"""Plans of care, values in their range, trends and doses: each number here is worked out by hand."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from community.care import (
    Course,
    Keeping,
    Occasion,
    Share,
    Trend,
    Wanted,
    adherence,
    doses,
    is_overdue,
    keeping,
    occasions,
    share,
    trend,
)
from community.measurements.port import Bucket

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def quarter(minute: int, mean: float, count: int = 1) -> Bucket:
    at = NOW + timedelta(minutes=minute)
    return Bucket(at=at, count=count, least=mean, mean=mean if count else None, most=mean, doubtful=int(not count))


def days(first: int, values: list[float]) -> list[Occasion]:
    return [Occasion(at=NOW - timedelta(days=first + place), value=value) for place, value in enumerate(values)]


# ---- what one measurement is ----


def test_readings_of_half_an_hour_are_one_measurement_by_their_mean() -> None:
    # two of 140 and one of 130: (2 * 140 + 130) / 3
    found = occasions([quarter(15, 130), quarter(0, 140, 2), quarter(30, 120)])
    assert [(one.at, round(one.value, 3)) for one in found] == [
        (NOW, 136.667),
        (NOW + timedelta(minutes=30), 120),
    ]


def test_sensor_that_never_stops_measures_once_in_half_an_hour() -> None:
    assert len(occasions(quarter(15 * place, 96) for place in range(8))) == 4


def test_what_may_not_be_trusted_is_no_measurement() -> None:
    assert occasions([quarter(0, 300, 0)]) == ()


# ---- is the plan kept? ----


@pytest.mark.parametrize(
    ("wanted", "found", "is_measured", "expected"),
    [
        (Wanted(times=2, days=7), 2, True, Keeping.KEPT),
        (Wanted(times=2, days=7), 1, True, Keeping.SHORT),
        (Wanted(times=2, days=7), 0, False, Keeping.UNMEASURED),
        (Wanted(times=2, days=7, since=date(2026, 11, 18)), 1, True, Keeping.NEW),
        (Wanted(times=2, days=7, since=date(2026, 11, 17)), 1, True, Keeping.SHORT),
        (Wanted(times=2, days=7, since=date(2026, 11, 18)), 0, False, Keeping.UNMEASURED),
        (Wanted(times=2, days=7, since=date(2026, 11, 25)), 0, True, Keeping.OVER),
        (Wanted(times=2, days=7, until=date(2026, 11, 23)), 0, True, Keeping.OVER),
        (Wanted(times=2, days=7, until=date(2026, 11, 24)), 0, True, Keeping.SHORT),
    ],
)
def test_plan_is_kept_by_its_number_in_its_period(
    wanted: Wanted, found: int, is_measured: bool, expected: Keeping
) -> None:
    assert keeping(wanted, found, TODAY, is_measured=is_measured) is expected


def test_day_itself_is_not_overdue() -> None:
    assert not is_overdue(TODAY, TODAY)
    assert is_overdue(date(2026, 11, 23), TODAY)
    assert not is_overdue(None, TODAY)


# ---- where values lie ----


def test_ends_of_the_range_belong_to_it() -> None:
    values = [109.9, 110, 125, 140, 140.1]
    assert share(values, 110, 140) == Share(within=3, of=5)
    assert share(values, 110, 140).percent == 60
    assert share(values, None, 140) == Share(within=4, of=5)
    assert share(values, 110, None) == Share(within=4, of=5)
    assert share([], 110, 140).percent is None


def test_trend_is_named_beyond_two_standard_errors() -> None:
    # before: 118..122, mean 120, variance 2.5; after: 2 higher each, mean 122; error = sqrt(2.5/5 + 2.5/5) = 1
    before = days(40, [118, 119, 120, 121, 122])
    at_the_limit = days(1, [120, 121, 122, 123, 124])
    assert trend([*before, *at_the_limit], NOW, UTC) is Trend.STEADY
    beyond = days(1, [120.1, 121.1, 122.1, 123.1, 124.1])
    assert trend([*before, *beyond], NOW, UTC) is Trend.RISING
    below = days(1, [115.9, 116.9, 117.9, 118.9, 119.9])
    assert trend([*before, *below], NOW, UTC) is Trend.FALLING


def test_trend_counts_days_and_not_values() -> None:
    before = days(40, [118, 119, 120, 121, 122])
    one_day = [Occasion(at=NOW - timedelta(hours=place), value=190) for place in range(6)]
    assert trend([*before, *one_day], NOW, UTC) is Trend.TOO_FEW
    assert trend([], NOW, UTC) is Trend.TOO_FEW


def test_same_value_for_ever_is_no_trend() -> None:
    assert trend([*days(40, [120] * 5), *days(1, [120] * 5)], NOW, UTC) is Trend.STEADY
    assert trend([*days(40, [120] * 5), *days(1, [121] * 5)], NOW, UTC) is Trend.RISING


# ---- doses ----


def test_doses_of_one_time_are_one_and_what_is_not_over_is_not_due() -> None:
    # 20:00 in Shanghai is 12:00 UTC; the dose of 19:00 ended at 20:00 with its window, that of 20:00 has not
    morning, evening = Course(times=(time(8), time(19))), Course(times=(time(8), time(20)))
    due = doses([morning, evening], date(2026, 11, 23), NOW, SHANGHAI)
    assert [f"{at.astimezone(SHANGHAI):%d %H:%M}" for at in due] == [
        "23 08:00",
        "23 19:00",
        "23 20:00",
        "24 08:00",
        "24 19:00",
    ]


def test_course_holds_from_its_first_day_to_its_last() -> None:
    course = Course(times=(time(8),), since=date(2026, 11, 21), until=date(2026, 11, 22))
    due = doses([course], date(2026, 11, 19), NOW, UTC)
    assert [at.date() for at in due] == [date(2026, 11, 21), date(2026, 11, 22)]


def test_reading_stands_for_one_dose_within_an_hour() -> None:
    due = [NOW - timedelta(hours=hours) for hours in (30, 20, 10)]
    taken = [
        due[0] - timedelta(minutes=60),  # at the edge
        due[1] + timedelta(minutes=61),  # too late
        due[2],
        due[2] + timedelta(minutes=1),  # opened twice
    ]
    found = adherence(due, taken, TODAY)
    assert (found.taken, found.due) == (2, 3)
    assert adherence([NOW], [NOW - timedelta(minutes=61)], TODAY).taken == 0


def test_two_doses_near_each_other_need_two_readings() -> None:
    due = [NOW, NOW + timedelta(minutes=30)]
    assert adherence(due, [NOW + timedelta(minutes=20)], TODAY).taken == 1
    assert adherence(due, [NOW + timedelta(minutes=20), NOW + timedelta(minutes=21)], TODAY).taken == 2
