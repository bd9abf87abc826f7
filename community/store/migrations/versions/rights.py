"""Scopes of users, tokens of programs, agreements, and who looked at a broken glass."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEW = {
    "users": (
        lambda: sa.Column("areas", sa.Text(), nullable=False, server_default="*"),
        lambda: sa.Column("organisations", sa.Text(), nullable=False, server_default="*"),
        lambda: sa.Column("person", sa.Text(), nullable=False, server_default=""),
        lambda: sa.Column("disabled_at", sa.BigInteger()),
        lambda: sa.Column("totp_secret", sa.Text()),
        lambda: sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0"),
    ),
    "login_sessions": (lambda: sa.Column("proved_at", sa.BigInteger()),),
}


def upgrade() -> None:
    """Users keep what they may: everywhere."""
    for table, columns in _NEW.items():
        for column in columns:
            op.add_column(table, column())
    _tokens()
    _records()


def downgrade() -> None:
    """Forget scopes, tokens, agreements and who gave a right."""
    for table in ("right_changes", "glass_reviews", "agreements", "api_tokens"):
        op.drop_table(table)
    for table, columns in _NEW.items():
        for column in columns:
            op.drop_column(table, str(column().name))


def _tokens() -> None:
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("areas", sa.Text(), nullable=False),
        sa.Column("organisations", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("a_minute", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("token_id", name="pk_api_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_api_tokens_token_hash"),
    )


def _records() -> None:
    op.create_table(
        "agreements",
        sa.Column("agreement_id", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("areas", sa.Text(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agreement_id", name="pk_agreements"),
    )
    op.create_table(
        "glass_reviews",
        sa.Column("access_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_by", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["access_id"], ["access_log.access_id"], name="fk_glass_reviews_access_id"),
        sa.PrimaryKeyConstraint("access_id", name="pk_glass_reviews"),
    )
    op.create_table(
        "right_changes",
        sa.Column("change_id", _NUMBER, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("whom", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("change_id", name="pk_right_changes"),
    )
