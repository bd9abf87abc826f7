"""Whether homes, ways and test alarms are heard of: the pure judgement, told once and taken back once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from community.supervision import (
    Back,
    Heard,
    Lost,
    OverdueTest,
    Owed,
    PathBack,
    PathLost,
    StormBegan,
    StormOver,
    Way,
    judge_homes,
    judge_tests,
    judge_ways,
)
from shouwang.wire import Path

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=40)


def ago(**by: float) -> datetime:
    return NOON - timedelta(**by)


def home(gateway_id: str = "gw-1", *, silent_s: float = 0, **more: object) -> Heard:
    return Heard(gateway_id=gateway_id, last_seen=ago(seconds=silent_s), **more)  # type: ignore[arg-type]


def judged(*homes: Heard, storm: datetime | None = None, total: int = 100, listening_since: datetime = LONG_AGO):
    return judge_homes(homes, storm=storm, total=total, now=NOON, listening_since=listening_since)


def lost(*homes: Heard, **more):
    return [verdict.home.gateway_id for verdict in judged(*homes, **more) if isinstance(verdict, Lost)]


@pytest.mark.parametrize(("silent_s", "is_lost"), [(59, False), (121, False), (180, False), (181, True), (9999, True)])
def test_home_is_offline_after_180_s_and_not_before(silent_s: float, is_lost: bool) -> None:
    assert lost(home(silent_s=silent_s)) == (["gw-1"] if is_lost else [])


@pytest.mark.parametrize(
    ("limit_min", "silent_min", "is_lost"), [(1440, 1439, False), (1440, 1441, True), (30, 29, False), (30, 31, True)]
)
def test_a_home_may_be_given_more_time(limit_min: int, silent_min: int, is_lost: bool) -> None:
    watched = home(silent_s=silent_min * 60, limit=timedelta(minutes=limit_min))
    assert bool(lost(watched)) is is_lost


def test_less_than_two_beats_are_no_outage_however_short_the_limit() -> None:
    impatient = home(silent_s=100, limit=timedelta(minutes=1))
    assert lost(impatient) == []
    assert lost(replace(impatient, heartbeat=timedelta(seconds=20))) == ["gw-1"]


@pytest.mark.parametrize(("will_s", "is_lost"), [(59, False), (60, False), (61, True)])
def test_will_makes_a_third_of_the_limit_enough(will_s: float, is_lost: bool) -> None:
    assert bool(lost(home(silent_s=110, doubted_at=ago(seconds=will_s)))) is is_lost


def test_a_beat_takes_the_will_back() -> None:
    assert lost(home(silent_s=50, doubted_at=ago(seconds=100))) == []


def test_will_from_before_we_listened_proves_nothing() -> None:
    doubted = home(silent_s=170, doubted_at=ago(seconds=160))
    assert lost(doubted, listening_since=ago(seconds=30)) == []
    assert lost(doubted, listening_since=ago(seconds=61)) == ["gw-1"]


@pytest.mark.parametrize(("heard_for_s", "is_lost"), [(0, False), (179, False), (180, False), (181, True)])
def test_nobody_is_judged_for_beats_that_could_not_arrive(heard_for_s: float, is_lost: bool) -> None:
    assert bool(lost(home(silent_s=7200), listening_since=ago(seconds=heard_for_s))) is is_lost


def test_clock_set_back_neither_blinds_nor_accuses() -> None:
    said_before = home(silent_s=-3600)  # an hour in the future, by the clock as it is now
    assert lost(said_before, listening_since=ago(seconds=10)) == []
    assert lost(said_before, listening_since=ago(seconds=181)) == ["gw-1"]


def test_an_outage_is_told_once_and_taken_back_once() -> None:
    told = home(silent_s=999, offline_since=ago(seconds=999))
    assert judged(told) == []
    heard = replace(told, last_seen=ago(seconds=3))
    assert judged(heard) == [Back(home=heard)]
    assert judged(replace(heard, offline_since=None, heard_again_at=NOON)) == []


def test_home_is_back_also_where_the_clock_was_set_back_meanwhile() -> None:
    told = home(silent_s=5, offline_since=NOON + timedelta(hours=1))
    assert judged(told) == [Back(home=told)]


# ---- storms ----


def many(count: int, *, silent_s: float = 181, spread_s: float = 55) -> list[Heard]:
    """Homes that were lost in one moment: their last beats lie within a period. The first one was silent longest."""
    step = spread_s / max(1, count - 1)
    return [home(f"gw-{number:03d}", silent_s=silent_s - number * step) for number in range(count)]


def test_many_at_once_are_one_storm_before_any_has_a_case() -> None:
    found = judged(*many(37), total=1000)
    assert found[0] == StormBegan(since=ago(seconds=181), gateway_id="gw-000", homes=37)
    assert [(verdict.home.gateway_id, verdict.is_alone) for verdict in found[1:]] == [("gw-000", False)]


@pytest.mark.parametrize(
    ("count", "total", "is_storm"),
    [(5, 1000, False), (6, 1000, True), (3, 14, True), (3, 15, False), (2, 4, False), (1, 1, False)],
)
def test_how_many_are_many(count: int, total: int, is_storm: bool) -> None:
    found = judged(*many(count), total=total)
    assert isinstance(found[0], StormBegan) is is_storm


def test_homes_lost_one_after_the_other_are_no_storm() -> None:
    told = [home(f"gw-{n}", silent_s=n * 600, offline_since=ago(seconds=n * 600)) for n in range(1, 9)]
    found = judged(*told, home("gw-new", silent_s=181), total=1000)
    assert [type(verdict) for verdict in found] == [Lost]


def test_in_a_storm_the_next_ones_join_it() -> None:
    held = [replace(one, offline_since=one.last_seen, is_in_storm=True) for one in many(8, silent_s=200, spread_s=10)]
    found = judged(*held, home("gw-late", silent_s=181), storm=ago(seconds=200), total=1000)
    assert [(verdict.home.gateway_id, verdict.is_alone) for verdict in found] == [("gw-late", False)]


def held(count: int, *, silent_s: float) -> list[Heard]:
    return [replace(one, offline_since=one.last_seen, is_in_storm=True) for one in many(count, silent_s=silent_s)]


def test_home_that_falls_silent_alone_during_a_storm_has_its_own_case() -> None:
    alone = home("gw-alone", silent_s=181)
    found = judged(*held(400, silent_s=7200), alone, storm=ago(seconds=7200), total=1000)
    assert found == [Lost(home=alone)]


def test_home_of_the_storm_that_may_be_silent_longer_still_belongs_to_it() -> None:
    patient = home("gw-patient", silent_s=3601 + 7, limit=timedelta(hours=1))
    found = judged(*held(400, silent_s=3600), patient, storm=ago(seconds=3600), total=1000)
    assert found == [Lost(home=patient, is_alone=False)]


def test_storm_that_spreads_over_minutes_is_one_also_where_it_is_judged_at_once() -> None:
    found = judged(*many(40, silent_s=900, spread_s=300), total=1000, listening_since=ago(seconds=181))
    assert [type(verdict) for verdict in found] == [StormBegan] + [Lost] * 40
    assert {verdict.is_alone for verdict in found if isinstance(verdict, Lost)} == {False}


def test_one_home_that_was_silent_before_does_not_hide_a_storm() -> None:
    unplugged = home("gw-unplugged", silent_s=9000)
    began, *found = judged(unplugged, *many(40, silent_s=600), total=1000, listening_since=ago(seconds=181))
    assert began == StormBegan(since=ago(seconds=600), gateway_id="gw-000", homes=40)
    alone = [verdict.home.gateway_id for verdict in found if isinstance(verdict, Lost) and verdict.is_alone]
    assert alone == ["gw-unplugged"]


@pytest.mark.parametrize(("left", "silent_min", "is_over"), [(20, 31, True), (20, 29, False), (21, 999, False)])
def test_few_homes_are_held_back_half_an_hour_at_most(left: int, silent_min: float, is_over: bool) -> None:
    found = judged(*held(left, silent_s=silent_min * 60), storm=ago(minutes=silent_min), total=1000)
    assert len(found) == (left + 1 if is_over else 0)
    assert all(verdict.is_alone for verdict in found[:-1] if isinstance(verdict, Lost))


def test_home_that_comes_and_goes_does_not_hold_up_the_end_of_a_storm() -> None:
    flapping = home("gw-flaps", silent_s=181, is_in_storm=True, heard_again_at=ago(seconds=170))
    found = judged(*held(3, silent_s=1800), flapping, storm=ago(seconds=1800 + 60), total=1000)
    assert isinstance(found[-1], StormOver)
    assert Lost(home=flapping) in found


def test_high_risk_home_has_its_own_case_also_in_a_storm() -> None:
    fragile = home("gw-frail", silent_s=182, is_high_risk=True)
    found = [verdict for verdict in judged(*many(9), fragile) if isinstance(verdict, Lost)]
    assert {verdict.home.gateway_id: verdict.is_alone for verdict in found}["gw-frail"] is True


def test_high_risk_homes_count_for_the_storm_so_that_it_does_not_flap() -> None:
    began = ago(seconds=200)
    told = [replace(one, offline_since=one.last_seen, is_in_storm=True) for one in many(5, silent_s=200)]
    fragile = home("gw-frail", silent_s=190, is_high_risk=True, offline_since=ago(seconds=190))
    assert judged(*told, fragile, storm=began, total=1000) == []


def storm_of(left: int, back_s: float) -> list[Heard]:
    """What is left of a storm: some still away, one that came back so long ago."""
    away = [home(f"gw-{n}", silent_s=900, offline_since=ago(seconds=900), is_in_storm=True) for n in range(left)]
    return [*away, home("gw-back", silent_s=1, is_in_storm=True, heard_again_at=ago(seconds=back_s))]


def test_storm_ends_when_all_are_heard_again() -> None:
    assert judged(*storm_of(0, back_s=1), storm=ago(seconds=900)) == [StormOver(since=ago(seconds=900), left=0)]


def test_while_homes_come_back_one_by_one_the_last_get_no_case_of_their_own() -> None:
    assert judged(*storm_of(2, back_s=60), storm=ago(seconds=900)) == []


def test_homes_that_stay_away_after_a_storm_get_their_own_case() -> None:
    *found, over = judged(*storm_of(2, back_s=181), storm=ago(seconds=900))
    assert over == StormOver(since=ago(seconds=900), left=2)
    assert [(verdict.home.gateway_id, verdict.is_alone) for verdict in found] == [("gw-0", True), ("gw-1", True)]


# ---- ways ----


def way(path: Path = Path.SMS, **more: object) -> Way:
    values = {"is_up": True, "since": LONG_AGO, "changed_at": LONG_AGO, "proved_at": ago(hours=1)} | more
    return Way(gateway_id="gw-1", path=path, **values)  # type: ignore[arg-type]


def of_ways(*ways: Way, listening_since: datetime = LONG_AGO):
    return judge_ways(ways, now=NOON, listening_since=listening_since)


def test_a_way_that_works_and_is_tested_is_no_news() -> None:
    assert of_ways(way(), way(Path.INTERNET, proved_at=ago(days=40))) == []


def test_lost_way_is_told_once_and_taken_back_once() -> None:
    down = way(is_up=False, since=ago(minutes=2), changed_at=ago(minutes=1))
    assert of_ways(down) == [PathLost(way=down, since=ago(minutes=2), is_untested=False)]
    assert of_ways(replace(down, told_since=down.since)) == []
    up = replace(down, is_up=True, told_since=down.since, proved_at=NOON)
    assert of_ways(up) == [PathBack(way=up)]


def test_loss_that_comes_together_with_its_end_is_no_news() -> None:
    assert of_ways(way(Path.INTERNET, is_up=False, since=ago(hours=5), changed_at=ago(seconds=2))) == []


def test_internet_of_a_home_that_is_offline_is_told_by_that() -> None:
    down = way(Path.INTERNET, is_up=False, changed_at=ago(minutes=9))
    assert of_ways(replace(down, is_home_offline=True)) == []
    assert len(of_ways(down)) == 1
    assert len(of_ways(replace(down, path=Path.SMS, is_home_offline=True))) == 1


@pytest.mark.parametrize(("proved_h", "is_lost"), [(24.9, False), (25.1, True)])
def test_standby_way_must_be_tested_within_25_h(proved_h: float, is_lost: bool) -> None:
    stale = way(proved_at=ago(hours=proved_h))
    wanted = [PathLost(way=stale, since=stale.proved_at, is_untested=True)] if is_lost else []
    assert of_ways(stale, listening_since=ago(days=9)) == wanted


def test_missing_test_proves_nothing_while_or_just_after_nothing_could_arrive() -> None:
    stale = way(proved_at=ago(hours=30))
    assert of_ways(replace(stale, is_home_offline=True)) == []
    assert of_ways(replace(stale, heard_again_at=ago(minutes=29))) == []
    assert of_ways(stale, listening_since=ago(minutes=29)) == []
    assert len(of_ways(replace(stale, heard_again_at=ago(minutes=31)), listening_since=ago(minutes=31))) == 1


def test_unproved_way_is_taken_back_by_a_test() -> None:
    stale = way(proved_at=ago(hours=30), told_since=ago(hours=30))
    assert of_ways(stale) == []
    assert of_ways(replace(stale, proved_at=NOON)) == [PathBack(way=replace(stale, proved_at=NOON))]


# ---- test alarms ----


def owed(**more: object) -> Owed:
    return Owed(gateway_id="gw-1", **({"due_at": ago(hours=3), "born_at": LONG_AGO} | more))  # type: ignore[arg-type]


def of_tests(home: Owed, listening_since: datetime = LONG_AGO):
    return [type(verdict).__name__ for verdict in judge_tests([home], now=NOON, listening_since=listening_since)]


def test_missing_test_alarm_is_told_once_and_taken_back_by_the_next() -> None:
    (missing,) = judge_tests([owed()], now=NOON, listening_since=LONG_AGO)
    assert missing == OverdueTest(home=owed(), due_at=ago(hours=3))
    told = owed(missed_since=ago(hours=3))
    assert of_tests(told) == []
    assert of_tests(replace(told, arrived_at=ago(hours=4))) == []
    assert of_tests(replace(told, arrived_at=ago(minutes=1), due_at=NOON + timedelta(days=7))) == ["MadeGood"]


@pytest.mark.parametrize(
    "home",
    [
        owed(due_at=ago(minutes=119)),
        owed(due_at=NOON + timedelta(days=3)),
        owed(born_at=ago(minutes=20)),
        owed(is_home_offline=True),
        owed(heard_again_at=ago(minutes=3)),
        owed(arrived_at=ago(hours=1)),  # a home that had no receipt calls the same test due again
        owed(arrived_at=ago(hours=4)),  # an hour early by our count: the home's clocks were put forward
        owed(arrived_at=ago(days=6)),  # told by an unset clock when the next would be
        owed(due_at=None),
    ],
)
def test_when_no_test_alarm_is_missing(home: Owed) -> None:
    assert of_tests(home) == []


def test_weeks_without_a_test_alarm_are_late_whenever_the_last_one_came() -> None:
    assert of_tests(owed(arrived_at=ago(days=7, hours=3))) == ["OverdueTest"]


def test_test_alarm_of_a_home_whose_clocks_were_set_back_is_not_missing_for_that_hour() -> None:
    assert of_tests(owed(due_at=ago(minutes=61), arrived_at=ago(days=7, minutes=61))) == []


def test_clock_of_the_centre_set_back_years_does_not_blind_it_for_years() -> None:
    years_ahead = NOON + timedelta(days=3000)
    assert of_tests(owed(heard_again_at=years_ahead)) == ["OverdueTest"]
    down = way(is_up=False, changed_at=years_ahead)
    assert len(of_ways(down)) == 1


def test_home_that_sends_no_more_test_alarms_owes_none() -> None:
    assert of_tests(owed(due_at=None, missed_since=ago(days=2))) == ["MadeGood"]
