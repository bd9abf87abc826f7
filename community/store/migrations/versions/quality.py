"""Figures by the audit log, and items of improvement."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The server fills the tables of figures from the log by itself."""
    _figures()
    _improvements()


def downgrade() -> None:
    """Figures can be made anew; items of improvement are gone."""
    for table in ("improvement_steps", "improvements", "timed_steps", "case_facts"):
        op.drop_table(table)


def _figures() -> None:
    op.create_table(
        "case_facts",
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_case_facts_incident_id"),
        sa.PrimaryKeyConstraint("incident_id", name="pk_case_facts"),
    )
    op.create_index("ix_case_facts_seq", "case_facts", ["seq"])
    op.create_index("ix_case_facts_opened_at_ended_at", "case_facts", ["opened_at", "ended_at"])
    op.create_table(
        "timed_steps",
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("ended_version", sa.Integer()),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("responsible", sa.Text()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_timed_steps_incident_id"),
        sa.PrimaryKeyConstraint("incident_id", "step", "version", name="pk_timed_steps"),
    )


def _improvements() -> None:
    op.create_table(
        "improvements",
        sa.Column("item_id", _NUMBER, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("incident_id", _NUMBER),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_improvements_incident_id"),
        sa.PrimaryKeyConstraint("item_id", name="pk_improvements"),
        sa.UniqueConstraint("source", name="uq_improvements_source"),
    )
    op.create_table(
        "improvement_steps",
        sa.Column("item_id", _NUMBER, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["improvements.item_id"], name="fk_improvement_steps_item_id"),
        sa.PrimaryKeyConstraint("item_id", "number", name="pk_improvement_steps"),
    )
