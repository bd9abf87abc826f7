"""Which driver keeps the measurements of this server, opened and closed with it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from community.measurement_settings import MeasurementsEntry
from community.measurements.beside_cases import BesideCases
from community.measurements.history import History, WithHistory
from community.measurements.keeper import Keeper
from community.measurements.own_file import OwnFile
from community.measurements.port import Measurements
from community.store.database import Store
from community.store.engines import file_of
from community.store.measurement_file import only_to_read
from messaging.secret import read_secret
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """`port`: to write and to ask; `keeper` and `history` want to run. `own`: the file of its own, where it has one."""

    port: Measurements
    keeper: Keeper
    history: History | None
    own: OwnFile | None

    @property
    def has_own_file(self) -> bool:
        """Then alarms never wait for it."""
        return self.own is not None


_TWO_PLACES = Bilingual(
    "measurements: file: with PostgreSQL they lie in its database; take the line out",
    zh="measurements: file: 使用 PostgreSQL 时测量数据就放在它的数据库里；请删去这一行",
)


def measured_file(entry: MeasurementsEntry, store_url: str) -> Path | None:
    """The file of measurements; None with PostgreSQL. Raises ConfigError where one is named that cannot be read."""
    community = file_of(store_url)
    if community is None:
        if entry.file is not None:
            raise ConfigError(_TWO_PLACES)
        return None
    return entry.file or community.with_name(f"{community.stem}-measurements.db")


@asynccontextmanager
async def samples_of(entry: MeasurementsEntry, store_url: str, store: Store) -> AsyncIterator[Store]:
    """Where samples can be read, beside a server that runs: the file of measurements, else the `store` itself."""
    path = measured_file(entry, store_url)
    if path is None or not path.is_file():
        yield store
        return
    samples = only_to_read(path)
    try:
        yield samples
    finally:
        await samples.close()


@asynccontextmanager
async def place_of(
    entry: MeasurementsEntry,
    store: Store,
    path: Path | None,
    *,
    clock: Callable[[], datetime],
    told: Callable[[], None],
) -> AsyncIterator[Place]:
    """The place of measurements of this server. `path`: as `measured_file` says. Raises ConfigError for a bad secret.

    A file that cannot be opened stops nobody: telemetry waits at home, and the keeper tries again.
    """
    keep = entry.to_keep()
    own = None if path is None else OwnFile(path, store, keep)
    keeper = Keeper(store, keep, clock=clock, own=own, told=told)
    port: Measurements = BesideCases(store, keep) if own is None else own
    history = None
    if entry.history is not None:
        token = None if entry.history.token_file is None else read_secret(entry.history.token_file)
        history = History(entry.history, token, spool_beside(path), keep.day_offset)
        port = WithHistory(port, history, keep, clock=clock)
    try:
        await keeper.open()
        await store.connect_anew()  # at the first start the file was not there yet when others connected
        yield Place(port=port, keeper=keeper, history=history, own=own)
    finally:
        if history is not None:
            await history.close()
        if own is not None:
            await own.close()


def spool_beside(path: Path | None) -> Path:
    """What is on its way to the time-series database, beside the file of measurements."""
    return Path("shouwang-history.db").absolute() if path is None else path.with_name(f"{path.stem}-history.db")
