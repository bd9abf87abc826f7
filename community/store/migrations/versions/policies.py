"""Policies of the centre, their versions and proposals."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Cases go on by the tables that come with the server until somebody sets other numbers."""
    op.create_table(
        "policies",
        sa.Column("policy_id", _NUMBER, nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("instead_of", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.Text()),
        sa.Column("decided_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("policy_id", name="pk_policies"),
    )
    op.create_index("ix_policies_workflow_state", "policies", ["workflow", "state"])


def downgrade() -> None:
    """Forget them: all cases go on by the tables that come with the server."""
    op.drop_index("ix_policies_workflow_state", "policies")
    op.drop_table("policies")
