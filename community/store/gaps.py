"""Data that will never come, as homes told it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.desk import Gap
from community.store import schema
from shouwang.alert import Alert

BEFORE_ALARM, AFTER_ALARM = timedelta(days=1), timedelta(minutes=15)
"""As far around the alarms of a case as its plots of pressure, temperature and sugar reach."""
_SHOWN = 20


def gaps_of(connection: sa.Connection, gateway_id: str) -> tuple[Gap, ...]:
    """The last ones of a home, newest first."""
    newest = _gaps().where(schema.messages.c.gateway_id == gateway_id).order_by(schema.gaps.c.message_id.desc())
    return _read(connection, newest)


def gaps_around(connection: sa.Connection, alerts: Sequence[tuple[str, Alert]]) -> tuple[Gap, ...]:
    """Those of the homes of these alerts, each with its gateway, that touch the time around them; newest first."""
    if not alerts:
        return ()
    start = max(schema.EARLIEST, min(alert.since for _, alert in alerts) - BEFORE_ALARM)
    end = min(schema.LATEST, max(alert.at for _, alert in alerts) + AFTER_ALARM)
    gaps, messages = schema.gaps, schema.messages
    touching = _gaps().where(
        messages.c.gateway_id.in_(sorted({gateway_id for gateway_id, _ in alerts})),
        sa.func.coalesce(gaps.c.last_at, messages.c.received_at) >= sa.bindparam("start", start, schema.UtcMicros),
        sa.func.coalesce(gaps.c.first_at, messages.c.received_at) <= sa.bindparam("end", end, schema.UtcMicros),
    )
    return _read(connection, touching.order_by(gaps.c.message_id.desc()))


def _gaps() -> sa.Select[tuple[object, ...]]:
    gaps, messages = schema.gaps, schema.messages
    return sa.select(gaps, messages.c.received_at).join_from(gaps, messages)


def _read(connection: sa.Connection, of: sa.Select[tuple[object, ...]]) -> tuple[Gap, ...]:
    return tuple(
        Gap(
            first_at=_moment(row.first_at, row.received_at),
            last_at=_moment(row.last_at, row.received_at),
            count=row.lost,
            code=row.code,
            reason=row.reason,
        )
        for row in connection.execute(of.limit(_SHOWN))
    )


def _moment(told: datetime | None, received_at: datetime) -> datetime:
    """Where the home could not tell when, it was before we heard of it."""
    return told or received_at
