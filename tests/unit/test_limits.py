"""Token buckets: a burst, a steady rate, who waits how long, and no more memory than allowed."""

import pytest

from community.limits import Limits, Rate


def test_burst_then_steady() -> None:
    limits = Limits(Rate(a_minute=60, at_once=3))
    assert [limits.wait_s("a", 0) for _ in range(4)] == [0, 0, 0, 1]
    assert limits.wait_s("a", 0.5) == pytest.approx(0.5)
    assert limits.wait_s("a", 1) == 0
    assert limits.wait_s("b", 1) == 0


def test_waiting_saves_no_more_than_a_burst() -> None:
    limits = Limits(Rate(a_minute=60, at_once=2))
    limits.wait_s("a", 0)
    assert [limits.wait_s("a", 10_000) > 0 for _ in range(3)] == [False, False, True]


def test_being_refused_costs_nothing_more() -> None:
    limits = Limits(Rate(a_minute=60, at_once=1))
    limits.wait_s("a", 0)
    for _ in range(100):
        assert limits.wait_s("a", 0) == 1
    assert limits.wait_s("a", 1) == 0


def test_own_rate_of_a_key() -> None:
    limits = Limits(Rate(a_minute=60, at_once=1))
    quick = Rate(a_minute=600, at_once=1)
    limits.wait_s("a", 0, rate=quick)
    assert limits.wait_s("a", 0, rate=quick) == pytest.approx(0.1)


def test_crowd_is_bounded() -> None:
    limits = Limits(Rate(a_minute=1, at_once=1), remembered=10)
    for number in range(1000):
        limits.wait_s(str(number), 0)
    assert len(limits._buckets) == 10


def test_clock_that_stands_or_goes_back_gives_nothing() -> None:
    limits = Limits(Rate(a_minute=60, at_once=1))
    limits.wait_s("a", 100)
    assert limits.wait_s("a", 50) == 1


def test_what_is_given_back_counts_no_more_and_saves_nothing() -> None:
    limits = Limits(Rate(a_minute=60, at_once=2))
    limits.give_back("a")
    limits.wait_s("a", 0)
    for _ in range(5):
        limits.give_back("a")
    assert [limits.wait_s("a", 0) > 0 for _ in range(3)] == [False, False, True]
