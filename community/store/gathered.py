"""Many rows as one value of the database.

SQLite lets go of the interpreter's lock at each row that it hands over, and has to get it back from whoever computes
meanwhile: with two thousand rows a reader waits two thousand times. A whole answer is also compared at once with the
one before it.
"""

import sqlalchemy as sa

NOTHING = "[]"


def gathered(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> str:
    """The rows as JSON, each a list of its columns: bytes in hex, moments in microseconds since 1970, flags 0 or 1 too.

    They come in any order: one that matters must be found in the columns.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    rows = query.subquery("rows")
    columns = [_plain(column, is_sqlite=is_sqlite) for column in rows.c]
    if is_sqlite:
        told: sa.ColumnElement[object] = sa.func.json_group_array(sa.func.json_array(*columns))
    else:
        told = sa.cast(sa.func.json_agg(sa.func.json_build_array(*columns)), sa.Text)
    return str(connection.execute(sa.select(told).select_from(rows)).scalar() or NOTHING)


def _plain(column: sa.ColumnElement[object], *, is_sqlite: bool) -> sa.ColumnElement[object]:
    if not isinstance(column.type, sa.LargeBinary):
        return column
    return sa.func.hex(column) if is_sqlite else sa.func.encode(column, "hex")
