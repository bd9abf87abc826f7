"""Cases of which every cause has ended, and that end by themselves when nothing comes for a while."""

from datetime import datetime

import sqlalchemy as sa

from community import engine
from community.casefile import SYSTEM, Case, Order
from community.quiet import is_sampled
from community.store.cases import load, record
from community.store.lease import engine_now
from community.store.needs import needs
from community.store.quieting import FORGET, put_off
from community.store.storm_schema import quiet_cases
from community.store.surroundings import context
from community.workflow import kept_workflow
from shouwang.alert import Severity


def due(connection: sa.Connection, limit: int) -> list[int]:
    """Cases whose time is over."""
    found = connection.execute(_DUE, {"now": engine_now(connection), "most": limit})
    return [row.incident_id for row in found]


def end(connection: sa.Connection, incident_id: int, now: datetime) -> bool:
    """End this case, or give it to a person to look at. False where it is about a life, or is not quiet any more."""
    case = load(connection, incident_id)
    table = None if case is None else kept_workflow(case.workflow, case.policy)
    if case is None or table is None or table.quiet is None or not _may_end(connection, case):
        connection.execute(FORGET, {"incident": incident_id})
        return False
    if table.row("clear", case.state) is None:  # somebody works on it: should he give it back, it ends then
        put_off(connection, incident_id, case)
        return False
    command = "sample" if is_sampled(incident_id, table.quiet.sampled) else "clear"
    order = Order(command=command, by=SYSTEM, role="system")
    record(
        connection,
        incident_id,
        engine.ordered(case, order, context(connection, case, now), at=now),
        at=now,
        actor=SYSTEM,
    )
    connection.execute(FORGET, {"incident": incident_id})
    return True


def _may_end(connection: sa.Connection, case: Case) -> bool:
    is_ended = case.state in kept_workflow(case.workflow, case.policy).final
    is_life = case.priority.rank <= Severity.P2.rank
    return case.is_cleared and not is_ended and not is_life and not needs(connection, case.home_key).needs_power


_DUE = (
    sa.select(quiet_cases.c.incident_id)
    .where(quiet_cases.c.due_e <= sa.bindparam("now"))
    .order_by(quiet_cases.c.due_e, quiet_cases.c.incident_id)
    .limit(sa.bindparam("most"))
)
