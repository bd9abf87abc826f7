"""What ended by itself, day by day, for the administrator's page; and what waits to end."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.store.retention import AT_ONCE, Kind
from community.store.sealed_schema import retired
from shouwang.bilingual import both
from shouwang.errors import TryLater

ROUND = "round"
"""The row of a day that says that all kinds were looked through."""
LOOKS = 500
"""Slices of a kind that a page of administration looks through: ten million rows."""


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


def waiting(
    connection: sa.Connection, kinds: Iterable[tuple[Kind, datetime]], *, until_s: float = math.inf
) -> dict[str, int]:
    """How many of each kind wait to end, each with the moment before which it does; AT_ONCE stands for that or more.

    `until_s`: of time.monotonic(); whoever asked waits no longer, so that a reader is free again.
    """
    return {kind.name: _waiting(connection, kind, before, until_s) for kind, before in kinds}


def _waiting(connection: sa.Connection, kind: Kind, before: datetime, until_s: float) -> int:
    """Raises TryLater where AT_ONCE are not found, and the table has no end within LOOKS or until then."""
    number, last = 0, None
    for _ in range(LOOKS):
        in_time(kind.name, until_s)
        page = kind.look(connection, before, last)
        number, last = number + len(page.keys), page.last
        if last is None or number >= AT_ONCE:
            return min(number, AT_ONCE)
    raise TryLater(both(*_TOO_MANY, kind=kind.name))


def in_time(kind: str, until_s: float) -> None:
    """Raise TryLater where it is later than this, of time.monotonic()."""
    if time.monotonic() >= until_s:
        raise TryLater(both(*_TOO_LONG, kind=kind))


_TOO_LONG = "{kind}: it took too long to count the rows", "{kind}：统计行数用时过长"
_TOO_MANY = "{kind}: there are too many rows to be counted now", "{kind}：现在行数太多，数不过来"
