"""What of short messages must survive a power cut: one SQLite file of its own, so that it waits for no telemetry.

Letters to be sent and sent, parts of incoming messages, and a few marks. A file that is damaged is put aside; a new one
begins, and what was in the old one is not sent again: it may have been.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from drivers.serial.sms_letter import Letter
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, TryLater

_SCHEMA = """
CREATE TABLE IF NOT EXISTS letter (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS incoming (n INTEGER PRIMARY KEY, digest TEXT UNIQUE NOT NULL, pdu BLOB);
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
"""
_SEEN_KEPT = 500
"""Incoming messages that are known again when a modem or network gives them twice."""


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an incoming message that is on the card and not dealt with yet."""

    digest: str
    pdu: bytes


class SmsStore:
    """All methods block and belong to one thread; failures of the card raise TryLater."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises ConfigError where the folder cannot be used."""
        self._path = path
        self.put_aside: Path | None = None
        """Where a damaged file was moved to; None in ordinary times."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._open_or_replace()
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                Bilingual(
                    f"cannot use {path}: {error}; check gateway.data_dir",
                    zh=f"{path} 不能用：{error}；请检查 gateway.data_dir",
                )
            ) from error

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._db.close()

    def letters(self) -> list[Letter]:
        """All letters, the oldest first."""
        rows = self._rows("SELECT body FROM letter ORDER BY number")
        return [msgspec.json.decode(body, type=Letter) for (body,) in rows]

    def save(self, letter: Letter) -> None:
        """Write one letter as it is now."""
        self._write([("INSERT OR REPLACE INTO letter VALUES (?, ?)", (letter.number, msgspec.json.encode(letter)))])

    def forget(self, numbers: Iterable[int]) -> None:
        """Drop old letters."""
        self._write([("DELETE FROM letter WHERE number = ?", (number,)) for number in numbers])

    def take_in(self, incoming: Incoming) -> bool:
        """Keep a part of an incoming message; False where it came before."""
        if self._rows("SELECT 1 FROM incoming WHERE digest = ?", incoming.digest):
            return False
        self._write([("INSERT INTO incoming (digest, pdu) VALUES (?, ?)", (incoming.digest, incoming.pdu))])
        return True

    def incoming(self) -> list[Incoming]:
        """Parts that were not dealt with, the oldest first."""
        rows = self._rows("SELECT digest, pdu FROM incoming WHERE pdu IS NOT NULL ORDER BY n")
        return [Incoming(digest=digest, pdu=pdu) for digest, pdu in rows]

    def dealt_with(self, digests: Iterable[str]) -> None:
        """Forget what these parts hold, and only know them again."""
        self._write(
            [
                *[("UPDATE incoming SET pdu = NULL WHERE digest = ?", (digest,)) for digest in digests],
                (
                    "DELETE FROM incoming WHERE pdu IS NULL AND n <= (SELECT max(n) FROM incoming) - ?",
                    (_SEEN_KEPT,),
                ),
            ]
        )

    def mark(self, name: str) -> str:
        """What was noted under this name; empty where nothing was."""
        rows = self._rows("SELECT text FROM mark WHERE name = ?", name)
        return str(rows[0][0]) if rows else ""

    def set_mark(self, name: str, text: str) -> None:
        """Note it."""
        self._write([("INSERT OR REPLACE INTO mark VALUES (?, ?)", (name, text))])

    # ---- inside ----

    def _rows(self, sql: str, *values: object) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise TryLater(
                Bilingual(f"cannot read {self._path}: {error}", zh=f"读不了 {self._path}：{error}")
            ) from error

    def _write(self, steps: list[tuple[str, tuple[object, ...]]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for sql, values in steps:
                    self._db.execute(sql, values)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise TryLater(
                Bilingual(f"cannot write {self._path}: {error}", zh=f"写不了 {self._path}：{error}")
            ) from error

    def _open_or_replace(self) -> None:
        try:
            self._db = _open(self._path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._begin_anew()
        else:
            try:
                self.letters()
            except (TryLater, msgspec.MsgspecError):  # of another version, or damaged where quick_check does not look
                self._db.close()
                self._begin_anew()

    def _begin_anew(self) -> None:
        self.put_aside = _put_aside(self._path)
        self._db = _open(self._path)


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=2, isolation_level=None, check_same_thread=False)
    try:
        path.chmod(0o600)
        db.execute("PRAGMA locking_mode = EXCLUSIVE")  # two gateways on one queue would send everything twice
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # what was committed survives a power cut
        db.execute("PRAGMA secure_delete = ON")  # texts are about people
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)  # noqa: TRY301 - the same way out as a file that is no database
        db.executescript(_SCHEMA)
    except BaseException:
        db.close()
        raise
    return db


def _put_aside(path: Path) -> Path:
    n = 1
    while (aside := path.with_name(f"{path.name}.damaged-{n}")).exists():
        n += 1
    for ending in ("", "-wal", "-shm"):
        found = path.with_name(path.name + ending)
        if found.exists():
            found.rename(aside.with_name(aside.name + ending))
    return aside
