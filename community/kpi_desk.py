"""What the pages of figures ask for and what supervisors order there: on the store, in the centre's time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from community.casefile import NotNow
from community.improvement import Item, Move
from community.kpi import Figure, Kpi, StepTime, figures, step_times
from community.kpi_facts import Drawn
from community.kpi_months import Month, Period, Week, month_of, week_of
from community.kpi_sample import sample
from community.remembered import Remembered
from community.scores import Score, differences, scores
from community.store import card_excuses, improvements, kpi, kpi_scope, logins
from community.store.database import Connection, Store
from community.store.kpi_memory import Memory
from community.users import User
from shouwang.alert import Sentence, Severity

SETTLED_AFTER = timedelta(days=1)
"""After its end the figures of a month change no more: whoever has not come by then has not come in time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthPage:
    """A month or a week in figures, as they stood at `as_of`; `cards` with their numbers, oldest first."""

    month: Period
    as_of: datetime
    figures: tuple[Figure, ...]
    times: tuple[StepTime, ...]
    scores: tuple[Score, ...]
    cards: tuple[tuple[int, Drawn], ...]
    open_now: tuple[tuple[Severity, int, datetime], ...]

    def figure(self, which: Kpi, of: str = "") -> Figure | None:
        """This one; None where there is none."""
        return next((one for one in self.figures if (one.kpi, one.of) == (which, of)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """What the pages say, and where the sealed log says otherwise: a row of each side, None where it has none."""

    scores: tuple[Score, ...]
    scores_differ: tuple[tuple[Score | None, Score | None], ...]
    figures_differ: tuple[tuple[Figure | None, Figure | None], ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.scores_differ and not self.figures_differ


class KpiDesk:
    """Figures, scores, excuses and improvement."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], zone: tzinfo | None) -> None:
        """`zone`: of the months; None means the server's own."""
        self._store = store
        self._clock = clock
        self._zone = zone
        self._memory = Memory()
        self._scores = Remembered(scores)

    def this_month(self) -> Month:
        """By the calendar on the wall."""
        return month_of(self._clock(), self._zone)

    def this_week(self) -> Week:
        """By the calendar on the wall."""
        return week_of(self._clock(), self._zone)

    def month_at(self, since_now: timedelta) -> Month:
        """So long from now (or ago)."""
        return month_of(self._clock() + since_now, self._zone)

    def today(self) -> datetime:
        """Now, on the wall."""
        return self._clock().astimezone(self._zone)

    def is_over(self, period: Period) -> bool:
        """Whether it has ended."""
        return period.window(self._zone).end <= self._clock()

    async def month(self, month: Period, user: User | None = None) -> MonthPage:
        """Everything of one month or week; for a `user` as far as his areas reach."""
        window, as_of, now = month.window(self._zone), self._as_of(month), self._clock()

        def read(connection: Connection) -> MonthPage:
            scope = kpi_scope.Scope(connection, user, now)
            material, people = scope.of(kpi.from_tables(connection, window, self._memory)), kpi.people(connection)
            return MonthPage(
                month=month,
                as_of=as_of,
                figures=figures(material.facts, material.cards, window, as_of),
                times=step_times(material.facts, window),
                scores=self._scores(material.timed_steps, material.cards, window, people),
                cards=scope.cards(kpi.cards(connection, window)),
                open_now=kpi.open_now(connection, scope.open_cases()),
            )

        return await self._store.read(read)

    async def compare(self, month: Month) -> Comparison:
        """What the pages say beside what the sealed log alone says. Raises DecodeError where the log is damaged."""
        window, as_of = month.window(self._zone), self._as_of(month)

        def read(connection: Connection) -> Comparison:
            people = kpi.people(connection)
            sides = kpi.from_tables(connection, window), kpi.from_log(connection, window)
            shown, sealed = (scores(one.timed_steps, one.cards, window, people) for one in sides)
            one, other = ({(f.kpi, f.of): f for f in figures(m.facts, m.cards, window, as_of)} for m in sides)
            return Comparison(
                scores=shown,
                scores_differ=differences(shown, sealed),
                figures_differ=tuple(
                    (one.get(key), other.get(key))
                    for key in sorted(one.keys() | other.keys())
                    if one.get(key) != other.get(key)
                ),
            )

        return await self._store.read(read, within_s=None)

    async def sample(self, month: Month, user: User | None = None) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The cases of a month to be looked over, by handler; empty while the month lasts. `user`: as of `month`."""
        window = month.window(self._zone)
        if self._clock() < window.end:
            return ()

        def read(connection: Connection) -> tuple[tuple[str, tuple[int, ...]], ...]:
            scope = kpi_scope.Scope(connection, user, self._clock())
            facts = scope.of(kpi.from_tables(connection, window, self._memory)).facts
            return sample(facts, window, kpi.seed(connection, window))

        return await self._store.read(read)

    async def excuse(self, card_id: int, code: str, *, by: User) -> None:
        """Take a card of his areas out of the score. Raises IllegalMove."""
        now = self._clock()

        def excuse(connection: Connection) -> None:
            kpi_scope.Scope(connection, by, now).must_see(card_id)
            card_excuses.excuse(connection, card_id, code, by=by.login, now=now)

        await self._store.write(excuse)

    async def called(self) -> dict[str, str]:
        """What everybody is called whom a case or a roster may name."""
        return await self._store.read(logins.called)

    async def items(self, user: User | None = None) -> tuple[Item, ...]:
        """Items of improvement, the newest first; for a `user` of some areas those of their cases alone."""
        now = self._clock()

        def read(connection: Connection) -> tuple[Item, ...]:
            return kpi_scope.Scope(connection, user, now).items(improvements.listed(connection))

        return await self._store.read(read)

    async def move(self, item_id: int, what: Move, *, by: User) -> Item:
        """One step further. Raises IllegalMove."""
        now = self._clock()

        def work(connection: Connection) -> Item:
            _must_see(connection, by, item_id, now)
            return improvements.move(connection, item_id, what, by=by.login, now=now)

        return await self._store.write(work)

    async def check(self, item_id: int, *, by: User) -> Item:
        """Count its metric before and after. Raises IllegalMove."""
        now = self._clock()

        def work(connection: Connection) -> Item:
            _must_see(connection, by, item_id, now)
            return improvements.check(connection, item_id, by=by.login, now=now)

        return await self._store.write(work)

    def _as_of(self, month: Period) -> datetime:
        return min(self._clock(), month.window(self._zone).end + SETTLED_AFTER)

    # ---- what the rounds do ----

    async def take_in(self) -> int:
        """Bring the tables of figures up to the log, and open items; how many were opened."""
        now, opened = self._clock(), 0
        while await self._store.read(kpi.is_behind):
            opened += await self._store.write(
                lambda connection: improvements.open_for(connection, kpi.catch_up(connection), now)
            )
        return opened

    async def judge(self, month: Month) -> int:
        """Open an item for each figure of a settled month that missed its target; how many were opened."""
        found = (await self.month(month)).figures
        now = self._clock()
        return await self._store.write(
            lambda connection: improvements.open_for_figures(connection, found, str(month), now)
        )


def _must_see(connection: Connection, user: User, item_id: int, now: datetime) -> None:
    found = improvements.item(connection, item_id)
    if found is None or not kpi_scope.Scope(connection, user, now).items((found,)):
        raise NotNow(Sentence(zh=f"您的区域内没有第 {item_id} 项", en=f"there is no item {item_id} of your areas"))
