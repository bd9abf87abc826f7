"""What a person is looked after with day by day: plans of care, assessments, medicines with their times."""

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
