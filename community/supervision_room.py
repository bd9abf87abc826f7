"""What stands behind the supervisor's page: cards, red cases with decisions, call-backs, the sample of calls."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

import msgspec

from community.call_review import Review, checked
from community.casefile import Case, NotNow
from community.desk import Due, QueueRow
from community.improvement import Item, Phase
from community.kpi_desk import KpiDesk
from community.kpi_facts import Drawn
from community.kpi_months import Month, Week, Window, day_of, month_of, week_of
from community.rights import Right, holds
from community.store import call_reviews, decisions, kpi, kpi_scope, logins, overseen, rights
from community.store.case_rows import dues_of, rows_of
from community.store.database import Connection, Store
from community.store.decisions import Decision, Wanted
from community.store.lease import engine_now
from community.users import Role, User
from shouwang.alert import Sentence

SHOWN = 20
"""Rows of each list of the page, which says how many more there are."""
ON_AGENDA = 100
"""Cases that one meeting can talk about, at most."""
_NOT_YOURS = Sentence(
    zh="本案不在您的范围内，或不在抽样之列", en="this case is not of your areas, or not of the sample"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RedCase:
    """A case that drew a red card. `steps`: in which steps; `decisions`: of the joint meeting, oldest first."""

    row: QueueRow
    steps: tuple[str, ...]
    decisions: tuple[Decision, ...]

    @property
    def open_decisions(self) -> tuple[Decision, ...]:
        """Those that nobody has settled."""
        return tuple(one for one in self.decisions if one.settled_at is None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """A case that waits for a call-back. `may_call`: logins that handled nothing of it."""

    row: QueueRow
    due: Due | None
    tries: int
    may_call: tuple[str, ...]

    @property
    def is_missed(self) -> bool:
        """Whether its time is over."""
        return self.due is not None and self.due.is_red


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    """A call of the sample. `review` None: nobody has looked at it yet."""

    handler: str
    incident_id: int
    review: Review | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """The page. Lists hold the first SHOWN, `..._in_all` says how many there are. `cards`: this week, newest first."""

    today: Window
    week: Week
    cards: tuple[tuple[int, Drawn], ...]
    cards_in_all: int
    red: tuple[RedCase, ...]
    red_in_all: int
    callbacks: tuple[Callback, ...]
    callbacks_in_all: int
    month: Month
    sample: tuple[Sampled, ...]
    items: Mapping[Phase, int]
    late_items: int
    day: date

    @property
    def to_review(self) -> int:
        """Calls of the sample that nobody has looked over."""
        return sum(one.review is None for one in self.sample)


_Lists = tuple[tuple[tuple[int, Drawn], ...], tuple[tuple[RedCase, ...], int], tuple[tuple[Callback, ...], int]]


class SupervisionRoom:
    """Each list as far as the areas of who asks reach; names of residents for who may read the register."""

    def __init__(self, store: Store, kpis: KpiDesk, *, clock: Callable[[], datetime], zone: tzinfo | None) -> None:
        """`zone`: of days, weeks and months; None means the server's own."""
        self._store = store
        self._kpis = kpis
        self._clock = clock
        self._zone = zone

    async def called(self) -> dict[str, str]:
        """What everybody is called whom a case or a roster may name."""
        return await self._kpis.called()

    async def roles(self, user: User) -> dict[str, str]:
        """The role of each login, where he may not know who it is; empty for who may."""
        if holds(user, Right.READ_RESIDENTS):
            return {}
        everybody = await self._store.read(logins.everybody)
        return {one.login: one.role.value for one in everybody}

    def last_month(self) -> Month:
        """The last one that has ended: its sample is drawn."""
        return month_of(self._clock(), self._zone).before

    async def overview(self, user: User) -> Overview:
        """Everything of the page."""
        now, month = self._clock(), self.last_month()
        week = week_of(now, self._zone)

        def read(connection: Connection) -> _Lists:
            scope = kpi_scope.Scope(connection, user, now)
            cards = scope.cards(kpi.cards(connection, week.window(self._zone)))
            return cards[::-1], _red(connection, user, now), _callbacks(connection, user, now)

        cards, (red, red_in_all), (callbacks, callbacks_in_all) = await self._store.read(read)
        items = await self._kpis.items(user)
        day = now.astimezone(self._zone).date()
        return Overview(
            today=day_of(now, self._zone),
            week=week,
            cards=cards[:SHOWN],
            cards_in_all=len(cards),
            red=red,
            red_in_all=red_in_all,
            callbacks=callbacks,
            callbacks_in_all=callbacks_in_all,
            month=month,
            sample=await self.sample(user, month),
            items=_phases(items),
            late_items=sum(one.is_late(day) for one in items),
            day=day,
        )

    async def agenda(self, user: User) -> tuple[RedCase, ...]:
        """The red cases of his areas: what the joint meeting talks about."""
        now = self._clock()
        return (await self._store.read(lambda connection: _red(connection, user, now, most=ON_AGENDA)))[0]

    async def sample(self, user: User, month: Month) -> tuple[Sampled, ...]:
        """The drawn calls of the month with their reviews; empty while it lasts."""
        drawn = await self._kpis.sample(month, user)
        made = await self._store.read(lambda connection: call_reviews.of_month(connection, str(month)))
        by_call = {(one.handler, one.incident_id): one for one in made}
        return tuple(
            Sampled(handler=handler, incident_id=number, review=_review_for(user, by_call.get((handler, number))))
            for handler, numbers in drawn
            for number in numbers
        )

    async def review(self, user: User, call: tuple[Month, str, int], marks: Mapping[str, int], words: str) -> None:
        """Keep his review of a call of the sample (month, handler, case). Raises NotNow."""
        month, handler, incident_id = call
        points = checked(marks, words, handler=handler, reviewers=user.names)
        if not any((one.handler, one.incident_id) == (handler, incident_id) for one in await self.sample(user, month)):
            raise NotNow(_NOT_YOURS)
        found = Review(
            review_id=0,
            month=str(month),
            handler=handler,
            incident_id=incident_id,
            by=user.login,
            at=self._clock(),
            marks=points,
            words=words.strip(),
        )
        await self._store.write(lambda connection: call_reviews.keep(connection, found))

    async def reviews_of(self, user: User) -> tuple[Review, ...]:
        """What supervisors said of his own calls, the newest first."""
        return await self._store.read(lambda connection: call_reviews.of_handlers(connection, user.names))

    async def has_read(self, user: User, review_id: int) -> None:
        """He has read a review of his own calls."""
        now = self._clock()
        await self._store.write(lambda connection: call_reviews.read_by_handler(connection, review_id, user.names, now))

    async def decide(self, user: User, incident_id: int, wanted: Wanted) -> None:
        """The joint meeting has decided. Raises NotNow."""
        now = self._clock()

        def work(connection: Connection) -> None:
            _must_see(connection, user, incident_id, now)
            decisions.decide(connection, incident_id, wanted, by=user.login, now=now)

        await self._store.write(work)

    async def settle(self, user: User, decision_id: int, outcome: str) -> None:
        """What was decided has been done. Raises NotNow."""
        now = self._clock()

        def work(connection: Connection) -> None:
            _must_see(connection, user, decisions.case_of(connection, decision_id), now)
            decisions.settle(connection, decision_id, outcome, by=user.login, now=now)

        await self._store.write(work)


