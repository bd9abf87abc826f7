"""Who runs the engine, and its time: one row. A server that lost it writes nothing more (fencing token).

The holder moves `beat` each second. Another server takes the engine over when the beat stood still for STANDS_STILL_S
of its own time; the clocks of two machines are never compared.
"""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from community.engine_time import EngineTime, Mark, boot_id
from community.store.case_schema import engine_lease
from community.store.group import recall
from shouwang.errors import ShouwangError

STANDS_STILL_S = 10.0
"""A holder that has not beaten for so long has lost the engine: 10 beats, set by this project."""
BEAT_EVERY_S = 1.0
DOUBTFUL_JUMP_MS = 60_000
"""Where nobody knows how long the engine was away, all that was due within a minute is due now (incident.md, Time)."""
_ROW = 1
_MARK = "last mark of engine time"
_MACHINE_ID = Path("/etc/machine-id")


class LeaseLost(ShouwangError):
    """Another server runs the engine now: this one must stop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The row. `holder` names a process: host, boot, process id and when it began."""

    token: int
    holder: str
    beat: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The engine is ours. `is_doubtful`: the wall clock went back while nobody ran it."""

    token: int
    is_doubtful: bool


def engine_now(connection: sa.Connection) -> int:
    """Engine time, ms. Without a holder (a command of the shell) it goes on from the last mark."""
    row = recall(connection, _MARK, lambda: connection.execute(sa.select(engine_lease)).first())
    return EngineTime(_mark(row)).now()


def look(connection: sa.Connection) -> Lease | None:
    """Who holds it; None in a new database."""
    row = connection.execute(sa.select(engine_lease)).first()
    return None if row is None else Lease(token=row.token, holder=row.holder, beat=row.beat)


def take(
    connection: sa.Connection,
    seen: Lease | None,
    holder: str,
    time_of: Callable[[Mark], EngineTime] = EngineTime,
) -> Taken | None:
    """Take the engine from the holder that was `seen`; None where it has beaten since, or another was faster."""
    row = connection.execute(sa.select(engine_lease)).first()
    now = None if row is None else Lease(token=row.token, holder=row.holder, beat=row.beat)
    if now != seen:
        return None
    time = time_of(_mark(row))
    mark = time.mark()
    engine_ms = mark.engine_ms + DOUBTFUL_JUMP_MS * time.is_doubtful
    values = _columns(mark) | {"engine_ms": engine_ms, "holder": holder, "token": 1 if row is None else row.token + 1}
    if row is None:
        connection.execute(engine_lease.insert().values(lease_id=_ROW, beat=0, **values))
    else:
        connection.execute(engine_lease.update().values(beat=row.beat + 1, **values))
    return Taken(token=int(str(values["token"])), is_doubtful=time.is_doubtful)


def beat(connection: sa.Connection, token: int) -> None:
    """Say that we live, and keep where engine time stands. Raises LeaseLost."""
    row = connection.execute(sa.select(engine_lease)).one()
    if row.token != token:
        raise _lost(row.holder)
    mark = EngineTime(_mark(row)).mark()
    connection.execute(engine_lease.update().values(beat=row.beat + 1, **_columns(mark)))


def check(connection: sa.Connection, token: int) -> None:
    """Raises LeaseLost where another has taken the engine. Called at the start of every transaction that writes."""
    row = connection.execute(sa.select(engine_lease.c.token, engine_lease.c.holder)).one()
    if row.token != token:
        raise _lost(row.holder)


def give_back(connection: sa.Connection, token: int) -> None:
    """At the end: the next server need not wait."""
    connection.execute(engine_lease.update().where(engine_lease.c.token == token).values(holder=""))


def this_process() -> str:
    """The name of this process as a holder."""
    return _name(os.getpid())


def is_gone(holder: str) -> bool:
    """Whether the holder gave it back, or was a process of this host that runs no more."""
    if not holder:
        return True
    host, _, rest = holder.partition("/")
    pid = rest.split("/")[1] if "/" in rest else ""
    return host == _host() and pid.isdigit() and _name(int(pid)) != holder


def _name(pid: int) -> str:
    """Host, boot, process and its begin: no later process is taken for this one."""
    try:
        began = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        began = "gone"
    return f"{_host()}/{boot_id()}/{pid}/{began}"


def _host() -> str:
    """Two machines may have one name, but not one machine id."""
    try:
        machine = _MACHINE_ID.read_text(encoding="ascii").strip()
    except OSError:
        machine = ""
    return f"{socket.gethostname()}-{machine[:12]}"


def _lost(holder: str) -> LeaseLost:
    return LeaseLost(f"another server runs the engine now ({holder or 'nobody yet'}): this one writes nothing more")


def _mark(row: sa.Row[tuple[object, ...]] | None) -> Mark:
    """A new database begins with the boot time of its machine."""
    if row is None:
        return Mark(boot=boot_id(), boottime_ms=0, engine_ms=0, wall=datetime.now(UTC))
    return Mark(boot=row.boot, boottime_ms=row.boottime_ms, engine_ms=row.engine_ms, wall=row.wall)


def _columns(mark: Mark) -> dict[str, object]:
    wall = max(mark.wall, datetime(1970, 1, 1, tzinfo=UTC))
    return {"boot": mark.boot, "boottime_ms": mark.boottime_ms, "engine_ms": mark.engine_ms, "wall": wall}
