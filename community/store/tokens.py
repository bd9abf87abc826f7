"""Tokens of programs, agreements, and the record of who changed a right. Of a token only its hash comes here."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.casefile import NotNow
from community.store import seals
from community.store.logins import joined
from community.store.rights_schema import agreements, api_tokens, right_changes
from community.tokens import Agreement, Caller, Field, Scope, Token
from community.users import EVERYWHERE, Role
from shouwang.alert import Sentence

USED_EVERY = timedelta(minutes=1)
"""How exactly the last use is known: a program that asks each second must not write each second."""


def add(connection: sa.Connection, token: Token, token_hash: bytes) -> None:
    """Raises IllegalMove where the agreement is unknown."""
    if token.agreement and agreement(connection, token.agreement) is None:
        raise NotNow(
            Sentence(
                zh=f"没有协议 {token.agreement}；可用 shouwang community agreement list 查看",
                en=f"there is no agreement {token.agreement}; see shouwang community agreement list",
            )
        )
    connection.execute(
        sa.insert(api_tokens).values(
            token_id=token.token_id,
            name=token.name,
            token_hash=token_hash,
            role=token.role.value,
            scopes=joined(token.scopes),
            areas=joined(token.areas),
            organisations=joined(token.organisations),
            person=token.person,
            agreement=token.agreement,
            a_minute=token.a_minute,
            created_by=token.created_by,
            created_at=token.created_at,
            expires_at=token.expires_at,
        )
    )


def everything(connection: sa.Connection) -> tuple[Token, ...]:
    """All tokens, also those that are good no more; the oldest first."""
    ordered = sa.select(api_tokens).order_by(api_tokens.c.created_at, api_tokens.c.token_id)
    return tuple(_token(row) for row in connection.execute(ordered))


def caller(connection: sa.Connection, token_hash: bytes, now: datetime) -> Caller | None:
    """Whom the token stands for; None where it is unknown, revoked or too old."""
    row = connection.execute(sa.select(api_tokens).where(api_tokens.c.token_hash == token_hash)).first()
    token = None if row is None else _token(row)
    if token is None or not token.is_good(now):
        return None
    named = agreement(connection, token.agreement) if token.agreement else None
    return Caller(token=token, agreement=named if named is not None and named.stands(now) else None)


def used(connection: sa.Connection, token_id: str, now: datetime) -> None:
    """The token was used."""
    connection.execute(sa.update(api_tokens).where(api_tokens.c.token_id == token_id).values(last_used_at=now))


def revoke(connection: sa.Connection, token_id: str, now: datetime) -> Token:
    """It opens nothing any more. Raises IllegalMove where it is unknown or was revoked before."""
    mine = (api_tokens.c.token_id == token_id) & api_tokens.c.revoked_at.is_(None)
    row = connection.execute(sa.update(api_tokens).where(mine).values(revoked_at=now).returning(*api_tokens.c)).first()
    if row is None:
        raise NotNow(
            Sentence(
                zh=f"没有可作废的令牌 {token_id}；可用 shouwang community token list 查看",
                en=f"there is no token {token_id} that could be revoked; see shouwang community token list",
            )
        )
    return _token(row)


def agree(connection: sa.Connection, made: Agreement) -> None:
    """A new agreement. Raises IllegalMove where there is one of this id."""
    if agreement(connection, made.agreement_id) is not None:
        raise NotNow(
            Sentence(zh=f"协议 {made.agreement_id} 已存在", en=f"there is an agreement {made.agreement_id} already")
        )
    connection.execute(
        sa.insert(agreements).values(
            agreement_id=made.agreement_id,
            organisation=made.organisation,
            purpose=made.purpose,
            fields=joined(made.fields),
            areas=joined(made.areas),
            starts_at=made.starts_at,
            ends_at=made.ends_at,
        )
    )


def end_agreement(connection: sa.Connection, agreement_id: str, now: datetime) -> None:
    """It holds no longer than now. Raises IllegalMove where there is none that holds."""
    mine = (agreements.c.agreement_id == agreement_id) & (agreements.c.ends_at > now)
    if connection.execute(sa.update(agreements).where(mine).values(ends_at=now)).rowcount == 0:
        raise NotNow(
            Sentence(
                zh=f"没有可终止的协议 {agreement_id}", en=f"there is no agreement {agreement_id} that could be ended"
            )
        )


def agreement(connection: sa.Connection, agreement_id: str) -> Agreement | None:
    """The agreement of this id."""
    row = connection.execute(sa.select(agreements).where(agreements.c.agreement_id == agreement_id)).first()
    return None if row is None else _agreement(row)


def all_agreements(connection: sa.Connection) -> tuple[Agreement, ...]:
    """All of them, also those that have ended."""
    return tuple(
        _agreement(row) for row in connection.execute(sa.select(agreements).order_by(agreements.c.agreement_id))
    )


def serving(connection: sa.Connection, areas: frozenset[str], now: datetime) -> frozenset[str]:
    """The organisations that serve a home in these areas under an agreement."""
    return serving_in(all_agreements(connection), areas, now)


def serving_in(agreed: Iterable[Agreement], areas: frozenset[str], now: datetime) -> frozenset[str]:
    """The same, among these agreements."""
    return frozenset(
        one.organisation for one in agreed if one.stands(now) and (one.areas == EVERYWHERE or one.areas & areas)
    )


def changed(connection: sa.Connection, actor: str, what: str, whom: str, detail: str, *, at: datetime) -> None:
    """Write down, and seal, that somebody gave or took a right."""
    values = {"at": at, "actor": actor, "what": what, "whom": whom, "detail": detail}
    number = connection.execute(sa.insert(right_changes).values(values).returning(right_changes.c.change_id))
    seals.seal(connection, right_changes, int(number.scalar_one()), at=at)


def _token(row: sa.Row[tuple[object, ...]]) -> Token:
    return Token(
        token_id=row.token_id,
        name=row.name,
        role=Role(row.role),
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        areas=frozenset(row.areas.split()),
        organisations=frozenset(row.organisations.split()),
        person=row.person,
        agreement=row.agreement,
        a_minute=row.a_minute,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _agreement(row: sa.Row[tuple[object, ...]]) -> Agreement:
    return Agreement(
        agreement_id=row.agreement_id,
        organisation=row.organisation,
        purpose=row.purpose,
        fields=frozenset(Field(name) for name in row.fields.split()),
        areas=frozenset(row.areas.split()),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
    )
