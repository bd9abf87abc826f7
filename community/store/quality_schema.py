"""The tables of figures and of improvement. They belong to `schema`.

`case_facts` and `timed_steps` follow from the audit log and can be made anew from it at any time (store/kpi.py).
"""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# What the log says of a case (community.kpi_facts.CaseFacts), up to its entry `seq`.
case_facts = sa.Table(
    "case_facts",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False, index=True),
    sa.Column("opened_at", UtcMicros, nullable=False),
    sa.Column("ended_at", UtcMicros),
    sa.Column("is_test", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("ix_case_facts_opened_at_ended_at", "opened_at", "ended_at"),
)

# One run of a clock that draws cards (community.kpi_facts.TimedStep); `responsible` empty: it still runs.
timed_steps = sa.Table(
    "timed_steps",
    metadata,
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id"), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("ended_version", sa.Integer),
    sa.Column("ended_at", UtcMicros),
    sa.Column("responsible", sa.Text),
)

# Something to be made better. `source`: what opened it, once; `metric`: by what its success is measured.
improvements = sa.Table(
    "improvements",
    metadata,
    sa.Column("item_id", NUMBER, primary_key=True),
    sa.Column("source", sa.Text, nullable=False, unique=True),
    sa.Column("incident_id", sa.ForeignKey("incidents.incident_id")),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("opened_at", UtcMicros, nullable=False),
)

# Rows are added, never changed: the item is what its steps make of it (community.improvement).
improvement_steps = sa.Table(
    "improvement_steps",
    metadata,
    sa.Column("item_id", sa.ForeignKey("improvements.item_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
