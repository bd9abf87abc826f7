"""One database, SQLite or PostgreSQL: one writer thread, a few reader threads. Translates SQLAlchemy's failures.

SQLite: exactly one connection ever writes or checkpoints (the WAL-reset fault of 3.7.0 to 3.51.2 needs two), with
`synchronous=FULL`, so that what is committed survives a power cut; readers open the file read-only.
"""

import asyncio
import itertools
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import exc

from community.store.centre_zone import carrying
from community.store.engines import Engines, engines
from community.store.write_times import WriteTimes
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError, GiveUp, TryLater

T = TypeVar("T")

Connection = sa.Connection
"""What `write` and `read` hand to a function: only `community.store` looks into it."""

TIMEOUT_S = 30.0
"""A disk that takes longer than this is broken; ingest keeps the messages and tries again."""
_WAITING_WRITES = 1000
_READERS = 4
_CHECKED_UP_TO_BYTES = 1024**3
"""Larger files are not read whole at start: an alarm must not wait minutes for it."""


class Store:
    """An open database. `write` and `read` run a function with a connection inside one transaction."""

    def __init__(self, opened: Engines, shape: Callable[[sa.Connection], None]) -> None:
        """Use `open_store`. `shape` brings the tables to the newest shape."""
        self._engines = opened
        self._shape = shape
        self._writer = _Writer()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._guard: Callable[[sa.Connection], None] | None = None
        self.write_times = WriteTimes()

    def fence(self, guard: Callable[[sa.Connection], None]) -> None:
        """From now on every transaction that writes begins with this; where it raises, nothing is written."""
        self._guard = guard

    async def write(self, work: Callable[[sa.Connection], T], *, urgent: bool = False) -> T:
        """What `work` returns, once its transaction is committed; an exception from it rolls everything back.

        Urgent work passes what waits. Raises TryLater where the database is busy, full or away (the transaction may
        yet commit if it was only slow), GiveUp where it refuses these values.
        """
        guard = self._guard

        def fenced(connection: sa.Connection) -> T:
            if guard is not None:
                guard(connection)
            return work(connection)

        outcome = self._writer.submit(lambda: self._timed(fenced), urgent=urgent)
        return await _within(TIMEOUT_S, asyncio.wrap_future(outcome))

    async def read(self, work: Callable[[sa.Connection], T], *, within_s: float | None = TIMEOUT_S) -> T:
        """What `work` returns from one consistent view. Raises TryLater, GiveUp."""
        loop = asyncio.get_running_loop()
        return await _within(within_s, loop.run_in_executor(self._readers, _transact, self._engines.reader, work))

    async def connect_anew(self) -> None:
        """Whoever reads from now on sees a file of measurements that has just been made."""
        await asyncio.to_thread(self._engines.reader.dispose)

    async def close(self) -> None:
        """Finish what waits, then let go of the database."""
        await asyncio.to_thread(self._close)

    def prepare(self) -> None:
        """Check the file, bring the tables to the newest shape. Blocking; raises ConfigError."""
        with _as_config_error(self._engines), self._engines.writer.connect() as connection:
            _refuse_a_damaged_file(connection, self._engines.place)
            self._shape(connection)
            connection.commit()

    def _timed(self, work: Callable[[sa.Connection], T]) -> T:
        begun = time.monotonic()
        try:
            return _transact(self._engines.writer, work)
        finally:
            self.write_times.note(time.monotonic() - begun)

    def _close(self) -> None:
        self._writer.stop()
        self._readers.shutdown()
        self._engines.reader.dispose()
        self._engines.writer.dispose()


async def open_store(
    url: str, *, password: str | None = None, measured: Path | None = None, zone: tzinfo | None = None
) -> Store:
    """An open store with up-to-date tables.

    `url`: sqlite:///relative.db, sqlite:////absolute.db or postgresql://user@host:port/name. `measured`: the file of
    measurements, where they have one of their own. `zone`: the centre's (community.store.centre_zone). Raises
    ConfigError for a bad url, an unreachable database, a file that is not a database or is damaged.
    """
    made = engines(url, password, measured=measured)
    if zone is not None:
        made = replace(made, writer=carrying(made.writer, zone), reader=carrying(made.reader, zone))
    return await opened(Store(made, migrate))


async def opened(store: Store) -> Store:
    """The same store, checked and in its newest shape. Raises ConfigError."""
    try:
        await asyncio.to_thread(store.prepare)
    except BaseException:
        await store.close()
        raise
    return store


def migrate(connection: sa.Connection) -> None:
    """Bring the tables of the community database to the newest shape."""
    config = Config()
    here = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(here).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


