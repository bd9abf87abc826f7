"""The power goes while measurements are stored: what was confirmed is there, whole. The disk keeps what was synced.

The file's own code writes through SQLite (apsw) with the very settings of the server. The same cuts
with `synchronous=NORMAL` must lose what was confirmed, or this shows nothing (decision 023).
"""

import itertools
import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import pytest
from fixtures.community_home import NOON, DemoHome
from fixtures.places import spo2, telemetry
from fixtures.power import Disk, PowerCut, PowerVFS

from community.store.engines import DURABLE
from community.store.measurement_file import MeasurementFile, open_file
from community.store.measurement_schema import FILE_SHAPE
from shouwang.wire import MessageId

SEEDS = 5
CUTS = 20
"""For each seed: a hundred in all."""
FULL = 2
_SMALL = 20
"""Pages of the WAL after which a life checkpoints, so that cuts fall into that too; ours is not reached in a test."""
_NUMBERS = itertools.count()


class OnThatDisk(sqlite3.Connection):
    """A connection to that disk, where the file of measurements expects the standard library's."""

    def __init__(self, path: Path, vfs: str, settings: Sequence[str]) -> None:
        super().__init__(":memory:")
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self.real = apsw.Connection(str(path), flags=flags, vfs=vfs)
        for statement in ("PRAGMA locking_mode = EXCLUSIVE", *settings):  # the VFS plays no shared memory
            self.execute(statement)

    def execute(self, sql: str, values: Any = (), /) -> Any:
        rows = list(self.real.execute(sql, values))
        return SimpleNamespace(
            rowcount=self.real.changes(), lastrowid=self.real.last_insert_rowid(), fetchone=lambda: rows.pop(0)
        )

    def executemany(self, sql: str, values: Any, /) -> Any:
        self.real.executemany(sql, list(values))


class OneWriter:
    """The store's part: one transaction for each `write`, and what returns was committed."""

    def __init__(self, connection: OnThatDisk) -> None:
        self._connection = connection

    async def write(self, work: Callable[[Any], object]) -> object:
        self._connection.execute("BEGIN IMMEDIATE")
        got = work(
            SimpleNamespace(
                connection=SimpleNamespace(driver_connection=self._connection),
                exec_driver_sql=self._connection.execute,
            )
        )
        self._connection.execute("COMMIT")
        return got


class Centre:
    """A file of measurements over many lives, and what homes were told is safe: values by message."""

    def __init__(self, folder: Path, seed: int, settings: Sequence[str] = DURABLE) -> None:
        self.path = folder / "measurements.db"
        self.chance = random.Random(seed)
        self.settings = settings
        self.home = DemoHome()
        self.confirmed: dict[MessageId, list[float]] = {}
        self.samples = self.lost = self.torn = self.broken = 0
        folder.mkdir()

    async def live(self) -> None:
        """A life that ends with a cut, and what is found after it."""
        disk = Disk(self.chance)
        name = f"measured-{next(_NUMBERS)}"
        vfs = PowerVFS(name, disk)
        disk.cut_at = self.chance.randint(60, 900)
        pages = self.chance.choice((8192, _SMALL))
        connection = None
        with suppress(PowerCut):
            connection = OnThatDisk(self.path, name, [*self.settings, f"PRAGMA wal_autocheckpoint = {pages}"])
            for statement in FILE_SHAPE.split(";\n"):
                connection.execute(statement)
            file = MeasurementFile(OneWriter(connection))  # type: ignore[arg-type]
            while True:
                await self.store(file, disk)
        if connection is not None:
            with suppress(PowerCut, apsw.Error):
                connection.real.close(force=True)
            connection.close()
        vfs.unregister()
        disk.after_the_cut(self.path.parent)
        self.look()

    async def store(self, file: MeasurementFile, disk: Disk) -> None:
        """A batch of messages; then their homes may delete."""
        batch = []
        for _ in range(self.chance.choice((1, 3, 20))):
            at = NOON + timedelta(milliseconds=self.chance.randrange(10**8))
            values = [float(self.chance.randrange(70, 100)) for _ in range(self.chance.randint(1, 20))]
            batch.append((telemetry(self.home, *(spo2(one, at) for one in values)), values))
        await file.put([envelope for envelope, _ in batch], NOON + timedelta(days=2))
        if disk.is_cut:
            raise PowerCut
        self.confirmed |= {envelope.id: values for envelope, values in batch}
        self.samples += sum(len(values) for _, values in batch)

    def look(self) -> None:
        """With the standard library's SQLite, as the server does when the power is back."""
        try:
            with closing(sqlite3.connect(self.path)) as connection:
                (said,) = connection.execute("PRAGMA integrity_check").fetchone()
                rows = connection.execute(_FOUND).fetchall()
        except sqlite3.Error:
            self.broken += 1
            self.confirmed.clear()
            for file in self.path.parent.iterdir():
                file.unlink()
            return
        self.broken += said != "ok"
        found: dict[int, list[float]] = {}
        for seq, value in rows:
            found.setdefault(seq, []).extend([] if value is None else [value])
        self.torn += sum(not values for values in found.values())  # known, so never sent again, and empty
        for message_id, values in [*self.confirmed.items()]:
            missing = len(values) - len(found.get(message_id.seq, ()))
            if missing:
                self.lost += missing
                del self.confirmed[message_id]


_FOUND = "SELECT seq, value FROM messages LEFT JOIN samples USING (message_id) ORDER BY seq, place"


async def test_the_server_opens_the_file_so(tmp_path: Path) -> None:
    file = await open_file(tmp_path / "measurements.db")

    def ask(connection: Any) -> list[object]:
        return [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("journal_mode", "synchronous")]

    assert await file.store.write(ask) == ["wal", FULL]
    await file.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_confirmed_sample_is_lost_in_a_hundred_cuts(tmp_path: Path, seed: int) -> None:
    centre = Centre(tmp_path / "data", seed)
    for _ in range(CUTS):
        await centre.live()
    assert centre.samples > 50 * CUTS
    assert (centre.lost, centre.torn, centre.broken) == (0, 0, 0)


async def test_the_same_cuts_with_normal_lose_what_was_confirmed(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "data", 0, [*DURABLE, "PRAGMA synchronous = NORMAL"])
    for _ in range(5):
        await centre.live()
    assert centre.lost > 5
    assert centre.torn == 0


async def test_the_same_cuts_without_extra_can_empty_a_new_file(tmp_path: Path) -> None:
    """The journal from before there was a WAL comes back with the power, where its end was not synced."""
    centre = Centre(tmp_path / "data", 0, DURABLE[1:])
    for _ in range(3):
        await centre.live()
    assert centre.broken > 0
