"""What a person is looked after with day by day: plans of care, assessments, medicines with their times."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Four empty tables."""
    _plans()
    _standings()
    _assessments_and_medicines()


def downgrade() -> None:
    """Plans, assessments and medicines are gone; what the card says of medicines stays."""
    for table in ("medicines", "assessments", "care_standings", "care_plans"):
        op.drop_table(table)


def _plans() -> None:
    op.create_table(
        "care_plans",
        sa.Column("resident_id", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("low", sa.Double()),
        sa.Column("high", sa.Double()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("set_by", "set_on", "since", "until", "review_on")),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.resident_id"], name="fk_care_plans_resident_id"),
        sa.PrimaryKeyConstraint("resident_id", "condition", "quantity", name="pk_care_plans"),
    )
    op.create_index("ix_care_plans_review_on", "care_plans", ["review_on"])


def _standings() -> None:
    op.create_table(
        "care_standings",
        sa.Column("resident_id", sa.Text(), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.Column("keeping", sa.Text(), nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("newest_at", sa.BigInteger()),
        sa.Column("judged_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id", "condition", "quantity"],
            ["care_plans.resident_id", "care_plans.condition", "care_plans.quantity"],
            name="fk_care_standings_resident_id_condition_quantity",
        ),
        sa.PrimaryKeyConstraint("resident_id", "condition", "quantity", name="pk_care_standings"),
    )
    op.create_index("ix_care_standings_keeping", "care_standings", ["keeping"])
    op.create_index("ix_care_standings_judged_at", "care_standings", ["judged_at"])


def _assessments_and_medicines() -> None:
    op.create_table(
        "assessments",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("resident_id", "kind", "scale", "day")),
        sa.Column("score", sa.Double()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("level", "assessor", "next_on")),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.resident_id"], name="fk_assessments_resident_id"),
        sa.PrimaryKeyConstraint("resident_id", "kind", "scale", "day", name="pk_assessments"),
    )
    op.create_index("ix_assessments_next_on", "assessments", ["next_on"])
    op.create_table(
        "medicines",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("resident_id", "name", "dose", "at")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("since", "until", "prescribed_by")),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.resident_id"], name="fk_medicines_resident_id"),
        sa.PrimaryKeyConstraint("resident_id", "name", name="pk_medicines"),
    )
