"""A backup of the centre in one file, and its trial: what was written is opened, and its whole record checked.

One archive (tar) holds `community.db` and `measurements.db` (SQLite online backups, while the server runs) or
`community.pgdump` (pg_dump), and `backup.json`: what must be found in it. A file is named as wanted only once it was
restored on trial, so that a good backup is never replaced by a bad one.
"""

import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import make_url

from community.store import chain, schema
from community.store.database import migrate
from community.store.engines import engines, file_of
from community.store.links import Walk
from shouwang.bilingual import both, told_by
from shouwang.errors import ConfigError

_COMMUNITY, _MEASUREMENTS, _DUMP, _FACTS = "community.db", "measurements.db", "community.pgdump", "backup.json"
_SPARE_BYTES = 64 * 1024 * 1024
"""Left free beside a backup: the database itself may lie on the same disk and has to go on."""
_DUMP_S = 6 * 3600
_STEP_PAGES = 2048
"""8 MB at a time: writers are let in between."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds: said when it was made, and found again when it is tried out."""

    made_at: datetime
    head: str
    entries: int
    cases: int
    samples: int | None
    """None with PostgreSQL or where there is no file of measurements."""
    changes: int = 0
    changes_head: str = ""
    """Of the chain of changes; empty in a backup of before there was one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What is backed up. `measured`: the file of measurements, where there is one."""

    url: str
    password: str | None
    measured: Path | None


def back_up(source: Source, file: Path) -> Facts:
    """Write a backup and try it out; only then it gets its name. Blocking. Raises ConfigError, nothing replaced."""
    community = file_of(source.url)
    with _told(file), tempfile.TemporaryDirectory(prefix=".shouwang-backup-", dir=file.absolute().parent) as name:
        folder = Path(name)
        _refuse_a_full_disk(folder, _size_of(source, community))
        if community is None:
            _dump(source, folder / _DUMP)
        else:
            _copy(community, folder / _COMMUNITY)
            if source.measured is not None and source.measured.exists():
                _copy(source.measured, folder / _MEASUREMENTS)
        facts = _facts_of(folder, datetime.now(UTC))
        (folder / _FACTS).write_bytes(msgspec.json.encode(facts))
        made = folder / "made.tar"
        with tarfile.open(made, "w") as archive:
            for part in (_FACTS, _COMMUNITY, _MEASUREMENTS, _DUMP):
                if (folder / part).exists():
                    archive.add(folder / part, arcname=part)
        check(made)
        made.chmod(0o600)
        with made.open("rb") as written:
            os.fsync(written.fileno())
        made.replace(file)
        _sync_folder(file.absolute().parent)
    return facts


def check(file: Path) -> Facts:
    """Restore into a folder of its own, open what is there, check the whole record. Raises ConfigError for a fault."""
    with _told(file), tempfile.TemporaryDirectory(prefix="shouwang-trial-") as name:
        folder = Path(name)
        _refuse_a_full_disk(folder, file.stat().st_size)
        with tarfile.open(file) as archive:
            archive.extractall(folder, filter="data")
        said = msgspec.json.decode((folder / _FACTS).read_bytes(), type=Facts)
        found = _facts_of(folder, said.made_at)
        if not said.changes_head:  # its changes were sealed only now, on trial
            found = msgspec.structs.replace(found, changes=0, changes_head="")
        if found != said:
            raise ConfigError(both(*_OTHER, file=file, found=found, said=said))
        return said


# ---- inside ----


def _copy(source: Path, target: Path) -> None:
    """SQLite's online backup: a consistent copy while others write."""
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new, pages=_STEP_PAGES, sleep=0.01)
        new.execute("PRAGMA journal_mode = DELETE")
    target.chmod(0o600)


