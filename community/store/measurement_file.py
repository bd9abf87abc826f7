"""The SQLite file of measurements: written by the thousand, each message once, on the disk before it is confirmed.

It has a writer of its own, so that neither a flood nor a failure of it keeps an alarm waiting. A message and all its
samples are one transaction in this one file: nothing hangs on a second file (decision 023).
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import sqlalchemy as sa

from community.store import schema
from community.store.database import Store, opened
from community.store.engines import engines
from community.store.measurement_schema import FILE_SHAPE, FILE_VERSION, marks, mended_boots
from community.store.measurements import quarter_of
from community.store.mending import mend
from community.store.times import Boot, Doubt, placed
from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError, GiveUp, TryLater
from shouwang.reading import Reading
from shouwang.wire import Envelope, MessageId, TelemetryBody

_REFUSED = "the file of measurements refuses these values: {error}", "测量数据文件不接受这些值：{error}"
_NOT_NOW = "the file of measurements cannot do it now: {error}", "测量数据文件现在写不了：{error}"
_NEWER = Bilingual(
    "the file of measurements was written by a newer version of this server; install that again",
    zh="测量数据文件是更新版本的服务器写的；请装回那个版本",
)
_CACHE_KIB = 64 * 1024
_CHECKPOINT_PAGES = 8192
"""32 MiB of WAL: pages that are written again and again reach the file once."""
_Series = tuple[str, str, str, str]
_Row = tuple[object, ...]


class Measured(NamedTuple):
    """One sample as it is stored.

    `of`: sensor, quantity and resident; `at_us`: microseconds since 1970; `rest`: place, value, quality, mono, is_late
    and the number of its Timing.
    """

    of: tuple[str, str, str]
    at_us: int
    rest: tuple[int, float, str, int, bool, int]
    doubt: Doubt | None


class Parcel(NamedTuple):
    """A message's samples, or some of them. `boot`: of which they are, where its clock had not been set."""

    id: MessageId
    arrived_us: int
    boot: Boot | None
    samples: Iterable[Measured]


class MeasurementFile:
    """The open file."""

    def __init__(self, store: Store) -> None:
        """Use `open_file`."""
        self.store = store
        self._series: dict[_Series, int] = {}

    async def put(
        self, telemetry: Sequence[Envelope], arrived: datetime, boots: Mapping[MessageId, Boot] = MappingProxyType({})
    ) -> None:
        """Keep what is new. `boots`: of messages whose home's clock had not been set. Raises TryLater, GiveUp."""
        await self._write((_parcel(one, arrived, boots.get(one.id)) for one in telemetry), {}, are_new=True)

    async def copy(self, parcels: Sequence[Parcel], reached: Mapping[str, int]) -> None:
        """Keep samples that are known to be new, whether or not their message is, and how far that has come."""
        await self._write(parcels, reached, are_new=False)

    async def close(self) -> None:
        """Finish what waits, then let go of the file."""
        await self.store.close()

    async def _write(self, parcels: Iterable[Parcel], reached: Mapping[str, int], *, are_new: bool) -> None:
        batch = _Batch(self._series)

        def work(connection: sa.Connection) -> None:
            with _translated():
                batch.put(_driver(connection), parcels, are_new=are_new)
            for name, value in reached.items():
                set_mark(connection, name, value)

        await self.store.write(work)
        self._series.update(batch.met)  # not before it is committed


async def open_file(path: Path) -> MeasurementFile:
    """The file in its newest shape, made where there is none. Raises ConfigError."""
    url = f"sqlite:///{path}"
    return MeasurementFile(await opened(Store(engines(url, None), _shape)))


def only_to_read(path: Path) -> Store:
    """A file of measurements that another process may be writing; it must exist. Close it."""
    return Store(engines(f"sqlite:///{path}", None), lambda _connection: None)


def applied(connection: sa.Connection) -> dict[int, tuple[datetime | None, int]]:
    """By the numbers of boots: the zero and timing that their samples carry; (None, -1): several."""
    return {row.boot_number: (row.zero, row.timing) for row in connection.execute(sa.select(mended_boots))}


def mend_boot(connection: sa.Connection, boot: Boot) -> None:
    """Move its samples to what is known of it now."""
    if boot.zero is None:
        return
    mend(connection, boot.number, boot.zero, boot.timing)
    connection.execute(
        mended_boots.update()
        .where(mended_boots.c.boot_number == boot.number)
        .values(zero=boot.zero, timing=int(boot.timing))
    )


def mark(connection: sa.Connection, name: str) -> int:
    """How far this has come; 0 where it has not begun."""
    return connection.execute(sa.select(marks.c.value).where(marks.c.name == name)).scalar() or 0


def set_mark(connection: sa.Connection, name: str, value: int) -> None:
    """It has come so far."""
    connection.exec_driver_sql("INSERT OR REPLACE INTO marks (name, value) VALUES (?, ?)", (name, value))


# ---- inside ----


