"""Whom a provider of identities vouches for: links from its subjects to our users. No user is made here."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.casefile import NotNow
from community.store import logins, tokens
from community.store.log_in_schema import identities as table
from community.store.log_in_schema import spent_nonces
from community.store.schema import users
from community.users import User
from shouwang.alert import Sentence

SUB = "sub"
EMAIL = "email"


@dataclass(frozen=True, kw_only=True, slots=True)
class Vouched:
    """What a provider says of somebody. `email`: verified by it; `login`: its preferred name; empty: not said.

    `nonce` is good until `until`. `has_second_factor`: he has shown more than a password there.
    """

    issuer: str
    subject: str
    nonce: str
    until: datetime
    email: str = ""
    login: str = ""
    has_second_factor: bool = False


def met(
    connection: sa.Connection, who: Vouched, *, at: datetime, links_by_login: bool
) -> tuple[User, logins.Secrets] | None:
    """The user, and his answer is spent; None where nobody is linked, he is disabled, or it was spent already.

    A verified e-mail that was linked, or a login that may link itself, is bound to the subject from now on.
    """
    found = _user(connection, who.issuer, SUB, who.subject)
    if found is None:
        found = _first_time(connection, who, at=at, links_by_login=links_by_login)
    if found is None or found[0].is_disabled or not _spend(connection, who, at):
        return None
    return found


def link(connection: sa.Connection, issuer: str, kind: str, subject: str, *, login: str, at: datetime) -> User:
    """This subject is this user from now on, instead of any other. Raises IllegalMove where it is somebody else's."""
    user = logins.user_called(connection, login)
    other = _user(connection, issuer, kind, subject)
    if other is not None and other[0].user_id != user.user_id:
        raise NotNow(
            Sentence(
                zh=f"{subject} 已绑定到登录名 {other[0].login}",
                en=f"{subject} is linked to the login {other[0].login} already",
            )
        )
    unlink(connection, issuer, user)
    connection.execute(
        sa.insert(table).values(issuer=issuer, kind=kind, subject=subject, user_id=user.user_id, linked_at=at)
    )
    return user


def unlink(connection: sa.Connection, issuer: str, user: User) -> None:
    """The provider lets this user in no more."""
    connection.execute(sa.delete(table).where(table.c.issuer == issuer, table.c.user_id == user.user_id))


def _first_time(
    connection: sa.Connection, who: Vouched, *, at: datetime, links_by_login: bool
) -> tuple[User, logins.Secrets] | None:
    found = _user(connection, who.issuer, EMAIL, who.email.casefold()) if who.email else None
    if found is None and links_by_login and who.login:
        found = _of_nobody_yet(connection, who)
    if found is None or found[0].is_disabled:
        return None
    login = found[0].login
    link(connection, who.issuer, SUB, who.subject, login=login, at=at)
    tokens.changed(connection, who.issuer, "identity linked", login, who.subject, at=at)
    return found


def _of_nobody_yet(connection: sa.Connection, who: Vouched) -> tuple[User, logins.Secrets] | None:
    """The user of this login, unless another subject is he: a name that is given anew opens nothing."""
    found = logins.of(connection, who.login)
    if found is None:
        return None
    his = (table.c.issuer == who.issuer) & (table.c.user_id == found[0].user_id)
    return None if connection.execute(sa.select(table.c.subject).where(his)).first() else found


def _user(connection: sa.Connection, issuer: str, kind: str, subject: str) -> tuple[User, logins.Secrets] | None:
    mine = (table.c.issuer == issuer) & (table.c.kind == kind) & (table.c.subject == subject)
    login = connection.scalar(sa.select(users.c.login).join(table, table.c.user_id == users.c.user_id).where(mine))
    return None if login is None else logins.of(connection, login)


def _spend(connection: sa.Connection, who: Vouched, at: datetime) -> bool:
    """Whether this answer is used for the first time."""
    connection.execute(sa.delete(spent_nonces).where(spent_nonces.c.until < at))
    if connection.execute(sa.select(spent_nonces.c.nonce).where(spent_nonces.c.nonce == who.nonce)).first():
        return False
    connection.execute(sa.insert(spent_nonces).values(nonce=who.nonce, until=who.until))
    return True
