"""Users, their sessions and their one-time links. Of tokens and passwords only hashes come here."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store.schema import login_links, login_sessions, users
from community.users import Role, User
from shouwang.errors import IllegalMove


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A user who is logged in."""

    user: User
    expires_at: datetime
    last_seen_at: datetime


def add(connection: sa.Connection, user: User, *, password_hash: str | None, at: datetime) -> None:
    """Raises IllegalMove where the login is taken."""
    if of(connection, user.login) is not None:
        raise IllegalMove(f"there is a user with the login {user.login} already")
    connection.execute(
        sa.insert(users).values(
            user_id=user.user_id,
            login=user.login,
            name=user.name,
            role=user.role.value,
            language=user.language,
            password_hash=password_hash,
            created_at=at,
        )
    )


def of(connection: sa.Connection, login: str) -> tuple[User, str | None] | None:
    """The user with this login, and the hash of his password if he has one."""
    row = connection.execute(sa.select(users).where(users.c.login == login)).first()
    return None if row is None else (_user(row), row.password_hash)


def names(connection: sa.Connection) -> dict[str, str]:
    """What people are called, by login."""
    return {row.login: row.name for row in connection.execute(sa.select(users.c.login, users.c.name))}


def set_password(connection: sa.Connection, user_id: str, password_hash: str) -> None:
    """All his sessions end."""
    connection.execute(sa.update(users).where(users.c.user_id == user_id).values(password_hash=password_hash))
    connection.execute(sa.delete(login_sessions).where(login_sessions.c.user_id == user_id))


def set_language(connection: sa.Connection, user_id: str, language: str) -> None:
    """What he reads the console in."""
    connection.execute(sa.update(users).where(users.c.user_id == user_id).values(language=language))


def add_link(connection: sa.Connection, login: str, token_hash: bytes, *, at: datetime, until: datetime) -> None:
    """Links that are too old `at` this moment go. Raises IllegalMove for an unknown login."""
    found = of(connection, login)
    if found is None:
        raise IllegalMove(f"there is no user with the login {login}")
    connection.execute(sa.delete(login_links).where(login_links.c.expires_at < at))
    connection.execute(sa.insert(login_links).values(token_hash=token_hash, user_id=found[0].user_id, expires_at=until))


def spend_link(connection: sa.Connection, token_hash: bytes, at: datetime) -> User | None:
    """Whom the link lets in; None where it is unknown, spent or too old. Of two who spend it at once, one gets in."""
    unspent = (login_links.c.token_hash == token_hash) & login_links.c.used_at.is_(None)
    user_id = connection.scalar(
        sa.update(login_links)
        .where(unspent, login_links.c.expires_at > at)
        .values(used_at=at)
        .returning(login_links.c.user_id)
    )
    return (
        None if user_id is None else _user(connection.execute(sa.select(users).where(users.c.user_id == user_id)).one())
    )


def begin(connection: sa.Connection, token_hash: bytes, user: User, *, at: datetime, until: datetime) -> None:
    """A session; those that have ended `at` this moment go."""
    connection.execute(sa.delete(login_sessions).where(login_sessions.c.expires_at < at))
    connection.execute(
        sa.insert(login_sessions).values(
            token_hash=token_hash, user_id=user.user_id, created_at=at, expires_at=until, last_seen_at=at
        )
    )


def session(connection: sa.Connection, token_hash: bytes, at: datetime) -> Session | None:
    """The session, if it has not ended."""
    row = connection.execute(
        sa.select(users, login_sessions.c.expires_at, login_sessions.c.last_seen_at)
        .join(login_sessions, login_sessions.c.user_id == users.c.user_id)
        .where(login_sessions.c.token_hash == token_hash, login_sessions.c.expires_at > at)
    ).first()
    return None if row is None else Session(user=_user(row), expires_at=row.expires_at, last_seen_at=row.last_seen_at)


def seen(connection: sa.Connection, token_hash: bytes, at: datetime) -> None:
    """The session is used."""
    mine = login_sessions.c.token_hash == token_hash
    connection.execute(sa.update(login_sessions).where(mine).values(last_seen_at=at))


def end(connection: sa.Connection, token_hash: bytes) -> None:
    """Log out."""
    connection.execute(sa.delete(login_sessions).where(login_sessions.c.token_hash == token_hash))


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    return User(user_id=row.user_id, login=row.login, name=row.name, role=Role(row.role), language=row.language)
