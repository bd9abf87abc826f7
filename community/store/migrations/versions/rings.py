"""When the alarm of a case was first heard at desks."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """No desk has told anything yet."""
    op.create_table(
        "case_rings",
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("rang_at", sa.BigInteger()),
        sa.Column("cause", sa.Text()),
        sa.Column("rang_seq", sa.BigInteger()),
        sa.Column("after_ms", sa.Integer()),
        sa.Column("was_visible", sa.Boolean()),
        sa.Column("mute_at", sa.BigInteger()),
        sa.Column("mute", sa.Text()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_case_rings_incident_id_incidents"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_case_rings_user_id_users"),
        sa.PrimaryKeyConstraint("incident_id", "user_id", name="pk_case_rings"),
    )
    op.create_table(
        "desk_sounds",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("rang_at", sa.BigInteger()),
        sa.Column("mute_at", sa.BigInteger()),
        sa.Column("mute", sa.Text()),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_desk_sounds_user_id_users"),
        sa.PrimaryKeyConstraint("user_id", name="pk_desk_sounds"),
    )


def downgrade() -> None:
    """What desks told is gone; alarms ring on."""
    op.drop_table("desk_sounds")
    op.drop_table("case_rings")
