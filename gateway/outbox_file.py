"""The outbox's file: opened, checked, put aside where it is damaged, made anew where it is gone.

Blocking, in the outbox's thread.
"""

import errno
import fcntl
import itertools
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

Connect = Callable[[str], sqlite3.Connection]
"""Opens a database by its name or URI; the place at which a test puts another SQLite."""

RESERVE_BYTES = 4 * 1024 * 1024
"""Kept beside the file and let go when the disk is full: room in which to delete and to write alerts."""
_JUMP = 1_000_000
"""More messages than one write-ahead log can hold."""
# What each transaction writes lies in one small table, so in one page: each page more would cost 4 KiB a commit.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message (
    lane INTEGER, seq INTEGER, mono INTEGER NOT NULL, is_thinned INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (lane, seq)
);
CREATE INDEX IF NOT EXISTS thinned_message ON message (mono) WHERE is_thinned = 1;
CREATE TABLE IF NOT EXISTS rule_state (key TEXT PRIMARY KEY, state BLOB NOT NULL, wake_at INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS active_alarm (key TEXT PRIMARY KEY, alert BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command_done (command_id TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS driver_note (
    sensor_id TEXT, name TEXT, text TEXT NOT NULL, PRIMARY KEY (sensor_id, name)
) WITHOUT ROWID;
"""
_OLD_SHAPE = """
INSERT OR REPLACE INTO meta SELECT 'seq-' || lane, seq FROM high_water;
INSERT OR REPLACE INTO meta SELECT 'clock', json_object(
    'boot', boot, 'boottime_ms', boottime_ms, 'engine_ms', engine_ms, 'wall', wall
) FROM clock;
ALTER TABLE message RENAME TO old_message;
CREATE TABLE message (
    lane INTEGER, seq INTEGER, mono INTEGER NOT NULL, is_thinned INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (lane, seq)
);
INSERT INTO message SELECT lane, seq, coalesce((SELECT engine_ms FROM clock), 0), 0, body FROM old_message;
DROP TABLE old_message;
DROP TABLE high_water;
DROP TABLE clock;
"""
_KEPT = (  # no rule state without the clock that its deadlines are measured by
    ("command_done", ""),
    ("meta", " WHERE name IN ('clock', 'events', 'deeds', 'epoch')"),
    ("rule_state", ""),
    ("active_alarm", ""),
    ("driver_note", ""),
    ("message", " WHERE lane = 0"),  # a card that has turned read-only for good must not keep alerts to itself
)
_STATES = tuple(f"INSERT OR REPLACE INTO {table} SELECT * FROM old.{table}{where}" for table, where in _KEPT)  # noqa: S608
_WITH_LOG = "mode=ro&vfs=unix-none"
"""How the last commits, which stand in the log alone, are read on a card that takes neither locks nor a log's index."""
_SUFFIXES = ("-wal", "-shm", "")  # the file last: while it is in its place, it is still to be moved
_SICK_READS = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
_HEALS = (
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
)
_HEALS_OS = (errno.EROFS, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ENODEV, errno.ENXIO)


def connect(name: str) -> sqlite3.Connection:
    """The standard library's SQLite."""
    return sqlite3.connect(name, uri=True, timeout=5.0, isolation_level=None, check_same_thread=False)


class Taken(Exception):
    """Another gateway runs on this folder."""


class OutboxFile:
    """Where the file lies, what stands beside it, and whether it is still the one that was opened."""

    def __init__(self, path: Path, connecting: Connect) -> None:
        """Opens nothing yet."""
        self.path = path
        self._connecting = connecting
        self._reserve = path.with_name(f"{path.name}.reserve")
        self._saving = path.with_name(f"{path.name}.saving")
        self._identity: tuple[int, int] | None = None
        self._lock: int | None = None

    def claim(self) -> None:
        """For this process alone: a second gateway would raise every alarm twice. Raises Taken, OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if self._lock is None:
            lock = self.path.with_name(f"{self.path.name}.lock")
            self._lock = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Taken from None

    def release(self) -> None:
        """The end."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def open(self, *, is_new: bool = False) -> sqlite3.Connection:
        """Raises sqlite3.Error, also for a file that is damaged, or gone where it was before; OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        wal = self.path.with_name(self.path.name + "-wal")
        was_cut = wal.exists() and wal.stat().st_size > 0
        if not is_new and self._reserve.exists() and not (self.path.exists() and self.path.stat().st_size):
            raise sqlite3.DatabaseError("the file is gone or empty, though it was there before")
        if not is_new and self._saving.exists():
            raise sqlite3.DatabaseError("the file does not hold yet what could be saved of the one before it")
        db = self._connecting(self.path.absolute().as_uri())
        try:
            self._prepare(db)
            if was_cut:  # a log that is damaged ends early, without a word: no number of it may be given again
                db.execute("UPDATE meta SET value = value + ? WHERE name LIKE 'seq-%'", (_JUMP,))
            found = self.path.stat()
        except BaseException:
            db.close()
            raise
        self._identity = found.st_dev, found.st_ino
        return db

    def is_gone(self) -> bool:
        """Whether what was opened lies there no more: it takes all, and nobody will ever find it again."""
        return not self._is_ours() or not self.path.with_name(self.path.name + "-wal").exists()

    def save(self, db: sqlite3.Connection) -> None:
        """Write all that the open connection still holds to where it belongs, and close it.

        Raises sqlite3.Error, OSError; the connection is open then.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if self.path.exists() and not self._is_ours():
            self._move(self._free_name())
        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", (str(new),))
        _sync(new)
        with suppress(sqlite3.Error):  # first: it removes a log by its name, which will be the new file's
            db.close()
        new.rename(self.path)
        _sync(self.path.parent)
        self.release()  # the lock went with the folder

    def _is_ours(self) -> bool:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def put_aside(self) -> Path:
        """Move a broken file out of the way; returns its new name. Until `saved`, a new one counts as broken too."""
        aside = self._unsaved() or self._free_name()
        if aside.exists():  # the box stopped in the middle: what was begun anew holds nothing yet
            for suffix in _SUFFIXES:
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
            return aside
        with suppress(OSError):  # where there is no room for it, the box must not stop in the middle
            self._saving.write_text(aside.name)
            _sync(self._saving)
        self._move(aside)
        return aside

    def saved(self) -> None:
        """The new file holds all that could be saved of the old one. Raises OSError."""
        self._saving.unlink(missing_ok=True)
        _sync(self.path.parent)

    def _unsaved(self) -> Path | None:
        with suppress(OSError, ValueError):
            name = self._saving.read_text()
            if name.startswith(f"{self.path.name}.corrupt-"):
                return self.path.with_name(name)
        return None

    def _free_name(self) -> Path:
        names = (self.path.with_name(f"{self.path.name}.corrupt-{n}") for n in itertools.count(1))
        return next(name for name in names if not name.exists())

    def _move(self, aside: Path) -> None:
        for suffix in _SUFFIXES:
            broken = self.path.with_name(self.path.name + suffix)
            if broken.exists():
                broken.rename(aside.with_name(aside.name + suffix))
        _sync(self.path.parent)

    def refuge(self) -> tuple[sqlite3.Connection, bool]:
        """States and alerts without a receipt in memory, while the file cannot be opened; and whether it was read."""
        db = self._connecting("file::memory:")
        db.executescript(_SCHEMA)
        uri = self.path.absolute().as_uri()
        if self._copied_with_log(db, f"{uri}?{_WITH_LOG}"):
            return db, True
        return db, any(_copied(db, f"{uri}?{how}") for how in ("mode=ro", "immutable=1"))

    def _copied_with_log(self, db: sqlite3.Connection, uri: str) -> bool:
        with suppress(sqlite3.Error), closing(self._connecting(uri)) as old:
            old.execute("PRAGMA locking_mode = EXCLUSIVE")  # first: then the log's index is in memory, not on the card
            for table, where in _KEPT:
                rows = old.execute(f"SELECT * FROM {table}{where}").fetchall()  # noqa: S608 - constants
                marks = ", ".join("?" * len(rows[0])) if rows else ""
                for row in rows:
                    db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", row)  # noqa: S608
            return True
        return False

    def fill_reserve(self) -> None:
        """Take the room again that was let go; a card that is too full for it is no fault."""
        try:
            with self._reserve.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)
        except OSError:
            with suppress(OSError):
                os.truncate(self._reserve, 0)

    def release_reserve(self) -> bool:
        """Make room; whether there was any to be made."""
        try:
            had = self._reserve.stat().st_size > 0
            os.truncate(self._reserve, 0)  # its name stays: it says that there was a file here
        except OSError:
            return False
        return had

    def lacks_reserve(self) -> bool:
        """Whether the room was let go."""
        try:
            return self._reserve.stat().st_size < RESERVE_BYTES
        except OSError:
            return True

    def room(self) -> tuple[int, int]:
        """Bytes free on the card for this process, and its size. Raises OSError."""
        found = os.statvfs(self.path.parent)
        return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        # EXTRA while a new file gets its WAL: else its first journal may come back with the power, and empty the file
        db.execute("PRAGMA synchronous = EXTRA")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_size_limit = 4194304")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        columns = {row[1] for row in db.execute("PRAGMA table_info(message)")}
        if columns and "mono" not in columns:
            db.executescript(f"BEGIN IMMEDIATE; {_OLD_SHAPE} COMMIT;")
        db.executescript(_SCHEMA)
        self.path.chmod(0o640)


class Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK where the block fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Begins when it is entered."""
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


def is_full(error: sqlite3.Error) -> bool:
    """No room on the card."""
    return _code(error) == sqlite3.SQLITE_FULL


def is_damage(error: sqlite3.Error) -> bool:
    """What is in the file makes no sense."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or type(error) is sqlite3.DatabaseError


def is_sick_read(error: sqlite3.Error) -> bool:
    """The card does not give what is in the file: once it may be a loose plug, again and again it is damage."""
    return getattr(error, "sqlite_errorcode", 0) in _SICK_READS


def may_heal(error: sqlite3.Error | OSError, folder: Path) -> bool:
    """Whether a card that cannot be opened may come back, as against a mistake of who installed it."""
    if isinstance(error, OSError):
        return error.errno in _HEALS_OS
    if _code(error) == sqlite3.SQLITE_CANTOPEN:
        return is_read_only(folder)
    return _code(error) in _HEALS


def is_read_only(folder: Path) -> bool:
    """Whether the card lets nobody write."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _copied(db: sqlite3.Connection, uri: str) -> bool:
    try:
        db.execute("ATTACH ? AS old", (uri,))
    except sqlite3.Error:
        return False
    try:
        for statement in _STATES:
            db.execute(statement)
    except sqlite3.Error:
        return False
    else:
        return True
    finally:
        with suppress(sqlite3.Error):
            db.execute("DETACH old")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the extended codes are above


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
