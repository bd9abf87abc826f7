"""The back-up batteries of boxes, as their readings tell."""

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa

from community.reserve import Reserve, first
from community.store.group import recall, remember
from community.store.life_signs import keep
from community.store.schema import gateways
from community.store.storm_schema import reserves
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import Envelope, TelemetryBody


def levels_in(envelopes: Iterable[Envelope]) -> list[tuple[str, Reading]]:
    """Levels of back-up batteries among these readings, with their gateways."""
    return [
        (envelope.id.gateway, reading)
        for envelope in envelopes
        if isinstance(envelope.body, TelemetryBody)
        for reading in envelope.body.readings
        if reading.quantity is Quantity.BACKUP_BATTERY
    ]


def take_in(connection: sa.Connection, levels: Iterable[tuple[str, Reading]], now: datetime) -> None:
    """What these tell; of a gateway that is not known yet, its next ones will."""
    for gateway_id, reading in levels:
        if connection.execute(_IS_KNOWN, {"gateway": gateway_id}).first() is not None:
            note(connection, gateway_id, [reading], now)


def note(connection: sa.Connection, gateway_id: str, readings: Iterable[Reading], now: datetime) -> None:
    """What these readings tell of it. A moment that has not come yet counts as now."""
    levels = [one for one in readings if one.quantity is Quantity.BACKUP_BATTERY]
    if not levels:
        return
    reserve = _reserve(connection, gateway_id)
    for one in levels:
        at = min(one.at, now)
        reserve = first(one.value, at) if reserve is None else reserve.then(one.value, at)
    if reserve is not None:
        values = {name: getattr(reserve, name) for name in ("from_at", "from_level", "at", "level")}
        keep(connection, reserves, {"gateway_id": gateway_id}, values)
        remember(connection, ("reserve", gateway_id), reserve)


def minutes_left(connection: sa.Connection, gateway_id: str, now: datetime) -> float | None:
    """How long the battery lasts; None where that is not known."""
    reserve = _reserve(connection, gateway_id)
    return None if reserve is None else reserve.minutes_left(now)


def reserve_of(row: sa.Row[tuple[object, ...]]) -> Reserve:
    """The battery in a row of `reserves`."""
    return Reserve(from_at=row.from_at, from_level=row.from_level, at=row.at, level=row.level)


def recall_all(connection: sa.Connection, gateway_ids: Collection[str]) -> None:
    """Ask for all of these at once: `minutes_left` remembers them."""
    rows = connection.execute(sa.select(reserves).where(reserves.c.gateway_id.in_(gateway_ids)))
    found = {row.gateway_id: reserve_of(row) for row in rows}
    for gateway_id in gateway_ids:
        remember(connection, ("reserve", gateway_id), found.get(gateway_id))


def _reserve(connection: sa.Connection, gateway_id: str) -> Reserve | None:
    return recall(connection, ("reserve", gateway_id), lambda: _read(connection, gateway_id))


def _read(connection: sa.Connection, gateway_id: str) -> Reserve | None:
    row = connection.execute(_ONE, {"gateway": gateway_id}).first()
    return None if row is None else reserve_of(row)


_IS_KNOWN = sa.select(gateways.c.gateway_id).where(gateways.c.gateway_id == sa.bindparam("gateway"))
_ONE = sa.select(reserves).where(reserves.c.gateway_id == sa.bindparam("gateway"))
