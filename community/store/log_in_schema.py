"""Tables of how users get in besides a password: identities of a provider, and failures. They belong to `schema`."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# Whom a provider of identities vouches for. `kind`: `sub`, the provider's own id, or `email`, a verified address that
# becomes a `sub` when it is used first.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("linked_at", UtcMicros, nullable=False),
)

# Nonces of answers that have let somebody in: none does so twice.
spent_nonces = sa.Table(
    "spent_nonces",
    metadata,
    sa.Column("nonce", sa.Text, primary_key=True),
    sa.Column("until", UtcMicros, nullable=False, index=True),
)

# How often whom has failed from where; `who` is a hash, so that no list of logins and addresses lies here.
log_in_failures = sa.Table(
    "log_in_failures",
    metadata,
    sa.Column("who", sa.LargeBinary, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", UtcMicros, nullable=False, index=True),
)
