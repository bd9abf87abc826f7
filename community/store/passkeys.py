"""Passkeys of users, and what browsers were asked to sign with them."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store import logins
from community.store.passkey_schema import passkey_challenges, passkeys
from community.store.schema import users
from community.users import User
from shouwang.errors import IllegalMove

CHALLENGES_AT_MOST = 4096
"""A crowd of strangers larger than this pushes out the oldest; passwords go on."""
OPEN_OF_ONE = 3
"""Questions that wait for one user and one purpose: two desks and a telephone. The newest takes the oldest's place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passkey:
    """The public half of a key in somebody's device."""

    passkey_id: str
    credential_id: bytes
    user_id: str
    name: str
    public_key: bytes
    sign_count: int
    created_at: datetime
    last_used_at: datetime | None = None


def add(connection: sa.Connection, key: Passkey) -> None:
    """One more. Raises IllegalMove where this key is somebody's already."""
    if find(connection, key.credential_id) is not None:
        raise IllegalMove("this key is in use already")
    row = {column.name: getattr(key, column.name) for column in passkeys.columns}
    connection.execute(sa.insert(passkeys).values(row))


def find(connection: sa.Connection, credential_id: bytes) -> tuple[Passkey, User] | None:
    """The key that a device calls so, and its owner."""
    row = connection.execute(sa.select(passkeys).where(passkeys.c.credential_id == credential_id)).mappings().first()
    if row is None:
        return None
    key = _key(row)
    login = connection.execute(sa.select(users.c.login).where(users.c.user_id == key.user_id)).scalar_one()
    return key, logins.user_called(connection, login)


def of(connection: sa.Connection, user_id: str) -> tuple[Passkey, ...]:
    """His keys, the oldest first."""
    his = sa.select(passkeys).where(passkeys.c.user_id == user_id)
    rows = connection.execute(his.order_by(passkeys.c.created_at, passkeys.c.passkey_id)).mappings()
    return tuple(_key(row) for row in rows)


def owners(connection: sa.Connection) -> frozenset[str]:
    """The ids of users who have one."""
    return frozenset(connection.scalars(sa.select(passkeys.c.user_id).distinct()))


def used(connection: sa.Connection, key: Passkey, sign_count: int, at: datetime) -> bool:
    """It has signed; False where its counter has not gone up since (a copy may be about), and nothing is changed.

    A device that does not count says 0 each time.
    """
    goes_up = passkeys.c.sign_count < sign_count
    goes_on = goes_up if sign_count else passkeys.c.sign_count == 0
    mine = (passkeys.c.passkey_id == key.passkey_id) & goes_on
    return (
        connection.execute(sa.update(passkeys).where(mine).values(sign_count=sign_count, last_used_at=at)).rowcount == 1
    )


def remove(connection: sa.Connection, user_id: str, passkey_id: str) -> Passkey:
    """It opens nothing any more. Raises IllegalMove where he has none of this id."""
    found = next((key for key in of(connection, user_id) if key.passkey_id == passkey_id), None)
    if found is None:
        raise IllegalMove("there is no such key")
    connection.execute(sa.delete(passkeys).where(passkeys.c.passkey_id == passkey_id))
    return found


def remove_all(connection: sa.Connection, user_id: str) -> tuple[Passkey, ...]:
    """No key of his opens anything any more; which they were."""
    gone = of(connection, user_id)
    connection.execute(sa.delete(passkeys).where(passkeys.c.user_id == user_id))
    return gone


def ask(
    connection: sa.Connection,
    browser: bytes,
    challenge: bytes,
    *,
    purpose: str,
    user_id: str,
    at: datetime,
    until: datetime,
) -> None:
    """Keep what this browser is asked to sign, instead of what it was asked before."""
    table = passkey_challenges
    connection.execute(sa.delete(table).where((table.c.until < at) | (table.c.browser == browser)))
    if user_id:
        his = (table.c.user_id == user_id) & (table.c.purpose == purpose)
        _make_room(connection, OPEN_OF_ONE, his)
    _make_room(connection, CHALLENGES_AT_MOST, sa.true())
    connection.execute(
        sa.insert(table).values(browser=browser, purpose=purpose, user_id=user_id, challenge=challenge, until=until)
    )


def _make_room(connection: sa.Connection, at_most: int, which: "sa.ColumnElement[bool]") -> None:
    """For one more of these; the oldest go."""
    table = passkey_challenges
    count = int(connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one())
    if count >= at_most:
        oldest = sa.select(table.c.browser).where(which).order_by(table.c.until).limit(count - at_most + 1)
        connection.execute(sa.delete(table).where(table.c.browser.in_(oldest)))


def spend(connection: sa.Connection, browser: bytes, *, purpose: str, user_id: str, at: datetime) -> bytes | None:
    """What this browser was asked to sign for this; it is good no more. None where nothing was, or too long ago."""
    table = passkey_challenges
    asked = sa.delete(table).where(table.c.browser == browser).returning(*table.columns)
    row = connection.execute(asked).first()
    if row is None or row.until <= at or row.purpose != purpose or row.user_id != user_id:
        return None
    return bytes(row.challenge)


def _key(row: sa.RowMapping) -> Passkey:
    return Passkey(**row)
