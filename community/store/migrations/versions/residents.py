"""What the page of a resident keeps: his photograph, small enough to lie beside his name."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nobody has a photograph yet; the areas of a list are found among ten thousand doors."""
    op.create_table(
        "resident_photos",
        sa.Column("resident_id", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("small", sa.LargeBinary(), nullable=False),
        sa.Column("put_by", sa.Text(), nullable=False),
        sa.Column("put_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resident_id"], ["residents.resident_id"], name="fk_resident_photos_resident_id_residents"
        ),
        sa.PrimaryKeyConstraint("resident_id", name="pk_resident_photos"),
    )

    op.create_index("ix_places_level", "places", ["level"])


def downgrade() -> None:
    """The photographs go."""
    op.drop_index("ix_places_level", "places")
    op.drop_table("resident_photos")
