"""What can be saved out of a damaged outbox file: row by row, for one page that is lost must not cost the others."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from shouwang.errors import DecodeError
from shouwang.wire import Envelope, Lane, decode_envelope

Row = tuple[object, ...]
States = Mapping[str, list[Row]]
"""Rows by table."""

_TABLES = {
    "command_done": ("command_id, n", "command_id"),
    "driver_note": ("sensor_id, name, text", "sensor_id, name"),
    "meta": ("name, value", "name"),
    "rule_state": ("key, state, wake_at", "key"),
    "active_alarm": ("key, alert", "key"),
}
"""Their columns and keys."""
_CLOCK = ("clock", "events", "deeds")
_ALERTS = (
    "SELECT seq, body FROM old.message WHERE lane = :lane ORDER BY seq",
    "SELECT seq, body FROM old.message NOT INDEXED WHERE lane = :lane ORDER BY rowid",
    "SELECT seq, body FROM old.message NOT INDEXED WHERE lane = :lane ORDER BY rowid DESC",
)
"""By the index; where that breaks off, by the table alone: up to the damage, and from the end back to it."""


@contextmanager
def attached(db: sqlite3.Connection, aside: Path) -> Iterator[None]:
    """The damaged file as `old`; where not even its first page can be read, there is nothing to save."""
    with suppress(sqlite3.Error):
        db.execute("ATTACH ? AS old", (str(aside),))
    try:
        yield
    finally:
        with suppress(sqlite3.Error):
            db.execute("DETACH old")


def readable_states(db: sqlite3.Connection) -> States:
    """Rule states, alarms, notes and commands of `old`, as far as they can be read."""
    found: dict[str, list[Row]] = {}
    for table, (columns, key) in _TABLES.items():
        back = ", ".join(f"{part} DESC" for part in key.split(", "))
        ways = (f"SELECT {columns} FROM old.{table} ORDER BY {order}" for order in (key, back))  # noqa: S608
        found[table] = _readable(db, ways)
    found["meta"] = [row for row in found["meta"] if row[0] in _CLOCK]
    if not any(row[0] == _CLOCK[0] for row in found["meta"]):  # the deadlines of rules are measured by it
        found["rule_state"] = []
    states = {row[0] for row in found["rule_state"]}
    found["active_alarm"] = [row for row in found["active_alarm"] if row[0] in states]  # nothing else would end it
    return found


def save_states(db: sqlite3.Connection, states: States) -> None:
    """Write them into the new file, in the caller's transaction."""
    for table, rows in states.items():
        columns, _ = _TABLES[table]
        marks = ", ".join("?" for _ in columns.split(", "))
        for row in rows:
            with suppress(sqlite3.IntegrityError):  # a damaged page may give rows that make no sense
                db.execute(f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", row)  # noqa: S608


def unsent_alerts(db: sqlite3.Connection, gateway_id: str) -> list[Envelope]:
    """Alerts without a receipt in `old`, oldest first."""
    bodies = {seq: body for seq, body in _readable(db, _ALERTS) if isinstance(seq, int) and isinstance(body, bytes)}
    found: list[Envelope] = []
    for _, body in sorted(bodies.items()):
        with suppress(DecodeError):
            found.append(decode_envelope(body, gateway=gateway_id))
    return found


def _readable(db: sqlite3.Connection, ways: Iterator[str] | tuple[str, ...]) -> list[Row]:
    """All rows, each once; the next way is gone only where one breaks off."""
    rows: dict[Row, None] = {}
    for statement in ways:
        try:
            for row in db.execute(statement, {"lane": Lane.LIFE_SAFETY}):
                rows[row] = None
        except sqlite3.Error:
            continue
        break
    return list(rows)
