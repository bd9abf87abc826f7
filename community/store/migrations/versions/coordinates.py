"""Where buildings and wider places stand on a street map; the points of homes have their columns since 0008."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Nobody has told a point yet."""
    for name in ("lat", "lon"):  # not in batch mode: both databases add columns in place
        op.add_column("places", sa.Column(name, sa.Double()))


def downgrade() -> None:
    """The points of places go; those of homes stay."""
    for name in ("lat", "lon"):
        op.drop_column("places", name)
