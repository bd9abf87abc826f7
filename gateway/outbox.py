"""The home's memory: one SQLite file with rule states and every message that the centre has not confirmed.

A message leaves only on the centre's receipt. Rule states and the alerts they gave are written in one transaction
(WAL, synchronous=FULL): a power cut keeps both or neither. One connection, one thread: two writing connections can meet
SQLite's WAL-reset bug (3.7.0 to 3.51.2; Debian 12 has 3.40.1).
"""

import itertools
import logging
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from gateway.batch import Batch
from gateway.clock import ClockMark
from rules.engine import Saved
from shouwang.alert import Alert
from shouwang.errors import ConfigError, TryLater
from shouwang.wire import Body, Envelope, GapBody, Lane, MessageId, encode

log = logging.getLogger(__name__)

BUDGET_BYTES = 256 * 1024 * 1024
"""How much unconfirmed telemetry may wait on the card; alerts are not counted."""
_COMMANDS_KEPT = 1000
_DROP_SHARE = 20  # when over budget, one twentieth of the telemetry goes at a time: whole blocks, not row by row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    lane INTEGER, seq INTEGER, body BLOB NOT NULL, PRIMARY KEY (lane, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS high_water (lane INTEGER PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rule_state (key TEXT PRIMARY KEY, state BLOB NOT NULL, wake_at INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS active_alarm (key TEXT PRIMARY KEY, alert BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command_done (command_id TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (
    one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT, boottime_ms INTEGER, engine_ms INTEGER, wall TEXT
);
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as it will be sent, again and again, until its receipt."""

    lane: Lane
    seq: int
    payload: bytes


class Outbox:
    """All methods block and belong to one thread; failures of the card raise TryLater."""

    def __init__(self, path: Path, gateway_id: str, *, budget_bytes: int = BUDGET_BYTES) -> None:
        """Open or make the file; one that is corrupt is put aside and its loss told in a gap message.

        Raises ConfigError where the folder cannot be used.
        """
        self._gateway_id = gateway_id
        self._budget = budget_bytes
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._db, aside = _open_or_put_aside(path)
        except (OSError, sqlite3.OperationalError) as error:
            raise ConfigError(f"cannot use the data folder {path.parent}: {error}; check gateway.data_dir") from error
        self.epoch = self._meta("epoch") or self._new_epoch()
        self._waiting = self._sum_telemetry()
        self.put_aside = aside
        """Where a corrupt file was moved to; None in ordinary times."""

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()

    def saved_states(self) -> dict[str, Saved]:
        """Rule states as last committed, by rule key."""
        rows = self._db.execute("SELECT key, state, wake_at FROM rule_state")
        return {key: Saved(state=state, wake_at=wake_at) for key, state, wake_at in rows}

    def active_alarms(self) -> list[Alert]:
        """The alarms that were on at the last commit; one that cannot be read any more is left out."""
        found = []
        for key, raw in self._db.execute("SELECT key, alert FROM active_alarm ORDER BY key"):
            try:
                found.append(msgspec.json.decode(raw, type=Alert))
            except msgspec.DecodeError:
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
        """Write the batch in one transaction; returns its messages with their numbers. Raises TryLater."""
        try:
            with self._transaction():
                stored = [self._store(lane, body, mark) for lane, body in batch.messages()]
                self._save_states(batch, mark)
                stored += self._keep_budget(mark)
        except sqlite3.Error as error:
            self._waiting = self._sum_telemetry_or(self._waiting)
            raise TryLater(f"cannot write {self._path}: {error}") from error
        return stored

    def pending(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        """Unconfirmed messages of a lane, oldest first, with numbers above `after`. Raises TryLater."""
        try:
            rows = self._db.execute(
                "SELECT seq, body FROM message WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?", (lane, after, limit)
            ).fetchall()
        except sqlite3.Error as error:
            raise TryLater(f"cannot read {self._path}: {error}") from error
        return [Stored(lane, seq, body) for seq, body in rows]

    def confirm(self, confirmed: Iterable[tuple[Lane, int]]) -> None:
        """The centre has these: let them go. Raises TryLater (they are then sent and confirmed once more)."""
        try:
            with self._transaction():
                for lane, seq in confirmed:
                    row = self._db.execute(
                        "DELETE FROM message WHERE lane = ? AND seq = ? RETURNING length(body)", (lane, seq)
                    ).fetchone()
                    if row is not None and lane == Lane.TELEMETRY:
                        self._waiting -= row[0]
        except sqlite3.Error as error:
            raise TryLater(f"cannot write {self._path}: {error}") from error

    def backlog(self) -> int:
        """How many messages have no receipt yet."""
        count: int = self._db.execute("SELECT count(*) FROM message").fetchone()[0]
        return count

    # ---- inside ----

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)

    def _store(self, lane: Lane, body: Body, mark: ClockMark) -> Stored:
        (seq,) = self._db.execute(
            "INSERT INTO high_water VALUES (?, 1) ON CONFLICT (lane) DO UPDATE SET seq = seq + 1 RETURNING seq", (lane,)
        ).fetchone()
        envelope = Envelope(
            id=MessageId(gateway=self._gateway_id, epoch=self.epoch, lane=lane, seq=seq),
            created_at=mark.wall,
            boot=mark.boot,
            mono=mark.engine_ms,
            body=body,
        )
        payload = encode(envelope)
        self._db.execute("INSERT INTO message VALUES (?, ?, ?)", (lane, seq, payload))
        if lane == Lane.TELEMETRY:
            self._waiting += len(payload)
        return Stored(lane, seq, payload)

    def _save_states(self, batch: Batch, mark: ClockMark) -> None:
        execute = self._db.execute
        for key, saved in batch.states.items():
            execute("INSERT OR REPLACE INTO rule_state VALUES (?, ?, ?)", (key, saved.state, saved.wake_at))
        ended, active = batch.ended_and_active()
        for key in ended:
            execute("DELETE FROM active_alarm WHERE key = ?", (key,))
        for key, alert in active.items():
            execute("INSERT OR REPLACE INTO active_alarm VALUES (?, ?)", (key, msgspec.json.encode(alert)))
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
        if self._waiting <= self._budget:
            return []
        (count,) = self._db.execute("SELECT count(*) FROM message WHERE lane = ?", (Lane.TELEMETRY,)).fetchone()
        victims = self._db.execute(
            "DELETE FROM message WHERE lane = ? AND seq IN"
            " (SELECT seq FROM message WHERE lane = ? ORDER BY seq LIMIT ?) RETURNING body",
            (Lane.TELEMETRY, Lane.TELEMETRY, max(1, count // _DROP_SHARE)),
        ).fetchall()
        self._waiting -= sum(len(row[0]) for row in victims)
        first, last = (msgspec.json.decode(row[0], type=Envelope).created_at for row in (victims[0], victims[-1]))
        log.error("the card is full of unsent telemetry: %d messages from %s to %s dropped", len(victims), first, last)
        reason = "unsent telemetry was over its budget: the oldest messages were dropped"
        gap = GapBody(reason=reason, count=len(victims), first_at=first, last_at=last)
        return [self._store(Lane.STATE, gap, mark)]

    def _meta(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _new_epoch(self) -> str:
        epoch = secrets.token_hex(8)
        with self._transaction():
            self._db.execute("INSERT INTO meta VALUES ('epoch', ?)", (epoch,))
        return epoch

    def _sum_telemetry(self) -> int:
        total: int = self._db.execute(
            "SELECT coalesce(sum(length(body)), 0) FROM message WHERE lane = ?", (Lane.TELEMETRY,)
        ).fetchone()[0]
        return total

    def _sum_telemetry_or(self, fallback: int) -> int:
        try:
            return self._sum_telemetry()
        except sqlite3.Error:
            return fallback


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK where the block fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _open_or_put_aside(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    try:
        return _open(path), None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
    aside = next(name for n in itertools.count(1) if not (name := path.with_name(f"{path.name}.corrupt-{n}")).exists())
    for suffix in ("", "-wal", "-shm"):
        broken = path.with_name(path.name + suffix)
        if broken.exists():
            broken.rename(aside.with_name(aside.name + suffix))
    return _open(path), aside


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o640)
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
