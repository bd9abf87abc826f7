"""The tables. `migrations/` builds them; a test holds both to the same shape."""

import sqlalchemy as sa

from community.store.columns import EARLIEST, LATEST, NUMBER, UtcMicros, micros

__all__ = ["EARLIEST", "LATEST", "NUMBER", "UtcMicros", "micros"]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

homes = sa.Table(
    "homes",
    metadata,
    sa.Column("home_id", sa.Text, primary_key=True),
    sa.Column("address", sa.Text, nullable=False),
)

# Several of one home stand in the order of `place`: the first is whom its readings mean that name nobody.
# `is_registered`: community.yaml does not change the row any more. Of an erased person only the id stays.
residents = sa.Table(
    "residents",
    metadata,
    sa.Column("resident_id", sa.Text, primary_key=True),
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("born", sa.Integer),
    sa.Column("living", sa.Text, nullable=False),
    sa.Column("conditions", sa.LargeBinary, nullable=False),
    sa.Column("allergies", sa.LargeBinary, nullable=False),
    sa.Column("medicines", sa.LargeBinary, nullable=False),
    sa.Column("notes", sa.Text, nullable=False),
    sa.Column("place", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sex", sa.Text, nullable=False, server_default=""),
    sa.Column("phone", sa.Text, nullable=False, server_default=""),
    sa.Column("language", sa.Text, nullable=False, server_default=""),
    sa.Column("hearing", sa.Text, nullable=False, server_default=""),
    sa.Column("situation", sa.Text, nullable=False, server_default=""),
    sa.Column("care_level", sa.Text, nullable=False, server_default=""),
    sa.Column("eligibility", sa.Text, nullable=False, server_default="[]"),
    sa.Column("flags", sa.Text, nullable=False, server_default="[]"),
    sa.Column("photo", sa.Text, nullable=False, server_default=""),
    sa.Column("reviewed_on", sa.Text, nullable=False, server_default=""),
    sa.Column("is_registered", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("erased_at", UtcMicros),
    *(sa.Column(name, sa.Text, nullable=False, server_default="") for name in ("left_why", "left_on")),
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("relation", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    sa.Column("has_key", sa.Boolean, nullable=False),
    sa.Column("contact_id", sa.Text, nullable=False, server_default="", index=True),
    sa.Column("circle", sa.Text, nullable=False, server_default="family"),
    sa.Column("more_phones", sa.Text, nullable=False, server_default="[]"),
    sa.Column("languages", sa.Text, nullable=False, server_default="[]"),
    sa.Column("hours", sa.Text, nullable=False, server_default=""),
    sa.Column("may_see", sa.Text, nullable=False, server_default="[]"),
    sa.Column("tested_on", sa.Text, nullable=False, server_default=""),
)

# From `clock_offset_ms` on: as the box told last, how far its clock is ahead by ours, and when it told the others.
gateways = sa.Table(
    "gateways",
    metadata,
    sa.Column("gateway_id", sa.Text, primary_key=True),
    sa.Column("home_id", sa.ForeignKey("homes.home_id"), index=True),
    sa.Column("online", sa.Boolean, nullable=False),
    sa.Column("last_seen", UtcMicros),
    sa.Column("backlog", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False, server_default=""),
    sa.Column("clock_offset_ms", sa.BigInteger),
    sa.Column("is_on_mains", sa.Boolean),
    sa.Column("battery", sa.Double),
    sa.Column("disk_used", sa.Double),
    sa.Column("temperature", sa.Double),
    sa.Column("link", sa.Text, nullable=False, server_default=""),
    sa.Column("link_dbm", sa.Double),
    sa.Column("certificate_ends", UtcMicros),
    sa.Column("told_at", UtcMicros),
)

# `signal_dbm`, `heard_at`: as its box told last in a beat.
sensor_status = sa.Table(
    "sensor_status",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("sensor_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since", UtcMicros),
    sa.Column("mono", sa.BigInteger, nullable=False),
    sa.Column("battery", sa.Double),
    sa.Column("signal_dbm", sa.Double),
    sa.Column("heard_at", UtcMicros),
    sa.Index("ix_sensor_status_battery", "battery"),
    sa.Index("ix_sensor_status_state", "state"),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("message_id", NUMBER, primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("lane", sa.SmallInteger, nullable=False),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("received_at", UtcMicros, nullable=False),
    sa.UniqueConstraint("gateway_id", "epoch", "lane", "seq"),
)

gaps = sa.Table(
    "gaps",
    metadata,
    sa.Column("message_id", sa.ForeignKey("messages.message_id"), primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("first_at", UtcMicros),
    sa.Column("last_at", UtcMicros),
    sa.Column("code", sa.Text, nullable=False, server_default=""),
    sa.Column("lane", sa.SmallInteger),
    sa.Column("first_seq", sa.BigInteger),
    sa.Column("last_seq", sa.BigInteger),
)

# A boot of a box whose clock was not right at first. `zero_*`: the moment at which its engine time would have been 0:
# by the best anchor; by what arrived, at the latest; by what a later boot sent of it, as a guess (decision 018).
boots = sa.Table(
    "boots",
    metadata,
    sa.Column("boot_number", NUMBER, primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("zero_by_anchor", UtcMicros),
    sa.Column("zero_by_arrival", UtcMicros),
    sa.Column("zero_by_later_boot", UtcMicros),
    sa.UniqueConstraint("gateway_id", "epoch", "boot"),
)

clock_anchors = sa.Table(
    "clock_anchors",
    metadata,
    sa.Column("message_id", sa.ForeignKey("messages.message_id"), primary_key=True),
    sa.Column("boot_number", sa.ForeignKey("boots.boot_number"), nullable=False, index=True),
    sa.Column("mono", sa.BigInteger, nullable=False),
    sa.Column("wall", UtcMicros, nullable=False),
    sa.Column("error_ms", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("stepped_ms", sa.BigInteger, nullable=False),
)

# `resident_id` as readings say it: empty for the home's resident.
series = sa.Table(
    "series",
    metadata,
    sa.Column("series_id", NUMBER, primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), nullable=False),
    sa.Column("sensor_id", sa.Text, nullable=False),
    sa.Column("quantity", sa.Text, nullable=False),
    sa.Column("resident_id", sa.Text, nullable=False, server_default=""),
    sa.UniqueConstraint("gateway_id", "sensor_id", "quantity", "resident_id"),
)

# Two readings with one stamp are two rows: message and place in it belong to the key.
samples = sa.Table(
    "samples",
    metadata,
    sa.Column("series_id", sa.ForeignKey("series.series_id"), primary_key=True),
    sa.Column("at", UtcMicros, primary_key=True),
    sa.Column("message_id", sa.ForeignKey("messages.message_id"), primary_key=True),
    sa.Column("place", sa.SmallInteger, primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
    sa.Column("quality", sa.Text, nullable=False),
    sa.Column("mono", sa.BigInteger, nullable=False),
    sa.Column("is_late", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("timing", sa.SmallInteger, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

# Of the few samples whose home had a wrong clock: what it told, and what may still be mended. `at` as in `samples`;
# `engine_ms`: when it was measured; without a boot it is not mended any more.
doubtful_samples = sa.Table(
    "doubtful_samples",
    metadata,
    sa.Column("message_id", sa.ForeignKey("messages.message_id"), primary_key=True),
    sa.Column("place", sa.SmallInteger, primary_key=True),
    sa.Column("series_id", sa.ForeignKey("series.series_id"), nullable=False),
    sa.Column("boot_number", sa.ForeignKey("boots.boot_number"), index=True),
    sa.Column("engine_ms", sa.BigInteger, nullable=False),
    sa.Column("told_at", UtcMicros, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sqlite_with_rowid=False,
)

# Columns beside `body` are there to be searched. `due_e`: when the next of its clocks wants attention (engine time,
# ms); none where it has ended.
incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("incident_id", NUMBER, primary_key=True),
    sa.Column("home_key", sa.Text, nullable=False, index=True),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("opened_at", UtcMicros, nullable=False),
    sa.Column("changed_at", UtcMicros, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False, server_default=""),
    sa.Column("due_e", sa.BigInteger, index=True),
    sa.Column("owner", sa.Text),
    sa.Column("responder", sa.Text),
    sa.Column("rung", sa.Integer, nullable=False, server_default="-1"),
    sa.Column("card", sa.Text),
    sa.Column("is_test", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("storm_id", sa.BigInteger),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index(
        "uq_incidents_one_open_per_key",
        "home_key",
        "lane",
        unique=True,
        sqlite_where=sa.text("state <> 'CLOSED'"),
        postgresql_where=sa.text("state <> 'CLOSED'"),
    ),
    sa.Index("ix_incidents_state_changed_at", "state", "changed_at"),
)

# `seen_at`: when it was raised at home, as far as that was known when it arrived (empty: as it says); with a boot, its
# times may be mended.
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("message_id", sa.ForeignKey("messages.message_id")),
    sa.Column("home_key", sa.Text, nullable=False, index=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("since", UtcMicros, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("received_at", UtcMicros, nullable=False),
    sa.Column("is_late", sa.Boolean, nullable=False),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("seen_at", UtcMicros),
    sa.Column("boot_number", sa.ForeignKey("boots.boot_number")),
    sa.Index("ix_alerts_episode", "gateway_id", "key", "since"),
)

# Alerts that came by SMS too. `was_first`: the SMS was here first, so the sealed body of the alert is the short one;
# `whole` is then what came by the internet later, with its reason and evidence.
sms_copies = sa.Table(
    "sms_copies",
    metadata,
    sa.Column("gateway_id", sa.Text, primary_key=True),
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("received_at", UtcMicros, nullable=False),
    sa.Column("sender", sa.Text, nullable=False),
    sa.Column("was_first", sa.Boolean, nullable=False),
    sa.Column("whole", sa.LargeBinary),
    sa.ForeignKeyConstraint(["gateway_id", "alert_id"], ["alerts.gateway_id", "alerts.alert_id"]),
)

# The newest test of the way by SMS, by the home's own clock (`sent_at`): an older one that comes again proves nothing.
sms_tests = sa.Table(
    "sms_tests",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("sent_at", UtcMicros, nullable=False),
    sa.Column("received_at", UtcMicros, nullable=False),
)

incident_events = sa.Table(
    "incident_events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("prev_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
)

# Personal words live outside the chain, so that they can be erased without breaking it.
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("note_id", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False, index=True),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("words", sa.Text),
)

commands_done = sa.Table(
    "commands_done",
    metadata,
    sa.Column("command_id", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
    sa.Column("done_at", UtcMicros, nullable=False, index=True),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("letter_id", NUMBER, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("received_at", UtcMicros, nullable=False, index=True),
    sa.Column("last_at", UtcMicros, nullable=False),
    sa.Column("times", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("topic", "digest"),
)

downlink = sa.Table(
    "downlink",
    metadata,
    sa.Column("command_id", sa.Text, primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), nullable=False),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id")),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("sent_at", UtcMicros),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Index("ix_downlink_outcome_created_at", "outcome", "created_at"),
)

# The record of who said what of a home: rows are added, never changed.
mode_orders = sa.Table(
    "mode_orders",
    metadata,
    sa.Column("command_id", sa.Text, primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("hours", sa.Integer, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Index("ix_mode_orders_gateway_id_at", "gateway_id", "at"),
)

# `areas`, `organisations`: ids with spaces between, a star for all. `totp_step`: the last one whose code was used.
users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("login", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("areas", sa.Text, nullable=False, server_default="*"),
    sa.Column("organisations", sa.Text, nullable=False, server_default="*"),
    sa.Column("person", sa.Text, nullable=False, server_default=""),
    sa.Column("disabled_at", UtcMicros),
    sa.Column("totp_secret", sa.Text),
    sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"),
)

login_sessions = sa.Table(
    "login_sessions",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column("last_seen_at", UtcMicros, nullable=False),
    sa.Column("proved_at", UtcMicros),
)

login_links = sa.Table(
    "login_links",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column("used_at", UtcMicros),
)
