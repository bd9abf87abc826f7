"""The tables of channels and of how people who work here are reached. They belong to `schema`."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# One row for each channel of community.yaml, in its order (`place`). `told_since`: of the fault that has a case;
# `refused`: the far end does not take us, which no probe can take back; `tested_at`: its last real test that worked.
channel_health = sa.Table(
    "channel_health",
    metadata,
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("is_up", sa.Boolean, nullable=False),
    sa.Column("since", UtcMicros, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("refused", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("probed_at", UtcMicros),
    sa.Column("tested_at", UtcMicros),
    sa.Column("told_since", UtcMicros),
)

# People of `channels.people`: a login, a responder's id, a contact's telephone number, or a telephone that a duty
# shares (`audiences`, with spaces between).
reach_people = sa.Table(
    "reach_people",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("audiences", sa.Text, nullable=False),
)

# Their ways, the dearest first.
reach_ways = sa.Table(
    "reach_ways",
    metadata,
    sa.Column("person", sa.ForeignKey("reach_people.person"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
)
