"""The home's memory: one SQLite file with rule states and every message that the centre has not confirmed.

A message leaves only on the centre's receipt. Rule states and the alerts they gave are written in one transaction
(WAL, synchronous=FULL): a power cut keeps both or neither. One connection, one thread: two writing connections can meet
SQLite's WAL-reset bug (3.7.0 to 3.51.2; Debian 12 has 3.40.1).

A file found corrupt, at the start or later, is put aside; a new one begins with a new epoch and with what of the old
one can still be read and matters: rule states, alarms, and alerts without a receipt. While the card cannot be opened at
all, states live in memory, and each commit tries anew.
"""

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gateway import outbox_states as states
from gateway.batch import Batch
from gateway.clock import ClockMark
from gateway.outbox_budget import Budget
from gateway.outbox_file import (
    RESERVE_BYTES,
    Connect,
    OutboxFile,
    Taken,
    Transaction,
    connect,
    is_damage,
    is_full,
    is_sick_read,
    may_heal,
)
from gateway.outbox_queue import Queue
from gateway.outbox_rescue import attached, readable_states, save_states, unsent_alerts
from gateway.position import Position
from gateway.stored import Stored
from rules.engine import Saved
from shouwang.alert import Alert
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError, TryLater
from shouwang.gap import GapCode
from shouwang.wire import GapBody, Lane

__all__ = ["Outbox", "Stored"]

log = logging.getLogger(__name__)

_NO_USE = "cannot use the data folder {folder}: {why}; {remedy}", "数据文件夹 {folder} 不能用：{why}；{remedy}"
_IN_USE = Bilingual("it is in use", zh="正在使用中")
_STOP_THE_OTHER = Bilingual("another gateway runs on it: stop that one first", zh="另有网关在用它：请先停掉那一个")
_LOOK_AT_IT = Bilingual("check gateway.data_dir", zh="请核对 gateway.data_dir")
_DAMAGED = "the outbox file was damaged: unsent telemetry of the old file is lost"
_SICK_AT_MOST = 3
"""So often in a row the card may refuse to give what is in the file."""
_FAILURES_AT_MOST = 5
"""So often in a row it may refuse to write before the file is closed: only so can the card be mounted anew."""
_FREE_PAGES = 1024
"""Empty pages (4 MiB) that may stay in the file: it will need them again."""


