"""Many pairs of words in one statement and one value, so that each database looks every pair up by its index."""

from collections.abc import Collection

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def pairs_of(connection: sa.Connection, pairs: Collection[tuple[str, str]]) -> sa.FromClause:
    """A table of these, with the columns `first` and `second`."""
    if connection.dialect.name == "sqlite":
        each = sa.func.json_each(msgspec.json.encode(list(pairs)).decode()).table_valued("value")
        first, second = (sa.func.json_extract(each.c.value, path, type_=sa.Text()) for path in ("$[0]", "$[1]"))
        return sa.select(first.label("first"), second.label("second")).subquery()
    columns = [sa.literal([pair[place] for pair in pairs], postgresql.ARRAY(sa.Text)) for place in (0, 1)]
    text = (sa.column("first", sa.Text), sa.column("second", sa.Text))
    return sa.func.unnest(*columns).table_valued(*text).render_derived()


def words_of(connection: sa.Connection, words: Collection[str]) -> sa.FromClause:
    """A table of these, with the column `word`."""
    if connection.dialect.name == "sqlite":
        each = sa.func.json_each(msgspec.json.encode(list(words)).decode()).table_valued("value")
        return sa.select(sa.type_coerce(each.c.value, sa.Text).label("word")).subquery()
    return (
        sa.func.unnest(sa.literal(list(words), postgresql.ARRAY(sa.Text)))
        .table_valued(sa.column("word", sa.Text))
        .render_derived()
    )
