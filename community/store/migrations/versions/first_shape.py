"""The first shape of the house."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Build all tables."""
    _homes()
    _residents()
    _contacts()
    _gateways()
    _sensor_status()
    _messages()
    _gaps()
    _series()
    _samples()
    _dead_letters()
    _incidents()
    _alerts()
    _incident_events()
    _notes()
    _commands_done()
    _downlink()
    _users()
    _login_sessions()
    _login_links()


def downgrade() -> None:
    """Take all tables away."""
    for table in reversed(_TABLES):
        op.drop_table(table)


_TABLES = (
    "homes",
    "residents",
    "contacts",
    "gateways",
    "sensor_status",
    "messages",
    "gaps",
    "series",
    "samples",
    "dead_letters",
    "incidents",
    "alerts",
    "incident_events",
    "notes",
    "commands_done",
    "downlink",
    "users",
    "login_sessions",
    "login_links",
)


def _homes() -> None:
    op.create_table(
        "homes",
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("home_id", name="pk_homes"),
    )


def _residents() -> None:
    op.create_table(
        "residents",
        sa.Column("resident_id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("born", sa.Integer(), nullable=True),
        sa.Column("living", sa.Text(), nullable=False),
        sa.Column("conditions", sa.LargeBinary(), nullable=False),
        sa.Column("allergies", sa.LargeBinary(), nullable=False),
        sa.Column("medicines", sa.LargeBinary(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["homes.home_id"], name="fk_residents_home_id"),
        sa.PrimaryKeyConstraint("resident_id", name="pk_residents"),
    )
    op.create_index("ix_residents_home_id", "residents", ["home_id"])


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("resident_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("has_key", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["resident_id"], ["residents.resident_id"], name="fk_contacts_resident_id"),
        sa.PrimaryKeyConstraint("resident_id", "place", name="pk_contacts"),
    )


def _gateways() -> None:
    op.create_table(
        "gateways",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("home_id", sa.Text(), nullable=True),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=True),
        sa.Column("backlog", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["home_id"], ["homes.home_id"], name="fk_gateways_home_id"),
        sa.PrimaryKeyConstraint("gateway_id", name="pk_gateways"),
    )


def _sensor_status() -> None:
    op.create_table(
        "sensor_status",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("sensor_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("mono", sa.BigInteger(), nullable=False),
        sa.Column("battery", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_sensor_status_gateway_id"),
        sa.PrimaryKeyConstraint("gateway_id", "sensor_id", name="pk_sensor_status"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("message_id", _NUMBER, nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_messages_gateway_id"),
        sa.PrimaryKeyConstraint("message_id", name="pk_messages"),
        sa.UniqueConstraint("gateway_id", "epoch", "lane", "seq", name="uq_messages_gateway_id_epoch_lane_seq"),
    )


def _gaps() -> None:
    op.create_table(
        "gaps",
        sa.Column("message_id", _NUMBER, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["messages.message_id"], name="fk_gaps_message_id"),
        sa.PrimaryKeyConstraint("message_id", name="pk_gaps"),
    )


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("sensor_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_series_gateway_id"),
        sa.PrimaryKeyConstraint("series_id", name="pk_series"),
        sa.UniqueConstraint("gateway_id", "sensor_id", "quantity", name="uq_series_gateway_id_sensor_id_quantity"),
    )


def _samples() -> None:
    op.create_table(
        "samples",
        sa.Column("series_id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", _NUMBER, nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("mono", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.message_id"], name="fk_samples_message_id"),
        sa.ForeignKeyConstraint(["series_id"], ["series.series_id"], name="fk_samples_series_id"),
        sa.PrimaryKeyConstraint("series_id", "at", "message_id", "place", name="pk_samples"),
        sqlite_with_rowid=False,
    )


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("letter_id", _NUMBER, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("letter_id", name="pk_dead_letters"),
        sa.UniqueConstraint("topic", "digest", name="uq_dead_letters_topic_digest"),
    )


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("home_key", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("incident_id", name="pk_incidents"),
    )
    op.create_index("ix_incidents_state_changed_at", "incidents", ["state", "changed_at"])
    op.create_index(
        "uq_incidents_one_open_per_key",
        "incidents",
        ["home_key", "lane"],
        unique=True,
        sqlite_where=sa.text("state <> 'CLOSED'"),
        postgresql_where=sa.text("state <> 'CLOSED'"),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("alert_id", sa.Text(), nullable=False),
        sa.Column("message_id", _NUMBER, nullable=False),
        sa.Column("home_key", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("is_late", sa.Boolean(), nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_alerts_gateway_id"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_alerts_incident_id"),
        sa.ForeignKeyConstraint(["message_id"], ["messages.message_id"], name="fk_alerts_message_id"),
        sa.PrimaryKeyConstraint("gateway_id", "alert_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_episode", "alerts", ["gateway_id", "key", "since"])
    op.create_index("ix_alerts_incident_id", "alerts", ["incident_id"])


def _incident_events() -> None:
    op.create_table(
        "incident_events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_incident_events_incident_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_incident_events"),
    )
    op.create_index("ix_incident_events_incident_id", "incident_events", ["incident_id"])


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("note_id", sa.Text(), nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_notes_incident_id"),
        sa.PrimaryKeyConstraint("note_id", name="pk_notes"),
    )
    op.create_index("ix_notes_incident_id", "notes", ["incident_id"])


def _commands_done() -> None:
    op.create_table(
        "commands_done",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("command_id", name="pk_commands_done"),
    )


def _downlink() -> None:
    op.create_table(
        "downlink",
        sa.Column("command_id", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("incident_id", _NUMBER, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["gateway_id"], ["gateways.gateway_id"], name="fk_downlink_gateway_id"),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name="fk_downlink_incident_id"),
        sa.PrimaryKeyConstraint("command_id", name="pk_downlink"),
    )
    op.create_index("ix_downlink_outcome_created_at", "downlink", ["outcome", "created_at"])


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("login", name="uq_users_login"),
    )


def _login_sessions() -> None:
    op.create_table(
        "login_sessions",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_login_sessions_user_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_login_sessions"),
    )
    op.create_index("ix_login_sessions_user_id", "login_sessions", ["user_id"])


def _login_links() -> None:
    op.create_table(
        "login_links",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_login_links_user_id"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_login_links"),
    )
    op.create_index("ix_login_links_user_id", "login_links", ["user_id"])
