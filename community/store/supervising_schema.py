"""The tables of what supervisors keep: reviews of calls, decisions of the joint meeting. They belong to `schema`.

Each row is sealed in the audit log (community.casefile: Reviewed, Directed); its words stand with the notes.
"""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# A call of the sample of a month (2026-11), looked over. `marks`: JSON of points by criterion; `seen_at`: when the
# handler has read it.
call_reviews = sa.Table(
    "call_reviews",
    metadata,
    sa.Column("review_id", NUMBER, primary_key=True),
    sa.Column("month", sa.Text, nullable=False),
    sa.Column("handler", sa.Text, nullable=False),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("marks", sa.LargeBinary, nullable=False),
    sa.Column("note_id", sa.Text, nullable=False),
    sa.Column("seen_at", UtcMicros),
    sa.UniqueConstraint("handler", "month", "incident_id"),
)

# What the joint meeting (督办) decided for a case that drew a red card; open while `settled_at` is empty.
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("decision_id", NUMBER, primary_key=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("due_on", sa.Text, nullable=False),
    sa.Column("note_id", sa.Text, nullable=False),
    sa.Column("settled_at", UtcMicros, index=True),
    sa.Column("settled_by", sa.Text, nullable=False, server_default=""),
    sa.Column("settled_note_id", sa.Text, nullable=False, server_default=""),
)
