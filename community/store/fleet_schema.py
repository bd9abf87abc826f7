"""The tables of the starts of boxes, and of test alarms that are asked of many. They belong to `schema`."""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# The newest births of each box: a start, or another configuration. `at`: by the centre's clock.
box_starts = sa.Table(
    "box_starts",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("at", UtcMicros, primary_key=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("starts", sa.Integer, nullable=False),
)

# Somebody asked for a test alarm of many boxes; `command_id`: of his form, so that a double click is one round.
test_rounds = sa.Table(
    "test_rounds",
    metadata,
    sa.Column("round_id", NUMBER, primary_key=True),
    sa.Column("command_id", sa.Text, nullable=False, unique=True),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("at", UtcMicros, nullable=False),
    sa.Column("stopped_at", UtcMicros),
)

# The boxes of a round: asked from `due_at` on, `asked_at`: when the command was queued.
test_round_boxes = sa.Table(
    "test_round_boxes",
    metadata,
    sa.Column("round_id", sa.ForeignKey("test_rounds.round_id"), primary_key=True),
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("due_at", UtcMicros, nullable=False),
    sa.Column("asked_at", UtcMicros),
    sa.Index("ix_test_round_boxes_due_at", "due_at"),
)