def _facts_of(folder: Path, made_at: datetime) -> Facts:
    """Of the files of SQLite in the folder. Raises ConfigError where they are damaged or their record is not whole."""
    if (folder / _DUMP).exists():
        return _facts_of_dump(folder / _DUMP, made_at)
    samples = None
    if (folder / _MEASUREMENTS).exists():
        samples = _sound(folder / _MEASUREMENTS, "SELECT count(*) FROM samples")
    trial = folder / "trial.db"
    shutil.copyfile(folder / _COMMUNITY, trial)
    try:
        return _record_of(trial, made_at, samples)
    finally:
        for left in folder.glob("trial.db*"):
            left.unlink()


def _record_of(file: Path, made_at: datetime, samples: int | None) -> Facts:
    _sound(file, "SELECT 1")
    opened = engines(f"sqlite:///{file}", None)
    try:
        with opened.writer.begin() as connection:
            migrate(connection)  # an older backup is read as a new server would
        with opened.writer.begin() as connection:
            return _record_in(connection, made_at, samples)
    finally:
        opened.writer.dispose()
        opened.reader.dispose()


def _record_in(connection: sa.Connection, made_at: datetime, samples: int | None) -> Facts:
    audit = chain.verify(connection)
    if audit.faults:
        raise ConfigError(both(*_BROKEN, fault=audit.faults[0], number=len(audit.faults)))
    cases = connection.execute(sa.select(sa.func.count()).select_from(schema.incidents)).scalar_one()
    return Facts(
        made_at=made_at,
        head=audit.head,
        entries=audit.entries,
        cases=cases,
        samples=samples,
        changes=audit.changes,
        changes_head=audit.changes_head,
    )


def _sound(file: Path, question: str) -> int:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise ConfigError(both(*_DAMAGED, name=file.name, verdict=verdict))
        return int(connection.execute(question).fetchone()[0])


def _dump(source: Source, target: Path) -> None:
    url = make_url(source.url)
    command = [_program("pg_dump"), "--format=custom", "--no-password", f"--file={target}"]
    for option, value in (("host", url.host), ("port", url.port), ("username", url.username), ("dbname", url.database)):
        if value is not None:
            command.append(f"--{option}={value}")
    _run(command, {"PGPASSWORD": source.password} if source.password else {})
    target.chmod(0o600)


def _facts_of_dump(dump: Path, made_at: datetime) -> Facts:
    """All of it is read, and the seals of the record are checked; its cases are not folded anew, as with SQLite."""
    _run([_program("pg_restore"), "--file=/dev/null", str(dump)], {})
    text = dump.with_name("record.sql")
    try:
        tables = [f"--table={name}" for name in ("incident_events", "incidents", "sealed_changes")]
        _run([_program("pg_restore"), "--data-only", *tables, f"--file={text}", str(dump)], {})
        with text.open(encoding="utf-8") as lines:
            return _facts_of_copies(lines, made_at)
    finally:
        text.unlink(missing_ok=True)


def _facts_of_copies(lines: Iterable[str], made_at: datetime) -> Facts:
    cases = 0
    links: dict[str, list[_Link]] = {"incident_events": [], "sealed_changes": []}
    table, columns = "", []
    for line in lines:
        if line.startswith("COPY "):
            name, _, rest = line.removeprefix("COPY ").partition(" (")
            table, columns = name.rpartition(".")[2], rest.partition(")")[0].split(", ")
        elif line.rstrip("\n") == "\\.":
            table = ""
        elif table == "incidents":
            cases += 1
        elif table in links:
            row = dict(zip(columns, line.rstrip("\n").split("\t"), strict=True))
            body, previous, sealed = (bytes.fromhex(row[name].removeprefix("\\\\x")) for name in _SEALED)
            links[table].append((int(row["seq"]), body, previous, sealed))
    entries, changes = links["incident_events"], links["sealed_changes"]
    return Facts(
        made_at=made_at,
        head=_head_of(entries, "entry").hex(),
        entries=len(entries),
        cases=cases,
        samples=None,
        changes=len(changes),
        changes_head=_head_of(changes, "change").hex(),
    )


