"""Alarms that come and go, on disk: found when one begins again, forgotten when it has been calm for long."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.alert_refs import AlertRef
from community.flapping import CALM_AFTER, WITHIN, flaps
from community.store import schema
from community.store.group import write_out
from community.store.storm_schema import flapping
from shouwang.alert import AlertState


@dataclass(frozen=True, kw_only=True, slots=True)
class Flapping:
    """An alarm that comes and goes, since then."""

    gateway_id: str
    key: str
    since: datetime


def note(connection: sa.Connection, ref: AlertRef, incident_id: int, now: datetime) -> None:
    """An alarm rings (its row is not written yet): is it once too often?"""
    write_out(connection)
    rows = connection.execute(_BEGUN, {"gateway": ref.gateway_id, "key": ref.key, "from": now - WITHIN})
    if not flaps([ref.since, *(row.since for row in rows)], now):
        return
    values = {"last_at": now, "incident_id": incident_id}
    mine = (flapping.c.gateway_id == ref.gateway_id, flapping.c.key == ref.key)
    if connection.execute(flapping.update().where(*mine).values(values)).rowcount == 0:
        new = {"gateway_id": ref.gateway_id, "key": ref.key, "since": now, **values}
        connection.execute(flapping.insert().values(new))


def is_in(connection: sa.Connection, incident_id: int) -> bool:
    """Whether an alarm of this case comes and goes."""
    return connection.execute(_IN, {"incident": incident_id}).first() is not None


def labelled(connection: sa.Connection, incident_ids: Collection[int]) -> frozenset[int]:
    """Those of the cases whose alarm comes and goes: the console says so."""
    rows = connection.execute(sa.select(flapping.c.incident_id).where(flapping.c.incident_id.in_(incident_ids)))
    return frozenset(row.incident_id for row in rows)


def all_labelled(connection: sa.Connection) -> frozenset[int]:
    """All cases whose alarm comes and goes."""
    rows = connection.execute(sa.select(flapping.c.incident_id).where(flapping.c.incident_id.is_not(None)))
    return frozenset(row.incident_id for row in rows)


def untold(connection: sa.Connection) -> list[Flapping]:
    """Those that nobody was asked to mend yet."""
    rows = connection.execute(sa.select(flapping).where(sa.not_(flapping.c.is_told)).order_by(flapping.c.since))
    return [_flapping(row) for row in rows]


def told(connection: sa.Connection, one: Flapping) -> None:
    """Somebody is asked to mend it."""
    mine = (flapping.c.gateway_id == one.gateway_id, flapping.c.key == one.key)
    connection.execute(flapping.update().where(*mine).values(is_told=True))


def calm(connection: sa.Connection, now: datetime) -> list[Flapping]:
    """Those that have not begun anew for long."""
    rows = connection.execute(sa.select(flapping).where(flapping.c.last_at <= now - CALM_AFTER))
    return [_flapping(row) for row in rows]


def forget(connection: sa.Connection, one: Flapping) -> None:
    """It flaps no more."""
    mine = (flapping.c.gateway_id == one.gateway_id, flapping.c.key == one.key)
    connection.execute(flapping.delete().where(*mine))


def _flapping(row: sa.Row[tuple[object, ...]]) -> Flapping:
    return Flapping(gateway_id=row.gateway_id, key=row.key, since=row.since)


_BEGUN = (
    sa.select(schema.alerts.c.since)
    .where(
        schema.alerts.c.gateway_id == sa.bindparam("gateway"),
        schema.alerts.c.key == sa.bindparam("key"),
        schema.alerts.c.since >= sa.bindparam("from"),
        schema.alerts.c.state == AlertState.FIRING.value,
    )
    .distinct()
)
_IN = sa.select(flapping.c.incident_id).where(flapping.c.incident_id == sa.bindparam("incident"))
