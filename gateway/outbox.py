"""The home's memory: one SQLite file with rule states and every message that the centre has not confirmed.

A message leaves only on the centre's receipt. Rule states and the alerts they gave are written in one transaction
(WAL, synchronous=FULL): a power cut keeps both or neither. One connection, one thread: two writing connections can meet
SQLite's WAL-reset bug (3.7.0 to 3.51.2; Debian 12 has 3.40.1).

A file found corrupt, at the start or later, is put aside; a new one begins with a new epoch and with what of the old
one can still be read and matters: rule states, alarms, and alerts without a receipt.
"""

import itertools
import logging
import os
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.batch import Batch, Key
from gateway.clock import ClockMark
from rules.engine import Saved
from shouwang.alert import Alert
from shouwang.errors import ConfigError, DecodeError, TryLater
from shouwang.wire import Body, Envelope, GapBody, Lane, MessageId, decode_envelope, encode

log = logging.getLogger(__name__)

BUDGET_BYTES = 256 * 1024 * 1024
"""How much unconfirmed telemetry may wait on the card; alerts are not counted."""
_COMMANDS_KEPT = 1000
_DROP_SHARE = 20  # when over budget, one twentieth of the telemetry goes at a time: whole blocks, not row by row
_RESERVE_BYTES = 4 * 1024 * 1024
"""Kept beside the file and let go when the disk is full: room in which to delete and to write alerts."""
DAMAGED = "the outbox file was damaged: unsent telemetry of the old file is lost"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    lane INTEGER, seq INTEGER, body BLOB NOT NULL, PRIMARY KEY (lane, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS high_water (lane INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rule_state (key TEXT PRIMARY KEY, state BLOB NOT NULL, wake_at INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS active_alarm (key TEXT PRIMARY KEY, alert BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command_done (command_id TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS driver_note (
    sensor_id TEXT, name TEXT, text TEXT NOT NULL, PRIMARY KEY (sensor_id, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT, boottime_ms INTEGER, engine_ms INTEGER, wall TEXT
);
"""
_RESCUE = (  # no rule state without the clock that its deadlines are measured by
    "INSERT OR REPLACE INTO command_done SELECT * FROM old.command_done",
    "INSERT OR REPLACE INTO clock SELECT * FROM old.clock",
    "INSERT OR REPLACE INTO rule_state SELECT * FROM old.rule_state",
    "INSERT OR REPLACE INTO active_alarm SELECT * FROM old.active_alarm",
    "INSERT OR REPLACE INTO driver_note SELECT * FROM old.driver_note",
)


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as it will be sent, again and again, until its receipt."""

    epoch: str
    lane: Lane
    seq: int
    payload: bytes

    @property
    def key(self) -> Key:
        """What a receipt calls it."""
        return self.epoch, self.lane, self.seq


class Outbox:
    """All methods block and belong to one thread; failures of the card raise TryLater."""

    def __init__(self, path: Path, gateway_id: str, *, budget_bytes: int = BUDGET_BYTES) -> None:
        """Open or make the file; one that is corrupt is put aside.

        Raises ConfigError where the folder cannot be used.
        """
        self._gateway_id = gateway_id
        self._budget = budget_bytes
        self._path = path
        self._reserve = path.with_name(f"{path.name}.reserve")
        self._is_damaged = False
        self._count = self._waiting = 0
        self.put_aside: Path | None = None
        """Where a corrupt file was moved to; None in ordinary times."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._open_or_replace()
        except (OSError, sqlite3.Error) as error:
            is_taken = isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_BUSY
            remedy = "another gateway runs on it: stop that one first" if is_taken else "check gateway.data_dir"
            raise ConfigError(f"cannot use the data folder {path.parent}: {error}; {remedy}") from error
        _fill(self._reserve)

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    def saved_states(self) -> dict[str, Saved]:
        """Rule states as last committed, by rule key."""
        rows = self._db.execute("SELECT key, state, wake_at FROM rule_state")
        return {key: Saved(state=state, wake_at=wake_at) for key, state, wake_at in rows}

    def notes(self) -> dict[str, dict[str, str]]:
        """What drivers noted, by sensor, by name."""
        found: dict[str, dict[str, str]] = {}
        for sensor_id, name, text in self._db.execute("SELECT sensor_id, name, text FROM driver_note"):
            found.setdefault(sensor_id, {})[name] = text
        return found

    def active_alarms(self) -> list[Alert]:
        """The alarms that were on at the last commit; one that cannot be read any more is left out."""
        found = []
        for key, raw in self._db.execute("SELECT key, alert FROM active_alarm ORDER BY key"):
            try:
                found.append(msgspec.json.decode(raw, type=Alert))
            except (msgspec.DecodeError, UnicodeDecodeError):
                log.warning("the saved alarm %s is of another version and is not spoken again", key)
        return found

    def commands_done(self) -> set[str]:
        """The last commands that were carried out."""
        return {row[0] for row in self._db.execute("SELECT command_id FROM command_done")}

    def clock_mark(self) -> ClockMark | None:
        """Engine time at the last commit; None in a new file."""
        row = self._db.execute("SELECT boot, boottime_ms, engine_ms, wall FROM clock").fetchone()
        if row is None:
            return None
        return ClockMark(boot=row[0], boottime_ms=row[1], engine_ms=row[2], wall=datetime.fromisoformat(row[3]))

    def commit(self, batch: Batch, mark: ClockMark) -> list[Stored]:
        """Write the batch in one transaction; returns its messages with their numbers. Raises TryLater.

        On a full card the oldest telemetry makes room for it; in place of a corrupt file a new one takes it.
        """
        try:
            if self._is_damaged:
                return self._replace(mark) + self._write(batch, mark)
            try:
                return self._write(batch, mark)
            except sqlite3.Error as error:
                return self._mend(error, mark) + self._write(batch, mark)
        except (sqlite3.Error, OSError) as error:
            raise TryLater(f"cannot write {self._path}: {error}") from error

    def pending(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        """Unconfirmed messages of a lane, oldest first, with numbers above `after`. Raises TryLater."""
        try:
            rows = self._db.execute(
                "SELECT seq, body FROM message WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?", (lane, after, limit)
            ).fetchall()
        except sqlite3.Error as error:
            self._is_damaged = self._is_damaged or _is_damage(error)  # the next commit begins a new file
            raise TryLater(f"cannot read {self._path}: {error}") from error
        return [Stored(self.epoch, lane, seq, body) for seq, body in rows]

    @property
    def backlog(self) -> int:
        """How many messages have no receipt yet; may be read in any thread."""
        return self._count

    # ---- inside ----

    def _write(self, batch: Batch, mark: ClockMark) -> list[Stored]:
        before = self._count, self._waiting
        try:
            with self._transaction():
                self._let_go(batch.confirmed)
                stored = [self._store(lane, body, mark) for lane, body in batch.messages()]
                self._save_states(batch, mark)
                return stored + self._keep_budget(mark)
        except BaseException:
            self._count, self._waiting = before
            raise

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)

    def _let_go(self, confirmed: Iterable[Key]) -> None:
        for epoch, lane, seq in confirmed:
            if epoch != self.epoch:
                continue
            row = self._db.execute(
                "DELETE FROM message WHERE lane = ? AND seq = ? RETURNING length(body)", (lane, seq)
            ).fetchone()
            if row is not None:
                self._count -= 1
                self._waiting -= row[0] if lane == Lane.TELEMETRY else 0

    def _store(self, lane: Lane, body: Body, mark: ClockMark) -> Stored:
        envelope = Envelope(
            id=self._next_id(lane), created_at=mark.wall, boot=mark.boot, mono=mark.engine_ms, body=body
        )
        return self._insert(envelope)

    def _next_id(self, lane: Lane) -> MessageId:
        (seq,) = self._db.execute(
            "INSERT INTO high_water VALUES (?, 1) ON CONFLICT (lane) DO UPDATE SET seq = seq + 1 RETURNING seq", (lane,)
        ).fetchone()
        return MessageId(gateway=self._gateway_id, epoch=self.epoch, lane=lane, seq=seq)

    def _insert(self, envelope: Envelope) -> Stored:
        key, payload = envelope.id, encode(envelope)
        self._db.execute("INSERT INTO message VALUES (?, ?, ?)", (key.lane, key.seq, payload))
        self._count += 1
        self._waiting += len(payload) if key.lane == Lane.TELEMETRY else 0
        return Stored(key.epoch, key.lane, key.seq, payload)

    def _save_states(self, batch: Batch, mark: ClockMark) -> None:
        execute = self._db.execute
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
        execute(
            "INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?, ?)",
            (mark.boot, mark.boottime_ms, mark.engine_ms, mark.wall.isoformat()),
        )

    def _keep_budget(self, mark: ClockMark) -> list[Stored]:
        return self._drop_oldest(mark, "unsent telemetry was over its budget") if self._waiting > self._budget else []

    def _drop_oldest(self, mark: ClockMark, why: str) -> list[Stored]:
        (count,) = self._db.execute("SELECT count(*) FROM message WHERE lane = ?", (Lane.TELEMETRY,)).fetchone()
        victims = self._db.execute(
            "DELETE FROM message WHERE lane = ? AND seq IN"
            " (SELECT seq FROM message WHERE lane = ? ORDER BY seq LIMIT ?) RETURNING body",
            (Lane.TELEMETRY, Lane.TELEMETRY, max(1, count // _DROP_SHARE)),
        ).fetchall()
        if not victims:
            return []
        self._count -= len(victims)
        self._waiting -= sum(len(row[0]) for row in victims)
        first, last = (msgspec.json.decode(row[0], type=Envelope).created_at for row in (victims[0], victims[-1]))
        log.error("%s: %d messages from %s to %s dropped", why, len(victims), first, last)
        gap = GapBody(
            reason=f"{why}: the oldest messages were dropped", count=len(victims), first_at=first, last_at=last
        )
        return [self._store(Lane.STATE, gap, mark)]

    # ---- a card that is full, a file that is damaged ----

    def _mend(self, error: sqlite3.Error, mark: ClockMark) -> list[Stored]:
        if _is_damage(error):
            return self._replace(mark)
        if _code(error) != sqlite3.SQLITE_FULL:
            raise error
        self._reserve.unlink(missing_ok=True)
        before = self._count, self._waiting
        try:
            with self._transaction():
                return self._drop_oldest(mark, "the card is full")
        except BaseException:
            self._count, self._waiting = before
            raise

    def _replace(self, mark: ClockMark) -> list[Stored]:
        """Begin a new file while running."""
        self._is_damaged = True
        self._db.close()
        rescued = self._begin_anew()
        self._is_damaged = False
        log.error("the outbox file is damaged; it is kept as %s and a new one begun", self.put_aside)
        with self._transaction():
            return [*rescued, self._store(Lane.STATE, GapBody(reason=DAMAGED, count=0), mark)]

    def _open_or_replace(self) -> None:
        try:
            self._db = _open(self._path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._begin_anew()
        else:
            self._take_stock()

    def _begin_anew(self) -> list[Stored]:
        self.put_aside = _put_aside(self._path)
        self._db = _open(self._path)
        self._take_stock()
        with suppress(sqlite3.Error):  # where not even its first page can be read, there is nothing to save
            self._db.execute("ATTACH ? AS old", (str(self.put_aside),))
            _copy_states(self._db)
        unsent = _unsent_alerts(self._db, self._gateway_id)
        with suppress(sqlite3.Error):
            self._db.execute("DETACH old")
        with self._transaction():
            return [self._insert(msgspec.structs.replace(old, id=self._next_id(old.id.lane))) for old in unsent]

    def _take_stock(self) -> None:
        row = self._db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
        self.epoch = secrets.token_hex(8) if row is None else str(row[0])
        if row is None:
            self._db.execute("INSERT INTO meta VALUES ('epoch', ?)", (self.epoch,))
        self._count, self._waiting = self._db.execute(
            "SELECT count(*), coalesce(sum(length(body)) FILTER (WHERE lane = ?), 0) FROM message", (Lane.TELEMETRY,)
        ).fetchone()


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK where the block fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:  # also where COMMIT failed: a transaction left open would refuse every later one
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended codes are above


def _is_damage(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _put_aside(path: Path) -> Path:
    aside = next(name for n in itertools.count(1) if not (name := path.with_name(f"{path.name}.corrupt-{n}")).exists())
    for suffix in ("-wal", "-shm", ""):
        broken = path.with_name(path.name + suffix)
        if broken.exists():
            broken.rename(aside.with_name(aside.name + suffix))
    return aside


def _copy_states(db: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):  # what cannot be read ends the copying: see _RESCUE
        for statement in _RESCUE:
            db.execute(statement)


def _unsent_alerts(db: sqlite3.Connection, gateway_id: str) -> list[Envelope]:
    found: list[Envelope] = []
    rows = "SELECT body FROM old.message WHERE lane = ? ORDER BY seq"
    with suppress(sqlite3.Error):
        for (body,) in db.execute(rows, (Lane.LIFE_SAFETY,)):
            with suppress(DecodeError):
                found.append(decode_envelope(body, gateway=gateway_id))
    return found


def _fill(reserve: Path) -> None:
    with suppress(OSError), reserve.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o640)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # one home, one gateway: a second would raise every alarm twice
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_size_limit = 4194304")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)  # noqa: TRY301 - the same way out as a file that is no database
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db
