"""Whose somebody is: the organisation of a login or of a responder, as the books say at this moment."""

from datetime import datetime

import sqlalchemy as sa

from community.rosters import Post
from community.store import dispatch_schema, rosters, schema


def organisation_of(connection: sa.Connection, who: str, now: datetime) -> str:
    """A responder's is his unit, a login's the one that it is bound to; empty where it is bound to none or to several.

    `who` empty stands for the whole shift: the organisation of the operators who are on duty now, where they have one.
    """
    people = (who,) if who else tuple(shift.person for shift in rosters.here(connection, Post.OPERATOR, now))
    found = {_organisation(connection, person) for person in people}
    return found.pop() if len(found) == 1 else ""


def _organisation(connection: sa.Connection, who: str) -> str:
    responders, users = dispatch_schema.responders, schema.users
    unit = connection.execute(sa.select(responders.c.unit_id).where(responders.c.responder_id == who)).scalar()
    if unit is not None:
        return str(unit)
    return bound_to(connection.execute(sa.select(users.c.organisations).where(users.c.login == who)).scalar() or "")


def bound_to(scope: str) -> str:
    """The one organisation of a scope as stored; empty where it is none, several, or all."""
    names = scope.split()
    return names[0] if len(names) == 1 and names[0] != "*" else ""
