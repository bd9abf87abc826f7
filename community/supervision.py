"""Whether homes, their ways to the centre and their test alarms are heard of: a pure judgement, no clock, no SQL.

A home is offline once it has said nothing for its `limit`, whatever it used to say. The will of its connection is a
hint: after it a third of the limit is enough, and a beat takes it back. What could not arrive proves nothing: all
silence counts from when the centre began to listen. Many homes at once are one storm (community.storms), which is
found here before the first of them has a case; what becomes of it is the same as for every other kind of storm.

Every loss is told once and taken back once. All times are by the centre's clock, but for `test_due_at`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from community.expected import NEVER, HeardAtLast, NeverHeard, PutOnFile
from community.flapping import HAZARD as FLAPPING
from community.measurement_words import BACKUP, MEASUREMENTS
from community.rings import DESKS_SILENT
from community.rosters import NO_SHOW
from community.storms import AT_LEAST, EVERYWHERE, MANY_SILENT, MANY_TELL, SILENT, WITHIN, area_of, is_ours
from shouwang.wire import Path

OFFLINE, PATH, TEST = SILENT, "path-lost", "test-missing"
"""The hazards of alarms that the centre raises by itself; their keys begin so."""
CHANNEL = "channel-down"
"""The same, of a way to reach people."""
CENTRE_BOX = "centre"
"""Stands for the gateway of alarms that are about the centre itself; it is no box of a home."""
OWN_CHANNELS = "centre:channels"
"""Stands for the home of a case about the centre's channels; no home id holds a colon."""
OWN_DESKS = f"{CENTRE_BOX}:{DESKS_SILENT}"
"""The same, of a case about its desks (community.store.own_faults)."""
_OF_HOMES = (OFFLINE, MANY_SILENT, MANY_TELL, FLAPPING, PATH, TEST, NEVER)
_OF_THE_CENTRE = (*_OF_HOMES, CHANNEL, MEASUREMENTS, BACKUP, NO_SHOW, DESKS_SILENT)
OFFLINE_AFTER = timedelta(seconds=180)
"""Three missed beats of 60 s (EN 50136-1 SP4 reports a lost path within 3 min; UK grade 4 likewise)."""
MISSED_BEATS = 2
"""So many missed beats make a home a suspect, and no home is judged by fewer: one lost message is not an outage."""
AFTER_WILL = 3
"""After the will, the limit divided by this is enough (the broker has waited 30 s already). Set by this project."""
PATH_SETTLES = timedelta(seconds=30)
"""A loss that a home tells together with its end, after an outage, is no news any more. Set by this project."""
STANDBY_PROVED_WITHIN = timedelta(hours=25)
"""EN 50136-1 DP1: the alternate path is known to work within 25 h; a home tests it each day."""
TEST_PERIOD = timedelta(days=7)
"""How often a home sends a test alarm (telecare practice: JGJ/T 484 has alarm buttons checked weekly)."""
TEST_GRACE = timedelta(hours=2)
"""How late a weekly test alarm may be: its home may have been busy or just started, and where clocks are set back in
autumn it is an hour late by itself. Set by this project."""
CATCHES_UP_WITHIN = timedelta(minutes=30)
"""After an outage a home sends what it kept (3,000 samples/s): before that, a missing test proves nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A home of which something was heard once (the others: `community.expected`).

    `last_seen`: its last word; `doubted_at`: its last will; `offline_since`: its last word before the outage that is
    told now; `areas`: in which it lies.
    """

    gateway_id: str
    last_seen: datetime
    limit: timedelta = OFFLINE_AFTER
    heartbeat: timedelta = timedelta(seconds=60)
    is_high_risk: bool = False
    doubted_at: datetime | None = None
    offline_since: datetime | None = None
    areas: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """A path of a home.

    `proved_at`: when the centre heard of its newest test; `told_since`: since when it is lost, where that has a case.
    """

    gateway_id: str
    path: Path
    is_up: bool
    since: datetime
    changed_at: datetime
    proved_at: datetime
    reason: str = ""
    told_since: datetime | None = None
    is_home_offline: bool = False
    heard_again_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """A home that sends test alarms. `arrived_at`: the last one; `missed_since`: the one that is told to be missing.

    `due_at` None: it sends none any more.
    """

    gateway_id: str
    due_at: datetime | None
    born_at: datetime
    arrived_at: datetime | None = None
    missed_since: datetime | None = None
    is_home_offline: bool = False
    heard_again_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lost:
    """A home is offline."""

    home: Heard


