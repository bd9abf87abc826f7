"""Messages that nobody can read: bytes, reason and count, kept for a technician."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store import schema
from shouwang.wire import MAX_PAYLOAD_BYTES

KEPT_BYTES = MAX_PAYLOAD_BYTES
"""Of a larger payload the beginning is kept, with its true size; no message of ours is larger."""
_REASON_CHARS = 500
_TOPIC_CHARS = 500
"""MQTT allows 65,535 bytes, an index entry of PostgreSQL 2,704; topics of ours are under 90."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """One kind of unreadable message; the same bytes on the same topic are counted in `times`, not kept twice."""

    letter_id: int
    topic: str
    size: int
    reason: str
    received_at: datetime
    last_at: datetime
    times: int


def bury(connection: sa.Connection, *, topic: str, payload: bytes, reason: str, at: datetime) -> bool:
    """Keep it, or count it where the same came before; whether it is new."""
    table = schema.dead_letters
    topic, digest = topic[:_TOPIC_CHARS], hashlib.sha256(payload).digest()
    again = (
        table.update()
        .where(table.c.topic == topic, table.c.digest == digest)
        .values(times=table.c.times + 1, last_at=at)
    )
    if connection.execute(again).rowcount:
        return False
    connection.execute(
        table.insert().values(
            topic=topic,
            digest=digest,
            payload=payload[:KEPT_BYTES],
            size=len(payload),
            reason=reason.replace("\0", "\\0")[:_REASON_CHARS],
            received_at=at,
            last_at=at,
            times=1,
        )
    )
    return True


def listed(connection: sa.Connection, limit: int) -> tuple[DeadLetter, ...]:
    """The newest first."""
    table = schema.dead_letters
    rows = connection.execute(sa.select(table).order_by(table.c.last_at.desc(), table.c.letter_id.desc()).limit(limit))
    return tuple(
        DeadLetter(
            letter_id=row.letter_id,
            topic=row.topic,
            size=row.size,
            reason=row.reason,
            received_at=row.received_at,
            last_at=row.last_at,
            times=row.times,
        )
        for row in rows
    )
