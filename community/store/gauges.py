"""What an outside watch must know of the centre at this moment, from one view of the database."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store import case_schema, retention, retention_days, schema
from community.store.cases import CLOSED
from community.store.lease import engine_now
from shouwang.alert import Severity


@dataclass(frozen=True, kw_only=True, slots=True)
class Gauges:
    """`messages`, `entries`: numbers given out since the database began. `due_lag_s`: how long the clock of a case is
    overdue that has been overdue longest; 0: the engine keeps up.
    """

    messages: int
    entries: int
    dead_letters: int
    dead_letter_times: int
    queue: dict[str, int]
    oldest_life_s: float
    due_lag_s: float
    notices: dict[str, int]
    gateways_online: int
    gateways_silent: int


def gauges(connection: sa.Connection, now: datetime) -> Gauges:
    """All of them."""
    incidents, notices, gateways = schema.incidents, case_schema.notices, schema.gateways
    is_open = incidents.c.state != CLOSED
    open_cases = connection.execute(
        sa.select(incidents.c.priority, sa.func.count().label("number"), sa.func.min(incidents.c.opened_at).label("at"))
        .where(is_open, incidents.c.is_test.is_(False))
        .group_by(incidents.c.priority)
    ).all()
    letters = connection.execute(
        sa.select(sa.func.count().label("kinds"), sa.func.coalesce(sa.func.sum(schema.dead_letters.c.times), 0))
    ).one()
    since = {row.priority: row.at for row in open_cases}.get(Severity.P1.value)
    due_e = connection.execute(sa.select(sa.func.min(incidents.c.due_e)).where(is_open)).scalar()
    told = connection.execute(sa.select(notices.c.state, sa.func.count().label("number")).group_by(notices.c.state))
    heard = connection.execute(
        sa.select(gateways.c.online, sa.func.count().label("number")).group_by(gateways.c.online)
    ).all()
    by_hearing = {bool(row.online): row.number for row in heard}
    return Gauges(
        messages=_last(connection, schema.messages.c.message_id),
        entries=_last(connection, schema.incident_events.c.seq),
        dead_letters=letters.kinds,
        dead_letter_times=int(letters[1]) + retention_days.of_kind(connection, retention.LETTERS),
        queue={row.priority: row.number for row in open_cases},
        oldest_life_s=0.0 if since is None else max(0.0, (now - since).total_seconds()),
        due_lag_s=0.0 if due_e is None else max(0, engine_now(connection) - due_e) / 1000,
        notices={row.state: row.number for row in told},
        gateways_online=by_hearing.get(True, 0),
        gateways_silent=by_hearing.get(False, 0),
    )


def _last(connection: sa.Connection, column: sa.Column[int]) -> int:
    """Of numbers that only grow; counting the rows of years would take too long."""
    found: int | None = connection.execute(sa.select(sa.func.max(column))).scalar()
    return found or 0
