"""Keys of devices that log in without a password, and screens that show the wall for long."""

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