def _phases(items: Sequence[Item]) -> Mapping[Phase, int]:
    counted = Counter(item.phase for item in items)
    return {phase: counted[phase] for phase in Phase}


def _must_see(connection: Connection, user: User, incident_id: int | None, now: datetime) -> None:
    if incident_id is None or not kpi_scope.Scope(connection, user, now).cases((incident_id,)):
        raise NotNow(_NOT_YOURS)


def _his(
    connection: Connection, user: User, found: Sequence[overseen.Numbered], now: datetime
) -> list[overseen.Numbered]:
    homes = {case.home_key for _, case in found}
    seen = rights.visible(connection, user, Right.READ_CASE, homes, now)
    return [(number, case) for number, case in found if case.home_key in seen]


def _rows(connection: Connection, user: User, found: Sequence[overseen.Numbered], now: datetime) -> list[QueueRow]:
    rows = rows_of(connection, found, now)
    if holds(user, Right.READ_RESIDENTS):
        return list(rows)
    return [replace(row, resident_name="", resident_age=None) for row in rows]


def _red(connection: Connection, user: User, now: datetime, *, most: int = SHOWN) -> tuple[tuple[RedCase, ...], int]:
    found = _his(connection, user, overseen.red(connection), now)
    shown = found[:most]
    numbers = [number for number, _ in shown]
    steps = overseen.red_steps(connection, numbers)
    made: dict[int, list[Decision]] = {}
    for one in decisions.of_cases(connection, numbers):
        made.setdefault(one.incident_id, []).append(_decision_for(user, one))
    rows = _rows(connection, user, shown, now)
    return tuple(
        RedCase(row=row, steps=steps.get(row.incident_id, ()), decisions=tuple(made.get(row.incident_id, ())))
        for row in rows
    ), len(found)


def _decision_for(user: User, one: Decision) -> Decision:
    """What people wrote may name anybody, and say what ails him: it is for who may know that."""
    if holds(user, Right.READ_MEDICAL):
        return one
    owner = one.owner if holds(user, Right.READ_RESIDENTS) else ""
    return msgspec.structs.replace(one, measure=None, outcome=None, owner=owner)


def _review_for(user: User, one: Review | None) -> Review | None:
    if one is None or holds(user, Right.READ_MEDICAL):
        return one
    return msgspec.structs.replace(one, words=None)


def _callbacks(connection: Connection, user: User, now: datetime) -> tuple[tuple[Callback, ...], int]:
    found = _his(connection, user, overseen.to_call_back(connection), now)
    shown = found[:SHOWN]
    moment, callers = (now, engine_now(connection)), _callers(connection, shown, now)
    rows = _rows(connection, user, shown, now)
    return tuple(
        Callback(
            row=row,
            due=next((due for due in dues_of(case, moment) if due.name == "revisit"), None),
            tries=case.tries,
            may_call=tuple(one.login for one, homes in callers if _may_call(one, homes, case)),
        )
        for row, (_, case) in zip(rows, shown, strict=True)
    ), len(found)


def _callers(
    connection: Connection, found: Sequence[overseen.Numbered], now: datetime
) -> list[tuple[User, frozenset[str]]]:
    """Who calls back here, each with the homes that he may call."""
    homes = {case.home_key for _, case in found}
    desk = [one for one in logins.everybody(connection) if one.role in {Role.OPERATOR, Role.SUPERVISOR}]
    return [(one, rights.visible(connection, one, Right.REVISIT, homes, now)) for one in desk if not one.is_disabled]


def _may_call(user: User, homes: frozenset[str], case: Case) -> bool:
    """As the guard of the call-back has it: nobody who handled the case."""
    return case.home_key in homes and not user.names & set(case.handlers)
