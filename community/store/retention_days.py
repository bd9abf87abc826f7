"""What ended by itself, day by day, for the administrator's page; and what waits to end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store.retention import AT_ONCE, Kind
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


def newest(connection: sa.Connection) -> Night | None:
    """The last day on which there was a round; None: there never was one."""
    day = connection.scalar(sa.select(sa.func.max(retired.c.day)))
    if day is None:
        return None
    rows = connection.execute(sa.select(retired).where(retired.c.day == day)).all()
    numbers = {row.kind: row.number for row in rows if row.kind != ROUND}
    at = max(row.at for row in rows)
    return Night(day=day, at=at, numbers=numbers, is_whole=any(row.kind == ROUND for row in rows))


def of_kind(connection: sa.Connection, kind: str) -> int:
    """How many of a kind have ever ended."""
    return int(
        connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(retired.c.number), 0)).where(retired.c.kind == kind))
        or 0
    )


def waiting(connection: sa.Connection, kinds: Iterable[tuple[Kind, datetime]]) -> dict[str, int]:
    """How many of each kind wait to end, each with the moment before which it does; AT_ONCE stands for that or more."""
    return {kind.name: min(len(kind.look(connection, before, None).keys), AT_ONCE) for kind, before in kinds}
