"""How users get in: identities of a provider, and failures that outlive the process."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Nobody is linked to a provider yet, and nobody has failed."""
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "kind", "subject", name="pk_identities"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_identities_user_id_users"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "spent_nonces",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name="pk_spent_nonces"),
    )
    op.create_index("ix_spent_nonces_until", "spent_nonces", ["until"])
    op.create_table(
        "log_in_failures",
        sa.Column("who", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("who", name="pk_log_in_failures"),
    )
    op.create_index("ix_log_in_failures_last_at", "log_in_failures", ["last_at"])


def downgrade() -> None:
    """Forget both; passwords and links go on."""
    op.drop_index("ix_log_in_failures_last_at", "log_in_failures")
    op.drop_table("log_in_failures")
    op.drop_index("ix_spent_nonces_until", "spent_nonces")
    op.drop_table("spent_nonces")
    op.drop_index("ix_identities_user_id", "identities")
    op.drop_table("identities")
