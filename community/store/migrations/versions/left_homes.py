"""Residents who died or moved away."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Everybody on file lives where the register says."""
    for name in ("left_why", "left_on"):  # not in batch mode: both databases add columns in place
        op.add_column("residents", sa.Column(name, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """An older version takes those who left for people who live there; that they left stays in the history."""
    for name in ("left_on", "left_why"):
        op.drop_column("residents", name)
