"""What the outbox keeps beside messages: rule states, alarms that are on, notes, commands done, the clock."""

import logging
import sqlite3

import msgspec

from gateway.batch import Batch
from gateway.clock import ClockMark
from gateway.position import Position
from rules.engine import Saved
from shouwang.alert import Alert

log = logging.getLogger(__name__)

_COMMANDS_KEPT = 1000


def saved_states(db: sqlite3.Connection) -> dict[str, Saved]:
    """Rule states as last committed, by rule key."""
    rows = db.execute("SELECT key, state, wake_at FROM rule_state")
    return {key: Saved(state=state, wake_at=wake_at) for key, state, wake_at in rows}


def notes(db: sqlite3.Connection) -> dict[str, dict[str, str]]:
    """What drivers noted, by sensor, by name."""
    found: dict[str, dict[str, str]] = {}
    for sensor_id, name, text in db.execute("SELECT sensor_id, name, text FROM driver_note"):
        found.setdefault(sensor_id, {})[name] = text
    return found


def active_alarms(db: sqlite3.Connection) -> list[Alert]:
    """The alarms that were on at the last commit; one that cannot be read any more is left out."""
    found = []
    for key, raw in db.execute("SELECT key, alert FROM active_alarm ORDER BY key"):
        try:
            found.append(msgspec.json.decode(raw, type=Alert))
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("the saved alarm %s is of another version and is not spoken again", key)
    return found


def position(db: sqlite3.Connection) -> Position:
    """How far the story of the tail was told at the last commit."""
    found = dict(db.execute("SELECT name, value FROM meta WHERE name IN ('events', 'deeds')").fetchall())
    return Position(int(found.get("events", 0)), int(found.get("deeds", 0)))


def clock_mark(db: sqlite3.Connection) -> ClockMark | None:
    """Engine time at the last commit; None in a new file."""
    row = db.execute("SELECT value FROM meta WHERE name = 'clock'").fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=ClockMark)


def save(db: sqlite3.Connection, batch: Batch, mark: ClockMark) -> None:
    """All of the batch but its messages and receipts, in the caller's transaction."""
    execute = db.execute
    for key, saved in batch.states.items():
        execute("INSERT OR REPLACE INTO rule_state VALUES (?, ?, ?)", (key, saved.state, saved.wake_at))
    ended, active = batch.ended_and_active()
    for key in ended:
        execute("DELETE FROM active_alarm WHERE key = ?", (key,))
    for key, alert in active.items():
        execute("INSERT OR REPLACE INTO active_alarm VALUES (?, ?)", (key, msgspec.json.encode(alert)))
    for (sensor_id, name), text in batch.notes.items():
        execute("INSERT OR REPLACE INTO driver_note VALUES (?, ?, ?)", (sensor_id, name, text))
    for command_id in batch.commands:
        execute(
            "INSERT OR IGNORE INTO command_done VALUES (?, (SELECT coalesce(max(n), 0) + 1 FROM command_done))",
            (command_id,),
        )
    if batch.commands:
        execute("DELETE FROM command_done WHERE n <= (SELECT max(n) FROM command_done) - ?", (_COMMANDS_KEPT,))
    told = position(db).joined(batch.position)
    for name, value in (("events", told.events), ("deeds", told.deeds), ("clock", msgspec.json.encode(mark).decode())):
        execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, str(value)))


class Latest:
    """What rules and drivers stand at by the last commit: where the file is lost while they run, they go on from it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """As the file has it."""
        self._states = saved_states(db)
        self._alarms = {alert.key: alert for alert in active_alarms(db)}
        self._notes = {(sensor_id, name): text for sensor_id, some in notes(db).items() for name, text in some.items()}

    def take(self, batch: Batch) -> None:
        """This was committed."""
        self._states.update(batch.states)
        self._notes.update(batch.notes)
        ended, active = batch.ended_and_active()
        for key in ended:
            self._alarms.pop(key, None)
        self._alarms.update(active)

    def save(self, db: sqlite3.Connection, mark: ClockMark) -> None:
        """All of it, in the caller's transaction."""
        save(db, Batch(states=self._states, alerts=list(self._alarms.values()), notes=self._notes), mark)


def forget(db: sqlite3.Connection) -> None:
    """Rules have started afresh, without these: what they said since is all that counts."""
    db.execute("DELETE FROM rule_state")
    db.execute("DELETE FROM active_alarm")
    db.execute("DELETE FROM meta WHERE name IN ('clock', 'events', 'deeds')")
