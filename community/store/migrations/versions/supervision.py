"""Whether homes and their ways to the centre are heard of."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Tables of outages, storms, ways to the centre and test alarms; a code for each gap."""
    op.add_column("gaps", sa.Column("code", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "supervision",
        *_of_a_gateway("supervision"),
        sa.Column("doubted_at", sa.BigInteger()),
        sa.Column("offline_since", sa.BigInteger()),
        sa.Column("is_in_storm", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("heard_again_at", sa.BigInteger()),
        sa.Column("born_at", sa.BigInteger()),
        sa.Column("starts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("heartbeat_s", sa.Integer(), nullable=False, server_default="60"),
        sa.Column("test_due_at", sa.BigInteger()),
        sa.Column("test_missed_since", sa.BigInteger()),
        sa.Column("on_file_at", sa.BigInteger()),
        sa.Column("never_told_as", sa.Text()),
        sa.Column("never_told_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("gateway_id", name="pk_supervision"),
    )
    _storms()
    _path_states()
    _test_alarms()


def downgrade() -> None:
    """Forget them."""
    for table in ("test_alarms", "path_states", "storms", "supervision"):
        op.drop_table(table)
    with op.batch_alter_table("gaps") as gaps:
        gaps.drop_column("code")


def _storms() -> None:
    op.create_table(
        "storms",
        sa.Column("since", sa.BigInteger(), autoincrement=False, nullable=False),
        *_of_a_gateway("storms"),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("since", name="pk_storms"),
    )


def _path_states() -> None:
    op.create_table(
        "path_states",
        *_of_a_gateway("path_states"),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("mono", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tested_at", sa.BigInteger()),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("proved_at", sa.BigInteger(), nullable=False),
        sa.Column("told_since", sa.BigInteger()),
        sa.PrimaryKeyConstraint("gateway_id", "path", name="pk_path_states"),
    )


def _test_alarms() -> None:
    op.create_table(
        "test_alarms",
        *_of_a_gateway("test_alarms"),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("took_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("gateway_id", "alert_id", name="pk_test_alarms"),
    )
    op.create_index("ix_test_alarms_gateway_id_received_at", "test_alarms", ["gateway_id", "received_at"])


def _of_a_gateway(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name=f"fk_{table}_gateway_id"),
    )
