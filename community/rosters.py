"""Who is on duty when, and whether nobody is missing: weekly rosters, single shifts, absences, grid posts. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from itertools import pairwise

import msgspec

from community.dispatch import DAYS
from shouwang.alert import Sentence
from shouwang.reading import Moment

NO_SHOW_AFTER = timedelta(minutes=15)
"""So late a colleague may be; later nobody has come (a proposal of this project)."""
NO_SHOW = "no-show"
"""The hazard of the case that is opened then; its key begins so."""


class Post(StrEnum):
    """What somebody is on duty as."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    DUTY_LEADER = "duty_leader"
    RESPONDER = "responder"


class Place(StrEnum):
    """First, or there in case the first cannot."""

    MAIN = "main"
    BACKUP = "backup"


class Weekly(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A duty that comes each week, local. `until` not later than `since`: over midnight. Without days: every day."""

    post: Post
    person: str
    since: str
    until: str
    place: Place = Place.MAIN
    days: tuple[str, ...] = ()


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """One duty, from then to then."""

    post: Post
    person: str
    starts_at: Moment
    ends_at: Moment
    place: Place = Place.MAIN


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody cannot, whatever the roster says."""

    person: str
    starts_at: Moment
    ends_at: Moment
    reason: str = ""


class GridPost(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody answers for a grid (网格员)."""

    grid: str
    person: str
    place: Place = Place.MAIN


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which the centre has too few people."""

    starts_at: Moment
    ends_at: Moment
    lacks: tuple[Place, ...]


def expanded(weekly: Iterable[Weekly], zone: tzinfo, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """The single shifts that weekly ones make between two moments. On days of 23 or 25 hours by the wall clock."""
    found = []
    first = start.astimezone(zone).date() - timedelta(days=1)  # a night shift of yesterday still runs
    days = (end.astimezone(zone).date() - first).days
    for one in weekly:
        for number in range(days + 1):
            day = first + timedelta(days=number)
            if one.days and DAYS[day.weekday()] not in one.days:
                continue
            begins, ends = time.fromisoformat(one.since), time.fromisoformat(one.until)
            last = day if ends > begins else day + timedelta(days=1)
            shift = Shift(
                post=one.post,
                person=one.person,
                place=one.place,
                starts_at=datetime.combine(day, begins, zone),
                ends_at=datetime.combine(last, ends, zone),
            )
            if shift.starts_at < end and shift.ends_at > start:
                found.append(shift)
    return tuple(sorted(found, key=_begin))


def on_duty(shifts: Iterable[Shift], absences: Iterable[Absence], post: Post, at: datetime) -> tuple[Shift, ...]:
    """Who is there at this moment, the first before the back-ups."""
    away = {one.person for one in absences if one.starts_at <= at < one.ends_at}
    here = [one for one in shifts if one.post is post and one.starts_at <= at < one.ends_at and one.person not in away]
    return tuple(sorted(here, key=lambda one: (one.place is Place.BACKUP, one.starts_at, one.person)))


def holes(shifts: Sequence[Shift], absences: Sequence[Absence], start: datetime, end: datetime) -> tuple[Hole, ...]:
    """When, between two moments, no operator is there, or no back-up who is somebody else."""
    cuts = {start, end}
    ends = [(one.starts_at, one.ends_at) for one in shifts] + [(one.starts_at, one.ends_at) for one in absences]
    cuts |= {moment for both in ends for moment in both if start < moment < end}
    moments = sorted(cuts)
    found: list[Hole] = []
    for begin, until in pairwise(moments):
        lacks = _lacking(on_duty(shifts, absences, Post.OPERATOR, begin))
        if not lacks:
            continue
        if found and found[-1].ends_at == begin and found[-1].lacks == lacks:
            found[-1] = msgspec.structs.replace(found[-1], ends_at=until)
        else:
            found.append(Hole(starts_at=begin, ends_at=until, lacks=lacks))
    return tuple(found)


def _lacking(here: Sequence[Shift]) -> tuple[Place, ...]:
    """Two mains are an operator and a back-up; one person twice is one person."""
    people = {one.person for one in here}
    has_main = any(one.place is Place.MAIN for one in here)
    lacks_backup = len(people) < (2 if has_main else 1)
    return ((Place.MAIN,) if not has_main else ()) + ((Place.BACKUP,) if lacks_backup else ())


def grid_faults(grids: Iterable[str], posts: Sequence[GridPost], known: frozenset[str]) -> tuple[Sentence, ...]:
    """Each grid without a 网格员 or without another one as back-up; `known`: people who can be called."""
    return tuple(fault for grid in sorted(set(grids)) for fault in _faults_of(grid, posts, known))


def _faults_of(grid: str, posts: Sequence[GridPost], known: frozenset[str]) -> Iterable[Sentence]:
    here = [one for one in posts if one.grid == grid]
    for person in sorted({one.person for one in here} - known):
        yield Sentence(
            zh=f"网格 {grid}：{person} 不在处置人员名单中", en=f"grid {grid}: {person} is not among the responders"
        )
    mains = {one.person for one in here if one.place is Place.MAIN} & known
    people = {one.person for one in here} & known
    if not mains:
        yield Sentence(zh=f"网格 {grid} 没有网格员", en=f"grid {grid} has no grid worker (网格员)")
    if len(people) < 2:
        yield Sentence(zh=f"网格 {grid} 没有后备网格员", en=f"grid {grid} has no back-up for its grid worker")


def no_shows(
    shifts: Iterable[Shift], absences: Sequence[Absence], came: frozenset[str], at: datetime
) -> tuple[Shift, ...]:
    """Operators' shifts that run since NO_SHOW_AFTER and whose person is not here. `came`: who is logged in."""
    running = on_duty(shifts, absences, Post.OPERATOR, at)
    return tuple(one for one in running if one.person not in came and at - one.starts_at >= NO_SHOW_AFTER)


def _begin(shift: Shift) -> tuple[datetime, str, str]:
    return shift.starts_at, shift.post.value, shift.person
