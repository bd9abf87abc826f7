"""What reached the centre by SMS, and the last test of that way of each home."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Two tables."""
    op.create_table(
        "sms_copies",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("was_first", sa.Boolean(), nullable=False),
        sa.Column("whole", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["gateway_id", "alert_id"], ["alerts.gateway_id", "alerts.alert_id"], name="fk_sms_copies_gateway_id"
        ),
        sa.PrimaryKeyConstraint("gateway_id", "alert_id", name="pk_sms_copies"),
    )
    op.create_table(
        "sms_tests",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_sms_tests_gateway_id"),
        sa.PrimaryKeyConstraint("gateway_id", name="pk_sms_tests"),
    )


def downgrade() -> None:
    """Forget by which way alarms came; the alarms stay."""
    op.drop_table("sms_tests")
    op.drop_table("sms_copies")
