"""What stands behind the wallboard: one look at everything, shared by all screens of the same areas."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TypeVar

from community.casefile import Colour
from community.kpi import Kpi
from community.kpi_desk import KpiDesk, MonthPage
from community.plan import Group, State
from community.plan_room import groups_of, not_placed
from community.rights import Right
from community.store import dispatch, plan, rights, storm_rows, wall
from community.store.database import Connection, Store
from community.store.plan import Seen
from community.users import EVERYWHERE, User
from community.wall import HISTORY, Boxes, Wall, people_of, rolled_up, steps_of

FRESH_S = 2.0
"""So old may be what no entry of the audit log changes, such as a box that fell silent (S78: at most 2 s)."""
FIGURES_FRESH_S = 10.0
"""So old may be a figure that only time changes: a case that nobody answers."""
_KEPT = 16
"""Screens of so many different areas at once; walls run for months, and must not grow."""
_Scope = tuple[frozenset[str], frozenset[str], str]
_Any = TypeVar("_Any")


@dataclass(frozen=True, slots=True)
class _Kept:
    seq: int
    at: datetime
    wall: Wall


class WallRoom:
    """The wallboard. It counts the cases and homes of the viewer's areas; the desk and its channels are everybody's."""

    def __init__(self, store: Store, figures: KpiDesk, *, clock: Callable[[], datetime], zone: tzinfo | None) -> None:
        """`zone`: of midnight; None means the server's own."""
        self._store = store
        self._figures = figures
        self._clock = clock
        self._zone = zone
        self._walls: dict[_Scope, _Kept] = {}
        self._months: dict[_Scope, tuple[int, datetime, MonthPage]] = {}

    async def wall(self, user: User) -> Wall:
        """As it stands now: after the newest entry of the log, and at most FRESH_S old."""
        now = self._clock()
        scope = (user.areas, user.organisations, user.role.value)
        seq = await self._store.read(wall.last_seq)
        kept = self._walls.get(scope)
        if kept is not None and kept.seq == seq and _is_fresh(kept.at, now, FRESH_S):
            return kept.wall
        month = await self._month(scope, user, seq, now)
        found = await self._store.read(lambda connection: _read(connection, user, now, month, self._midnight(now)))
        _keep(self._walls, scope, _Kept(seq, now, found))
        return found

    async def _month(self, scope: _Scope, user: User, seq: int, now: datetime) -> MonthPage:
        kept = self._months.get(scope)
        if kept is not None and kept[0] == seq and _is_fresh(kept[1], now, FIGURES_FRESH_S):
            return kept[2]
        found = await self._figures.month(self._figures.this_month(), user)
        _keep(self._months, scope, (seq, now, found))
        return found

    def _midnight(self, now: datetime) -> datetime:
        return now.astimezone(self._zone).replace(hour=0, minute=0, second=0, microsecond=0)


def _is_fresh(at: datetime, now: datetime, for_s: float) -> bool:
    return timedelta() <= now - at < timedelta(seconds=for_s)


def _keep(kept: dict[_Scope, _Any], scope: _Scope, one: _Any) -> None:
    kept.pop(scope, None)
    kept[scope] = one
    while len(kept) > _KEPT:
        kept.pop(next(iter(kept)))


def _read(connection: Connection, user: User, now: datetime, month: MonthPage, midnight: datetime) -> Wall:
    homes = _homes(connection, user, now)
    seen = Seen(connection, now, homes)
    queue = wall.queue(connection, homes, now)
    silent = wall.silent_on_scene(connection)
    return Wall(
        as_of=now,
        seq=wall.last_seq(connection),
        figures=tuple(one for one in map(month.figure, (Kpi.ANSWERED_SOON, Kpi.ANSWERED_AT_LAST)) if one is not None),
        red_today=sum(card.colour is Colour.RED and card.at >= midnight for _, card in month.cards),
        queue=queue,
        steps=steps_of(queue.by_phase, month.times),
        desk=wall.desk(connection, now),
        people=people_of(dispatch.everybody(connection, now), user.areas, silent),
        channels=wall.channels(connection),
        boxes=_boxes(seen),
        groups=_groups(connection, seen),
        last_test=wall.last_test(connection, homes),
        storms=storm_rows.summary(connection, now),
    )


def _homes(connection: Connection, user: User, now: datetime) -> frozenset[str] | None:
    """The homes that count for him, and what stands for homes in cases about many; None: all."""
    if user.areas == EVERYWHERE and user.organisations == EVERYWHERE:
        return None
    wanted = plan.all_homes(connection) | wall.homes_with_cases(connection, now - HISTORY)
    return rights.visible(connection, user, Right.READ_KPIS, wanted, now)


def _boxes(seen: Seen) -> Boxes:
    sums = seen.sums()
    held = sums.holding
    return Boxes(
        homes=sums.homes,
        silent=held[State.SILENT],
        battery=held[State.BATTERY],
        never=held[State.NEVER],
        no_box=held[State.NO_BOX],
    )


def _groups(connection: Connection, seen: Seen) -> tuple[Group, ...]:
    placed = seen.counts()
    found = rolled_up(groups_of(placed, plan.wide_places(connection)))
    rest = not_placed(placed)
    return found if rest is None else (*found, Group(place_id=rest.place_id, names=(), blocks=(rest,)))
