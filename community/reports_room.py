"""Weekly and monthly reports: the figures of a period, with the homes that call again and those at rising risk."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from community.casefile import Disposition
from community.kpi import REPEATS
from community.kpi_desk import KpiDesk, MonthPage
from community.kpi_facts import CaseFacts
from community.kpi_months import Period, Week, Window, month_of, week_of
from community.rights import Right, Subject, holds, is_allowed
from community.rising import BEFORE_DAYS, LEAST, Happened, Rising, rising
from community.store import kpi, kpi_scope
from community.store.database import Connection, Store
from community.store.living import gone_from
from community.store.people_access import Act, note
from community.store.people_of_homes import About, Household, about, households
from community.users import User

MOST = 50
"""Homes of each list: those after them have less; the page says how many there are."""
_OF_PEOPLE = ("emergency", "care")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A home with many life alarms in the period."""

    home_key: str
    cases: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Homes:
    """What a report says of single homes. `people`: of those homes, empty for who may not read names.

    `callers_in_all`, `rising_in_all`: how many there are; of each list the first MOST are here.
    """

    callers: tuple[Caller, ...]
    callers_in_all: int
    rising: tuple[Rising, ...]
    rising_in_all: int
    people: dict[str, Household]

    @property
    def has_names(self) -> bool:
        """Whether anybody is named."""
        return bool(self.people)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A period as a report. `homes` None: not for who asks. `is_over`: whether the period has ended.

    `first_day`, `last_day`: by the calendar on the wall. `beside`: the month of this week, or a week of this month.
    """

    figures: MonthPage
    first_day: date
    last_day: date
    beside: Period
    is_over: bool
    homes: Homes | None

    @property
    def period(self) -> Period:
        """Of which it is."""
        return self.figures.month

    @property
    def is_week(self) -> bool:
        """A week, not a month."""
        return isinstance(self.period, Week)


class ReportRoom:
    """Reports for whoever may read figures; homes for who may read cases, names for who may read the register."""

    def __init__(self, store: Store, kpis: KpiDesk, *, clock: Callable[[], datetime], zone: tzinfo | None) -> None:
        """`zone`: of weeks and months; None means the server's own."""
        self._store = store
        self._kpis = kpis
        self._clock = clock
        self._zone = zone

    def newest(self) -> Week:
        """The last week that has ended."""
        return self._kpis.this_week().before

    async def report(self, user: User, period: Period, *, leaves: bool = False) -> Report:
        """As far as his areas and rights reach. `leaves`: as a file, with homes for who may export."""
        may_read = holds(user, Right.READ_QUEUE) and (not leaves or self._may_export(user))
        homes = await self._homes(user, period) if may_read else None
        if leaves and homes is not None and homes.has_names:
            await self._log(user, period)
        window = period.window(self._zone)
        last = window.end - timedelta(microseconds=1)
        is_week = isinstance(period, Week)
        return Report(
            figures=await self._kpis.month(period, user),
            first_day=window.start.astimezone(self._zone).date(),
            last_day=last.astimezone(self._zone).date(),
            beside=month_of(last, self._zone) if is_week else min(self._kpis.this_week(), week_of(last, self._zone)),
            is_over=self._kpis.is_over(period),
            homes=homes,
        )

    def _may_export(self, user: User) -> bool:
        return is_allowed(user, Right.EXPORT, Subject(now=self._clock(), is_home=False))

    async def _log(self, user: User, period: Period) -> None:
        now = self._clock()
        await self._store.write(
            lambda connection: note(connection, Act.EXPORT, actor=user.login, at=now, reason=f"report {period}")
        )

    async def _homes(self, user: User, period: Period) -> Homes:
        window, now = period.window(self._zone), self._clock()
        wide = Window(start=window.start - timedelta(days=BEFORE_DAYS), end=window.end)

        def read(connection: Connection) -> Homes:
            facts = kpi_scope.Scope(connection, user, now).of(kpi.from_tables(connection, wide)).facts
            counted = [one for one in facts if _counts(one)]
            callers = _callers(counted, window)
            found = rising(_happened(connection, counted, window), window, now)
            shown = {one.home_key for one in callers[:MOST]} | {one.home_key for one in found[:MOST]}
            return Homes(
                callers=callers[:MOST],
                callers_in_all=len(callers),
                rising=found[:MOST],
                rising_in_all=len(found),
                people=households(connection, shown) if holds(user, Right.READ_RESIDENTS) else {},
            )

        return await self._store.read(read)


def _counts(one: CaseFacts) -> bool:
    return one.workflow in _OF_PEOPLE and not one.is_test and one.disposition is not Disposition.MERGED


def _callers(facts: Iterable[CaseFacts], window: Window) -> tuple[Caller, ...]:
    """Homes with REPEATS life alarms or more, as the figure counts them; the most first."""
    life = [one for one in facts if one.workflow == "emergency" and window.holds(one.opened_at)]
    often = [
        Caller(home_key=home, cases=tuple(sorted(one.incident_id for one in cases)))
        for home, cases in _by_home(life).items()
        if len(cases) >= REPEATS
    ]
    return tuple(sorted(often, key=lambda one: (-len(one.cases), one.home_key)))


def _happened(connection: Connection, facts: list[CaseFacts], window: Window) -> list[Happened]:
    """Of homes that can be on the list at all: what a case is about is read of these alone.

    Whoever lives alone is his home, whether its alarms name him or not. Who left is on no list, nor is a home that all
    left.
    """
    came = _by_home(one for one in facts if window.holds(one.opened_at))
    may_rise = {home for home, cases in came.items() if len(cases) >= LEAST}
    those = [one for one in facts if one.home_key in may_rise]
    said, nothing = about(connection, [one.incident_id for one in those]), About(hazard="", resident_id="")
    gone, empty = gone_from(connection, may_rise)
    shared = {home for home, who in households(connection, may_rise).items() if len(who.people) > 1}
    return [
        Happened(
            incident_id=one.incident_id,
            home_key=one.home_key,
            opened_at=one.opened_at,
            hazard=said.get(one.incident_id, nothing).hazard,
            resident_id=said.get(one.incident_id, nothing).resident_id if one.home_key in shared else "",
        )
        for one in those
        if one.home_key not in empty and said.get(one.incident_id, nothing).resident_id not in gone
    ]


def _by_home(facts: Iterable[CaseFacts]) -> dict[str, list[CaseFacts]]:
    found: dict[str, list[CaseFacts]] = defaultdict(list)
    for one in facts:
        found[one.home_key].append(one)
    return found
