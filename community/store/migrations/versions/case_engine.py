"""The case engine: clocks, cards, and whom a case calls."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Columns by which cases are searched; lease, cards, excuses, notices, attempts."""
    for column in (
        sa.Column("workflow", sa.Text(), nullable=False, server_default=""),
        sa.Column("due_e", sa.BigInteger()),
        sa.Column("owner", sa.Text()),
        sa.Column("responder", sa.Text()),
        sa.Column("rung", sa.Integer(), nullable=False, server_default="-1"),
        sa.Column("card", sa.Text()),
        sa.Column("is_test", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("storm_id", sa.BigInteger()),
    ):
        op.add_column("incidents", column)
    op.create_index("ix_incidents_due_e", "incidents", ["due_e"])
    _lease()
    _cards()
    _notices()


def downgrade() -> None:
    """Forget them; the cases and their chain stay."""
    for table in ("attempts", "notices", "excuses", "cards", "engine_lease"):
        op.drop_table(table)
    op.drop_index("ix_incidents_due_e", "incidents")
    for column in ("storm_id", "is_test", "card", "rung", "responder", "owner", "due_e", "workflow"):
        op.drop_column("incidents", column)  # not by a copy: other tables name its rows


def _lease() -> None:
    op.create_table(
        "engine_lease",
        sa.Column("lease_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("boottime_ms", sa.BigInteger(), nullable=False),
        sa.Column("engine_ms", sa.BigInteger(), nullable=False),
        sa.Column("wall", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("lease_id", name="pk_engine_lease"),
    )


def _cards() -> None:
    op.create_table(
        "cards",
        sa.Column("card_id", _NUMBER, nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("colour", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("policy", sa.Integer(), nullable=False),
        sa.Column("responsible", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False, server_default=""),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("limit_ms", sa.BigInteger(), nullable=False),
        sa.Column("actual_ms", sa.BigInteger(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_cards_incident_id"),
        sa.PrimaryKeyConstraint("card_id", name="pk_cards"),
        sa.UniqueConstraint(
            "incident_id", "version", "step", "colour", name="uq_cards_incident_id_version_step_colour"
        ),
    )
    op.create_index("ix_cards_at", "cards", ["at"])
    op.create_table(
        "excuses",
        sa.Column("card_id", _NUMBER, nullable=False),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["cards.card_id"], name="fk_excuses_card_id"),
        sa.PrimaryKeyConstraint("card_id", name="pk_excuses"),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("notice_id", _NUMBER, nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("to_whom", sa.Text(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_e", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_notices_incident_id"),
        sa.PrimaryKeyConstraint("notice_id", name="pk_notices"),
        sa.UniqueConstraint("incident_id", "version", "place", name="uq_notices_incident_id_version_place"),
    )
    op.create_index("ix_notices_state", "notices", ["state", "notice_id"])
    op.create_table(
        "attempts",
        sa.Column("attempt_id", _NUMBER, nullable=False),
        sa.Column("notice_id", _NUMBER, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False, server_default=""),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.notice_id"], name="fk_attempts_notice_id"),
        sa.PrimaryKeyConstraint("attempt_id", name="pk_attempts"),
        sa.UniqueConstraint("key", name="uq_attempts_key"),
    )
    op.create_index("ix_attempts_notice_id", "attempts", ["notice_id"])
