"""Commands for homes that wait to be sent."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store import schema

_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A command, encoded once; sent again it has the same bytes."""

    command_id: str
    gateway_id: str
    body: bytes
    expires_at: datetime
    attempts: int


def waiting(connection: sa.Connection) -> tuple[Letter, ...]:
    """What is to be sent: the least tried first, so that one deaf home does not hold up the others; then the oldest."""
    table = schema.downlink
    rows = connection.execute(
        sa.select(table)
        .where(table.c.outcome == "waiting")
        .order_by(table.c.attempts, table.c.created_at, table.c.command_id)
        .limit(_AT_ONCE)
    )
    return tuple(
        Letter(
            command_id=row.command_id,
            gateway_id=row.gateway_id,
            body=row.body,
            expires_at=row.expires_at,
            attempts=row.attempts,
        )
        for row in rows
    )


def mark_sent(connection: sa.Connection, command_id: str, sent_at: datetime) -> None:
    """The broker has it."""
    _update(connection, command_id, outcome="sent", sent_at=sent_at, attempts=schema.downlink.c.attempts + 1)


def count_attempt(connection: sa.Connection, command_id: str) -> None:
    """The broker refused it; it waits on."""
    _update(connection, command_id, attempts=schema.downlink.c.attempts + 1)


def expire(connection: sa.Connection, command_id: str) -> None:
    """Its time is over."""
    _update(connection, command_id, outcome="expired")


def _update(connection: sa.Connection, command_id: str, **values: object) -> None:
    table = schema.downlink
    connection.execute(table.update().where(table.c.command_id == command_id).values(values))
