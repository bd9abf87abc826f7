"""SQLAlchemy engines for SQLite and PostgreSQL: what is committed is on the disk, and writers never deadlock."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import QueuePool

from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError

_BUSY_TIMEOUT_S = 5.0
_JOURNAL_LIMIT_BYTES = 4 * 1024 * 1024
DURABLE = (
    "PRAGMA synchronous = EXTRA",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA journal_size_limit = {_JOURNAL_LIMIT_BYTES}",
)
"""So that what is committed is on the disk. EXTRA while a new file gets its WAL: else the name of the journal of before
may come back with the power, and empty the file."""
_CONNECT_TIMEOUT_S = 10
_STATEMENT_TIMEOUT_MS = 30_000
_READERS = 4
_ATTACH_AGAIN_S = 60
"""After so long a reader connects anew: a file that could not be attached may be there again."""
MEASURED = "measured"
"""Name of the attached file of measurements, and of the engine's option that says that there is one."""
_CHAIN_LOCK = 0x53485557
"""Number of the PostgreSQL advisory lock which keeps two servers from forking the audit chain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Engines:
    """One engine that writes, one that reads; `place` names the database for people, without its password."""

    writer: sa.Engine
    reader: sa.Engine
    place: str
    advice: str


def engines(url: str, password: str | None, *, measured: Path | None = None) -> Engines:
    """Engines for `url`, not connected yet. Raises ConfigError for a url that cannot be used.

    `measured`: the SQLite file of measurements, which those who read see beside the database, as schema MEASURED.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        return _sqlite(Path(str(parsed.database)).absolute(), measured)
    return _postgresql(parsed.set(drivername="postgresql+psycopg", password=password))


def parse_url(url: str) -> URL:
    """Of a file of SQLite or a database of PostgreSQL. Raises ConfigError for any other, or one with a password."""
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise ConfigError(_FORMS) from error
    if parsed.password:
        raise ConfigError(_NOT_IN_THE_URL)
    is_file = parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:")
    if is_file or (parsed.drivername == "postgresql" and parsed.database):
        return parsed
    raise ConfigError(_FORMS)


_NOT_IN_THE_URL = Bilingual(
    "write the password into a file and name that with password_file:, not into the url",
    zh="密码不要写在 url 里：请写进文件，用 password_file: 指明",
)
_FORMS = Bilingual(
    "write sqlite:///folder/community.db or postgresql://user@host:5432/database",
    zh="请写 sqlite:///文件夹/community.db 或 postgresql://用户@主机:5432/数据库",
)
_CLOSED = (
    "cannot open the database {path}: {error}; check the folder and its rights",
    "打不开数据库 {path}：{error}；请检查文件夹和它的权限",
)
_FILE_ADVICE = Bilingual("is another server using it, is the disk full?", zh="是不是有别的服务器在用它？磁盘满了吗？")
_SERVER_ADVICE = Bilingual(
    "is PostgreSQL running there, do host, port, user, database and password_file fit?",
    zh="那里的 PostgreSQL 在运行吗？host、port、user、database 和 password_file 都对吗？",
)


def file_of(url: str) -> Path | None:
    """The file of a database of SQLite; None for PostgreSQL. Raises ConfigError as `parse_url` does."""
    parsed = parse_url(url)
    return Path(str(parsed.database)).absolute() if parsed.drivername == "sqlite" else None


def _sqlite(path: Path, measured: Path | None) -> Engines:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # born unreadable for others: it holds people's health
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise ConfigError(both(*_CLOSED, path=path, error=error.strerror)) from error
    writer = sa.create_engine(
        "sqlite+pysqlite://", creator=lambda: _connect(path, "rw"), poolclass=QueuePool, pool_size=1, max_overflow=0
    )
    reader = sa.create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(path, "ro", measured),
        poolclass=QueuePool,
        pool_size=_READERS,
        pool_recycle=_ATTACH_AGAIN_S,
    )
    if measured is not None:
        reader = reader.execution_options(**{MEASURED: True})
    # IMMEDIATE: a read that turns into a write fails with BUSY at once, whatever the time-out
    event.listen(writer, "begin", _saying("BEGIN IMMEDIATE"))
    event.listen(reader, "begin", _saying("BEGIN"))
    return Engines(writer=writer, reader=reader, place=str(path), advice=_FILE_ADVICE)


def _connect(path: Path, mode: str, measured: Path | None = None) -> sqlite3.Connection:
    connection = sqlite3.connect(
        _uri(path, mode),
        uri=True,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    if mode == "rw":
        for statement in DURABLE:
            connection.execute(statement)
    if measured is not None:
        # where it cannot be used, cases are worked on without plots (community.store.measured)
        with suppress(sqlite3.DatabaseError):
            connection.execute(f"ATTACH DATABASE ? AS {MEASURED}", (_uri(measured, mode),))
    return connection


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path))}?mode={mode}"


def _saying(statement: str) -> Callable[[sa.Connection], None]:
    def say(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    return say


def _postgresql(url: URL) -> Engines:
    connect_args = {
        "connect_timeout": _CONNECT_TIMEOUT_S,
        "tcp_user_timeout": _STATEMENT_TIMEOUT_MS,
        "options": f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c synchronous_commit=on",
        "application_name": "shouwang",
    }
    writer = sa.create_engine(url, connect_args=connect_args, pool_size=1, max_overflow=0, pool_pre_ping=True)
    reader = sa.create_engine(
        url,
        connect_args=connect_args,
        pool_size=_READERS,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
    )
    event.listen(writer, "begin", _saying(f"SELECT pg_advisory_xact_lock({_CHAIN_LOCK})"))
    return Engines(writer=writer, reader=reader, place=url.render_as_string(hide_password=True), advice=_SERVER_ADVICE)
