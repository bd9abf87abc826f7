"""What motion, presence, bed and door sensors of a home have told, for the page of a case."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from community.activity import LEVELS, PULSES, SHOWN, Activity, ActivityLane, Spell, levels, pulses
from community.measurements.port import Span
from community.store import measured, schema, stays
from community.store.measurements import floor_of, moment
from community.store.people_rows import unlisted
from community.store.people_schema import devices
from shouwang.quantities import Quantity

MOST_LANES = 12
"""More sensors of this kind than that has no home; a page shows so many at most."""
MOST_READ = 20_000
"""Newest readings of one sensor that are looked through: a radar that speaks every 4 s fills a day with them."""
_MINUTE_US = 60_000_000
_Row = tuple[str, str, str, str, int]


def activity_of(connection: sa.Connection, home_key: str, boxes: Iterable[str], *, until: datetime) -> Activity:
    """The 24 hours up to that moment; what was measured before or after a box or a person came is not shown."""
    span = Span(max(until - SHOWN, schema.EARLIEST), until)
    nothing: Sequence[ActivityLane] = ()
    rooms = rooms_of(connection, home_key)
    found = measured.or_without(connection, nothing, lambda: list(_lanes(connection, home_key, boxes, span, rooms)))
    return Activity(span=span, lanes=tuple(sorted(found, key=lambda one: (one.room or one.sensor_id, one.quantity))))


def rooms_of(connection: sa.Connection, home_key: str) -> Mapping[str, str]:
    """In which room each sensor of a home hangs, as far as the register says."""
    rows = connection.execute(sa.select(devices).where(devices.c.home_id == home_key, devices.c.room != ""))
    return {sensor_id: row.room for row in rows for sensor_id in (row.device_id, *unlisted(row.sensors))}


def _lanes(
    connection: sa.Connection, home_key: str, boxes: Iterable[str], span: Span, rooms: Mapping[str, str]
) -> Iterable[ActivityLane]:
    for row in _series(connection, boxes):
        bound = stays.around(connection, home_key, row.gateway_id, row.resident_id, at=span.end)
        shown = None if bound is None else stays.overlap(bound, span)
        quantity = Quantity(row.quantity)
        spells = _spells(connection, row.series_id, quantity, shown) if shown is not None else ()
        if spells:
            room = rooms.get(row.sensor_id, "")
            yield ActivityLane(sensor_id=row.sensor_id, room=room, quantity=quantity, spells=spells)


def _series(connection: sa.Connection, boxes: Iterable[str]) -> Sequence[sa.Row[_Row]]:
    table = measured.tables(connection).series
    wanted = [one.value for one in (*LEVELS, *PULSES)]
    return connection.execute(
        sa.select(table)
        .where(table.c.gateway_id.in_(sorted(boxes)), table.c.quantity.in_(wanted))
        .order_by(table.c.series_id)
        .limit(MOST_LANES)
    ).all()


def _spells(connection: sa.Connection, series_id: int, quantity: Quantity, shown: Span) -> tuple[Spell, ...]:
    if quantity in PULSES:
        return pulses(_moments(connection, series_id, shown), shown)
    return levels(_changes(connection, series_id, shown), shown)


def _newest(connection: sa.Connection, series_id: int, shown: Span) -> sa.Subquery:
    table = measured.tables(connection).samples
    return (
        sa.select(table.c.at, (table.c.value > 0).label("is_on"))
        .where(table.c.series_id == series_id, table.c.at >= shown.start, table.c.at < shown.end)
        .order_by(table.c.at.desc())
        .limit(MOST_READ)
        .subquery()
    )


def _moments(connection: sa.Connection, series_id: int, shown: Span) -> list[datetime]:
    newest = _newest(connection, series_id, shown)
    minute = floor_of(newest.c.at, _MINUTE_US).label("minute")
    rows = connection.execute(sa.select(minute).where(newest.c.is_on).distinct().order_by(minute))
    return [moment(row.minute) for row in rows]


def _changes(connection: sa.Connection, series_id: int, shown: Span) -> list[tuple[datetime, bool]]:
    """When the level changed, with what it was before the span as the first of them."""
    table = measured.tables(connection).samples
    before = connection.execute(
        sa.select(table.c.at, table.c.value)
        .where(table.c.series_id == series_id, table.c.at < shown.start)
        .order_by(table.c.at.desc())
        .limit(1)
    ).first()
    newest = _newest(connection, series_id, shown)
    was = sa.func.lag(newest.c.is_on).over(order_by=newest.c.at).label("was")
    told = sa.select(newest.c.at, newest.c.is_on, was).subquery()
    is_new = sa.or_(told.c.was.is_(None), told.c.was != told.c.is_on)
    rows = connection.execute(sa.select(told.c.at, told.c.is_on).where(is_new).order_by(told.c.at))
    changes = [(row.at, bool(row.is_on)) for row in rows]
    return changes if before is None else [(shown.start, before.value > 0), *changes]
