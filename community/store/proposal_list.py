"""Whose contacts propose another number or language, as far as somebody may put it in force."""

from datetime import datetime

import sqlalchemy as sa

from community.rights import Right
from community.store import centre_zone, rights, schema
from community.store.living import living
from community.store.proposals import has_open
from community.store.resident_list import within_reach
from community.users import User

MOST_WAITING = 100
"""Of those that are counted: more are a backlog, whatever their number."""


def waiting(connection: sa.Connection, user: User, now: datetime) -> int:
    """Of how many residents; MOST_WAITING stands for that or more."""
    table = schema.residents
    mine = within_reach(connection, user, "", centre_zone.here(connection, now))
    asked = sa.select(table.c.home_id).where(living(), has_open(table.c.resident_id), *mine).limit(MOST_WAITING)
    homes = connection.scalars(asked).all()
    seen = rights.visible(connection, user, Right.KEEP_REACH, homes, now)
    return sum(one in seen for one in homes)
