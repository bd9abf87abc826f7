"""The times of homes whose clock was wrong: anchors, and what they mend."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Boots, their anchors, and samples in doubt. All that is there counts as told by a right clock, as it did."""
    _boots()
    _doubtful_samples()
    # not in batch mode: SQLite can add this column in place, and there are more samples than anything else
    op.add_column("samples", sa.Column("timing", sa.SmallInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("alerts") as alerts:
        alerts.add_column(sa.Column("seen_at", sa.BigInteger(), nullable=True))
        alerts.add_column(sa.Column("boot_number", _NUMBER, nullable=True))
        alerts.create_foreign_key("fk_alerts_boot_number", "boots", ["boot_number"], ["boot_number"])
    op.add_column("gateways", sa.Column("epoch", sa.Text(), nullable=False, server_default=""))
    op.add_column("gaps", sa.Column("lane", sa.SmallInteger(), nullable=True))
    op.add_column("gaps", sa.Column("first_seq", sa.BigInteger(), nullable=True))
    op.add_column("gaps", sa.Column("last_seq", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Keep the mended times, forget how they came about."""
    op.drop_column("gateways", "epoch")
    with op.batch_alter_table("gaps") as gaps:
        for name in ("last_seq", "first_seq", "lane"):
            gaps.drop_column(name)
    with op.batch_alter_table("alerts") as alerts:
        alerts.drop_constraint("fk_alerts_boot_number", type_="foreignkey")
        alerts.drop_column("boot_number")
        alerts.drop_column("seen_at")
    op.drop_column("samples", "timing")
    op.drop_table("doubtful_samples")
    op.drop_table("clock_anchors")
    op.drop_table("boots")


def _boots() -> None:
    op.create_table(
        "boots",
        sa.Column("boot_number", _NUMBER, nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("zero_by_anchor", sa.BigInteger(), nullable=True),
        sa.Column("zero_by_arrival", sa.BigInteger(), nullable=True),
        sa.Column("zero_by_later_boot", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_boots_gateway_id"),
        sa.PrimaryKeyConstraint("boot_number", name="pk_boots"),
        sa.UniqueConstraint("gateway_id", "epoch", "boot", name="uq_boots_gateway_id_epoch_boot"),
    )
    op.create_table(
        "clock_anchors",
        sa.Column("message_id", _NUMBER, nullable=False),
        sa.Column("boot_number", _NUMBER, nullable=False),
        sa.Column("mono", sa.BigInteger(), nullable=False),
        sa.Column("wall", sa.BigInteger(), nullable=False),
        sa.Column("error_ms", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("stepped_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.message_id"], name="fk_clock_anchors_message_id"),
        sa.ForeignKeyConstraint(["boot_number"], ["boots.boot_number"], name="fk_clock_anchors_boot_number"),
        sa.PrimaryKeyConstraint("message_id", name="pk_clock_anchors"),
    )
    op.create_index("ix_clock_anchors_boot_number", "clock_anchors", ["boot_number"])


def _doubtful_samples() -> None:
    op.create_table(
        "doubtful_samples",
        sa.Column("message_id", _NUMBER, nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("boot_number", _NUMBER, nullable=True),
        sa.Column("engine_ms", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.message_id"], name="fk_doubtful_samples_message_id"),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name="fk_doubtful_samples_series_id"),
        sa.ForeignKeyConstraint(["boot_number"], ["boots.boot_number"], name="fk_doubtful_samples_boot_number"),
        sa.PrimaryKeyConstraint("message_id", "place", name="pk_doubtful_samples"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_doubtful_samples_boot_number", "doubtful_samples", ["boot_number"])
