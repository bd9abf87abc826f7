"""Whether the people of a home are there: what it said last, and what operators ordered, each order once."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from community.desk import HomeMode, HomePage, ModeOrder
from community.store import measured, schema, seals
from community.store.cases import unknown_home_key
from community.store.health import health_of
from community.store.orders import RESET_EXPIRES_AFTER
from community.store.outgoing import queue, refuse_unknown
from shouwang.errors import IllegalMove
from shouwang.quantities import Quantity
from shouwang.wire import Command, SetMode

_HOME_SENSOR = "home"
"""The pseudo-sensor by which a home says its mode."""
_MODES = tuple(HomeMode)
"""In the order of their numbers as readings (rules.modes)."""
_SHOWN = 20


def home_page(connection: sa.Connection, gateway_id: str, now: datetime) -> HomePage | None:
    """The home behind this gateway; None where there is no such gateway."""
    gateways, homes = schema.gateways, schema.homes
    row = connection.execute(
        sa.select(gateways.c.home_id, homes.c.address)
        .join_from(gateways, homes, gateways.c.home_id == homes.c.home_id, isouter=True)
        .where(gateways.c.gateway_id == gateway_id)
    ).first()
    if row is None:
        return None
    said = _last_said(connection, gateway_id)
    return HomePage(
        gateway_id=gateway_id,
        home_id=row.home_id or unknown_home_key(gateway_id),
        address=row.address or "",
        mode=said[0] if said else HomeMode.HOME,
        said_at=said[1] if said else None,
        orders=_orders(connection, gateway_id),
        health=health_of(connection, gateway_id, now),
    )


def order_mode(connection: sa.Connection, gateway_id: str, order: ModeOrder, *, command_id: str) -> None:
    """Note the order and queue it for the home; a repeated command id changes nothing.

    Raises IllegalMove, with nothing written, where there is no such gateway or the id belongs to another order.
    """
    table = schema.mode_orders
    first = connection.execute(sa.select(table).where(table.c.command_id == command_id)).first()
    if first is not None:
        if (first.gateway_id, first.mode, first.hours, first.actor) != (gateway_id, order.mode, order.hours, order.by):
            raise IllegalMove("this command id was used for another order already; load the page again")
        return
    refuse_unknown(connection, gateway_id)
    connection.execute(
        table.insert().values(
            command_id=command_id,
            gateway_id=gateway_id,
            mode=order.mode.value,
            hours=order.hours,
            actor=order.by,
            at=order.at,
        )
    )
    seals.seal(connection, table, command_id, at=order.at)
    _queue(connection, gateway_id, order, command_id)


def _queue(connection: sa.Connection, gateway_id: str, order: ModeOrder, command_id: str) -> None:
    until = order.at + timedelta(hours=order.hours) if order.hours else None
    command = Command(
        command_id=command_id,
        issued_at=order.at,
        expires_at=order.at + RESET_EXPIRES_AFTER,
        incident_id="",
        action=SetMode(mode=order.mode.value, by=order.by, until=until),
    )
    queue(connection, command, gateway_id)


def _last_said(connection: sa.Connection, gateway_id: str) -> tuple[HomeMode, datetime] | None:
    series, samples, _ = measured.tables(connection)
    newest = (
        sa.select(samples.c.value, samples.c.at)
        .join_from(samples, series, samples.c.series_id == series.c.series_id)
        .where(
            series.c.gateway_id == gateway_id,
            series.c.sensor_id == _HOME_SENSOR,
            series.c.quantity == Quantity.MODE.value,
        )
        .order_by(samples.c.at.desc(), samples.c.message_id.desc(), samples.c.place.desc())
        .limit(1)
    )
    row = measured.or_without(connection, None, lambda: connection.execute(newest).first())
    if row is None or row.value not in range(len(_MODES)):
        return None
    return _MODES[int(row.value)], row.at


def _orders(connection: sa.Connection, gateway_id: str) -> tuple[ModeOrder, ...]:
    table, downlink = schema.mode_orders, schema.downlink
    rows = connection.execute(
        sa.select(table, downlink.c.outcome)
        .join_from(table, downlink, table.c.command_id == downlink.c.command_id, isouter=True)
        .where(table.c.gateway_id == gateway_id)
        .order_by(table.c.at.desc(), table.c.command_id)
        .limit(_SHOWN)
    )
    return tuple(
        ModeOrder(mode=HomeMode(row.mode), hours=row.hours, by=row.actor, at=row.at, outcome=row.outcome or "")
        for row in rows
    )
