"""What a row says that the table does not say yet, and how the record of changes spells it."""

from collections.abc import Mapping

import sqlalchemy as sa


def differing(
    before: "sa.Row[tuple[object, ...]] | None", values: Mapping[str, object]
) -> dict[str, tuple[object, object]]:
    """By column: what stands there, and what is to stand there; all of a row that is not there."""
    if before is None:
        return {name: (None, value) for name, value in values.items()}
    old = before._mapping  # noqa: SLF001 - SQLAlchemy's public name for it
    return {name: (old[name], value) for name, value in values.items() if old[name] != value}


def matches(table: sa.Table, key: Mapping[str, object]) -> "sa.ColumnElement[bool]":
    """Whether a row of the table has this key."""
    return sa.and_(*(table.c[name] == value for name, value in key.items()))


def said(value: object) -> str:
    """The value in words."""
    if isinstance(value, bytes):
        return value.decode()
    return "" if value is None else str(value)
