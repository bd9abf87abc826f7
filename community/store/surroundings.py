"""What the engine must know of the world at this moment, read from the tables: who can be reached, who could go."""

from datetime import datetime

import sqlalchemy as sa

from community.casefile import Case, Context
from community.store import dispatch, reach, schema
from community.store.lease import engine_now
from shouwang.alert import Severity


def context(connection: sa.Connection, case: Case | None, now: datetime, *, by: str = "") -> Context:
    """For a step of this case, or of one that begins. `by`: who orders it."""
    if case is None:
        return Context(now_e=engine_now(connection))
    return Context(
        now_e=engine_now(connection),
        candidates=dispatch.candidates(connection, case, now),
        reachable=reach.audiences(connection, case, now),
        live_p1=_live_p1(connection, by) if by else 0,
    )


def _live_p1(connection: sa.Connection, owner: str) -> int:
    table = schema.incidents
    works_on = (table.c.owner == owner, table.c.priority == Severity.P1.value, table.c.state.in_(_AT_WORK))
    return connection.execute(sa.select(sa.func.count()).select_from(table).where(*works_on)).scalar_one()


_AT_WORK = ("ACKED", "DISPATCHED", "EN_ROUTE", "ON_SCENE")
"""States in which an operator has somebody on the line or on the way."""
