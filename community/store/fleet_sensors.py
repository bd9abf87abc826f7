"""Sensors of one box, and those of all boxes that want a visit."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from community.fleet import BATTERY_LOW, BOX_KIND, PAGE_ROWS, SensorLine, SensorPage, SensorWish, Want, cell_of
from community.store import measured, schema, watch_schema
from community.store.cases import unknown_home_key
from community.store.pairs import words_of
from community.store.people_schema import devices
from community.supervision import CENTRE_BOX
from shouwang.status import SensorState

_Seen = Collection[str] | None
_Row = sa.Row[*tuple[Any, ...]]


def of_box(connection: sa.Connection, gateway_id: str) -> tuple[SensorLine, ...]:
    """All of it, what is not heard first."""
    chosen = _sensors().where(schema.sensor_status.c.gateway_id == gateway_id).order_by(*_ORDER)
    rows = connection.execute(chosen).all()
    nothing: dict[str, datetime] = {}
    values = measured.or_without(connection, nothing, lambda: _last_values(connection, gateway_id))
    return _lines(connection, rows, values)


def page(connection: sa.Connection, wish: SensorWish, seen: _Seen = None) -> SensorPage:
    """Of the boxes `seen` (None: of all), those with a low battery and those not heard though their box is."""
    sums = {want: _count(connection, want, "", seen) for want in Want}
    found = _count(connection, wish.want, wish.search, seen) if wish.search else sums[wish.want]
    return SensorPage(rows=lines(connection, wish, seen, PAGE_ROWS), found=found, sums=sums)


def lines(connection: sa.Connection, wish: SensorWish, seen: _Seen, limit: int) -> tuple[SensorLine, ...]:
    """What fits, from the wish's page on, at most `limit`."""
    chosen = _narrowed(connection, _sensors(), wish.want, wish.search, seen)
    chosen = chosen.order_by(*_ORDER).limit(limit).offset(PAGE_ROWS * (wish.page - 1))
    return _lines(connection, connection.execute(chosen).all(), {})


def _count(connection: sa.Connection, want: Want, search: str, seen: _Seen) -> int:
    chosen = _narrowed(connection, _sensors(sa.func.count()), want, search, seen)
    return int(connection.execute(chosen).scalar_one())


def _sensors(*columns: sa.ColumnElement[Any]) -> sa.Select[*tuple[Any, ...]]:
    table, box, known, homes = schema.sensor_status, schema.gateways, watch_schema.supervision, schema.homes
    is_heard = sa.and_(box.c.online, known.c.offline_since.is_(None))
    chosen = columns or (table, box.c.home_id, homes.c.address, is_heard.label("is_box_heard"))
    return (
        sa.select(*chosen)
        .select_from(table)
        .join(box, box.c.gateway_id == table.c.gateway_id)
        .join(homes, homes.c.home_id == box.c.home_id, isouter=True)
        .join(known, known.c.gateway_id == box.c.gateway_id, isouter=True)
        .where(table.c.kind != BOX_KIND, table.c.gateway_id != CENTRE_BOX)
    )


def _narrowed(
    connection: sa.Connection, chosen: sa.Select[*tuple[Any, ...]], want: Want, search: str, seen: _Seen
) -> sa.Select[*tuple[Any, ...]]:
    table, known = schema.sensor_status, watch_schema.supervision
    is_low = table.c.battery <= BATTERY_LOW
    is_box_heard = sa.and_(schema.gateways.c.online, known.c.offline_since.is_(None))
    is_lost = sa.and_(table.c.state != SensorState.UP.value, is_box_heard)
    chosen = chosen.where({Want.LOW: is_low, Want.LOST: is_lost, Want.ALL: sa.or_(is_low, is_lost)}[want])
    word = search.strip()
    if word:
        places = (schema.homes.c.address, table.c.gateway_id, table.c.sensor_id, table.c.kind)
        chosen = chosen.where(sa.or_(*(place.icontains(word, autoescape=True) for place in places)))
    if seen is not None:
        chosen = chosen.where(table.c.gateway_id.in_(sa.select(words_of(connection, seen).c.word)))
    return chosen


_ORDER = (
    sa.case(
        (schema.sensor_status.c.state == SensorState.DOWN.value, 0),
        (schema.sensor_status.c.state == SensorState.SILENT.value, 1),
        else_=2,
    ),
    schema.sensor_status.c.battery.is_(None),
    schema.sensor_status.c.battery,
    schema.sensor_status.c.gateway_id,
    schema.sensor_status.c.sensor_id,
)


def _lines(connection: sa.Connection, rows: Iterable[_Row], values: dict[str, datetime]) -> tuple[SensorLine, ...]:
    rows = list(rows)
    known = _on_file(connection, {row.home_id for row in rows if row.home_id is not None})
    return tuple(_line(row, known.get((row.home_id, row.sensor_id)), values.get(row.sensor_id)) for row in rows)


def _line(row: _Row, device: _Row | None, value_at: datetime | None) -> SensorLine:
    return SensorLine(
        gateway_id=row.gateway_id,
        home_id=row.home_id or unknown_home_key(row.gateway_id),
        address=row.address or "",
        sensor_id=row.sensor_id,
        kind=row.kind,
        state=SensorState(row.state),
        reason=row.reason,
        since=row.since,
        battery=row.battery,
        signal_dbm=row.signal_dbm,
        heard_at=row.heard_at,
        is_box_heard=bool(row.is_box_heard),
        device="" if device is None else device.kind,
        room="" if device is None else device.room,
        model="" if device is None else " ".join(filter(None, (device.maker, device.model))),
        cell="" if device is None else cell_of(device.model),
        value_at=value_at,
    )


def _on_file(connection: sa.Connection, home_ids: set[str]) -> dict[tuple[str, str], _Row]:
    """The devices of these homes by the sensors that they are."""
    if not home_ids:
        return {}
    homes = words_of(connection, home_ids)
    rows = connection.execute(sa.select(devices).join_from(homes, devices, devices.c.home_id == homes.c.word))
    return {(row.home_id, sensor): row for row in rows for sensor in msgspec.json.decode(row.sensors, type=list[str])}


def _last_values(connection: sa.Connection, gateway_id: str) -> dict[str, datetime]:
    """When each sensor last gave a value: of each series the newest one, by the index."""
    series, samples, _ = measured.tables(connection)
    newest = (
        sa.select(samples.c.at)
        .where(samples.c.series_id == series.c.series_id)
        .order_by(samples.c.at.desc())
        .limit(1)
        .scalar_subquery()
    )
    chosen = sa.select(series.c.sensor_id, newest.label("at")).where(series.c.gateway_id == gateway_id)
    found: dict[str, datetime] = {}
    for row in connection.execute(chosen):
        if row.at is not None:
            found[row.sensor_id] = max(found.get(row.sensor_id, row.at), row.at)
    return found
