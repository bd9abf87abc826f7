"""What boxes tell of themselves and of their sensors, and rounds of test alarms."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def _of_boxes() -> list[sa.Column[object]]:
    return [
        sa.Column("clock_offset_ms", sa.BigInteger()),
        sa.Column("is_on_mains", sa.Boolean()),
        sa.Column("battery", sa.Double()),
        sa.Column("disk_used", sa.Double()),
        sa.Column("temperature", sa.Double()),
        sa.Column("link", sa.Text(), nullable=False, server_default=""),
        sa.Column("link_dbm", sa.Double()),
        sa.Column("certificate_ends", sa.BigInteger()),
        sa.Column("told_at", sa.BigInteger()),
    ]


def _of_sensors() -> list[sa.Column[object]]:
    return [sa.Column("signal_dbm", sa.Double()), sa.Column("heard_at", sa.BigInteger())]


def upgrade() -> None:
    """Nothing is known until the next beats."""
    for table, columns in (("gateways", _of_boxes()), ("sensor_status", _of_sensors())):
        for column in columns:  # not in batch mode: both databases add columns in place
            op.add_column(table, column)
    for name in ("battery", "state"):
        op.create_index(f"ix_sensor_status_{name}", "sensor_status", [name])
    _box_starts()
    _test_rounds()


def downgrade() -> None:
    """An older version shows less."""
    for table in ("test_round_boxes", "test_rounds", "box_starts"):
        op.drop_table(table)
    for name in ("battery", "state"):
        op.drop_index(f"ix_sensor_status_{name}", "sensor_status")
    for table, columns in (("gateways", _of_boxes()), ("sensor_status", _of_sensors())):
        for column in columns:  # not in batch mode: SQLite would drop the table, and others refer to it
            op.drop_column(table, column.name)


def _box_starts() -> None:
    op.create_table(
        "box_starts",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_box_starts_gateway_id_gateways"),
        sa.PrimaryKeyConstraint("gateway_id", "at", name="pk_box_starts"),
    )


def _test_rounds() -> None:
    op.create_table(
        "test_rounds",
        sa.Column("round_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("round_id", name="pk_test_rounds"),
        sa.UniqueConstraint("command_id", name="uq_test_rounds_command_id"),
    )
    op.create_table(
        "test_round_boxes",
        sa.Column("round_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["round_id"], ["test_rounds.round_id"], name="fk_test_round_boxes_round_id_test_rounds"
        ),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["gateways.gateway_id"], name="fk_test_round_boxes_gateway_id_gateways"
        ),
        sa.PrimaryKeyConstraint("round_id", "gateway_id", name="pk_test_round_boxes"),
    )
    op.create_index("ix_test_round_boxes_due_at", "test_round_boxes", ["due_at"])
