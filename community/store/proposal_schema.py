"""The table of what contacts propose for themselves. It belongs to `schema`; no call ever reads it (decision 036)."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# One for a contact: the newest. `phone` would take the place of `instead`; `stood`: how he was reached when he wrote it
# (community.proposals). `reason`: why it was refused, in words for him. A row goes with the contact.
contact_proposals = sa.Table(
    "contact_proposals",
    metadata,
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), primary_key=True),
    sa.Column("contact_id", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("instead", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("stood", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("decided_at", UtcMicros),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_contact_proposals_state", "state"),
)