@dataclass(frozen=True, kw_only=True, slots=True)
class Back:
    """A home is heard again."""

    home: Heard


@dataclass(frozen=True, kw_only=True, slots=True)
class StormBegan:
    """So many homes of an area are silent at once, `since` the first of them spoke last.

    `is_ours`: they are so many of all that our own line or broker is the first suspect.
    """

    since: datetime
    gateway_id: str
    homes: int
    area: str
    is_ours: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PathLost:
    """A way to the centre is lost, or (`is_untested`) nothing has proved it for too long."""

    way: Way
    since: datetime
    is_untested: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PathBack:
    """It carries again."""

    way: Way


@dataclass(frozen=True, kw_only=True, slots=True)
class OverdueTest:
    """The test alarm that was due has not arrived."""

    home: Owed
    due_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeGood:
    """One has arrived after it was missed, or none is owed any more."""

    home: Owed


Supervised = Lost | Back | StormBegan | PathLost | PathBack | OverdueTest | MadeGood
Verdict = Supervised | PutOnFile | NeverHeard | HeardAtLast


def is_of_the_centre(key: str) -> bool:
    """Whether the alarm of this key is raised here: no home knows of it, and none is told that help is coming."""
    return key.partition(":")[0] in _OF_THE_CENTRE


def judge_homes(
    homes: Sequence[Heard],
    *,
    sizes: Mapping[str, int],
    storms: Collection[str] = (),
    now: datetime,
    listening_since: datetime,
) -> list[Supervised]:
    """What is new of these homes: all that are offline or silent for long; others may be left out.

    `sizes`: how many homes an area has; `storms`: areas with a storm of silent homes that is on. Who carries out only
    the first of what is found, and asks again, comes to the same end.
    """
    # any other word than its last one: after the centre's clock was set back, it is an earlier one
    back = [home for home in homes if home.offline_since is not None and home.last_seen != home.offline_since]
    gone = [home for home in homes if home.offline_since is not None and home.last_seen == home.offline_since]
    silent = [home for home in homes if home.offline_since is None]
    overdue = [home for home in silent if _is_overdue(home, now, listening_since)]
    suspects = [
        home for home in silent if _is_overdue(home, now, listening_since) or _is_suspect(home, now, listening_since)
    ]
    began = _storm_of(overdue, [*suspects, *gone], sizes, frozenset(storms))
    found: list[Supervised] = [Back(home=home) for home in back]
    found += [] if began is None else [began]
    return found + [Lost(home=home) for home in overdue]


def judge_ways(ways: Iterable[Way], *, now: datetime, listening_since: datetime) -> list[Supervised]:
    """What is new of the ways to the centre."""
    found: list[Supervised] = []
    for way in ways:
        since = _lost_since(way, now, listening_since)
        if since is not None and way.told_since is None:
            found.append(PathLost(way=way, since=since, is_untested=way.is_up))
        elif way.told_since is not None and way.is_up and not _is_unproved(way, now):
            found.append(PathBack(way=way))
    return found


def judge_tests(homes: Iterable[Owed], *, now: datetime, listening_since: datetime) -> list[Supervised]:
    """What is new of the weekly test alarms."""
    found: list[Supervised] = []
    for home in homes:
        if home.missed_since is not None:
            has_come = home.arrived_at is not None and home.arrived_at > home.missed_since
            if has_come or home.due_at is None:
                found.append(MadeGood(home=home))
        elif home.due_at is not None and _is_late(home, home.due_at, now, listening_since):
            found.append(OverdueTest(home=home, due_at=home.due_at))
    return found


