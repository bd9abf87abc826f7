"""The tables of what desks told of their sound. They belong to `schema`; a browser's word, so they are not sealed."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# The first ring of a case at a person's desk, and the first time that it could not ring: one row for all its rings.
# `..._at`: when the server was told, by its own clock. `rang_seq`: the entry of the log that rang.
case_rings = sa.Table(
    "case_rings",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), primary_key=True),
    sa.Column("rang_at", UtcMicros),
    sa.Column("cause", sa.Text),
    sa.Column("rang_seq", sa.BigInteger),
    sa.Column("after_ms", sa.Integer),
    sa.Column("was_visible", sa.Boolean),
    sa.Column("mute_at", UtcMicros),
    sa.Column("mute", sa.Text),
)

# The newest word of each desk, of whichever case.
desk_sounds = sa.Table(
    "desk_sounds",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.user_id"), primary_key=True),
    sa.Column("rang_at", UtcMicros),
    sa.Column("mute_at", UtcMicros),
    sa.Column("mute", sa.Text),
)
