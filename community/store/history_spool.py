"""What is on its way to the history of measurements: a small SQLite file, bounded; the oldest gives way."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from community.store.database import Store, opened
from community.store.engines import engines

MOST_PIECES = 1_000_000
"""At about 20 readings each some GB: a day and more of a hundred thousand homes."""
_AT_ONCE = 500
_SHAPE = "CREATE TABLE IF NOT EXISTS pieces (number INTEGER PRIMARY KEY AUTOINCREMENT, lines TEXT NOT NULL)"

log = logging.getLogger(__name__)


class Piece(NamedTuple):
    """Lines that were noted together."""

    number: int
    lines: str


class Spool:
    """The open file."""

    def __init__(self, store: Store) -> None:
        """Use `open_spool`."""
        self._store = store

    async def add(self, lines: str) -> None:
        """On the disk when this returns. Raises TryLater."""

        def work(connection: sa.Connection) -> None:
            last = connection.exec_driver_sql("INSERT INTO pieces (lines) VALUES (?)", (lines,)).lastrowid
            gone = connection.exec_driver_sql("DELETE FROM pieces WHERE number <= ?", (last - MOST_PIECES,)).rowcount
            if gone:
                log.error("the history of measurements was away for too long: %d pieces are lost to it", gone)

        await self._store.write(work)

    async def oldest(self, limit: int) -> Sequence[Piece]:
        """The first that wait. Raises TryLater."""

        def work(connection: sa.Connection) -> list[Piece]:
            rows = connection.exec_driver_sql("SELECT number, lines FROM pieces ORDER BY number LIMIT ?", (limit,))
            return [Piece(row.number, row.lines) for row in rows]

        return await self._store.read(work)

    async def drop(self, up_to: int) -> None:
        """They have arrived. Raises TryLater."""
        await self._store.write(
            lambda connection: connection.exec_driver_sql("DELETE FROM pieces WHERE number <= ?", (up_to,))
        )

    async def thin(self, keeps: Callable[[str], bool]) -> None:
        """Lines that are not to be kept go. Raises TryLater."""
        after: int | None = 0
        while after is not None:
            after = await self._store.write(partial(_thin, keeps=keeps, after=after))

    async def close(self) -> None:
        """Let go of the file."""
        await self._store.close()


async def open_spool(path: Path) -> Spool:
    """Made where there is none. Raises ConfigError."""
    return Spool(await opened(Store(engines(f"sqlite:///{path}", None), _shape)))


def _thin(connection: sa.Connection, keeps: Callable[[str], bool], after: int) -> int | None:
    """The number to go on after; None at the end."""
    pieces = connection.exec_driver_sql(
        "SELECT number, lines FROM pieces WHERE number > ? ORDER BY number LIMIT ?", (after, _AT_ONCE)
    ).all()
    for number, lines in pieces:
        left = "\n".join(line for line in lines.split("\n") if keeps(line))
        if not left:
            connection.exec_driver_sql("DELETE FROM pieces WHERE number = ?", (number,))
        elif left != lines:
            connection.exec_driver_sql("UPDATE pieces SET lines = ? WHERE number = ?", (left, number))
    return int(pieces[-1].number) if pieces else None


def _shape(connection: sa.Connection) -> None:
    connection.exec_driver_sql(_SHAPE)
