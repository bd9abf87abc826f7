"""What a person is looked after with, as one user may see it: plans, assessments, medicines, and who is behind.

Who may look at all is judged by the room of residents, whose page this is a part of; the list is for who may see health
without a case.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import partial

from community import care_measured
from community.care import (
    LONGEST_DAYS,
    MEASURED,
    TOLD_DAYS,
    Adherence,
    Assessment,
    Course,
    Keeping,
    Occasion,
    Share,
    Trend,
    Wanted,
    adherence,
    doses,
    is_over,
    is_overdue,
    keeping,
    share,
    trend,
)
from community.care_measured import Own
from community.consent import Purpose
from community.consent import may as agrees
from community.family_room import ElderPage
from community.measurements.port import Latest, Measurements, Span
from community.people import Item, day_of
from community.registry import AssessmentRow, CarePlanRow, MedicineRow
from community.resident_room import ResidentPage, Tab
from community.rights import Right, Subject, is_allowed, may
from community.store import care, care_list, care_rows, care_standings, people, resident_looks, stays
from community.store.care_list import BehindLine, Sieve, Why
from community.store.care_standings import Standing
from community.store.database import Connection, Store
from community.store.people_access import Act, note
from community.store.stays import Claim
from community.users import User
from shouwang.quantities import Quantity

TAKEN_DAYS = 30
"""How far back it is told whether medicines were taken."""
MOST_OUT = 5_000
"""Lines of one file."""
LOOKS_AT_ONCE = 200
"""Looks that are written down in one go: an alarm that comes meanwhile waits for no more than these."""
JUDGED_AFTER = timedelta(hours=1)
"""So old may what the list says of a plan be: plans ask for measurements by days, not by minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanTold:
    """A plan of care and how it goes. Where values may not be seen only the plan itself is there (`keeping` None)."""

    plan: CarePlanRow
    is_review_due: bool
    keeping: Keeping | None = None
    found: int = 0
    newest: Latest | None = None
    shares: Mapping[int, Share] | None = None
    trend: Trend = Trend.TOO_FEW

    @property
    def has_target(self) -> bool:
        """Whether a clinician has set where values should lie."""
        return self.plan.low is not None or self.plan.high is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class AssessmentTold:
    """An assessment. `is_newest` of its kind; `is_due`: the next one is."""

    row: AssessmentRow
    is_newest: bool
    is_due: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MedicinesTold:
    """What is taken now, what is over, and what is known of it. `missed`: calls of the home, None where none is seen.

    `adherence` None: nothing in this home tells what is taken.
    """

    current: tuple[MedicineRow, ...]
    over: tuple[MedicineRow, ...]
    adherence: Adherence | None = None
    missed: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CareTold:
    """What one tab shows. `is_measured_shown`: values and what follows from them may be seen here."""

    is_measured_shown: bool
    plans: tuple[PlanTold, ...] = ()
    assessments: tuple[AssessmentTold, ...] = ()
    medicines: MedicinesTold | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Behind:
    """A page of those who are behind, how many there are with each, and whether another page follows."""

    lines: tuple[BehindLine, ...]
    counts: Mapping[Why, int]
    has_more: bool


