"""What stands behind the page of rosters: the coming days, who is on duty, where nobody is, who cannot come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from community.casefile import NotNow
from community.rosters import Absence, Hole, Place, Post, Shift, holes
from community.store import roster_check, roster_week, tokens
from community.store.database import Connection, Store
from community.store.roster_week import Away
from community.users import User
from shouwang.alert import Sentence

DAYS = 7
MOST_IN_CELL = 12
"""People of one post and day who are shown; the others are counted."""
LONGEST_ABSENCE = timedelta(days=366)
_NO_TIME = Sentence(
    zh="时间不对：结束要晚于开始，不早于现在，最长一年。",
    en="An absence ends after it starts, not in the past, within a year.",
)
_NOBODY = Sentence(
    zh="没有这个人：请填登录名或处置人员编号。", en="Nobody of this name works here: a login, or the id of a responder."
)
_OVER = Sentence(zh="这条缺勤已经结束。", en="This absence is over already.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Somebody on duty on a day: from when to when by the clock. `is_away`: he cannot come for a part of it."""

    person: str
    place: Place
    begins: str
    ends: str
    is_away: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A part of a day for which somebody is missing."""

    begins: str
    ends: str
    lacks: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """A day of the roster. `turns` in the order of `posts`; `more`: how many of each are not shown."""

    day: date
    turns: dict[str, tuple[Turn, ...]]
    more: dict[str, int]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """The coming week. `may_be`: who may be said to be absent, by id."""

    days: tuple[Day, ...]
    absences: tuple[Away, ...]
    names: dict[str, str]
    today: date


class RosterRoom:
    """The roster."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], zone: tzinfo | None) -> None:
        """`zone`: of its days; None means the server's own."""
        self._store, self._clock, self._zone = store, clock, zone

    async def week(self) -> Roster:
        """From today's midnight on."""
        now = self._clock()
        today = now.astimezone(self._zone).date()
        cuts = [self._midnight(today + timedelta(days=number)) for number in range(DAYS + 1)]
        found = await self._store.read(lambda connection: roster_week.week(connection, cuts[0], cuts[-1]))
        away = tuple(one.absence for one in found.absences)
        missing = holes(found.shifts, away, max(cuts[0], now), cuts[-1])
        days = tuple(
            self._day(today + timedelta(days=number), (cuts[number], cuts[number + 1]), found.shifts, away, missing)
            for number in range(DAYS)
        )
        open_ones = tuple(one for one in found.absences if one.absence.ends_at > now)
        return Roster(days=days, absences=open_ones, names=found.names, today=today)

    async def excuse(self, by: User, person: str, start: datetime, end: datetime, reason: str) -> None:
        """Somebody cannot come; times without an offset are local. Raises NotNow."""
        now = self._clock()
        try:
            away = Absence(person=person, starts_at=self._aware(start), ends_at=self._aware(end), reason=reason)
            is_right = away.starts_at < away.ends_at <= away.starts_at + LONGEST_ABSENCE and away.ends_at > now
        except OverflowError:
            is_right = False
        if not is_right:
            raise NotNow(_NO_TIME)

        def write(connection: Connection) -> None:
            if person not in roster_check.known_people(connection):
                raise NotNow(_NOBODY)
            roster_check.excuse(connection, away)
            tokens.changed(connection, by.login, "absence told", person, self._said(away), at=now)

        await self._store.write(write)

    async def end(self, by: User, absence_id: int) -> None:
        """He is here again. Raises NotNow where it is over already."""
        now = self._clock()

        def write(connection: Connection) -> None:
            away = roster_week.end_absence(connection, absence_id, now)
            if away is None:
                raise NotNow(_OVER)
            tokens.changed(connection, by.login, "absence ended", away.person, self._said(away), at=now)

        await self._store.write(write)

    def shown(self, at: datetime) -> str:
        """A moment by the clock of the centre, to the minute."""
        return f"{at.astimezone(self._zone):%Y-%m-%d %H:%M}"

    def _said(self, away: Absence) -> str:
        """Without its reason: an illness is nobody's business in a record that stays."""
        return f"{self.shown(away.starts_at)} - {self.shown(away.ends_at)}"

    def _midnight(self, day: date) -> datetime:
        return self._aware(datetime.combine(day, time()))

    def _aware(self, written: datetime) -> datetime:
        if written.tzinfo is not None:
            return written
        return written.replace(tzinfo=self._zone) if self._zone is not None else written.astimezone()

    def _day(
        self,
        day: date,
        span: tuple[datetime, datetime],
        shifts: Sequence[Shift],
        away: Sequence[Absence],
        missing: Sequence[Hole],
    ) -> Day:
        turns: dict[str, tuple[Turn, ...]] = {}
        more: dict[str, int] = {}
        for post in Post:
            here = [one for one in shifts if one.post is post and _touches(one, span)]
            here.sort(key=lambda one: (one.starts_at, one.place is Place.BACKUP, one.person))
            turns[post.value] = tuple(self._turn(one, span, away) for one in here[:MOST_IN_CELL])
            more[post.value] = max(0, len(here) - MOST_IN_CELL)
        gaps = tuple(
            Gap(begins=begins, ends=ends, lacks=one.lacks)
            for one in missing
            if _touches(one, span)
            for begins, ends in [self._clocks(one, span)]
        )
        return Day(day=day, turns=turns, more=more, gaps=gaps)

    def _turn(self, shift: Shift, span: tuple[datetime, datetime], away: Sequence[Absence]) -> Turn:
        within = (max(shift.starts_at, span[0]), min(shift.ends_at, span[1]))
        is_away = any(one.person == shift.person and _touches(one, within) for one in away)
        begins, ends = self._clocks(shift, span)
        return Turn(person=shift.person, place=shift.place, begins=begins, ends=ends, is_away=is_away)

    def _clocks(self, one: Shift | Hole, span: tuple[datetime, datetime]) -> tuple[str, str]:
        begins, ends = max(one.starts_at, span[0]), min(one.ends_at, span[1])
        until = "24:00" if ends == span[1] else f"{ends.astimezone(self._zone):%H:%M}"
        return f"{begins.astimezone(self._zone):%H:%M}", until


def _touches(one: Shift | Hole | Absence, span: tuple[datetime, datetime]) -> bool:
    return one.starts_at < span[1] and one.ends_at > span[0]
