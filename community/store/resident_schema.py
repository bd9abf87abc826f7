"""The table that the page of a resident needs beside the register. It belongs to `schema`."""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# A face, so that whoever opens the door knows whom he looks for. Both pictures are JPEG, made anew (community.photos):
# `body` for the page, `small` for lists. Gone with the person's erasure.
resident_photos = sa.Table(
    "resident_photos",
    metadata,
    sa.Column("resident_id", sa.ForeignKey("residents.resident_id"), primary_key=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("small", sa.LargeBinary, nullable=False),
    sa.Column("put_by", sa.Text, nullable=False),
    sa.Column("put_at", UtcMicros, nullable=False),
)