def _is_late(home: Owed, due_at: datetime, now: datetime, listening_since: datetime) -> bool:
    """A week after the last one too: a home may send it an hour early by our count (summer time), or it was asked for
    one, or told by an unset clock when the next would be."""
    last_due = due_at if home.arrived_at is None else max(due_at, home.arrived_at + TEST_PERIOD)
    is_over = now - max(last_due, home.born_at) > TEST_GRACE
    return is_over and not home.is_home_offline and _has_caught_up(home.heard_again_at, now, listening_since)


def _storm_of(
    overdue: Sequence[Heard], silent: Sequence[Heard], sizes: Mapping[str, int], storms: frozenset[str]
) -> StormBegan | None:
    """Whether these silences are one. Homes lost together are judged within a beat of each other: the others are
    counted as suspects when the first of them is judged, so that no home of a storm has a case before it.

    One that fell silent long before them does not hide them: any overdue home may be the first of a storm.
    """
    known = sorted((home for home in silent if not _is_in(home, storms)), key=lambda home: home.last_seen)
    times = [home.last_seen for home in known]
    for first in sorted(overdue, key=lambda home: home.last_seen):
        if _is_in(first, storms):
            continue
        low, high = bisect_left(times, first.last_seen - WITHIN), bisect_right(times, first.last_seen + WITHIN)
        together = known[low:high]
        area = area_of((home.areas for home in together), sizes) if len(together) >= AT_LEAST else None
        if area is not None:
            homes = sum(_is_in(home, {area}) for home in together)
            ours = is_ours(len(together), sizes.get(EVERYWHERE, 0))
            return StormBegan(since=first.last_seen, gateway_id=first.gateway_id, homes=homes, area=area, is_ours=ours)
    return None


def _is_in(home: Heard, areas: Collection[str]) -> bool:
    return EVERYWHERE in areas or any(area in areas for area in home.areas)


def _silence(home: Heard, now: datetime, listening_since: datetime) -> timedelta:
    return now - max(_not_ahead(home.last_seen, now, listening_since), listening_since)


def _not_ahead(at: datetime, now: datetime, listening_since: datetime) -> datetime:
    """A moment from the future was before the centre's clock was set back, and we began to listen anew."""
    return listening_since if at > now else at


def _is_suspect(home: Heard, now: datetime, listening_since: datetime) -> bool:
    return _silence(home, now, listening_since) >= MISSED_BEATS * home.heartbeat


def _is_overdue(home: Heard, now: datetime, listening_since: datetime) -> bool:
    limit = max(home.limit, MISSED_BEATS * home.heartbeat)
    if _silence(home, now, listening_since) > limit:
        return True
    if home.doubted_at is None or not home.last_seen < home.doubted_at <= now:
        return False
    return now - max(home.doubted_at, listening_since) > limit / AFTER_WILL


def _lost_since(way: Way, now: datetime, listening_since: datetime) -> datetime | None:
    if not way.is_up:
        # where the home is offline as a whole, that case tells it
        is_told_otherwise = way.path is Path.INTERNET and way.is_home_offline
        has_settled = now - _not_ahead(way.changed_at, now, listening_since) >= PATH_SETTLES
        return way.since if has_settled and not is_told_otherwise else None
    if way.is_home_offline or not _has_caught_up(way.heard_again_at, now, listening_since):
        return None
    return way.proved_at if _is_unproved(way, now) else None


def _is_unproved(way: Way, now: datetime) -> bool:
    """Only of those that stand by: the internet path is proved by every beat."""
    return way.path is not Path.INTERNET and now - way.proved_at > STANDBY_PROVED_WITHIN


def _has_caught_up(heard_again_at: datetime | None, now: datetime, listening_since: datetime) -> bool:
    heard_at = _not_ahead(heard_again_at or listening_since, now, listening_since)
    return now - max(listening_since, heard_at) > CATCHES_UP_WITHIN
