"""Who goes there: units, responders, rosters, and their way to a case."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Units and who belongs to them; rosters; links, photos, hand-overs."""
    _units()
    _rosters()
    _away()
    _links()
    _on_scene()
    op.create_index("ix_notices_audience", "notices", ["audience", "notice_id"])


def downgrade() -> None:
    """Forget them; the cases stay."""
    op.drop_index("ix_notices_audience", "notices")
    for table in (
        "handovers",
        "case_photos",
        "next_offers",
        "responder_links",
        "home_spots",
        "no_shows",
        "absences",
        "single_shifts",
        "weekly_duties",
        "grid_posts",
        "responders",
        "units",
    ):
        op.drop_table(table)


def _units() -> None:
    op.create_table(
        "units",
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tier", sa.SmallInteger(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("hours", sa.LargeBinary(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("areas", sa.LargeBinary(), nullable=False),
        sa.Column("skills", sa.LargeBinary(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("unit_id", name="pk_units"),
    )
    op.create_table(
        "responders",
        sa.Column("responder_id", sa.Text(), nullable=False),
        sa.Column("unit_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("tier", sa.SmallInteger()),
        sa.Column("skills", sa.LargeBinary(), nullable=False),
        sa.Column("areas", sa.LargeBinary(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("lat", sa.Double()),
        sa.Column("lon", sa.Double()),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["units.unit_id"], name="fk_responders_unit_id"),
        sa.PrimaryKeyConstraint("responder_id", name="pk_responders"),
    )
    op.create_index("ix_responders_unit_id", "responders", ["unit_id"])
    op.create_table(
        "grid_posts",
        sa.Column("grid", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("grid", "person", name="pk_grid_posts"),
    )


def _rosters() -> None:
    op.create_table(
        "weekly_duties",
        sa.Column("duty_id", _NUMBER, nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("since", sa.Text(), nullable=False),
        sa.Column("until", sa.Text(), nullable=False),
        sa.Column("days", sa.LargeBinary(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("duty_id", name="pk_weekly_duties"),
    )
    op.create_table(
        "single_shifts",
        sa.Column("shift_id", _NUMBER, nullable=False),
        sa.Column("post", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shift_id", name="pk_single_shifts"),
    )
    op.create_index("ix_single_shifts_ends_at", "single_shifts", ["ends_at"])


def _away() -> None:
    op.create_table(
        "absences",
        sa.Column("absence_id", _NUMBER, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("absence_id", name="pk_absences"),
    )
    op.create_index("ix_absences_ends_at", "absences", ["ends_at"])
    op.create_table(
        "no_shows",
        sa.Column("no_show_id", _NUMBER, nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("leaver", sa.Text(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("came_at", sa.BigInteger()),
        sa.Column("settled_by", sa.Text()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("no_show_id", name="pk_no_shows"),
        sa.UniqueConstraint("person", "starts_at", name="uq_no_shows_person_starts_at"),
    )
    op.create_table(
        "home_spots",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("areas", sa.LargeBinary(), nullable=False),
        sa.Column("lat", sa.Double()),
        sa.Column("lon", sa.Double()),
        sa.Column("door_note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("home_id", name="pk_home_spots"),
    )


def _links() -> None:
    op.create_table(
        "responder_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("responder_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("device_hash", sa.LargeBinary()),
        sa.Column("opened_at", sa.BigInteger()),
        sa.Column("over_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_responder_links_incident_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_responder_links"),
    )
    op.create_index("ix_responder_links_incident_id_responder_id", "responder_links", ["incident_id", "responder_id"])
    op.create_index("ix_responder_links_over_at", "responder_links", ["over_at"])
    op.create_table(
        "next_offers",
        sa.Column("notice_id", _NUMBER, autoincrement=False, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notices.notice_id"], name="fk_next_offers_notice_id"),
        sa.PrimaryKeyConstraint("notice_id", name="pk_next_offers"),
    )


def _on_scene() -> None:
    op.create_table(
        "case_photos",
        sa.Column("photo_id", sa.Text(), nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("taken_by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_case_photos_incident_id"),
        sa.PrimaryKeyConstraint("photo_id", name="pk_case_photos"),
    )
    op.create_index("ix_case_photos_incident_id", "case_photos", ["incident_id"])
    op.create_table(
        "handovers",
        sa.Column("handover_id", _NUMBER, nullable=False),
        sa.Column("leaver", sa.Text(), nullable=False),
        sa.Column("taker", sa.Text(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("signed_at", sa.BigInteger()),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("handover_id", name="pk_handovers"),
    )
    op.create_index("ix_handovers_leaver", "handovers", ["leaver"])
    op.create_index("ix_handovers_taker", "handovers", ["taker"])
