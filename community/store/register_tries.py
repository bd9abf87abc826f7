"""That a telephone number was tried, and whether somebody answered: kept in the history of the register."""

from collections.abc import Collection, Mapping
from datetime import date

import sqlalchemy as sa

from community.store.centre_zone import here
from community.store.people_schema import register_changes

TRIED = "call"
"""The field under which tries stand; `before`: the number."""
ANSWERED, SILENT = "answered", "silent"


def silent(connection: sa.Connection, residents: Collection[str]) -> Mapping[str, Mapping[str, date]]:
    """Of these people's contacts the numbers whose newest try was in vain, and on which day."""
    table = register_changes
    tries = (table.c.resident_id.in_(sorted(residents)), table.c.field == TRIED, table.c.before.is_not(None))
    asked = sa.select(table.c.resident_id, table.c.before, table.c.after, table.c.at)
    found: dict[str, dict[str, date]] = {}
    for row in connection.execute(asked.where(*tries).order_by(table.c.change_id)):
        marks = found.setdefault(row.resident_id, {})
        if row.after == SILENT:
            marks[row.before] = here(connection, row.at).date()
        else:
            marks.pop(row.before, None)
    return found
