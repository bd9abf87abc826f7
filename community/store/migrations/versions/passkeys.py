"""Keys of devices that log in without a password, and screens that show the wall for long."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Nobody has a passkey yet, and no screen hangs."""
    op.create_table(
        "passkeys",
        sa.Column("passkey_id", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("passkey_id", name="pk_passkeys"),
        sa.UniqueConstraint("credential_id", name="uq_passkeys_credential_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_passkeys_user_id_users"),
    )
    op.create_index("ix_passkeys_user_id", "passkeys", ["user_id"])
    op.create_table(
        "passkey_challenges",
        sa.Column("browser", sa.LargeBinary(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("browser", name="pk_passkey_challenges"),
    )
    op.create_index("ix_passkey_challenges_until", "passkey_challenges", ["until"])
    _screens()


def downgrade() -> None:
    """Forget both; passwords and apps go on."""
    op.drop_table("screens")
    op.drop_index("ix_passkey_challenges_until", "passkey_challenges")
    op.drop_table("passkey_challenges")
    op.drop_index("ix_passkeys_user_id", "passkeys")
    op.drop_table("passkeys")


def _screens() -> None:
    op.create_table(
        "screens",
        sa.Column("screen_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("areas", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary()),
        sa.Column("code_until", sa.BigInteger()),
        sa.Column("token_hash", sa.LargeBinary()),
        sa.Column("previous_hash", sa.LargeBinary()),
        sa.Column("salt", sa.LargeBinary()),
        sa.Column("rotated_at", sa.BigInteger()),
        sa.Column("confirmed_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("paired_at", sa.BigInteger()),
        sa.Column("last_seen_at", sa.BigInteger()),
        sa.Column("last_address", sa.Text(), nullable=False, server_default=""),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("screen_id", name="pk_screens"),
        sa.UniqueConstraint("code_hash", name="uq_screens_code_hash"),
        sa.UniqueConstraint("token_hash", name="uq_screens_token_hash"),
        sa.UniqueConstraint("previous_hash", name="uq_screens_previous_hash"),
    )
