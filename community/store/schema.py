"""The tables. `migrations/` builds them; a test holds both to the same shape.

Moments are aware UTC in Python and integer microseconds since 1970 in the database, so that SQLite and PostgreSQL
hold the same values and nothing depends on a session's time zone.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2900, 1, 1, tzinfo=UTC)
"""A clock that was never set says 1970 or 2000. Outside this, adding and showing times would fail."""


def micros(moment: datetime) -> int:
    """As the database holds it, for sums of times."""
    return (moment - _EPOCH) // _MICROSECOND


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime as microseconds since 1970 (UTC)."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's
        """To the database. A naive time raises TypeError; one that no clock can mean raises OverflowError."""
        if value is None:
            return None
        if not EARLIEST <= value <= LATEST:
            raise OverflowError(f"{value} is no time that a clock can mean")
        return micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


# SQLite gives out row numbers by itself only for the type name INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

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
)

gateways = sa.Table(
    "gateways",
    metadata,
    sa.Column("gateway_id", sa.Text, primary_key=True),
    sa.Column("home_id", sa.ForeignKey("homes.home_id")),
    sa.Column("online", sa.Boolean, nullable=False),
    sa.Column("last_seen", UtcMicros),
    sa.Column("backlog", sa.BigInteger, nullable=False),
    sa.Column("rejected", sa.BigInteger, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False, server_default=""),
)

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
    sa.Column("home_key", sa.Text, nullable=False),
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
    sa.Column("home_key", sa.Text, nullable=False),
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
    sa.Column("done_at", UtcMicros, nullable=False),
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
    sa.Column("received_at", UtcMicros, nullable=False),
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
)

login_sessions = sa.Table(
    "login_sessions",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column("last_seen_at", UtcMicros, nullable=False),
)

login_links = sa.Table(
    "login_links",
    metadata,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column("used_at", UtcMicros),
)
