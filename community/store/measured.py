"""Where those who read the community database find measurements: in it, or in the file that is attached to it."""

import logging
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from community.store import schema
from community.store.engines import MEASURED

T = TypeVar("T")
log = logging.getLogger(__name__)


class Tables(NamedTuple):
    """The tables of measurements."""

    series: sa.Table
    samples: sa.Table
    messages: sa.Table


def tables(connection: sa.Connection) -> Tables:
    """Those that this connection is to ask."""
    return _ATTACHED if _is_attached(connection) else _HERE


def or_without(connection: sa.Connection, default: T, ask: Callable[[], T]) -> T:
    """What `ask` finds; where the file of measurements cannot be read, `default`: a case is worked on without plots."""
    if not _is_attached(connection):
        return ask()
    try:
        return ask()
    except sa.exc.DBAPIError as error:
        log.error("measurements are not shown: %s", error.orig)  # noqa: TRY400 - no traceback: said in words
        return default


def _is_attached(connection: sa.Connection) -> bool:
    return bool(connection.get_execution_options().get(MEASURED))


def _of(metadata: sa.MetaData, name: str | None) -> Tables:
    copies = [
        sa.Table(
            table.name,
            metadata,
            *(sa.Column(column.name, column.type, primary_key=column.primary_key) for column in table.columns),
            schema=name,
        )
        for table in (schema.series, schema.samples, schema.messages)
    ]
    return Tables(*copies)


_HERE = Tables(schema.series, schema.samples, schema.messages)
_ATTACHED = _of(sa.MetaData(), MEASURED)
