"""What ended by itself, day by day, for the administrator's page; and what waits to end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store.retention import AT_ONCE, FEW, Kind
from community.store.sealed_schema import retired

ROUND = "round"
"""The row of a day that says that all kinds were looked through."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """What ended on this day, by kind; `is_whole`: all kinds were looked through."""

    day: str
    at: datetime
    numbers: dict[str, int]
    is_whole: bool


def note(connection: sa.Connection, day: str, kind: str, number: int, at: datetime) -> None:
    """So many more of this kind have ended on this day; in the transaction in which they did."""
    this = (retired.c.day == day, retired.c.kind == kind)
    more = sa.update(retired).where(*this).values(number=retired.c.number + number, at=at)
    if connection.execute(more).rowcount == 0:
        connection.execute(sa.insert(retired).values(day=day, kind=kind, number=number, at=at))


def is_done(connection: sa.Connection, day: str) -> bool:
    """Whether this day's round has come to its end."""
    this = sa.select(retired.c.day).where(retired.c.day == day, retired.c.kind == ROUND)
    return connection.execute(this).first() is not None


def of_kind(connection: sa.Connection, kind: str) -> int:
    """How many of a kind have ever ended."""
    return int(
        connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(retired.c.number), 0)).where(retired.c.kind == kind))
        or 0
    )


def waiting(connection: sa.Connection, kinds: Iterable[tuple[Kind, datetime]]) -> dict[str, int]:
    """How many of each kind wait to end, each with the moment before which it does; AT_ONCE stands for that or more."""
    return {kind.name: _waiting(connection, kind, before) for kind, before in kinds}


def _waiting(connection: sa.Connection, kind: Kind, before: datetime) -> int:
    """Not further than what AT_ONCE rows in the smallest pages tell."""
    page = kind.look(connection, before, None)
    number = len(page.keys)
    for _ in range(AT_ONCE // FEW - 1):
        if page.last is None or number >= AT_ONCE:
            break
        page = kind.look(connection, before, page.last)
        number += len(page.keys)
    return min(number, AT_ONCE)
