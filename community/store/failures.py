"""Failed log-ins, as every server of the centre knows them. The table is bounded."""

from datetime import datetime

import sqlalchemy as sa

from community.store.log_in_schema import log_in_failures as table

KEPT_AT_MOST = 4096
"""A crowd of strangers larger than this loses its oldest."""


def since(connection: sa.Connection, who: bytes, begin: datetime) -> int:
    """How often this one has failed, if the last time was after `begin`."""
    mine = (table.c.who == who) & (table.c.last_at > begin)
    return int(connection.execute(sa.select(table.c.failures).where(mine)).scalar() or 0)


def keep(connection: sa.Connection, who: bytes, failures: int, *, at: datetime, begin: datetime) -> None:
    """This one has failed so often; what was before `begin` goes."""
    connection.execute(sa.delete(table).where((table.c.last_at < begin) | (table.c.who == who)))
    connection.execute(sa.insert(table).values(who=who, failures=failures, last_at=at))
    count = int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())
    if count > KEPT_AT_MOST:
        oldest = sa.select(table.c.who).order_by(table.c.last_at).limit(count - KEPT_AT_MOST)
        connection.execute(sa.delete(table).where(table.c.who.in_(oldest)))


def forget(connection: sa.Connection, who: bytes) -> None:
    """This one has got in."""
    connection.execute(sa.delete(table).where(table.c.who == who))
