"""What a transaction that takes in many messages has asked already, and what it will write: once, not for each of them.

Rows that are put off are in the tables when the group ends, and before whoever asks those tables: he says `write_out`
first. Only `community.store.intake` opens a group. Nobody else writes meanwhile, and whoever changes in a group what it
remembers says so here. Never within a savepoint: what is rolled back would be remembered.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TypeVar, cast

import sqlalchemy as sa

from community.store.schema import metadata

T = TypeVar("T")
_OPTION = "shouwang_group"
_ROWS = "rows that are put off"
_PutOff = dict[sa.Insert, list[Mapping[str, object]]]


@contextmanager
def group(connection: sa.Connection) -> Iterator[None]:
    """From here to its end this transaction remembers."""
    connection.execution_options(**{_OPTION: {}})
    try:
        yield
        write_out(connection)
    finally:
        connection.execution_options(**{_OPTION: None})


def recall(connection: sa.Connection, name: object, read: Callable[[], T]) -> T:
    """What is remembered under this name; read now where nothing is, or where no group is open."""
    memory = _memory(connection)
    if memory is None:
        return read()
    if name not in memory:
        memory[name] = read()
    return cast("T", memory[name])


def remember(connection: sa.Connection, name: object, value: object) -> None:
    """It is so from now on."""
    memory = _memory(connection)
    if memory is not None:
        memory[name] = value


def forget(connection: sa.Connection, name: object) -> None:
    """It may have changed: read it again."""
    memory = _memory(connection)
    if memory is not None:
        memory.pop(name, None)


def write_later(connection: sa.Connection, insert: sa.Insert, row: Mapping[str, object]) -> None:
    """Insert this row with the others of the group; now, where none is open. `insert`: one object for all its rows."""
    memory = _memory(connection)
    if memory is None:
        connection.execute(insert, row)
        return
    put_off = cast("_PutOff", memory.setdefault(_ROWS, {}))
    put_off.setdefault(insert, []).append(row)


def write_out(connection: sa.Connection) -> None:
    """Write what was put off: a row after those that it refers to."""
    memory = _memory(connection)
    put_off = cast("_PutOff | None", memory.pop(_ROWS, None)) if memory else None
    for insert, rows in sorted((put_off or {}).items(), key=lambda one: _order()[one[0].table.name]):
        connection.execute(insert, rows)


@cache
def _order() -> Mapping[str, int]:
    return {table.name: place for place, table in enumerate(metadata.sorted_tables)}


def _memory(connection: sa.Connection) -> dict[object, object] | None:
    return connection.get_execution_options().get(_OPTION)