class CareRoom:
    """What stands behind the care parts of a resident's page, and /care."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], zone: tzinfo | None = None) -> None:
        """Without measurements until it is told where they lie. `zone`: of days; None: where this computer is."""
        self._store = store
        self._clock = clock
        self._zone = zone
        self._port: Measurements | None = None

    def measured_by(self, port: Measurements) -> None:
        """Where measurements lie, known once their place is open."""
        self._port = port

    # ---- a resident ----

    async def told(self, page: ResidentPage) -> CareTold | None:
        """What this tab of his page shows; None for other tabs, and where health is not shown."""
        if not page.is_health_shown or page.tab not in _TABS:
            return None
        is_shown = page.file.is_monitored or page.file.open_case is not None
        return await self._told(page.file.resident.id, page.tab, is_shown=is_shown)

    async def told_family(self, page: ElderPage) -> CareTold | None:
        """What a family member may know: how plans go with the word for values, medicines with that for the card.

        Nothing where the elder agreed to neither, or does not want health to be shown.
        """
        now, resident_id, sees = self._clock(), page.elder.resident_id, page.elder.may_see
        if page.status is None or sees.isdisjoint({Item.VITALS, Item.CARD}):
            return None
        said = await self._store.read(lambda connection: people.consents_of(connection, resident_id))
        is_watched = agrees(Purpose.HEALTH_MONITORING, said, now) and Item.VITALS in sees
        if not agrees(Purpose.EMERGENCY, said, now):
            return None
        plans = await self._told(resident_id, Tab.CARE, is_shown=True) if is_watched else None
        taken = await self._told(resident_id, Tab.MEDICINES, is_shown=is_watched) if Item.CARD in sees else None
        return CareTold(
            is_measured_shown=is_watched,
            plans=() if plans is None else tuple(one for one in plans.plans if one.keeping not in {None, Keeping.OVER}),
            medicines=None if taken is None else taken.medicines,
        )

    async def _told(self, resident_id: str, tab: Tab, *, is_shown: bool) -> CareTold:
        rows, claims = await self._store.read(
            lambda connection: (care_rows.of_person(connection, resident_id), stays.claims(connection, resident_id))
        )
        if tab is Tab.CARE:
            plans = sorted((row for row in rows if isinstance(row, CarePlanRow)), key=lambda row: _ORDER[row.quantity])
            return CareTold(is_measured_shown=is_shown, plans=await self._plans(plans, claims, is_shown=is_shown))
        if tab is Tab.ASSESSMENTS:
            found = [row for row in rows if isinstance(row, AssessmentRow)]
            return CareTold(is_measured_shown=is_shown, assessments=tuple(_assessments(found, self._today())))
        taken = [row for row in rows if isinstance(row, MedicineRow)]
        told = await self._medicines(resident_id, taken, claims, is_shown=is_shown)
        return CareTold(is_measured_shown=is_shown, medicines=told)

    async def _plans(
        self, plans: Sequence[CarePlanRow], claims: Sequence[Claim], *, is_shown: bool
    ) -> tuple[PlanTold, ...]:
        today = self._today()
        if self._port is None or not is_shown:
            return tuple(PlanTold(plan=plan, is_review_due=_is_due(plan, today)) for plan in plans)
        series = await care_measured.own_series(self._port, claims, {plan.quantity for plan in plans})
        return tuple([await self._plan(self._port, plan, series) for plan in plans])

    async def _plan(self, port: Measurements, plan: CarePlanRow, series: Sequence[Own]) -> PlanTold:
        now = self._clock()
        found, standing = await self._judged(port, plan, series, LONGEST_DAYS)
        return PlanTold(
            plan=plan,
            is_review_due=_is_due(plan, self._today()),
            keeping=standing.keeping,
            found=standing.found,
            newest=care_measured.newest(series, plan.quantity),
            shares={days: share(_since(found, now, days), plan.low, plan.high) for days in TOLD_DAYS},
            trend=trend(found, now, self._zone),
        )

    async def _judged(
        self, port: Measurements, plan: CarePlanRow, series: Sequence[Own], days: int
    ) -> tuple[Sequence[Occasion], Standing]:
        """What was measured for the plan in so many days, and how the plan is kept by those of its own days."""
        now = self._clock()
        found = await care_measured.measured(port, series, plan.quantity, Span(now - timedelta(days=days), now))
        kept = [one for one in found if one.at > now - timedelta(days=plan.days)]
        last = care_measured.newest(series, plan.quantity)
        is_measured = last is not None or bool(found)
        judged = keeping(_wanted(plan), len(kept), self._today(), is_measured=is_measured)
        newest_at = None if last is None else last.at
        return found, Standing(plan=plan, keeping=judged, found=len(kept), newest_at=newest_at)

    async def _medicines(
        self, resident_id: str, rows: Sequence[MedicineRow], claims: Sequence[Claim], *, is_shown: bool
    ) -> MedicinesTold:
        now, today = self._clock(), self._today()
        over = tuple(row for row in rows if is_over(row.until, today))
        current = tuple(row for row in rows if row not in over)
        if self._port is None or not is_shown:
            return MedicinesTold(current=current, over=over)
        first = datetime.combine(
            today - timedelta(days=TAKEN_DAYS - 1), time(), tzinfo=now.astimezone(self._zone).tzinfo
        )
        missed = await self._store.read(lambda connection: care.missed_doses(connection, resident_id, first, now))
        known = await self._adherence(self._port, rows, claims, first)
        return MedicinesTold(current=current, over=over, adherence=known, missed=missed)

    async def _adherence(
        self, port: Measurements, rows: Sequence[MedicineRow], claims: Sequence[Claim], first: datetime
    ) -> Adherence | None:
        """From when on a dispenser has told something; None where none did: its silence says nothing of the person."""
        now = self._clock()
        series = await care_measured.own_series(port, claims, {Quantity.MEDICATION})
        taken = await care_measured.moments(port, series, Quantity.MEDICATION, Span(first, now))
        if not taken:
            return None
        is_old = await care_measured.was_there(port, series, Quantity.MEDICATION, first)
        since = (first if is_old else taken[0]).astimezone(self._zone).date()
        due = doses(map(_course, rows), since, now, self._zone)
        return adherence(due, taken, since) if due else None

    # ---- those who are behind ----

    async def behind(self, user: User, sieve: Sieve, number: int) -> Behind:
        """A page of the list; each name on it is a look at a card. Raises Refused."""
        now = self._clock().astimezone(self._zone)
        self._may_list(user, now)
        lines, has_more, counts = await self._store.read(
            lambda connection: (
                *care_list.page(connection, user, sieve, number, now),
                care_list.counts(connection, user, sieve.area, now),
            )
        )
        await self._store.write(lambda connection: _seen(connection, user, lines, now))
        return Behind(lines=lines, counts=counts, has_more=has_more)

    async def taken_out(self, user: User, sieve: Sieve, reason: str) -> tuple[BehindLine, ...]:
        """The whole list as a file, for who may take health away; each name in it is a look at a card. Raises Refused.

        That it is taken out, what for and each look are on record before anything is given.
        """
        now = self._clock().astimezone(self._zone)
        self._may_list(user, now)
        may(user, Right.EXPORT, Subject(now=now, is_home=False, holds_medical=True))
        await self._store.write(partial(note, act=Act.EXPORT, actor=user.login, at=now, reason=reason))
        # Read apart from writing: alarms must not wait for five thousand lines.
        lines, _ = await self._store.read(
            lambda connection: care_list.page(connection, user, sieve, 0, now, size=MOST_OUT)
        )
        for first in range(0, len(lines), LOOKS_AT_ONCE):
            looked_at = lines[first : first + LOOKS_AT_ONCE]
            await self._store.write(partial(_seen, user=user, lines=looked_at, now=now))
        return lines

    def may_take_out(self, user: User) -> bool:
        """Whether he may have the list as a file."""
        return is_allowed(user, Right.EXPORT, Subject(now=self._clock(), is_home=False, holds_medical=True))

    def _may_list(self, user: User, now: datetime) -> None:
        may(user, Right.READ_RESIDENTS, Subject(now=now, is_home=False))
        may(user, Right.READ_MEDICAL, Subject(now=now, is_home=False))

    # ---- judged before anybody asks ----

    async def judge(self, limit: int) -> int:
        """Look at the plans that nobody has looked at for an hour; how many it were."""
        port, now = self._port, self._clock()
        if port is None:
            return 0
        before = now - JUDGED_AFTER
        plans = await self._store.read(lambda connection: care_standings.waiting(connection, now, before, limit))
        by_person: dict[str, list[CarePlanRow]] = {}
        for plan in plans:
            by_person.setdefault(plan.resident, []).append(plan)
        found: list[Standing] = []
        for resident_id, his in by_person.items():
            claims = await self._store.read(partial(stays.claims, resident_id=resident_id))
            series = await care_measured.own_series(port, claims, {plan.quantity for plan in his})
            found += [(await self._judged(port, plan, series, plan.days))[1] for plan in his]
        if found:
            await self._store.write(lambda connection: care_standings.put(connection, found, now))
        return len(found)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()


_ORDER = {quantity: place for place, quantity in enumerate(MEASURED)}
_TABS = frozenset({Tab.CARE, Tab.ASSESSMENTS, Tab.MEDICINES})


def _seen(connection: Connection, user: User, lines: Iterable[BehindLine], now: datetime) -> None:
    subject = Subject(now=now, is_home=False)  # that their homes are his was judged when they were found
    whose = [(one.resident_id, one.home_id) for one in lines]
    resident_looks.seen_each(connection, user, Act.CARD, subject, whose=whose)


def _wanted(plan: CarePlanRow) -> Wanted:
    return Wanted(times=plan.times, days=plan.days, since=day_of(plan.since), until=day_of(plan.until))


def _course(row: MedicineRow) -> Course:
    times = tuple(time.fromisoformat(at) for at in row.at)
    return Course(times=times, since=day_of(row.since), until=day_of(row.until))


def _is_due(plan: CarePlanRow, today: date) -> bool:
    return _wanted(plan).is_in_force(today) and is_overdue(day_of(plan.review_on), today)


def _since(found: Iterable[Occasion], now: datetime, days: int) -> list[float]:
    return [one.value for one in found if one.at > now - timedelta(days=days)]


def _assessments(rows: Iterable[AssessmentRow], today: date) -> Iterable[AssessmentTold]:
    """The newest first; only the newest of a kind (of a scale, where the kind does not say which) asks for another."""
    told: set[tuple[Assessment, str]] = set()
    for row in sorted(rows, key=lambda row: (row.day, row.kind), reverse=True):
        what = (row.kind, row.scale if row.kind is Assessment.OTHER else "")
        is_newest = what not in told
        told.add(what)
        yield AssessmentTold(row=row, is_newest=is_newest, is_due=is_newest and is_overdue(day_of(row.next_on), today))
