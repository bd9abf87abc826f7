"""Ways to reach people, and whether they work."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Health of channels; people and their ways."""
    op.create_table(
        "channel_health",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("is_up", sa.Boolean(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("refused", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("probed_at", sa.BigInteger()),
        sa.Column("tested_at", sa.BigInteger()),
        sa.Column("told_since", sa.BigInteger()),
        sa.PrimaryKeyConstraint("channel", name="pk_channel_health"),
    )
    op.create_table(
        "reach_people",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("audiences", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_reach_people"),
    )
    op.create_table(
        "reach_ways",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["reach_people.person"], name="fk_reach_ways_person"),
        sa.PrimaryKeyConstraint("person", "place", name="pk_reach_ways"),
    )


def downgrade() -> None:
    """Forget them; notices and attempts stay."""
    for table in ("reach_ways", "reach_people", "channel_health"):
        op.drop_table(table)
