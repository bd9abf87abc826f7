"""Users, their sessions and their one-time links. Of tokens and passwords only hashes come here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.casefile import NotNow
from community.registry_sealing import Safe, is_sealed_with, opened, sealed_words
from community.store.dispatch_schema import responders as people
from community.store.dispatch_schema import units
from community.store.schema import login_links, login_sessions, users
from community.users import Role, User
from shouwang.alert import Sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A user who is logged in. `proved_at`: when he last proved anew who he is."""

    user: User
    expires_at: datetime
    last_seen_at: datetime
    proved_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Secrets:
    """What proves who a user is. `totp_step`: the last step of his authenticator app whose code was used."""

    password_hash: str | None
    totp_secret: str | None
    totp_step: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSession:
    """A session as its user sees it."""

    began_at: datetime
    last_seen_at: datetime
    is_this: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSessions:
    """Where somebody is logged in, and whether he has a password."""

    has_password: bool
    sessions: tuple[OwnSession, ...]


_SHOWN_SESSIONS = 50

UNKNOWN = Secrets(password_hash=None, totp_secret=None, totp_step=0)
"""Of a login that nobody has."""


def add(connection: sa.Connection, user: User, *, password_hash: str | None, at: datetime) -> None:
    """Raises IllegalMove where the login is taken."""
    if of(connection, user.login) is not None:
        raise NotNow(
            Sentence(zh=f"登录名 {user.login} 已有人使用", en=f"there is a user with the login {user.login} already")
        )
    connection.execute(
        sa.insert(users).values(
            user_id=user.user_id,
            login=user.login,
            name=user.name,
            role=user.role.value,
            language=user.language,
            password_hash=password_hash,
            created_at=at,
            areas=joined(user.areas),
            organisations=joined(user.organisations),
            person=user.person,
        )
    )


def of(connection: sa.Connection, login: str) -> tuple[User, Secrets] | None:
    """The user with this login, and what proves that it is he."""
    row = connection.execute(sa.select(users).where(users.c.login == login)).first()
    if row is None:
        return None
    secrets = Secrets(password_hash=row.password_hash, totp_secret=row.totp_secret, totp_step=row.totp_step)
    return _user(row), secrets


def user_called(connection: sa.Connection, login: str) -> User:
    """The user with this login. Raises IllegalMove for an unknown one."""
    found = of(connection, login)
    if found is None:
        raise NotNow(Sentence(zh=f"没有登录名为 {login} 的用户", en=f"there is no user with the login {login}"))
    return found[0]


def seal_apps(connection: sa.Connection, before: Safe, safe: Safe) -> int:
    """Seal the secrets of authenticator apps that lie plain or under another key; how many that were."""
    count = 0
    given = sa.select(users.c.user_id, users.c.totp_secret).where(users.c.totp_secret.is_not(None))
    for row in connection.execute(given).all():
        if is_sealed_with(safe, row.totp_secret):
            continue
        kept = sealed_words(safe, opened(before, row.totp_secret, of=row.user_id), of=row.user_id)
        connection.execute(sa.update(users).where(users.c.user_id == row.user_id).values(totp_secret=kept))
        count += 1
    return count


def everybody(connection: sa.Connection) -> tuple[User, ...]:
    """All users, by login."""
    return tuple(_user(row) for row in connection.execute(sa.select(users).order_by(users.c.login)))


def change(connection: sa.Connection, login: str, columns: Mapping[str, object], *, kept: bytes = b"") -> User:
    """Other columns for this user, who begins anew: all his sessions end, but the one whose hash is `kept`.

    Raises IllegalMove for an unknown login.
    """
    user_id = user_called(connection, login).user_id
    if columns:
        connection.execute(sa.update(users).where(users.c.user_id == user_id).values(dict(columns)))
    end_all(connection, user_id, kept=kept)
    return _user(connection.execute(sa.select(users).where(users.c.user_id == user_id)).one())


def spend_code(connection: sa.Connection, user_id: str, step: int) -> bool:
    """Whether this is the first use of the code of this step: of two who bring it at once, one gets in."""
    newer = (users.c.user_id == user_id) & (users.c.totp_step < step)
    return connection.execute(sa.update(users).where(newer).values(totp_step=step)).rowcount == 1


def end_all(connection: sa.Connection, user_id: str, *, kept: bytes = b"") -> None:
    """No session and no link of his is good any more; but the session whose hash is `kept`."""
    others = (login_sessions.c.user_id == user_id) & (login_sessions.c.token_hash != kept)
    connection.execute(sa.delete(login_sessions).where(others))
    connection.execute(sa.delete(login_links).where(login_links.c.user_id == user_id))


def names(connection: sa.Connection) -> dict[str, str]:
    """What people are called, by login."""
    return {row.login: row.name for row in connection.execute(sa.select(users.c.login, users.c.name))}