_Link = tuple[int, bytes, bytes, bytes]


def _head_of(links: list[_Link], what: str) -> bytes:
    walk = Walk()
    for seq, body, previous, sealed in sorted(links):
        if walk.pass_on(seq, body=body, previous=previous, sealed=sealed):
            raise ConfigError(both(*_NOT_FOLLOWING, what=what, number=seq))
    return walk.head


_SEALED = ("body", "prev_hash", "hash")


def _program(name: str) -> str:
    found = shutil.which(name) or next((str(one) for one in sorted(_PROGRAMS.glob(f"*/bin/{name}"))[-1:]), None)
    if found is None:
        raise ConfigError(both(*_NO_PROGRAM, name=name))
    return found


_PROGRAMS = Path("/usr/lib/postgresql")


def _run(command: list[str], more: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - programs of PostgreSQL, no shell
        command,
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_DUMP_S,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else both("ended with {code}", "退出码 {code}", code=done.returncode)
        raise ConfigError(both(*_TOLD, file=Path(command[0]).name, error=why))


def _size_of(source: Source, community: Path | None) -> int:
    if community is None:
        opened = engines(source.url, source.password)
        try:
            with opened.reader.begin() as connection:
                asked = sa.text("SELECT pg_database_size(current_database())")
                return int(connection.execute(asked).scalar_one())
        finally:
            opened.writer.dispose()
            opened.reader.dispose()
    files = (community, source.measured)
    if not community.exists():
        raise ConfigError(both(*_NO_DATABASE, path=community))
    return sum(file.stat().st_size for file in files if file is not None and file.exists())


def _refuse_a_full_disk(folder: Path, size: int) -> None:
    """Copies, archive and trial lie beside each other for a while: three times the size, and some spare."""
    needed, free = 3 * size + _SPARE_BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(both(*_NO_SPACE, needed=needed // 2**20, free=free // 2**20))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except ConfigError as error:
        raise ConfigError(both(*_TOLD, file=file, error=told_by(error))) from error
    except tarfile.ReadError as error:
        raise ConfigError(both(*_NO_BACKUP, file=file)) from error
    except (OSError, tarfile.TarError, sqlite3.Error, KeyError) as error:
        raise ConfigError(both(*_TOLD, file=file, error=error)) from error
    except (exc.SQLAlchemyError, msgspec.DecodeError, subprocess.SubprocessError) as error:
        raise ConfigError(both(*_TOLD, file=file, error=str(error).partition("\n")[0])) from error


_OTHER = (
    "{file}: holds something else than when it was made: {found}, not {said}",
    "{file}：内容与备份时不一样：是 {found}，不是 {said}",
)
_BROKEN = "the record in it is not whole: {fault} ({number} faults)", "其中的记录不完整：{fault}（共 {number} 处）"
_DAMAGED = "{name} in it is damaged: {verdict}", "其中的 {name} 已损坏：{verdict}"
_NOT_FOLLOWING = (
    "the record in it is not whole: {what} {number} does not follow the one before it",
    "其中的记录不完整：{what} {number} 与前一条接不上",
)
_NO_PROGRAM = (
    "{name} is not installed here: install Debian's package postgresql-client",
    "这里没有安装 {name}：请安装 Debian 的 postgresql-client 包",
)
_NO_DATABASE = (
    "there is no database {path}; check store: url: in community.yaml",
    "没有数据库 {path}；请核对 community.yaml 里的 store: url:",
)
_NO_SPACE = (
    "too little space: {needed} MB are needed, {free} MB are free",
    "空间不够：需要 {needed} MB，只剩 {free} MB",
)
_NO_BACKUP = (
    "{file}: is no backup of this server, or only a part of one",
    "{file}：不是本服务器的备份，或不完整",
)
_TOLD = "{file}: {error}", "{file}：{error}"
