"""Tables of measurements beside `series` and `samples`: sums by minute, quarter and day, and what is to be summed.

They lie where the samples lie: in the community database, or all together in a SQLite file of their own (decision 023),
under the same names, so that one query serves both.
"""

import sqlalchemy as sa

from community.store.schema import UtcMicros, metadata

# `step` in seconds. Values that may be trusted make `count` to `most`; `doubtful` counts the others.
rollups = sa.Table(
    "rollups",
    metadata,
    sa.Column("series_id", sa.ForeignKey("series.series_id"), primary_key=True),
    sa.Column("step", sa.Integer, primary_key=True),
    sa.Column("at", UtcMicros, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("total", sa.Double, nullable=False),
    sa.Column("least", sa.Double),
    sa.Column("most", sa.Double),
    sa.Column("doubtful", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Quarters of an hour whose samples have changed since they were summed.
dirty_quarters = sa.Table(
    "dirty_quarters",
    metadata,
    sa.Column("series_id", sa.ForeignKey("series.series_id"), primary_key=True),
    sa.Column("at", UtcMicros, primary_key=True),
    sqlite_with_rowid=False,
)

# From when on the samples of a series are all there; of older ones only the sums are left.
raw_since = sa.Table(
    "raw_since",
    metadata,
    sa.Column("series_id", sa.ForeignKey("series.series_id"), primary_key=True),
    sa.Column("at", UtcMicros, nullable=False),
    sqlite_with_rowid=False,
)

FILE_VERSION = 1
FILE_SHAPE = """
CREATE TABLE IF NOT EXISTS messages (
    message_id INTEGER PRIMARY KEY, gateway_id TEXT NOT NULL, epoch TEXT NOT NULL, lane INTEGER NOT NULL,
    seq INTEGER NOT NULL, received_at INTEGER NOT NULL, UNIQUE (gateway_id, epoch, lane, seq));
CREATE TABLE IF NOT EXISTS series (
    series_id INTEGER PRIMARY KEY, gateway_id TEXT NOT NULL, sensor_id TEXT NOT NULL, quantity TEXT NOT NULL,
    resident_id TEXT NOT NULL, UNIQUE (gateway_id, sensor_id, quantity, resident_id));
CREATE TABLE IF NOT EXISTS samples (
    series_id INTEGER NOT NULL, at INTEGER NOT NULL, message_id INTEGER NOT NULL, place INTEGER NOT NULL,
    value REAL NOT NULL, quality TEXT NOT NULL, mono INTEGER NOT NULL, is_late INTEGER NOT NULL,
    timing INTEGER NOT NULL,
    PRIMARY KEY (series_id, at, message_id, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doubtful_samples (
    message_id INTEGER NOT NULL, place INTEGER NOT NULL, series_id INTEGER NOT NULL, boot_number INTEGER,
    engine_ms INTEGER NOT NULL, told_at INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (message_id, place)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ix_doubtful_samples_boot_number ON doubtful_samples (boot_number);
CREATE TABLE IF NOT EXISTS rollups (
    series_id INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, count INTEGER NOT NULL, total REAL NOT NULL,
    least REAL, most REAL, doubtful INTEGER NOT NULL, PRIMARY KEY (series_id, step, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dirty_quarters (
    series_id INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (series_id, at)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS raw_since (
    series_id INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (series_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mended_boots (
    boot_number INTEGER PRIMARY KEY, zero INTEGER, timing INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
"""The file of its own. It names no gateway but by its id, and knows nothing of people and cases."""

_own = sa.MetaData()
# As far as the times were mended which its samples carry (`boots` of the community database, by number).
mended_boots = sa.Table(
    "mended_boots",
    _own,
    sa.Column("boot_number", sa.Integer, primary_key=True),
    sa.Column("zero", UtcMicros),
    sa.Column("timing", sa.SmallInteger, nullable=False),
)
# How far something that goes on in pieces has come.
marks = sa.Table(
    "marks", _own, sa.Column("name", sa.Text, primary_key=True), sa.Column("value", sa.BigInteger, nullable=False)
)
