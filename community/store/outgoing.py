"""Commands on their way to homes: written with what gave rise to them, sent by the downlink."""

import sqlalchemy as sa

from community.store import schema
from shouwang.errors import IllegalMove
from shouwang.wire import Command, encode


def queue(connection: sa.Connection, command: Command, gateway_id: str, incident_id: int | None = None) -> None:
    """Have the command sent; `incident_id` None: it belongs to no case."""
    connection.execute(
        schema.downlink.insert().values(
            command_id=command.command_id,
            gateway_id=gateway_id,
            incident_id=incident_id,
            body=encode(command),
            created_at=command.issued_at,
            expires_at=command.expires_at,
            attempts=0,
            outcome="waiting",
        )
    )


def refuse_unknown(connection: sa.Connection, gateway_id: str) -> None:
    """Raises IllegalMove where there is no such gateway."""
    known = sa.select(schema.gateways.c.gateway_id).where(schema.gateways.c.gateway_id == gateway_id)
    if connection.execute(known).first() is None:
        raise IllegalMove(f"there is no gateway {gateway_id}")
