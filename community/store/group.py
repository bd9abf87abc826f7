"""What a transaction that takes in many messages has asked already, so that it asks once and not for each of them.

Only `community.store.intake` opens a group. Nobody else writes meanwhile, and whoever changes in a group what it
remembers says so here. Never within a savepoint: what is rolled back would be remembered.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, cast

import sqlalchemy as sa

T = TypeVar("T")
_OPTION = "shouwang_group"


@contextmanager
def group(connection: sa.Connection) -> Iterator[None]:
    """From here to its end this transaction remembers."""
    connection.execution_options(**{_OPTION: {}})
    try:
        yield
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


def _memory(connection: sa.Connection) -> dict[object, object] | None:
    return connection.get_execution_options().get(_OPTION)
