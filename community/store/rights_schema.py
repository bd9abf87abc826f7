"""Tables of rights: tokens of programs, agreements, broken glass, and who gave or took a right (those rows stay)."""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# Of a token only its SHA-256 is here. Lists are ids with spaces between, a star for all.
api_tokens = sa.Table(
    "api_tokens",
    metadata,
    sa.Column("token_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("areas", sa.Text, nullable=False),
    sa.Column("organisations", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("agreement", sa.Text, nullable=False),
    sa.Column("a_minute", sa.Integer, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("expires_at", UtcMicros, nullable=False),
    sa.Column("last_used_at", UtcMicros),
    sa.Column("revoked_at", UtcMicros),
)

# Data is given to an organisation for a purpose, a time, some areas and some fields of the register (以协议方式).
agreements = sa.Table(
    "agreements",
    metadata,
    sa.Column("agreement_id", sa.Text, primary_key=True),
    sa.Column("organisation", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("areas", sa.Text, nullable=False),
    sa.Column("starts_at", UtcMicros, nullable=False),
    sa.Column("ends_at", UtcMicros, nullable=False),
)

# A supervisor has looked at a reading (of `access_log`) that only a reason opened.
glass_reviews = sa.Table(
    "glass_reviews",
    metadata,
    sa.Column("access_id", sa.ForeignKey("access_log.access_id"), primary_key=True),
    sa.Column("seen_by", sa.Text, nullable=False),
    sa.Column("seen_at", UtcMicros, nullable=False),
)

right_changes = sa.Table(
    "right_changes",
    metadata,
    sa.Column("change_id", NUMBER, primary_key=True),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("whom", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
