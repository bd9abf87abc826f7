"""Who of those on file lives where the register says: neither erased, nor marked as gone (decision 034)."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.people import Gone, Left
from community.store import schema
from community.store.centre_zone import here
from community.store.pairs import words_of

TOLD_FOR = timedelta(days=90)
"""So long the card of a home where others live on says who of it left: neighbours and helpers may not know yet.

Set by this project."""


_OF_PEOPLE = ("emergency", "care")
_DONE = ("CLOSED", "FEEDBACK", "REVISIT")
"""Of a case to which nobody goes any more."""


def living(table: "sa.FromClause" = schema.residents) -> "sa.ColumnElement[bool]":
    """Whether somebody of `residents` lives there now."""
    return sa.and_(table.c.erased_at.is_(None), table.c.left_why == "")


def has_left(table: "sa.FromClause" = schema.residents) -> "sa.ColumnElement[bool]":
    """Whether he is on file, and lives there no more."""
    return sa.and_(table.c.erased_at.is_(None), table.c.left_why != "")


def is_left_empty(home_id: "sa.ColumnElement[str]") -> "sa.ColumnElement[bool]":
    """Whether all who are on file of this home have left it."""
    one, other = schema.residents.alias("gone"), schema.residents.alias("still")
    return sa.and_(
        sa.exists().where(one.c.home_id == home_id, has_left(one)),
        ~sa.exists().where(other.c.home_id == home_id, living(other)),
    )


def gone_of(connection: sa.Connection, home_id: str) -> tuple[Gone, ...]:
    """All on file who left this home, the last first."""
    table = schema.residents
    asked = sa.select(table).where(table.c.home_id == home_id, has_left())
    rows = connection.execute(asked.order_by(table.c.left_on.desc(), table.c.place, table.c.resident_id))
    return tuple(_gone(row) for row in rows)


def left_as_told(connection: sa.Connection, home_id: str, about: str, now: datetime) -> tuple[Gone, ...]:
    """Who left, as the card of a case says it: whom the alarm names, who left lately, or all where nobody lives on."""
    gone = gone_of(connection, home_id)
    still = sa.select(schema.residents.c.resident_id).where(schema.residents.c.home_id == home_id, living())
    if not gone or connection.execute(still.limit(1)).first() is None:
        return gone
    since = (here(connection, now).date() - TOLD_FOR).isoformat()
    return tuple(one for one in gone if one.resident_id == about or one.left_on >= since)


def is_being_helped(connection: sa.Connection, home_id: str) -> bool:
    """Whether an alarm of the home is being handled: whoever goes there must find on the case who lives there."""
    table = schema.incidents
    open_there = (table.c.home_key == home_id, table.c.workflow.in_(_OF_PEOPLE), table.c.state.not_in(_DONE))
    return connection.execute(sa.select(table.c.incident_id).where(*open_there).limit(1)).first() is not None


def gone_from(connection: sa.Connection, home_ids: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Who left these homes, and which of them nobody of the register lives in any more."""
    table, asked = schema.residents, words_of(connection, home_ids)
    rows = connection.execute(
        sa.select(table.c.resident_id, table.c.home_id, table.c.left_why).where(
            table.c.erased_at.is_(None), table.c.home_id.in_(sa.select(asked.c.word))
        )
    ).all()
    lived_in = {row.home_id for row in rows if not row.left_why}
    gone = [row for row in rows if row.left_why]
    return frozenset(row.resident_id for row in gone), frozenset(row.home_id for row in gone) - lived_in


def _gone(row: "sa.Row[tuple[object, ...]]") -> Gone:
    return Gone(resident_id=row.resident_id, name=row.name, left=Left(row.left_why), left_on=row.left_on)
