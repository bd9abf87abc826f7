"""What a storm is, whom it may never hold back, and in which order it lets go (S14 of the incident model)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community import storms
from community.reserve import first
from community.storms import EVERYWHERE, LOW_BATTERY, POWER, SILENT, Told, Waiting
from shouwang.alert import Severity

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIFE_KINDS = (
    "sos",
    "fall",
    "vital",
    "smoke",
    "gas",
    "carbon-monoxide",
    "heat",
    "leak",
    "inactivity",
    "wandering",
    "bed-exit",
    "stove",
    "door-open",
    "away-activity",
    "combined",
    "medication-missed",
)


def at(**by: float) -> datetime:
    return NOON + timedelta(**by)


def told(**more: object) -> Told:
    return Told(**({"severity": Severity.P3, "hazard": POWER} | more))  # type: ignore[arg-type]


# ---- who is held back ----


@given(
    severity=st.sampled_from(Severity),
    hazard=st.one_of(st.sampled_from(LIFE_KINDS), st.sampled_from(sorted(storms.KINDS)), st.text(max_size=12)),
    needs_power=st.booleans(),
    battery_min=st.none() | st.floats(0, 10_000),
)
def test_no_life_alarm_is_ever_held_back(
    severity: Severity, hazard: str, needs_power: bool, battery_min: float | None
) -> None:
    one = Told(severity=severity, hazard=hazard, needs_power=needs_power, battery_min=battery_min)
    is_life = severity.rank <= 2 or hazard in LIFE_KINDS
    if storms.may_be_held(one):
        assert not is_life
        assert not needs_power
        assert battery_min is None or battery_min >= 60
        assert one.kind in storms.KINDS
    for in_storm in (False, True):
        assert storms.severity_of(one, in_storm=in_storm).rank <= severity.rank  # never less urgent


def test_what_a_storm_may_be_of_and_what_endangers_life_have_nothing_in_common() -> None:
    assert storms.KINDS.isdisjoint(LIFE_KINDS)


@pytest.mark.parametrize(
    ("one", "is_held"),
    [
        (told(), True),
        (told(hazard="power-cut"), True),
        (told(severity=Severity.P4), True),
        (told(severity=Severity.P2), False),
        (told(hazard="a-new-word"), False),
        (told(needs_power=True), False),
        (told(battery_min=59.9), False),
        (told(battery_min=60), True),
        (told(hazard=LOW_BATTERY), False),
        (told(hazard=LOW_BATTERY, battery_min=61), True),
    ],
)
def test_who_is_held_back(one: Told, is_held: bool) -> None:
    assert storms.may_be_held(one) is is_held


def test_who_depends_on_electricity_is_urgent_without_it_and_in_every_storm() -> None:
    oxygen = told(needs_power=True)
    assert storms.severity_of(oxygen, in_storm=False) is Severity.P2
    silent_sensor = told(needs_power=True, hazard="sensor-silent")
    assert storms.severity_of(silent_sensor, in_storm=False) is Severity.P3
    assert storms.severity_of(silent_sensor, in_storm=True) is Severity.P2
    assert storms.severity_of(told(), in_storm=True) is Severity.P3
    assert storms.severity_of(told(severity=Severity.P1, needs_power=True), in_storm=True) is Severity.P1


# ---- what is a storm ----


@pytest.mark.parametrize(
    ("homes", "of", "is_storm"),
    [(19, 2000, False), (20, 2000, True), (2, 10, False), (3, 30, True), (3, 31, False), (6, 60, True), (2, 2, False)],
)
def test_how_many_are_many(homes: int, of: int, is_storm: bool) -> None:
    assert storms.is_many(homes, of) is is_storm


@pytest.mark.parametrize(("silent", "of", "is_ours"), [(30, 100, True), (29, 100, False), (2, 4, False), (3, 10, True)])
def test_when_our_own_line_is_the_first_suspect(silent: int, of: int, is_ours: bool) -> None:
    assert storms.is_ours(silent, of) is is_ours


SIZES = {EVERYWHERE: 2000, "grid": 400, "b1": 60, "b2": 60, "tiny": 8}


def test_the_smallest_area_that_holds_nearly_all_names_the_storm() -> None:
    in_b1 = [("b1", "grid")] * 20
    assert storms.area_of(in_b1, SIZES) == "b1"
    assert storms.area_of([*in_b1, *([("b2", "grid")] * 20)], SIZES) == "grid"
    assert storms.area_of([*in_b1, *([()] * 20)], SIZES) == EVERYWHERE
    assert storms.area_of([*in_b1, ("b2", "grid")], SIZES) == "b1"  # one that fails elsewhere widens nothing


def test_a_small_building_is_a_storm_where_the_community_is_none() -> None:
    assert storms.area_of([("tiny", "grid")] * 3 + [()] * 5, SIZES) == "tiny"
    assert storms.area_of([("b1", "grid")] * 5, SIZES) is None
    assert storms.area_of([], SIZES) is None


def test_without_places_the_whole_community_is_the_area() -> None:
    assert storms.area_of([()] * 20, {EVERYWHERE: 2000}) == EVERYWHERE
    assert storms.area_of([()] * 19, {EVERYWHERE: 2000}) is None


def test_who_belongs_to_a_storm() -> None:
    def belongs(*moments: datetime) -> bool:
        return storms.belongs(NOON, at(minutes=5), *moments)

    assert belongs(at(minutes=7))
    assert not belongs(at(minutes=7, seconds=1))
    assert belongs(at(hours=1), at(seconds=-120))  # told late, and begun with it
    assert not belongs(at(hours=1), at(seconds=-121))


# ---- who is let go ----


def test_short_batteries_go_first_and_at_once() -> None:
    waiting = [
        Waiting(incident_id=1, since=NOON, battery_min=59),
        Waiting(incident_id=2, since=at(seconds=1), battery_min=12),
        Waiting(incident_id=3, since=NOON, battery_min=61),
        Waiting(incident_id=4, since=NOON),
        Waiting(incident_id=5, since=at(seconds=9), needs_power=True),
    ]
    assert [one.incident_id for one in storms.at_once(waiting)] == [2, 1, 5]


def test_cases_are_let_go_by_risk_then_age_as_there_is_room() -> None:
    waiting = [
        Waiting(incident_id=1, since=at(seconds=3)),
        Waiting(incident_id=2, since=NOON),
        Waiting(incident_id=3, since=at(seconds=9), risk=4),
        Waiting(incident_id=4, since=at(minutes=9), risk=99),
    ]
    now = at(minutes=31)
    assert [one.incident_id for one in storms.let_go(waiting, room=10, now=now)] == [3, 2, 1]
    assert [one.incident_id for one in storms.let_go(waiting, room=2, now=now)] == [3, 2]
    assert [one.incident_id for one in storms.let_go(waiting, room=1, now=now, released=[4])] == [4]
    assert storms.let_go(waiting, room=-1, now=now) == []
    assert storms.let_go(waiting, room=10, now=at(minutes=29)) == []


@pytest.mark.parametrize(("operators", "lately", "room"), [(0, 0, 10), (1, 0, 10), (3, 0, 30), (3, 25, 5), (1, 12, 0)])
def test_room_for_ten_rows_an_operator(operators: int, lately: int, room: int) -> None:
    assert storms.room(operators, lately=lately) == room


def test_whom_the_register_calls_at_risk_comes_first() -> None:
    frail = storms.risk_of(flags=0, is_high_risk=True, is_alone=False)
    assert frail > storms.risk_of(flags=3, is_high_risk=False, is_alone=True)
    assert storms.risk_of(flags=0, is_high_risk=False, is_alone=False) == 0


def test_a_storm_is_over_when_nobody_waits_and_nothing_is_new() -> None:
    assert storms.is_over(waiting=0, last_at=NOON, now=at(minutes=10))
    assert not storms.is_over(waiting=0, last_at=NOON, now=at(minutes=9))
    assert not storms.is_over(waiting=1, last_at=NOON, now=at(hours=9))


def test_its_row_says_what_it_is_of() -> None:
    assert (storms.row_hazard(SILENT), storms.row_hazard(POWER)) == ("gateways-silent", "storm")
    assert (storms.kind_of("power-cut"), storms.kind_of("sos")) == (POWER, "sos")


# ---- batteries ----


def test_a_battery_lasts_as_its_fall_says() -> None:
    battery = first(100, NOON)
    assert battery.minutes_left(NOON) is None
    battery = battery.then(100, at(hours=5)).then(90, at(hours=5, minutes=10))
    assert battery.minutes_left(at(hours=5, minutes=10)) == pytest.approx(90)
    assert battery.minutes_left(at(hours=5, minutes=40)) == pytest.approx(60)
    assert battery.minutes_left(at(hours=99)) == 0


def test_a_level_that_rises_or_has_just_begun_to_fall_says_nothing() -> None:
    charging = first(40, NOON).then(39, at(minutes=10)).then(55, at(minutes=12))
    assert charging.minutes_left(at(minutes=12)) is None
    assert first(40, NOON).then(39, at(seconds=119)).minutes_left(at(seconds=119)) is None


def test_a_level_that_was_overtaken_changes_nothing() -> None:
    battery = first(80, at(minutes=5))
    assert battery.then(10, NOON) is battery
