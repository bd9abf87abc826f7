"""What supervisors keep: reviews of calls, decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two empty tables."""
    op.create_table(
        "call_reviews",
        sa.Column("review_id", _NUMBER, nullable=False),
        sa.Column("month", sa.Text(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("note_id", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_call_reviews_incident_id"),
        sa.PrimaryKeyConstraint("review_id", name="pk_call_reviews"),
        sa.UniqueConstraint("handler", "month", "incident_id", name="uq_call_reviews_handler_month_incident_id"),
    )
    op.create_table(
        "decisions",
        sa.Column("decision_id", _NUMBER, nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Text(), nullable=False),
        sa.Column("note_id", sa.Text(), nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("settled_by", sa.Text(), nullable=False, server_default=""),
        sa.Column("settled_note_id", sa.Text(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_decisions_incident_id"),
        sa.PrimaryKeyConstraint("decision_id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_incident_id", "decisions", ["incident_id"])
    op.create_index("ix_decisions_settled_at", "decisions", ["settled_at"])


def downgrade() -> None:
    """Reviews and decisions are gone from the pages; the sealed log still has that there were some."""
    op.drop_table("decisions")
    op.drop_table("call_reviews")
