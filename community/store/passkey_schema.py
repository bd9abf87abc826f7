"""Tables of passkeys and of the screens on the wall. Of their secrets only hashes are here. They belong to `schema`."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# The public half of a key in somebody's device; `sign_count`: how often the device says that it has signed.
passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("passkey_id", sa.Text, primary_key=True),
    sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("last_used_at", UtcMicros),
)

# What a browser was asked to sign, by the hash of the word in its cookie; each is answered once. `user_id`: whose key
# it must be, empty for a log-in.
passkey_challenges = sa.Table(
    "passkey_challenges",
    metadata,
    sa.Column("browser", sa.LargeBinary, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("until", UtcMicros, nullable=False, index=True),
)

# A screen on the wall. `token_hash`: of the word in its cookie; `previous_hash`: of the one before, good until the
# new one has been shown, which is made of the old one and `salt`.
screens = sa.Table(
    "screens",
    metadata,
    sa.Column("screen_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("areas", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", UtcMicros, nullable=False),
    sa.Column("code_hash", sa.LargeBinary, unique=True),
    sa.Column("code_until", UtcMicros),
    sa.Column("token_hash", sa.LargeBinary, unique=True),
    sa.Column("previous_hash", sa.LargeBinary, unique=True),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("rotated_at", UtcMicros),
    sa.Column("confirmed_at", UtcMicros),
    sa.Column("expires_at", UtcMicros),
    sa.Column("paired_at", UtcMicros),
    sa.Column("last_seen_at", UtcMicros),
    sa.Column("last_address", sa.Text, nullable=False, server_default=""),
    sa.Column("ended_at", UtcMicros),
)
