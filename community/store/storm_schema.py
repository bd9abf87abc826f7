"""The tables of storms, of alarms that flap, and of cases that end by themselves. They belong to `schema`."""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# One cause, many homes; on while `ended_at` is empty. `area`: a place, empty for all homes. `since`: its first word;
# `last_at`: when the last home joined. `lead`: the gateway that told it first; `homes`: how many were told of
# when it began; `incident_id`: its row in the queue.
# `released_at`: a supervisor has ended the waiting; `told_at`: families have been told of its end.
storms = sa.Table(
    "storms",
    metadata,
    sa.Column("storm_id", NUMBER, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("area", sa.Text, nullable=False),
    sa.Column("since", UtcMicros, nullable=False),
    sa.Column("last_at", UtcMicros, nullable=False),
    sa.Column("lead", sa.Text, nullable=False),
    sa.Column("homes", sa.Integer, nullable=False, server_default="0"),
    sa.Column("is_ours", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id")),
    sa.Column("released_at", UtcMicros),
    sa.Column("released_by", sa.Text, nullable=False, server_default=""),
    sa.Column("ended_at", UtcMicros),
    sa.Column("told_at", UtcMicros),
    sa.Index(
        "uq_storms_one_on_per_kind_and_area",
        "kind",
        "area",
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    ),
)

# Its homes. `incident_id`: what the home told of it, held back or not; `let_go_at`: when that came into the queue.
storm_homes = sa.Table(
    "storm_homes",
    metadata,
    sa.Column("storm_id", sa.ForeignKey("storms.storm_id"), primary_key=True),
    sa.Column("home_key", sa.Text, primary_key=True),
    sa.Column("gateway_id", sa.Text, nullable=False),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), index=True),
    sa.Column("told_at", UtcMicros, nullable=False),
    sa.Column("recovered_at", UtcMicros),
    sa.Column("let_go_at", UtcMicros, index=True),
)

# When a home last told of a kind of which a storm may be.
tech_raises = sa.Table(
    "tech_raises",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("home_key", sa.Text, primary_key=True),
    sa.Column("gateway_id", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id")),
    sa.Index("ix_tech_raises_kind_at", "kind", "at"),
)

# Alarms that come and go; `incident_id`: the case that they come and go in. `is_told`: somebody is to mend it.
flapping = sa.Table(
    "flapping",
    metadata,
    sa.Column("gateway_id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), index=True),
    sa.Column("since", UtcMicros, nullable=False),
    sa.Column("last_at", UtcMicros, nullable=False),
    sa.Column("is_told", sa.Boolean, nullable=False, server_default=sa.false()),
)

# Cases of which every cause has ended, and when they end by themselves (engine time, ms).
quiet_cases = sa.Table(
    "quiet_cases",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), primary_key=True),
    sa.Column("due_e", sa.BigInteger, nullable=False, index=True),
)

# The back-up batteries of boxes: since when they empty, and from which level (%).
reserves = sa.Table(
    "reserves",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("from_at", UtcMicros, nullable=False),
    sa.Column("from_level", sa.Double, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("level", sa.Double, nullable=False),
)