class Outbox:
    """All methods block and belong to one thread; failures of the card raise TryLater."""

    def __init__(
        self, path: Path, gateway_id: str, *, budget: Budget | None = None, connecting: Connect = connect
    ) -> None:
        """Open or make the file; one that is corrupt is put aside, one that cannot be opened now is waited for.

        Raises ConfigError where the folder cannot be used, or another gateway runs on it.
        """
        self._gateway_id = gateway_id
        self._budget = budget or Budget()
        self._file = OutboxFile(path, connecting)
        self._is_away = self._is_blind = self._is_damaged = False
        self._sick = self._failures = 0
        self._numbers: dict[int, int] | None = None
        self._db: sqlite3.Connection
        self._queue: Queue
        self._untold: GapBody | None = None
        self._is_anew = False
        self.put_aside: Path | None = None
        """Where a corrupt file was moved to; None in ordinary times."""
        try:
            self._open()
        except Taken:
            raise ConfigError(_refused(path, _IN_USE, _STOP_THE_OTHER)) from None
        except (OSError, sqlite3.Error) as error:
            if not may_heal(error, path.parent):
                raise ConfigError(_refused(path, str(error), _LOOK_AT_IT)) from error
            self._take_refuge(error)
        self._latest = states.Latest(self._db)

    def use(self, budget: Budget) -> None:
        """Keep this budget from the next transaction on; may be called in any thread."""
        self._budget = budget

    def close(self) -> None:
        """Close the file; what was committed stays."""
        self._db.close()
        self._file.release()

    def saved_states(self) -> dict[str, Saved]:
        """Rule states as last committed, by rule key."""
        return states.saved_states(self._db)

    def notes(self) -> dict[str, dict[str, str]]:
        """What drivers noted, by sensor, by name."""
        return states.notes(self._db)

    def active_alarms(self) -> list[Alert]:
        """The alarms that were on at the last commit; one that cannot be read any more is left out."""
        return states.active_alarms(self._db)

    def commands_done(self) -> set[str]:
        """The last commands that were carried out."""
        return {row[0] for row in self._db.execute("SELECT command_id FROM command_done")}

    def position(self) -> Position:
        """How far the story of the tail was told at the last commit."""
        return states.position(self._db)

    def clock_mark(self) -> ClockMark | None:
        """Engine time at the last commit; None in a new file."""
        return states.clock_mark(self._db)

    def commit(self, batch: Batch, mark: ClockMark) -> list[Stored]:
        """Write the batch in one transaction; returns its messages with their numbers. Raises TryLater.

        On a full card the oldest telemetry makes room for it; in place of a corrupt file a new one takes it.
        """
        try:
            stored = self._be_ready()
            try:
                stored += self._write(batch, mark)
            except sqlite3.Error as error:
                stored += self._mend(error, mark)
                stored += self._write_again(batch, mark)
        except (sqlite3.Error, OSError) as error:
            self._judge(error)
            raise TryLater(
                Bilingual(f"cannot write {self._file.path}: {error}", zh=f"写不了 {self._file.path}：{error}")
            ) from error
        self._sick = self._failures = 0
        self._tidy(is_urgent=bool(batch.alerts))
        return stored

    def pending(self, lane: Lane, after: int, limit: int) -> list[Stored]:
        """Unconfirmed messages of a lane, oldest first, with numbers above `after`. Raises TryLater.

        While the card cannot be opened, alerts are those that it held when it was last read.
        """
        if self._is_away and lane is not Lane.LIFE_SAFETY:
            raise TryLater(
                Bilingual(
                    f"cannot read {self._file.path}: the card cannot be opened",
                    zh=f"读不了 {self._file.path}：存储卡打不开",
                )
            )
        try:
            return self._queue.pending(lane, after, limit)
        except sqlite3.Error as error:
            self._judge(error)
            raise TryLater(
                Bilingual(f"cannot read {self._file.path}: {error}", zh=f"读不了 {self._file.path}：{error}")
            ) from error

    @property
    def epoch(self) -> str:
        """Of the file that is open."""
        return self._queue.epoch

    @property
    def backlog(self) -> int:
        """How many messages have no receipt yet; may be read in any thread."""
        return sum(self._queue.counts.values())

    @property
    def backlogs(self) -> Mapping[Lane, int]:
        """The same for each lane."""
        return self._queue.counts

    # ---- inside ----

    def _write(self, batch: Batch, mark: ClockMark) -> list[Stored]:
        queue = self._queue
        try:
            with Transaction(self._db):
                queue.let_go(batch.confirmed)
                stored = [queue.store(lane, body, mark) for lane, body in batch.messages(mark)]
                if self._untold is not None:
                    stored.append(queue.store(Lane.STATE, self._untold, mark))
                self._save_states(batch, mark)
                if not batch.alerts:  # an alarm does not wait for the clearing up
                    stored += queue.keep(self._budget, self._file.room(), mark)
                numbers = queue.numbers()
        except BaseException:
            self._recount()
            raise
        self._latest.take(batch)
        self._untold = None
        self._is_blind = self._is_anew = False
        self._numbers = numbers
        return stored

    def _recount(self) -> None:
        with suppress(sqlite3.Error):
            self._queue.weigh()

    def _save_states(self, batch: Batch, mark: ClockMark) -> None:
        if self._is_blind:
            states.forget(self._db)
        if self._is_anew:
            self._latest.save(self._db, mark)
        states.save(self._db, batch, mark)

    def _tidy(self, *, is_urgent: bool) -> None:
        """Give space back, and take the reserve again where there is room; what fails here is done another time."""
        with suppress(sqlite3.Error, OSError):
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            if free > _FREE_PAGES and not is_urgent:
                self._db.executescript(f"PRAGMA incremental_vacuum({_FREE_PAGES})")  # `execute` frees one page only
            if self._file.lacks_reserve():
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # a short log where room is short
                if self._file.room()[0] > 2 * RESERVE_BYTES:
                    self._file.fill_reserve()

    # ---- a card that is full, away or sick; a file that is damaged or gone ----

    def _be_ready(self) -> list[Stored]:
        rescued = self._come_back() if self._is_away else []
        if self._is_damaged:
            return self._replace()
        if self._file.is_gone():
            log.error("%s is gone: it is written anew from what is still open", self._file.path)
            self._file.save(self._db)
            self._is_away = True  # between two files: nothing that fails now leaves a closed one behind
            rescued += self._come_back()
        return rescued

    def _mend(self, error: sqlite3.Error, mark: ClockMark) -> list[Stored]:
        if is_damage(error):
            return self._replace()
        if not is_full(error):
            raise error
        if self._file.release_reserve():
            log.error("the card is full; the reserve is let go")
        try:
            with Transaction(self._db):
                return self._queue.make_room(mark)
        except BaseException:
            self._recount()
            raise

    def _write_again(self, batch: Batch, mark: ClockMark) -> list[Stored]:
        try:
            return self._write(batch, mark)
        except sqlite3.Error as error:
            if not (is_full(error) and batch.alerts and batch.readings):
                raise
            return self._write(batch.without_readings("the card is full", GapCode.CARD_FULL), mark)

    def _judge(self, error: sqlite3.Error | OSError) -> None:
        """What the next commit must do about it."""
        if isinstance(error, OSError):
            return
        self._sick = self._sick + 1 if is_sick_read(error) else self._sick
        self._is_damaged = self._is_damaged or is_damage(error)
        self._failures += not is_full(error)
        is_enough = self._failures >= _FAILURES_AT_MOST or self._sick >= _SICK_AT_MOST
        if is_enough and not self._is_away and not self._is_damaged:
            self._close_for_now()

    def _open(self) -> list[Stored]:
        rescued: list[Stored] = []
        self._file.claim()
        try:
            db = self._file.open()
        except sqlite3.DatabaseError as error:
            # a loose plug is no damage: what can be read as a whole again is used again
            if not is_damage(error) and not (is_sick_read(error) and self._sick >= _SICK_AT_MOST):
                raise
            rescued = self._begin_anew()
        else:
            self._use(db)
        self._is_damaged = False
        self._file.fill_reserve()
        return rescued

    def _use(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._queue = Queue(db, self._gateway_id)

    def _replace(self) -> list[Stored]:
        """Begin a new file while running."""
        self._is_damaged = True
        with suppress(sqlite3.Error):
            self._db.close()
        rescued = self._begin_anew()
        self._is_damaged = False
        log.error("the outbox file is damaged; it is kept as %s and a new one begun", self.put_aside)
        return rescued

    def _begin_anew(self) -> list[Stored]:
        self.put_aside = self._file.put_aside()
        self._use(self._file.open(is_new=True))
        try:
            with attached(self._db, self.put_aside):
                readable = readable_states(self._db)
                unsent = unsent_alerts(self._db, self._gateway_id)
            with Transaction(self._db):
                save_states(self._db, readable)
                rescued = [self._queue.renew(old, old.mono) for old in unsent]
            self._file.saved()
        except BaseException:
            self._db.close()
            raise
        self._untold = GapBody(reason=_DAMAGED, count=0, code=GapCode.DAMAGED)
        self._is_anew = True
        return rescued

    def _take_refuge(self, error: sqlite3.Error | OSError) -> None:
        db, is_read = self._file.refuge()
        self._use(db)
        self._is_away, self._is_blind = True, not is_read
        log.error("%s cannot be opened: %s; rules and siren go on, the data wait in memory", self._file.path, error)

    def _close_for_now(self) -> None:
        with suppress(sqlite3.Error):
            self._db.close()
        self._file.release()
        self._db, _ = self._file.refuge()
        queue = Queue(self._db, self._gateway_id)
        if queue.epoch == self._queue.epoch:  # it could be read
            self._queue = queue
        self._is_away = True
        self._sick = 0

    def _come_back(self) -> list[Stored]:
        refuge, queue, known = self._db, self._queue, self._numbers
        try:
            rescued = self._open()
            if self.epoch == queue.epoch and known is not None:
                # a commit that failed may have reached the card all the same: its batch comes again
                with Transaction(self._db):
                    self._queue.undo_after(known)
        except BaseException:
            if self._db is not refuge:  # its lock would keep the next attempt out
                self._db.close()
            self._db, self._queue = refuge, queue
            raise
        with suppress(sqlite3.Error):
            refuge.close()
        self._is_away = False
        log.warning("%s can be opened again", self._file.path)
        return rescued


def _refused(path: Path, why: str, remedy: str) -> Bilingual:
    return both(*_NO_USE, folder=path.parent, why=why, remedy=remedy)
