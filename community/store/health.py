"""How a home's box is, put together from what it said and what the centre judged."""

from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from community.desk import ArrivedTest, Health, PathRow
from community.store import schema, watch_schema
from community.store.gaps import gaps_of
from community.store.missing import missing_numbers
from community.store.test_wishes import wishes_of
from shouwang.wire import Path

_TESTS_SHOWN = 8


def health_of(connection: sa.Connection, gateway_id: str, now: datetime) -> Health:
    """Of a gateway that is known."""
    gateways, known = schema.gateways, watch_schema.supervision
    row = connection.execute(
        sa.select(gateways, known)
        .join_from(gateways, known, known.c.gateway_id == gateways.c.gateway_id, isouter=True)
        .where(gateways.c.gateway_id == gateway_id)
    ).one()
    return Health(
        online=row.online,
        last_seen=row.last_seen,
        offline_since=row.offline_since,
        version=row.version,
        backlog=row.backlog,
        born_at=row.born_at,
        starts=row.starts or 0,
        paths=_paths(connection, gateway_id, row.offline_since),
        tests=_tests(connection, gateway_id),
        wishes=wishes_of(connection, gateway_id),
        test_due_at=row.test_due_at,
        is_test_missing=row.test_missed_since is not None,
        gaps=gaps_of(connection, gateway_id),
        missing=sum(lane.count for lane in missing_numbers(connection, gateway_id, now)),
    )


def _paths(connection: sa.Connection, gateway_id: str, offline_since: datetime | None) -> tuple[PathRow, ...]:
    """As the home said last; its internet as we know better while it is offline."""
    table = watch_schema.path_states
    rows = connection.execute(sa.select(table).where(table.c.gateway_id == gateway_id))
    found = (
        PathRow(path=Path(row.path), is_up=row.is_up, since=row.since, tested_at=row.tested_at, reason=row.reason)
        for row in rows
    )
    order = list(Path)
    return tuple(_known_better(way, offline_since) for way in sorted(found, key=lambda way: order.index(way.path)))


def _known_better(way: PathRow, offline_since: datetime | None) -> PathRow:
    if way.path is not Path.INTERNET or not way.is_up or offline_since is None:
        return way
    return replace(way, is_up=False, since=offline_since)


def _tests(connection: sa.Connection, gateway_id: str) -> tuple[ArrivedTest, ...]:
    table = watch_schema.test_alarms
    rows = connection.execute(
        sa.select(table)
        .where(table.c.gateway_id == gateway_id)
        .order_by(table.c.received_at.desc(), table.c.alert_id)
        .limit(_TESTS_SHOWN)
    )
    return tuple(
        ArrivedTest(
            raised_at=row.raised_at,
            received_at=row.received_at,
            took_s=None if row.took_ms is None else row.took_ms / 1000,
        )
        for row in rows
    )
