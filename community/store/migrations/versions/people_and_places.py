"""Where people live, who they are, and what they have agreed to."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WORDS_OF_RESIDENTS = ("sex", "phone", "language", "hearing", "situation", "care_level", "photo", "reviewed_on")
_LISTS_OF_RESIDENTS = ("eligibility", "flags")


def upgrade() -> None:
    """The tree of places; what residents and contacts are; key-safes, consents, who looked, devices."""
    _residents()
    _contacts()
    _places()
    _consents()
    _access()
    _devices()
    _stays()


def downgrade() -> None:
    """Forget them; homes, residents and contacts keep what they had before."""
    for table in (
        "to_forget",
        "resident_stays",
        "box_stays",
        "erased_alerts",
        "devices",
        "register_changes",
        "access_log",
        "consents",
        "key_safes",
        "home_register",
        "places",
    ):
        op.drop_table(table)
    op.drop_index("ix_contacts_contact_id", "contacts")
    for column in ("tested_on", "may_see", "hours", "languages", "more_phones", "circle", "contact_id"):
        op.drop_column("contacts", column)  # not by a copy: other tables name its rows
    for column in ("erased_at", "is_registered", *_LISTS_OF_RESIDENTS, *_WORDS_OF_RESIDENTS, "place"):
        op.drop_column("residents", column)


def _residents() -> None:
    op.add_column("residents", sa.Column("place", sa.Integer(), nullable=False, server_default="0"))
    for name in _WORDS_OF_RESIDENTS:
        op.add_column("residents", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in _LISTS_OF_RESIDENTS:
        op.add_column("residents", sa.Column(name, sa.Text(), nullable=False, server_default="[]"))
    op.add_column("residents", sa.Column("is_registered", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("residents", sa.Column("erased_at", sa.BigInteger()))


def _contacts() -> None:
    for name, at_first in (
        ("contact_id", ""),
        ("circle", "family"),
        ("more_phones", "[]"),
        ("languages", "[]"),
        ("hours", ""),
        ("may_see", "[]"),
        ("tested_on", ""),
    ):
        op.add_column("contacts", sa.Column(name, sa.Text(), nullable=False, server_default=at_first))
    op.create_index("ix_contacts_contact_id", "contacts", ["contact_id"])


def _places() -> None:
    op.create_table(
        "places",
        sa.Column("place_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text()),
        *_words("level", "code", "name"),
        sa.ForeignKeyConstraint(["parent_id"], ["places.place_id"], name="fk_places_parent_id"),
        sa.PrimaryKeyConstraint("place_id", name="pk_places"),
    )
    op.create_index("ix_places_parent_id", "places", ["parent_id"])
    op.create_table(
        "home_register",
        *_of_a_home("home_register"),
        sa.Column("place_id", sa.Text()),
        sa.Column("gateway_id", sa.Text()),
        sa.Column("route", sa.Text(), nullable=False, server_default=""),
        sa.Column("offline_after", sa.Integer(), nullable=False, server_default="3"),
        sa.Column("high_risk", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("is_registered", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(["place_id"], ["places.place_id"], name="fk_home_register_place_id"),
        sa.PrimaryKeyConstraint("home_id", name="pk_home_register"),
        sa.UniqueConstraint("gateway_id", name="uq_home_register_gateway_id"),
    )
    op.create_index("ix_home_register_place_id", "home_register", ["place_id"])
    op.create_table(
        "key_safes",
        *_of_a_home("key_safes"),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        *_words("key_name", "hint"),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        *_words("changed_by"),
        sa.Column("read_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("home_id", name="pk_key_safes"),
    )


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("consent_id", _NUMBER, nullable=False),
        *_words("resident_id", "purpose"),
        sa.Column("is_given", sa.Boolean(), nullable=False),
        *_words("given_by", "relation"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *_words("text_version", "how", "recorded_by"),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.resident_id"], name="fk_consents_resident_id"),
        sa.PrimaryKeyConstraint("consent_id", name="pk_consents"),
        sa.UniqueConstraint(
            "resident_id", "purpose", "at", "is_given", name="uq_consents_resident_id_purpose_at_is_given"
        ),
    )


def _access() -> None:
    op.create_table(
        "access_log",
        sa.Column("access_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        *_words("actor", "act"),
        sa.Column("resident_id", sa.Text()),
        sa.Column("home_id", sa.Text()),
        sa.Column("incident_id", sa.BigInteger()),
        sa.Column("salt", sa.LargeBinary()),
        sa.Column("reason", sa.Text()),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("body", "prev_hash", "hash")),
        sa.PrimaryKeyConstraint("access_id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_resident_id_at", "access_log", ["resident_id", "at"])
    op.create_index("ix_access_log_home_id_at", "access_log", ["home_id", "at"])
    _changes()


def _changes() -> None:
    op.create_table(
        "register_changes",
        sa.Column("change_id", _NUMBER, nullable=False),
        sa.Column("resident_id", sa.Text()),
        *_words("home_id", "subject", "field"),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("reason", sa.Text()),
        *_words("by"),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_register_changes"),
    )
    op.create_index("ix_register_changes_resident_id", "register_changes", ["resident_id"])
    op.create_index("ix_register_changes_home_id", "register_changes", ["home_id"])
    op.create_table(
        "erased_alerts",
        *_words("gateway_id", "alert_id", "digest", "left_digest"),
        sa.Column("access_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["gateway_id", "alert_id"],
            ["alerts.gateway_id", "alerts.alert_id"],
            name="fk_erased_alerts_gateway_id_alert_id",
        ),
        sa.ForeignKeyConstraint(["access_id"], ["access_log.access_id"], name="fk_erased_alerts_access_id"),
        sa.PrimaryKeyConstraint("gateway_id", "alert_id", name="pk_erased_alerts"),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        *_words("device_id"),
        sa.Column("home_id", sa.Text()),
        *_words("kind", "maker", "model", "serial", "sensors", "room", "installed_on", "serviced_on", "key_ref"),
        sa.ForeignKeyConstraint(["home_id"], ["homes.home_id"], name="fk_devices_home_id"),
        sa.PrimaryKeyConstraint("device_id", name="pk_devices"),
    )
    op.create_index("ix_devices_home_id", "devices", ["home_id"])


def _stays() -> None:
    """Whoever is there now has been there since nobody knows when."""
    _stays_table("box_stays", "gateway_id", "gateways")
    _stays_table("resident_stays", "resident_id", "residents", sa.Column("is_first", sa.Boolean(), nullable=False))
    op.create_table(
        "to_forget",
        sa.Column("claim_id", _NUMBER, nullable=False),
        *_words("resident_id", "gateway_id", "name"),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.resident_id"], name="fk_to_forget_resident_id"),
        sa.PrimaryKeyConstraint("claim_id", name="pk_to_forget"),
    )
    op.create_index("ix_to_forget_resident_id", "to_forget", ["resident_id"])
    op.execute(
        "INSERT INTO box_stays (gateway_id, home_id) SELECT gateway_id, home_id FROM gateways WHERE home_id IS NOT NULL"
    )
    op.execute(
        "INSERT INTO resident_stays (resident_id, home_id, is_first) SELECT one.resident_id, one.home_id, "
        "NOT EXISTS (SELECT 1 FROM residents two WHERE two.home_id = one.home_id "
        "AND two.resident_id < one.resident_id) FROM residents one"
    )


def _stays_table(table: str, who: str, of: str, *more: sa.Column[bool]) -> None:
    op.create_table(
        table,
        sa.Column("stay_id", _NUMBER, nullable=False),
        *_words(who, "home_id"),
        *more,
        sa.Column("since", sa.BigInteger()),
        sa.Column("until", sa.BigInteger()),
        sa.ForeignKeyConstraint([who], [f"{of}.{who}"], name=f"fk_{table}_{who}"),
        sa.ForeignKeyConstraint(["home_id"], ["homes.home_id"], name=f"fk_{table}_home_id"),
        sa.PrimaryKeyConstraint("stay_id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_{who}", table, [who])
    op.create_index(f"ix_{table}_home_id", table, ["home_id"])


def _words(*names: str) -> tuple[sa.Column[str], ...]:
    return tuple(sa.Column(name, sa.Text(), nullable=False) for name in names)


def _of_a_home(table: str) -> tuple[sa.Column[str], sa.ForeignKeyConstraint]:
    return (
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["homes.home_id"], name=f"fk_{table}_home_id"),
    )