class _Batch:
    """What goes into one transaction."""

    def __init__(self, known: Mapping[_Series, int]) -> None:
        self.met: dict[_Series, int] = {}
        self._known = known
        self._samples: list[_Row] = []
        self._doubtful: list[_Row] = []
        self._dirty: set[tuple[int, int]] = set()
        self._used: dict[int, Boot] = {}

    def put(self, connection: sqlite3.Connection, parcels: Iterable[Parcel], *, are_new: bool) -> None:
        for parcel in parcels:
            number = _message_number(connection, parcel, is_new=are_new)
            if number is not None:
                self._take(connection, parcel, number)
        connection.executemany(_ADD_SAMPLE, self._samples)
        connection.executemany("INSERT OR IGNORE INTO dirty_quarters (series_id, at) VALUES (?, ?)", self._dirty)
        if self._doubtful:
            connection.executemany(_ADD_DOUBTFUL, self._doubtful)
            connection.executemany(_ADD_BOOT, [_boot_row(boot) for boot in self._used.values()])

    def _take(self, connection: sqlite3.Connection, parcel: Parcel, number: int) -> None:
        gateway_id = parcel.id.gateway
        for one in parcel.samples:
            series_id = self._series_id(connection, (gateway_id, *one.of))
            at = one.at_us
            self._samples.append((series_id, at, number, *one.rest))
            self._dirty.add((series_id, quarter_of(at)))
            if one.doubt is not None:
                told_us = _us(one.doubt.told_at)
                boot_number = one.doubt.boot_number
                self._doubtful.append((number, one.rest[0], series_id, boot_number, one.doubt.engine_ms, told_us, at))
                if parcel.boot is not None and boot_number is not None:
                    self._used[boot_number] = parcel.boot

    def _series_id(self, connection: sqlite3.Connection, key: _Series) -> int:
        found = self._known.get(key) or self.met.get(key)
        if found is None:
            connection.execute(_ADD_SERIES, key)
            (found,) = connection.execute(_FIND_SERIES, key).fetchone()
            self.met[key] = found
        return found


def _message_number(connection: sqlite3.Connection, parcel: Parcel, *, is_new: bool) -> int | None:
    """None where all of it counts as new and it is not."""
    key = (parcel.id.gateway, parcel.id.epoch, int(parcel.id.lane), parcel.id.seq)
    added = connection.execute(_ADD_MESSAGE, (*key, parcel.arrived_us))
    if added.rowcount:
        return added.lastrowid
    if is_new:
        return None
    (number,) = connection.execute(_FIND_MESSAGE, key).fetchone()
    return int(number)


def _parcel(envelope: Envelope, arrived: datetime, boot: Boot | None) -> Parcel:
    readings = envelope.body.readings if isinstance(envelope.body, TelemetryBody) else ()
    samples = (_measured(envelope, place, reading, arrived, boot) for place, reading in enumerate(readings))
    return Parcel(envelope.id, _us(arrived), boot, samples)


def _measured(envelope: Envelope, place: int, reading: Reading, arrived: datetime, boot: Boot | None) -> Measured:
    at, timing, doubt = placed(envelope, boot, reading, arrived)
    # `_value_`: the text of an enum, without the property that is slow to ask
    of = (reading.sensor_id, reading.quantity._value_, reading.resident_id)
    rest = (place, reading.value, reading.quality._value_, reading.mono, reading.is_late, int(timing))
    return Measured(of, _us(at), rest, doubt)


_ADD_MESSAGE = "INSERT OR IGNORE INTO messages (gateway_id, epoch, lane, seq, received_at) VALUES (?, ?, ?, ?, ?)"
_FIND_MESSAGE = "SELECT message_id FROM messages WHERE gateway_id = ? AND epoch = ? AND lane = ? AND seq = ?"
_ADD_SERIES = "INSERT OR IGNORE INTO series (gateway_id, sensor_id, quantity, resident_id) VALUES (?, ?, ?, ?)"
_FIND_SERIES = (
    "SELECT series_id FROM series WHERE gateway_id = ? AND sensor_id = ? AND quantity = ? AND resident_id = ?"
)
_ADD_SAMPLE = (
    "INSERT INTO samples (series_id, at, message_id, place, value, quality, mono, is_late, timing) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_ADD_DOUBTFUL = (
    "INSERT INTO doubtful_samples (message_id, place, series_id, boot_number, engine_ms, told_at, at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
# Where the samples of a boot carry several zeros, none is written down: it will be mended.
_ADD_BOOT = (
    "INSERT INTO mended_boots (boot_number, zero, timing) VALUES (?, ?, ?) ON CONFLICT (boot_number) DO UPDATE SET "
    "timing = CASE WHEN zero IS excluded.zero AND timing = excluded.timing THEN timing ELSE -1 END, "
    "zero = CASE WHEN zero IS excluded.zero AND timing = excluded.timing THEN zero END"
)


def _boot_row(boot: Boot) -> _Row:
    timing = -1 if boot.zero is None else int(boot.timing)
    return boot.number, None if boot.zero is None else schema.micros(boot.zero), timing


def _us(moment: datetime) -> int:
    if not schema.EARLIEST <= moment <= schema.LATEST:
        raise OverflowError(f"{moment} is no time that a clock can mean")
    return schema.micros(moment)


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    found = connection.connection.driver_connection
    if not isinstance(found, sqlite3.Connection):
        raise TypeError("this is no connection of SQLite")
    return found


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError) as error:
        raise GiveUp(both(*_REFUSED, error=error)) from error
    except sqlite3.Error as error:
        raise TryLater(both(*_NOT_NOW, error=error)) from error


def _shape(connection: sa.Connection) -> None:
    version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if version > FILE_VERSION:
        raise ConfigError(_NEWER)
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    for statement in FILE_SHAPE.split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA user_version = {FILE_VERSION}")
