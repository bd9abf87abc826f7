"""What the engine must know of the world at this moment, read from the tables: who can be reached, who could go."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import sqlalchemy as sa

from community.casefile import Case, Context
from community.store import dispatch, reach, schema
from community.store.lease import engine_now
from shouwang.alert import Severity


def moment(connection: sa.Connection) -> Context:
    """For a step that calls nobody and sends nobody: an alarm that begins a case, joins it or ends."""
    return Context(now_e=engine_now(connection))


def context(
    connection: sa.Connection, case: Case, now: datetime, *, by: str = "", known: reach.Known | None = None
) -> Context:
    """For a step of this case. `by`: who orders it; `known`: the people whom a turn over many cases knows already."""
    around = _Around(connection, case, now, known)
    return Context(
        now_e=engine_now(connection),
        candidates=_Candidates(around),
        reachable=_Reachable(around),
        live_p1=_live_p1(connection, by) if by else 0,
    )


class _Around:
    """Read when a step asks, and once: most steps call nobody, and who could go is the dearest of all questions."""

    def __init__(self, connection: sa.Connection, case: Case, now: datetime, known: reach.Known | None) -> None:
        self._asked = (connection, case, now)
        self._known = known

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        return dispatch.candidates(*self._asked)

    @cached_property
    def reachable(self) -> frozenset[str]:
        return reach.audiences(*self._asked, self._known)


@dataclass(frozen=True, slots=True)
class _Candidates:
    around: _Around

    def __iter__(self) -> Iterator[str]:
        return iter(self.around.candidates)


@dataclass(frozen=True, slots=True)
class _Reachable:
    around: _Around

    def __contains__(self, audience: object) -> bool:
        return audience in self.around.reachable


def _live_p1(connection: sa.Connection, owner: str) -> int:
    table = schema.incidents
    works_on = (table.c.owner == owner, table.c.priority == Severity.P1.value, table.c.state.in_(_AT_WORK))
    return connection.execute(sa.select(sa.func.count()).select_from(table).where(*works_on)).scalar_one()


_AT_WORK = ("ACKED", "DISPATCHED", "EN_ROUTE", "ON_SCENE")
"""States in which an operator has somebody on the line or on the way."""
