"""The centre's own alerts come with no message of a home."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """An alert may stand alone."""
    _message_of_alert(is_needed=False)


def downgrade() -> None:
    """Fails where the centre has alerts of its own."""
    _message_of_alert(is_needed=True)


def _message_of_alert(*, is_needed: bool) -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    with op.batch_alter_table("alerts") as alerts:
        alerts.alter_column("message_id", existing_type=number, nullable=not is_needed)
