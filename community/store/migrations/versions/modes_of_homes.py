"""What operators say of a home without a case: whether its people are there, and the command that tells it so."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """A command may belong to no case."""
    with op.batch_alter_table("downlink") as downlink:
        downlink.alter_column("incident_id", existing_type=_NUMBER, nullable=True)
    op.create_table(
        "mode_orders",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("hours", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_mode_orders_gateway_id"),
        sa.PrimaryKeyConstraint("command_id", name="pk_mode_orders"),
    )
    op.create_index("ix_mode_orders_gateway_id_at", "mode_orders", ["gateway_id", "at"])


def downgrade() -> None:
    """Forget the orders of modes, and the commands that carried them."""
    op.drop_table("mode_orders")
    op.execute("DELETE FROM downlink WHERE incident_id IS NULL")
    with op.batch_alter_table("downlink") as downlink:
        downlink.alter_column("incident_id", existing_type=_NUMBER, nullable=False)
