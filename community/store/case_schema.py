"""The tables of the case engine beside the cases themselves. They belong to `schema`.

Moments `..._e` are engine time in ms (community.engine_time).
"""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# One row: who runs the engine, and where its time stands. `token` grows with each new holder: whoever holds an older
# one writes nothing more. `beat` grows each second; one that stands still has lost the engine.
engine_lease = sa.Table(
    "engine_lease",
    metadata,
    sa.Column("lease_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("boottime_ms", sa.BigInteger, nullable=False),
    sa.Column("engine_ms", sa.BigInteger, nullable=False),
    sa.Column("wall", UtcMicros, nullable=False),
)

# Rows are added, never changed. `version`: of the case after the step that drew it; `responsible`: a login or a
# responder's id, empty where the whole shift was; `organisation`: whose he was at that moment.
cards = sa.Table(
    "cards",
    metadata,
    sa.Column("card_id", NUMBER, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("colour", sa.Text, nullable=False),
    sa.Column("priority", sa.Text, nullable=False),
    sa.Column("policy", sa.Integer, nullable=False),
    sa.Column("responsible", sa.Text, nullable=False),
    sa.Column("organisation", sa.Text, nullable=False, server_default=""),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("limit_ms", sa.BigInteger, nullable=False),
    sa.Column("actual_ms", sa.BigInteger, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.UniqueConstraint("incident_id", "version", "step", "colour"),
    sa.Index("ix_cards_at", "at"),
)

# A supervisor's word on a card: it stays, and leaves the score. One for each card; `note_id` as in `notes`.
excuses = sa.Table(
    "excuses",
    metadata,
    sa.Column("card_id", sa.ForeignKey("cards.card_id"), primary_key=True),
    sa.Column("reason_code", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
)

# Somebody is to be reached: one row for each call of a step (casefile.Call), written in the step's own transaction.
# `place`: its number among the calls of the step. `state`: waiting, done, failed, missed (nobody is there to be
# reached), stale (too old to be told one by one), dropped (the case no longer needs it).
notices = sa.Table(
    "notices",
    metadata,
    sa.Column("notice_id", NUMBER, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("place", sa.SmallInteger, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("to_whom", sa.Text, nullable=False),
    sa.Column("rung", sa.Integer, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("created_e", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.UniqueConstraint("incident_id", "version", "place"),
    sa.Index("ix_notices_state", "state", "notice_id"),
)

# One try to reach one person by one channel. `key`: goes to the provider, so that a repeat is not a second message.
# `outcome`: queued, sent, delivered, answered, failed; `code`: the channel's own word on it.
attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("attempt_id", NUMBER, primary_key=True),
    sa.Column("notice_id", sa.ForeignKey("notices.notice_id"), nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False, server_default=""),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("queued_at", UtcMicros, nullable=False),
    sa.Column("changed_at", UtcMicros, nullable=False),
)
