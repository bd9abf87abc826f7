"""What pages for administrators read: who could let others in, what is on file, and who changed a right."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.people import Level
from community.store.dispatch_schema import responders
from community.store.logins import everybody
from community.store.people_schema import places
from community.store.rights_schema import right_changes
from community.store.schema import contacts, login_sessions, users
from community.users import Role, User

_MANY_PLACES = 500
"""So many ids are asked for at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """Somebody gave or took a right, or changed how the centre works."""

    change_id: int
    at: datetime
    actor: str
    what: str
    whom: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What is known of a user's comings: how many sessions are open, and when he was last at one of them."""

    sessions: int
    last: datetime | None


def admins(connection: sa.Connection) -> tuple[User, ...]:
    """The administrators who can log in."""
    return tuple(user for user in everybody(connection) if user.role is Role.ADMIN and not user.is_disabled)


def unknown_places(connection: sa.Connection, ids: Collection[str]) -> frozenset[str]:
    """Which of these no tree of places has."""
    asked = sorted(ids)[:_MANY_PLACES]
    known = {row.place_id for row in connection.execute(sa.select(places).where(places.c.place_id.in_(asked)))}
    return frozenset(ids) - known


def wide_places(connection: sa.Connection) -> tuple[tuple[str, str], ...]:
    """Districts, communities and grids: id and name."""
    levels = [level.value for level in (Level.DISTRICT, Level.COMMUNITY, Level.GRID)]
    found = sa.select(places.c.place_id, places.c.name).where(places.c.level.in_(levels))
    rows = connection.execute(found.order_by(places.c.place_id).limit(_MANY_PLACES))
    return tuple((row.place_id, row.name) for row in rows)


def is_person(connection: sa.Connection, person: str) -> bool:
    """Whether a responder or a contact of the register has this id."""
    for column in (responders.c.responder_id, contacts.c.contact_id):
        if connection.execute(sa.select(column).where(column == person).limit(1)).first() is not None:
            return True
    return False


def changes(connection: sa.Connection, *, whom: str = "", before: int = 0, limit: int) -> tuple[Change, ...]:
    """The newest changes, of this user or token alone where one is named; `before`: those older than this one."""
    table = right_changes
    found = sa.select(table).order_by(table.c.change_id.desc()).limit(limit)
    if whom:
        found = found.where(table.c.whom == whom)
    if before:
        found = found.where(table.c.change_id < before)
    return tuple(Change(**row) for row in connection.execute(found).mappings())


def seen(connection: sa.Connection, now: datetime) -> dict[str, Seen]:
    """Who is logged in, by login."""
    table = login_sessions
    rows = connection.execute(
        sa.select(users.c.login, sa.func.count().label("sessions"), sa.func.max(table.c.last_seen_at).label("last"))
        .join(table, table.c.user_id == users.c.user_id)
        .where(table.c.expires_at > now)
        .group_by(users.c.login)
    )
    return {row.login: Seen(sessions=row.sessions, last=row.last) for row in rows}