def called(connection: sa.Connection) -> dict[str, str]:
    """What everybody is called whom a case may name: by login, and by the id of a responder."""
    found = {row.unit_id: row.name for row in connection.execute(sa.select(units.c.unit_id, units.c.name))}
    found |= {row.responder_id: row.name for row in connection.execute(sa.select(people.c.responder_id, people.c.name))}
    return found | names(connection)


def set_password(connection: sa.Connection, user_id: str, password_hash: str, *, kept: bytes = b"") -> None:
    """All his sessions end; but the one whose hash is `kept`."""
    connection.execute(sa.update(users).where(users.c.user_id == user_id).values(password_hash=password_hash))
    end_all(connection, user_id, kept=kept)


def own(connection: sa.Connection, login: str, token_hash: bytes, at: datetime) -> OwnSessions:
    """The sessions of this login that have not ended, the newest first; the one of this hash is marked."""
    found = of(connection, login)
    table = login_sessions
    rows = connection.execute(
        sa.select(table)
        .join(users, users.c.user_id == table.c.user_id)
        .where(users.c.login == login, table.c.expires_at > at)
        .order_by(table.c.created_at.desc())
        .limit(_SHOWN_SESSIONS)
    )
    return OwnSessions(
        has_password=found is not None and found[1].password_hash is not None,
        sessions=tuple(
            OwnSession(
                began_at=row.created_at, last_seen_at=row.last_seen_at, is_this=bytes(row.token_hash) == token_hash
            )
            for row in rows
        ),
    )


def set_language(connection: sa.Connection, user_id: str, language: str) -> None:
    """What he reads the console in."""
    connection.execute(sa.update(users).where(users.c.user_id == user_id).values(language=language))


def add_link(connection: sa.Connection, login: str, token_hash: bytes, *, at: datetime, until: datetime) -> None:
    """Links that are too old `at` this moment go. Raises IllegalMove for an unknown login."""
    found = of(connection, login)
    if found is None:
        raise NotNow(Sentence(zh=f"没有登录名为 {login} 的用户", en=f"there is no user with the login {login}"))
    connection.execute(sa.delete(login_links).where(login_links.c.expires_at < at))
    connection.execute(sa.insert(login_links).values(token_hash=token_hash, user_id=found[0].user_id, expires_at=until))


def owner_of_link(connection: sa.Connection, token_hash: bytes, at: datetime) -> tuple[User, Secrets] | None:
    """Whom the link would let in, and what proves that it is he."""
    unspent = (login_links.c.token_hash == token_hash) & login_links.c.used_at.is_(None)
    login = connection.scalar(
        sa.select(users.c.login)
        .join(login_links, login_links.c.user_id == users.c.user_id)
        .where(unspent, login_links.c.expires_at > at)
    )
    return None if login is None else of(connection, login)


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


def has_password(connection: sa.Connection, user_id: str, password_hash: str | None) -> bool:
    """Whether this is his still: whoever changed it ended all sessions, and must not be too early for one."""
    his = sa.select(users.c.password_hash).where(users.c.user_id == user_id)
    return bool(connection.scalar(his) == password_hash)


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
        sa.select(users, login_sessions.c.expires_at, login_sessions.c.last_seen_at, login_sessions.c.proved_at)
        .join(login_sessions, login_sessions.c.user_id == users.c.user_id)
        .where(login_sessions.c.token_hash == token_hash, login_sessions.c.expires_at > at)
        .where(users.c.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    return Session(user=_user(row), expires_at=row.expires_at, last_seen_at=row.last_seen_at, proved_at=row.proved_at)


def seen(connection: sa.Connection, token_hash: bytes, at: datetime) -> None:
    """The session is used."""
    mine = login_sessions.c.token_hash == token_hash
    connection.execute(sa.update(login_sessions).where(mine).values(last_seen_at=at))


def proved(connection: sa.Connection, token_hash: bytes, at: datetime) -> None:
    """He has proved anew who he is."""
    mine = login_sessions.c.token_hash == token_hash
    connection.execute(sa.update(login_sessions).where(mine).values(proved_at=at))


def end(connection: sa.Connection, token_hash: bytes) -> None:
    """Log out."""
    connection.execute(sa.delete(login_sessions).where(login_sessions.c.token_hash == token_hash))


def joined(ids: Iterable[str]) -> str:
    """Ids as a column holds them."""
    return " ".join(sorted(ids))


def _user(row: sa.Row[tuple[object, ...]]) -> User:
    return User(
        user_id=row.user_id,
        login=row.login,
        name=row.name,
        role=Role(row.role),
        language=row.language,
        areas=frozenset(row.areas.split()),
        organisations=frozenset(row.organisations.split()),
        person=row.person,
        is_disabled=row.disabled_at is not None,
        has_totp=row.totp_secret is not None,
    )
