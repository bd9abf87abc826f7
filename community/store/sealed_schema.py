"""The tables of what is sealed beside the cases, of what is held back from ending, and of what has ended."""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# One link for each time that a row of `source` was written (community.store.seals); `key`: its primary key. `salt`:
# of the digest of its words, empty once they are erased.
sealed_changes = sa.Table(
    "sealed_changes",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("salt", sa.LargeBinary),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("prev_hash", sa.LargeBinary, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Index("ix_sealed_changes_source_key", "source", "key"),
)

# A case of which nothing ends (legal hold) while `ended_at` is empty. Rows are added and ended, never taken away.
case_holds = sa.Table(
    "case_holds",
    metadata,
    sa.Column("hold_id", NUMBER, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("ended_by", sa.Text, nullable=False, server_default=""),
    sa.Column("ended_at", UtcMicros),
)

# What ended by itself, by the day (of the centre's calendar) and the kind.
retired = sa.Table(
    "retired",
    metadata,
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
)

# Cases whose words and names have ended: they are not looked at again.
retired_cases = sa.Table(
    "retired_cases",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), primary_key=True),
    sa.Column("at", UtcMicros, nullable=False),
)
