"""Test alarms that people at the centre asked for."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from community.desk import WishedTest
from community.store import schema
from community.store.outgoing import queue, refuse_unknown
from shouwang.errors import DecodeError, IllegalMove
from shouwang.wire import Command, RequestTest, decode_command

EXPIRES_AFTER = timedelta(minutes=10)
"""Who asks waits for it: a home that comes back tomorrow need not answer."""
_LOOKED_AT, _SHOWN = 50, 3


def wish(connection: sa.Connection, gateway_id: str, *, by: str, command_id: str, now: datetime) -> None:
    """Queue the command for the home; a repeated command id changes nothing.

    Raises IllegalMove, with nothing written, where there is no such gateway or the id belongs to something else.
    """
    table = schema.downlink
    first = connection.execute(sa.select(table).where(table.c.command_id == command_id)).first()
    command = Command(
        command_id=command_id,
        issued_at=now,
        expires_at=now + EXPIRES_AFTER,
        incident_id="",
        action=RequestTest(by=by),
    )
    if first is not None:
        if first.gateway_id != gateway_id or decode_command(first.body).action != command.action:
            raise IllegalMove("this command id was used for another order already; load the page again")
        return
    refuse_unknown(connection, gateway_id)
    queue(connection, command, gateway_id)


def wishes_of(connection: sa.Connection, gateway_id: str) -> tuple[WishedTest, ...]:
    """The last ones of a home, newest first."""
    table = schema.downlink
    rows = connection.execute(
        sa.select(table.c.body, table.c.created_at, table.c.outcome)
        .where(table.c.gateway_id == gateway_id, table.c.incident_id.is_(None))
        .order_by(table.c.created_at.desc(), table.c.command_id)
        .limit(_LOOKED_AT)
    )
    found = [
        WishedTest(by=action.by, at=row.created_at, outcome=row.outcome)
        for row in rows
        if isinstance(action := _action(row.body), RequestTest)
    ]
    return tuple(found[:_SHOWN])


def _action(body: bytes) -> object:
    try:
        return decode_command(body).action
    except DecodeError:  # of another version
        return None
