"""A series is of one person, and a sample may have come long after it was measured."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

from shouwang.errors import ConfigError

revision = "0003"
down_revision = "0002"

_OF_ALL = "uq_series_gateway_id_sensor_id_quantity"
_OF_ONE = "uq_series_gateway_id_sensor_id_quantity_resident_id"


def upgrade() -> None:
    """What is there is the home's resident's, and came when it was measured."""
    with _series_set_aside(), op.batch_alter_table("series") as series:
        series.drop_constraint(_OF_ALL, type_="unique")
        series.add_column(sa.Column("resident_id", sa.Text(), nullable=False, server_default=""))
        series.create_unique_constraint(_OF_ONE, ["gateway_id", "sensor_id", "quantity", "resident_id"])
    # not in batch mode: SQLite can add this column in place, and there are more samples than anything else
    op.add_column("samples", sa.Column("is_late", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Forget which samples were late. Raises ConfigError where another's values would become the home's resident's."""
    others = op.get_bind().execute(sa.text("SELECT count(*) FROM series WHERE resident_id <> ''")).scalar_one()
    if others:
        raise ConfigError(f"{others} series are not of the home's resident; an older version would show them as such")
    op.drop_column("samples", "is_late")
    with _series_set_aside(), op.batch_alter_table("series") as series:
        series.drop_constraint(_OF_ONE, type_="unique")
        series.drop_column("resident_id")
        series.create_unique_constraint(_OF_ALL, ["gateway_id", "sensor_id", "quantity"])


@contextmanager
def _series_set_aside() -> Iterator[None]:
    """SQLite changes a constraint by dropping the table, and drops none with rows that samples refer to.

    Foreign keys cannot be switched off inside a transaction, but may wait for its end: by then the rows are back.
    """
    if op.get_bind().dialect.name != "sqlite":
        yield
        return
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept_series AS SELECT series_id, gateway_id, sensor_id, quantity FROM series")
    op.execute("DELETE FROM series")
    yield
    op.execute("INSERT INTO series (series_id, gateway_id, sensor_id, quantity) SELECT * FROM kept_series")
    op.execute("DROP TABLE kept_series")
