"""Screens on the wall: who made them, how they are paired, which word in a cookie opens which one."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store.logins import joined
from community.store.passkey_schema import screens as table
from shouwang.errors import IllegalMove


@dataclass(frozen=True, kw_only=True, slots=True)
class Screen:
    """A screen on the wall, and what is known of its browser."""

    screen_id: str
    name: str
    areas: frozenset[str]
    language: str
    created_by: str
    created_at: datetime
    code_until: datetime | None
    expires_at: datetime | None
    paired_at: datetime | None
    last_seen_at: datetime | None
    last_address: str
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A screen whose cookie was shown, and how that cookie stands. `is_previous`: there is a newer one already."""

    screen: Screen
    is_previous: bool
    salt: bytes | None
    rotated_at: datetime
    confirmed_at: datetime | None


def add(
    connection: sa.Connection,
    screen_id: str,
    *,
    name: str,
    areas: frozenset[str],
    language: str,
    by: str,
    at: datetime,
) -> Screen:
    """A new one, which no browser shows yet."""
    connection.execute(
        sa.insert(table).values(
            screen_id=screen_id, name=name, areas=joined(areas), language=language, created_by=by, created_at=at
        )
    )
    return get(connection, screen_id)


def get(connection: sa.Connection, screen_id: str) -> Screen:
    """The screen. Raises IllegalMove where there is none."""
    row = connection.execute(sa.select(table).where(table.c.screen_id == screen_id)).first()
    if row is None:
        raise IllegalMove(f"there is no screen {screen_id}")
    return _screen(row)


def everything(connection: sa.Connection, limit: int) -> tuple[Screen, ...]:
    """Those that are not ended first, by name, then the ones that ended last."""
    order = (table.c.ended_at.is_not(None), table.c.ended_at.desc(), table.c.name, table.c.screen_id)
    return tuple(_screen(row) for row in connection.execute(sa.select(table).order_by(*order).limit(limit)))


def offer(connection: sa.Connection, screen_id: str, code_hash: bytes, until: datetime) -> Screen:
    """A code that pairs a browser, once. Raises IllegalMove for a screen that is ended, or not there."""
    there = (table.c.screen_id == screen_id) & table.c.ended_at.is_(None)
    offered = sa.update(table).where(there).values(code_hash=code_hash, code_until=until)
    if connection.execute(offered).rowcount != 1:
        raise IllegalMove(f"there is no screen {screen_id} that could be paired")
    return get(connection, screen_id)


def pair(connection: sa.Connection, code_hash: bytes, token_hash: bytes, *, at: datetime, expires_at: datetime) -> str:
    """The id of the screen whose code this is; it is spent, and a browser that was paired before is out. "": none."""
    unspent = (table.c.code_hash == code_hash) & (table.c.code_until > at) & table.c.ended_at.is_(None)
    paired = sa.update(table).where(unspent)
    fresh = {
        "code_hash": None,
        "code_until": None,
        "token_hash": token_hash,
        "previous_hash": None,
        "salt": None,
        "rotated_at": at,
        "confirmed_at": None,
        "expires_at": expires_at,
        "paired_at": at,
    }
    return connection.scalar(paired.values(fresh).returning(table.c.screen_id)) or ""


def opened(connection: sa.Connection, token_hash: bytes, at: datetime) -> Opened | None:
    """The screen that this word opens, unless it is ended or too old."""
    is_word = (table.c.token_hash == token_hash) | (table.c.previous_hash == token_hash)
    row = connection.execute(
        sa.select(table).where(is_word, table.c.ended_at.is_(None), table.c.expires_at > at)
    ).first()
    if row is None:
        return None
    return Opened(
        screen=_screen(row),
        is_previous=row.token_hash != token_hash,
        salt=row.salt,
        rotated_at=row.rotated_at,
        confirmed_at=row.confirmed_at,
    )


def rotate(
    connection: sa.Connection, old_hash: bytes, new_hash: bytes, salt: bytes, *, at: datetime, expires_at: datetime
) -> bool:
    """The new word opens it from now on; the old one until the new one was shown. Of two at once, one is first."""
    fresh = {"previous_hash": old_hash, "token_hash": new_hash, "salt": salt, "rotated_at": at, "confirmed_at": None}
    turned = sa.update(table).where(table.c.token_hash == old_hash).values(expires_at=expires_at, **fresh)
    return connection.execute(turned).rowcount == 1


def confirm(connection: sa.Connection, screen_id: str, at: datetime) -> None:
    """The browser has shown its new word."""
    unseen = (table.c.screen_id == screen_id) & table.c.confirmed_at.is_(None)
    connection.execute(sa.update(table).where(unseen).values(confirmed_at=at))


def seen(connection: sa.Connection, screen_id: str, address: str, at: datetime) -> None:
    """It hangs there, and lives."""
    mine = table.c.screen_id == screen_id
    connection.execute(sa.update(table).where(mine).values(last_seen_at=at, last_address=address))


def end(connection: sa.Connection, screen_id: str, at: datetime) -> Screen:
    """Neither its cookie nor a code opens anything any more. Raises IllegalMove where there is nothing to end."""
    there = (table.c.screen_id == screen_id) & table.c.ended_at.is_(None)
    nothing = dict.fromkeys(("code_hash", "code_until", "token_hash", "previous_hash", "salt"))
    if connection.execute(sa.update(table).where(there).values(ended_at=at, **nothing)).rowcount != 1:
        raise IllegalMove(f"there is no screen {screen_id} that could be ended")
    return get(connection, screen_id)


def _screen(row: sa.Row[tuple[object, ...]]) -> Screen:
    return Screen(
        screen_id=row.screen_id,
        name=row.name,
        areas=frozenset(row.areas.split()),
        language=row.language,
        created_by=row.created_by,
        created_at=row.created_at,
        code_until=row.code_until,
        expires_at=row.expires_at,
        paired_at=row.paired_at,
        last_seen_at=row.last_seen_at,
        last_address=row.last_address,
        ended_at=row.ended_at,
    )