@dataclass(order=True)
class _Job:
    rank: int
    number: int
    run: Callable[[], None] | None = field(compare=False)


class _Writer:
    """The one thread that writes; urgent jobs first, else in order."""

    def __init__(self) -> None:
        self._jobs: queue.PriorityQueue[_Job] = queue.PriorityQueue(_WAITING_WRITES)
        self._numbers = itertools.count()
        self._thread = threading.Thread(target=self._run, name="store-write", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T], *, urgent: bool) -> Future[T]:
        outcome: Future[T] = Future()

        def run() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(work())
            except BaseException as error:  # noqa: BLE001 - carried to whoever awaits
                outcome.set_exception(error)

        try:
            self._jobs.put_nowait(_Job(0 if urgent else 1, next(self._numbers), run))
        except queue.Full as error:
            raise TryLater(both(*_CROWDED, number=_WAITING_WRITES)) from error
        return outcome

    def stop(self) -> None:
        self._jobs.put(_Job(2, next(self._numbers), None))
        self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()).run is not None:
            job.run()


async def _within(seconds: float | None, outcome: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await outcome
    except TimeoutError as error:
        raise TryLater(both(*_MUTE, seconds=seconds)) from error


def _transact(engine: sa.Engine, work: Callable[[sa.Connection], T]) -> T:
    with _translated(), engine.begin() as connection:
        return work(connection)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (exc.IntegrityError, exc.DataError, exc.ProgrammingError, OverflowError, UnicodeEncodeError) as error:
        raise GiveUp(both(*_REFUSED, error=_first_line(error))) from error
    except exc.SQLAlchemyError as error:
        if isinstance(error, exc.StatementError) and not isinstance(error, exc.DBAPIError):
            raise GiveUp(both(*_NOT_STORED, error=_first_line(error))) from error  # never reached the database
        raise TryLater(both(*_NOT_NOW, error=_first_line(error))) from error


@contextmanager
def _as_config_error(opened: Engines) -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise ConfigError(both(*_NEWER, place=opened.place, error=error)) from error
    except exc.OperationalError as error:
        raise ConfigError(both(*_CLOSED, place=opened.place, error=_first_line(error), advice=opened.advice)) from error
    except exc.DBAPIError as error:
        raise ConfigError(both(*_USELESS, place=opened.place, error=_first_line(error), advice=_RESTORE)) from error


def _refuse_a_damaged_file(connection: sa.Connection, place: str) -> None:
    if connection.dialect.name != "sqlite":
        return
    pages, size = (connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size"))
    if pages * size > _CHECKED_UP_TO_BYTES:
        return
    verdict = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if verdict != "ok":
        raise ConfigError(both(*_DAMAGED, place=place, verdict=verdict, advice=_RESTORE))


def _first_line(error: Exception) -> str:
    cause = error.orig if isinstance(error, exc.StatementError) else error
    return str(cause).strip().partition("\n")[0]


_RESTORE = Bilingual(
    "the server will not start on it, so that nothing is lost. Move the file and its -wal and -shm neighbours aside "
    "(keep them: `sqlite3 FILE .recover` may save more), put the newest backup in its place and start again; homes "
    "send anew whatever the centre has not confirmed",
    zh="为免丢失数据，服务器不会用它启动。请把这个文件和旁边的 -wal、-shm 一起挪开（不要删：`sqlite3 文件 .recover` "
    "也许还能救回一些），放上最新的备份，再启动；中心没有确认过的，各家会重新上报",
)
_CROWDED = "{number} writes wait for the database already", "已有 {number} 次写入在等数据库"
_MUTE = "the database has not answered for {seconds:.0f} s", "数据库已有 {seconds:.0f} 秒没有应答"
_REFUSED = "the database refuses these values: {error}", "数据库不接受这些值：{error}"
_NOT_STORED = "these values cannot be stored: {error}", "这些值存不进去：{error}"
_NOT_NOW = "the database cannot do it now: {error}", "数据库现在做不了：{error}"
_NEWER = (
    "{place}: written by a newer version of this server ({error}); install that version again",
    "{place}：是更新版本的服务器写的（{error}）；请装回那个版本",
)
_CLOSED = "cannot open {place}: {error}; {advice}", "打不开 {place}：{error}；{advice}"
_USELESS = "{place} cannot be used: {error}; {advice}", "{place} 不能用：{error}；{advice}"
_DAMAGED = "{place} is damaged: {verdict}; {advice}", "{place} 已损坏：{verdict}；{advice}"
