"""What contacts propose for themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    """Nobody has proposed anything yet."""
    op.create_table(
        "contact_proposals",
        sa.Column("resident_id", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("instead", "phone", "language", "stood", "state")),
        sa.Column("decided_at", sa.BigInteger()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.resident_id"], name="fk_contact_proposals_resident_id_residents"
        ),
        sa.PrimaryKeyConstraint("resident_id", "contact_id", name="pk_contact_proposals"),
    )
    op.create_index("ix_contact_proposals_state", "contact_proposals", ["state"])


def downgrade() -> None:
    """What nobody has decided is lost; the old numbers are called on."""
    op.drop_index("ix_contact_proposals_state", "contact_proposals")
    op.drop_table("contact_proposals")
