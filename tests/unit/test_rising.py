"""Homes at rising risk, by the stated formula, counted by hand."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from community.kpi_months import Window
from community.rising import FACTOR, LEAST, Happened, Rising, rising, weeks_of

START = datetime(2026, 11, 15, 16, tzinfo=UTC)
WEEK = Window(start=START, end=START + timedelta(days=7))
OVER = WEEK.end + timedelta(days=1)


def at(days: float, home: str = "home-1", hazard: str = "sos") -> Happened:
    """A case so many days after the beginning of the week."""
    moment = START + timedelta(days=days)
    number = round((days + 40) * 1000)
    return Happened(incident_id=number, home_key=home, opened_at=moment, hazard=hazard)


def test_points_are_those_of_the_formula() -> None:
    happened = [at(1), at(2, hazard="spo2"), at(3), at(-1), at(-20), at(-27, hazard="news2")]
    (found,) = rising(happened, WEEK, OVER)
    assert (found.now, found.before, found.vital_now, found.vital_before) == (3, 3, 1, 1)
    assert found.a_week == 3
    assert found.a_week_before == Fraction(3, 4)
    assert found.points == (3 - Fraction(3, 4)) + (1 - Fraction(1, 4))
    assert found.cases == (41000, 42000, 43000)


def test_one_case_is_chance_and_two_are_not() -> None:
    assert rising([at(1)], WEEK, OVER) == ()
    assert [one.now for one in rising([at(1), at(2)], WEEK, OVER)] == [2]


def test_a_home_that_always_calls_is_not_rising() -> None:
    steady = [at(-days) for days in (1, 5, 8, 12, 15, 19, 22, 26)]
    assert rising([*steady, at(1), at(2)], WEEK, OVER) == ()  # 2 a week, and 2 a week before
    assert rising([*steady, at(1), at(2), at(3)], WEEK, OVER) != ()  # 3 is one and a half times as many


def test_what_is_older_than_four_weeks_or_after_the_week_counts_nowhere() -> None:
    (found,) = rising([at(-28.001), at(1), at(2), at(7)], WEEK, OVER)
    assert (found.now, found.before) == (2, 0)


def test_the_home_with_most_points_is_first_and_homes_do_not_mix() -> None:
    happened = [at(1, "b"), at(2, "b"), at(1, "a"), at(2, "a"), at(1, "c", "spo2"), at(2, "c", "vital")]
    assert [one.home_key for one in rising(happened, WEEK, OVER)] == ["c", "a", "b"]


def test_a_running_span_counts_as_a_week_and_a_month_by_what_is_over() -> None:
    assert weeks_of(WEEK, START + timedelta(hours=1)) == 1
    month = Window(start=START, end=START + timedelta(days=30))
    assert weeks_of(month, OVER + timedelta(days=30)) == Fraction(30, 7)
    assert weeks_of(month, START + timedelta(days=14)) == 2


@given(
    st.lists(st.tuples(st.floats(-35, 10), st.sampled_from(["a", "b"]), st.sampled_from(["sos", "spo2"])), max_size=30)
)
def test_the_order_of_cases_changes_nothing_and_every_row_keeps_the_rule(found: list[tuple[float, str, str]]) -> None:
    happened = [at(*one) for one in found]
    rows = rising(happened, WEEK, OVER)
    assert rows == rising(happened[::-1], WEEK, OVER)
    assert all(one.now >= LEAST and one.a_week >= FACTOR * one.a_week_before and one.points > 0 for one in rows)


def test_a_row_says_by_itself_whether_it_rises() -> None:
    row = Rising(home_key="a", weeks=Fraction(1), now=2, before=0, vital_now=0, vital_before=12, cases=(1, 2))
    assert row.points == -1
    assert not row.is_rising


def test_two_people_of_one_home_are_counted_apart() -> None:
    one, other = (msgspec.structs.replace(at(days), resident_id=who) for days, who in ((1, "wang"), (2, "li")))
    assert rising([one, other], WEEK, OVER) == ()  # one case each: chance
    again = msgspec.structs.replace(at(3), resident_id="wang")
    (found,) = rising([one, other, again, at(4)], WEEK, OVER)
    assert (found.home_key, found.resident_id, found.cases) == ("home-1", "wang", (41000, 43000))
    rows = rising([one, again, at(4), at(5)], WEEK, OVER)
    assert [(row.resident_id, row.now) for row in rows] == [("", 2), ("wang", 2)]  # whom nobody is named: the home
