"""Spells of presence, motion, bed and doors, and where somebody was noticed last."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from community.activity import PULSE, Activity, ActivityLane, Spell, levels, pulses
from community.measurements.port import Span
from shouwang.quantities import Quantity

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = Span(NOON - timedelta(hours=24), NOON)


def at(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


def test_level_lasts_until_the_sensor_says_otherwise() -> None:
    told = levels([(at(30), True), (at(20), False), (at(3), True), (at(2), False), (at(1), True)], DAY)
    assert told == (
        Spell(start=DAY.start, end=at(20)),
        Spell(start=at(3), end=at(2)),
        Spell(start=at(1), end=NOON, is_on=True),
    )


def test_nothing_told_is_no_spell() -> None:
    assert levels([], DAY) == pulses([], DAY) == ()
    assert levels([(at(1), False)], DAY) == ()
    assert Activity(span=DAY).last_seen is None


def test_motions_that_follow_each_other_are_one_spell() -> None:
    step = PULSE.total_seconds() / 3600
    assert pulses([at(5), at(5 - step), at(2)], DAY) == (
        Spell(start=at(5), end=at(5) + 2 * PULSE),
        Spell(start=at(2), end=at(2) + PULSE),
    )


@given(st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=30))
def test_spells_lie_within_the_span_in_order_and_apart(told: list[tuple[float, bool]]) -> None:
    ordered = sorted((at(hours), is_on) for hours, is_on in told)
    for spells in (levels(ordered, DAY), pulses([one for one, _ in ordered if one >= DAY.start], DAY)):
        edges = [edge for one in spells for edge in (one.start, one.end)]
        assert edges == sorted(edges)
        assert all(DAY.start <= edge <= DAY.end for edge in edges)
        assert all(one.end < two.start for one, two in pairwise(spells))


def lane(room: str, quantity: Quantity, *spells: Spell) -> ActivityLane:
    return ActivityLane(sensor_id=f"s-{room}", room=room, quantity=quantity, spells=spells)


def test_last_seen_is_the_newest_sign_and_a_door_is_none() -> None:
    bath = lane("bathroom", Quantity.PRESENCE, Spell(start=at(4), end=at(3)))
    hall = lane("hall", Quantity.MOTION, Spell(start=at(2), end=at(2) + PULSE))
    door = lane("door", Quantity.DOOR, Spell(start=at(1), end=NOON, is_on=True))
    seen = Activity(span=DAY, lanes=(bath, hall, door)).last_seen
    assert seen is not None
    assert (seen.lane.room, seen.at, seen.is_there) == ("hall", at(2), False)


def test_who_is_in_bed_now_is_there_whatever_moved_since() -> None:
    bed = lane("bedroom", Quantity.BED, Spell(start=at(6), end=NOON, is_on=True))
    hall = lane("hall", Quantity.MOTION, Spell(start=at(2), end=at(2) + PULSE))
    seen = Activity(span=DAY, lanes=(hall, bed)).last_seen
    assert seen is not None
    assert (seen.lane.room, seen.at, seen.is_there) == ("bedroom", at(6), True)
