"""The tables of plans of care, assessments and medicines. They belong to `schema`; all of them go with an erasure.

Days are written as people write them (2026-11-24), empty where none is set, so that they are in order as words.
"""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# What is measured how often for an illness, and where the values should lie (community.registry.CarePlanRow).
care_plans = sa.Table(
    "care_plans",
    metadata,
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), primary_key=True),
    sa.Column("condition", sa.Text, primary_key=True),
    sa.Column("quantity", sa.Text, primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("days", sa.Integer, nullable=False),
    sa.Column("low", sa.Double),
    sa.Column("high", sa.Double),
    sa.Column("set_by", sa.Text, nullable=False),
    sa.Column("set_on", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("review_on", sa.Text, nullable=False, index=True),
)

# How a plan was kept when it was last looked at, so that ten thousand are a list at once; gone where the plan changes.
# `found`: measurements within its period; `newest_at`: of the last one.
care_standings = sa.Table(
    "care_standings",
    metadata,
    sa.Column("resident_id", sa.Text, primary_key=True),
    sa.Column("condition", sa.Text, primary_key=True),
    sa.Column("quantity", sa.Text, primary_key=True),
    sa.Column("keeping", sa.Text, nullable=False, index=True),
    sa.Column("found", sa.Integer, nullable=False),
    sa.Column("newest_at", UtcMicros),
    sa.Column("judged_at", UtcMicros, nullable=False, index=True),
    sa.ForeignKeyConstraint(
        ["resident_id", "condition", "quantity"],
        ["care_plans.resident_id", "care_plans.condition", "care_plans.quantity"],
    ),
)

# How somebody was assessed, once in each row (community.registry.AssessmentRow).
assessments = sa.Table(
    "assessments",
    metadata,
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("scale", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, primary_key=True),
    sa.Column("score", sa.Double),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("assessor", sa.Text, nullable=False),
    sa.Column("next_on", sa.Text, nullable=False, index=True),
)

# What is to be taken at which times of the day (community.registry.MedicineRow). `at`: JSON.
medicines = sa.Table(
    "medicines",
    metadata,
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("dose", sa.Text, nullable=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("since", sa.Text, nullable=False),
    sa.Column("until", sa.Text, nullable=False),
    sa.Column("prescribed_by", sa.Text, nullable=False),
)

_PLAN = ("resident_id", "condition", "quantity")
SAME_PLAN = sa.and_(*(care_plans.c[name] == care_standings.c[name] for name in _PLAN))
"""A plan and how it is kept."""
