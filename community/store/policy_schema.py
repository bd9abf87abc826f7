"""The table of policies: proposals, and versions of the centre's own. It belongs to `schema`."""

import sqlalchemy as sa

from community.store.schema import NUMBER, UtcMicros, metadata

# Numbers laid over the workflow's table of version `base`; never changed once they are written. Its cases say
# CENTRE_FROM + `policy_id` (community.policy). `instead_of`: the version that it was proposed to follow; `state`:
# proposed, refused, in_force (one for each workflow), past.
policies = sa.Table(
    "policies",
    metadata,
    sa.Column("policy_id", NUMBER, primary_key=True),
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("base", sa.Integer, nullable=False),
    sa.Column("instead_of", sa.Integer, nullable=False),
    sa.Column("numbers", sa.LargeBinary, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("proposed_by", sa.Text, nullable=False),
    sa.Column("proposed_at", UtcMicros, nullable=False),
    sa.Column("decided_by", sa.Text),
    sa.Column("decided_at", UtcMicros),
    sa.Index("ix_policies_workflow_state", "workflow", "state"),
)
