"""Measurements: their sums by minute, quarter and day, and what is to be summed.

No sample is moved or dropped here. With SQLite the server copies those that are here into the file of measurements, in
pieces, while it runs; they stay here as well until they are older than raw samples are kept (decision 023). So both
ways keep them.
"""

import sqlalchemy as sa
from alembic import op

from shouwang.errors import ConfigError

revision = "0013"
down_revision = "0012"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The tables of sums, and all that is there to be summed."""
    op.create_table(
        "rollups",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Double(), nullable=False),
        sa.Column("least", sa.Double(), nullable=True),
        sa.Column("most", sa.Double(), nullable=True),
        sa.Column("doubtful", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name="fk_rollups_series_id"),
        sa.PrimaryKeyConstraint("series_id", "step", "at", name="pk_rollups"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dirty_quarters",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name="fk_dirty_quarters_series_id"),
        sa.PrimaryKeyConstraint("series_id", "at", name="pk_dirty_quarters"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "raw_since",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name="fk_raw_since_series_id"),
        sa.PrimaryKeyConstraint("series_id", name="pk_raw_since"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":  # there the samples stay
        op.execute(
            "INSERT INTO dirty_quarters SELECT DISTINCT series_id, at - mod(mod(at, 900000000) + 900000000, 900000000) "
            "FROM samples"
        )


def downgrade() -> None:
    """Forget the sums; the samples are what they were. Raises ConfigError where sums are all that is left of some."""
    older = op.get_bind().execute(sa.text("SELECT count(*) FROM raw_since")).scalar_one()
    if older:
        raise ConfigError(
            f"of {older} series only the sums are left of older samples; an older version would lose them"
        )
    op.drop_table("raw_since")
    op.drop_table("dirty_quarters")
    op.drop_table("rollups")
