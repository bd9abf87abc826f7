"""The tables of the centre's supervision: outages, ways to the centre, test alarms. They belong to `schema`."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# What the centre knows of a home's being there, beside `gateways`. `offline_since`: its last word before the outage
# that was told; `born_at`, `heard_again_at`: by the centre's clock. `starts`: as its last birth said. `on_file_at`: it
# is waited for since then; `never_told_as`: the first of those that were told together never to have been heard.
supervision = sa.Table(
    "supervision",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("doubted_at", UtcMicros),
    sa.Column("offline_since", UtcMicros),
    sa.Column("heard_again_at", UtcMicros),
    sa.Column("born_at", UtcMicros),
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("heartbeat_s", sa.Integer, nullable=False, server_default="60"),
    sa.Column("test_due_at", UtcMicros),
    sa.Column("test_missed_since", UtcMicros),
    sa.Column("on_file_at", UtcMicros),
    sa.Column("never_told_as", sa.Text),
    sa.Column("never_told_at", UtcMicros),
)

# The ways of a home to the centre. `proved_at`: when the centre heard of its newest test; `told_since`: of the loss
# that has a case.
path_states = sa.Table(
    "path_states",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("is_up", sa.Boolean, nullable=False),
    sa.Column("since", UtcMicros, nullable=False),
    sa.Column("mono", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("tested_at", UtcMicros),
    sa.Column("changed_at", UtcMicros, nullable=False),
    sa.Column("proved_at", UtcMicros, nullable=False),
    sa.Column("told_since", UtcMicros),
)

# Test alarms that have arrived. `took_ms`: from the raise at home to our commit; empty where its clock was not right.
test_alarms = sa.Table(
    "test_alarms",
    metadata,
    sa.Column("gateway_id", sa.ForeignKey("gateways.gateway_id"), primary_key=True),
    sa.Column("alert_id", sa.Text, primary_key=True),
    sa.Column("raised_at", UtcMicros, nullable=False),
    sa.Column("received_at", UtcMicros, nullable=False),
    sa.Column("took_ms", sa.BigInteger),
    sa.Index("ix_test_alarms_gateway_id_received_at", "gateway_id", "received_at"),
)
