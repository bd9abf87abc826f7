"""Whether homes, ways and test alarms are heard of: the pure judgement, told once and taken back once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from community.storms import EVERYWHERE
from community.supervision import (
    Back,
    Heard,
    Lost,
    OverdueTest,
    Owed,
    PathBack,
    PathLost,
    StormBegan,
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


def judged(*homes: Heard, storms: Sequence[str] = (), listening_since: datetime = LONG_AGO, **sizes: int):
    of = {EVERYWHERE: sizes.pop("total", 100), **sizes}
    return judge_homes(homes, sizes=of, storms=storms, now=NOON, listening_since=listening_since)


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
    assert judged(replace(heard, offline_since=None)) == []


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
    assert found[0] == StormBegan(since=ago(seconds=181), gateway_id="gw-000", homes=37, area=EVERYWHERE, is_ours=False)
    assert [verdict.home.gateway_id for verdict in found[1:]] == ["gw-000"]


@pytest.mark.parametrize(
    ("count", "total", "is_storm"),
    [(19, 1000, False), (20, 1000, True), (3, 30, True), (3, 31, False), (2, 4, False), (1, 1, False)],
)
def test_how_many_are_many(count: int, total: int, is_storm: bool) -> None:
    found = judged(*many(count), total=total)
    assert isinstance(found[0], StormBegan) is is_storm


@pytest.mark.parametrize(("total", "is_ours"), [(100, True), (101, False)])
def test_where_a_third_of_all_is_silent_our_own_line_is_suspect(total: int, is_ours: bool) -> None:
    began = judged(*many(30), total=total)[0]
    assert isinstance(began, StormBegan)
    assert began.is_ours is is_ours


def test_silence_of_one_building_is_a_storm_there() -> None:
    there = [replace(one, areas=("b1", "grid")) for one in many(8)]
    began = judged(*there, home("gw-else", silent_s=150), total=1000, b1=40, grid=300)[0]
    assert isinstance(began, StormBegan)
    assert (began.area, began.homes) == ("b1", 8)


def test_homes_lost_one_after_the_other_are_no_storm() -> None:
    told = [home(f"gw-{n}", silent_s=n * 600, offline_since=ago(seconds=n * 600)) for n in range(1, 31)]
    found = judged(*told, home("gw-new", silent_s=181), total=1000)
    assert [type(verdict) for verdict in found] == [Lost]


@pytest.mark.parametrize("area", [EVERYWHERE, "b1"])
def test_a_storm_that_is_on_is_not_begun_again(area: str) -> None:
    homes = [replace(one, areas=("b1",)) for one in many(30)]
    assert {type(verdict) for verdict in judged(*homes, storms=[area], total=1000, b1=40)} == {Lost}


def test_a_storm_elsewhere_is_one_of_its_own() -> None:
    there = [replace(one, areas=("b1",)) for one in many(30)]
    here = [replace(one, gateway_id=f"{one.gateway_id}-b2", areas=("b2",)) for one in many(25)]
    found = judged(*there, *here, storms=["b1"], total=1000, b1=40, b2=40)
    began = [verdict for verdict in found if isinstance(verdict, StormBegan)]
    assert [(one.area, one.homes) for one in began] == [("b2", 25)]


def test_storm_that_spreads_over_minutes_is_one_also_where_it_is_judged_at_once() -> None:
    found = judged(*many(70, silent_s=900, spread_s=300), total=1000, listening_since=ago(seconds=181))
    assert [type(verdict) for verdict in found] == [StormBegan] + [Lost] * 70


def test_one_home_that_was_silent_before_does_not_hide_a_storm() -> None:
    unplugged = home("gw-unplugged", silent_s=9000)
    began, *found = judged(unplugged, *many(40, silent_s=600), total=1000, listening_since=ago(seconds=181))
    assert began == StormBegan(since=ago(seconds=600), gateway_id="gw-000", homes=40, area=EVERYWHERE, is_ours=False)
    assert len(found) == 41


def test_homes_that_were_told_already_count_for_a_storm_and_are_not_told_again() -> None:
    told = [replace(one, offline_since=one.last_seen) for one in many(19, silent_s=200, spread_s=10)]
    began, lost = judged(*told, home("gw-late", silent_s=190), total=1000)
    assert isinstance(began, StormBegan)
    assert began.homes == 20
    assert lost == Lost(home=home("gw-late", silent_s=190))


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
