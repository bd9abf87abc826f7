"""What consoles read of cases and boxes, put together from the tables."""

from datetime import datetime

import sqlalchemy as sa

from community.desk import Bell, GatewayRow, QueueRow
from community.store import board, cases, chain, schema, watch_schema
from community.store.case_rows import dues_of, row_of, rows_of
from community.store.cases import decode_case
from community.store.pairs import words_of
from community.supervision import CENTRE_BOX
from shouwang.status import SensorState

__all__ = ["bells_after", "closed", "closed_homes", "dues_of", "gateways", "last_seq", "queue", "row_of", "rows_of"]


def queue(connection: sa.Connection, now: datetime) -> tuple[QueueRow, ...]:
    """Open cases: a red card first, then the most urgent, then the shortest battery, then what turns red next."""
    return board.queue(connection, board.Memory(), lambda: now)


def closed(
    connection: sa.Connection, limit: int, now: datetime, *, homes: frozenset[str] | None = None
) -> tuple[QueueRow, ...]:
    """The cases closed last, newest first. `homes`: of these alone; None: of all."""
    table = schema.incidents
    newest = sa.select(table).where(table.c.state == cases.CLOSED)
    newest = newest.order_by(table.c.changed_at.desc(), table.c.incident_id.desc()).limit(limit)
    if homes is not None:
        newest = newest.where(table.c.home_key.in_(sa.select(words_of(connection, homes).c.word)))
    return _found(connection, newest, now)


def closed_homes(connection: sa.Connection) -> frozenset[str]:
    """The homes that have closed cases."""
    table = schema.incidents
    mine = sa.select(table.c.home_key).where(table.c.state == cases.CLOSED).distinct()
    return frozenset(row.home_key for row in connection.execute(mine))


def gateways(connection: sa.Connection) -> tuple[GatewayRow, ...]:
    """All boxes: those not heard first, the longest silent before the others."""
    table, homes, sensors, known = schema.gateways, schema.homes, schema.sensor_status, watch_schema.supervision
    states: dict[str, list[tuple[str, SensorState, str]]] = {}
    for row in connection.execute(sa.select(sensors).order_by(sensors.c.gateway_id, sensors.c.sensor_id)):
        states.setdefault(row.gateway_id, []).append((row.sensor_id, SensorState(row.state), row.reason))
    rows = connection.execute(
        sa.select(table, homes.c.address, known.c.offline_since)
        .join_from(table, homes, table.c.home_id == homes.c.home_id, isouter=True)
        .join(known, known.c.gateway_id == table.c.gateway_id, isouter=True)
        .where(table.c.gateway_id != CENTRE_BOX)
        .order_by(table.c.online, sa.func.coalesce(table.c.last_seen, sa.literal(0, sa.BigInteger)), table.c.gateway_id)
    )
    return tuple(
        GatewayRow(
            gateway_id=row.gateway_id,
            home_id=row.home_id or cases.unknown_home_key(row.gateway_id),
            address=row.address or "",
            online=row.online,
            last_seen=row.last_seen,
            backlog=row.backlog,
            sensors=tuple(states.get(row.gateway_id, ())),
            offline_since=row.offline_since,
        )
        for row in rows
    )


def bells_after(connection: sa.Connection, seq: int, limit: int) -> tuple[Bell, ...]:
    """What consoles must hear after `seq`, oldest first."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.body)
        .where(events.c.seq > seq, events.c.kind.not_in(cases.SILENT_KINDS))
        .order_by(events.c.seq)
        .limit(limit)
    )
    bells = (cases.bell_of(chain.decode_entry(row.body)) for row in rows)
    return tuple(bell for bell in bells if bell is not None)


def last_seq(connection: sa.Connection) -> int:
    """The newest audit sequence, 0 where there is none."""
    return connection.execute(sa.select(sa.func.max(schema.incident_events.c.seq))).scalar() or 0


def _found(connection: sa.Connection, of: sa.Select[tuple[object, ...]], now: datetime) -> tuple[QueueRow, ...]:
    cases_found = [(row.incident_id, decode_case(row.body)) for row in connection.execute(of)]
    return rows_of(connection, cases_found, now)
