"""Cards as they fail: damaged, full, read-only, away, locked. Rules and alerts go on; then all is written, once."""

import asyncio
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import count

import apsw
import pytest
from fixtures.power import Connection

from gateway import scribe as scribe_module
from gateway.clock import Clock
from gateway.outbox import Outbox
from gateway.outbox_file import OutboxFile, connect
from gateway.pipeline import Pipeline
from gateway.scribe import Scribe
from gateway.slips import Slips
from gateway.tail import Tail
from rules.bound import HomeFacts
from rules.engine import Engine
from rules.sos import Sos
from shouwang.alert import AlertState
from shouwang.errors import ConfigError, TryLater
from shouwang.gap import GapCode
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.wire import AlertBody, GapBody, Lane, decode_envelope

FACTS = HomeFacts(resident_id="r", emits={f"bed-{n}": frozenset({Quantity.SOS}) for n in range(40)})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(scribe_module, "GROUP_COMMIT_S", 0.02)
    monkeypatch.setattr(scribe_module, "_RETRY_START_S", 0.01)
    monkeypatch.setattr(scribe_module, "_RETRY_CAP_S", 0.05)
    monkeypatch.setattr(scribe_module, "_GLANCE_S", 0.01)


class Home:
    """Rules, pipeline and scribe over a card; what was said at home, stored, and sent from memory."""

    def __init__(self, outbox, thread, tail):
        self.outbox = outbox
        self.thread = thread
        self.said, self.stored, self.slips = [], [], []
        self.clock = Clock(outbox.clock_mark())
        tail.start(self.clock.mark)
        engine = Engine([*Sos(kind="sos", id="sos").bind(FACTS)], outbox.saved_states())
        self.pipeline = Pipeline(engine, self.clock, announce=self.said.extend, beat=lambda: None, tail=tail)
        self.pipeline.replay(tail.recovered)
        self.scribe = Scribe(
            outbox, thread, self.clock, Slips("gw-1"), stored=self.stored.extend, unwritten=self.slips.extend
        )
        self._values = count(1)
        self.given = []

    def measure(self, times=1):
        for _ in range(times):
            self.given.append(float(next(self._values)))
            self._hear("meter", Quantity.ENERGY, self.given[-1])

    def press(self, n):
        self._hear(f"bed-{n}", Quantity.SOS, 1.0)

    def _hear(self, sensor, quantity, value):
        self.pipeline.accept(
            Reading(sensor_id=sensor, quantity=quantity, value=value, at=self.clock.now(), mono=self.clock.mono())
        )

    async def until(self, condition, limit=20):
        async with asyncio.timeout(limit):
            while not condition():
                await asyncio.sleep(0.005)

    async def heard(self):
        """All judged: what must be said at home was said."""
        await self.until(lambda: not self.pipeline._inbox)

    async def written(self, limit=20):
        await self.heard()
        await self.until(lambda: self.pipeline.batch.is_empty and not self.scribe._backoff.failures, limit)
        await asyncio.get_running_loop().run_in_executor(self.thread, lambda: None)


@asynccontextmanager
async def living(path, connecting=connect, run="run"):
    with ThreadPoolExecutor(1) as thread:
        loop = asyncio.get_running_loop()
        outbox = await loop.run_in_executor(thread, lambda: Outbox(path, "gw-1", connecting=connecting))
        tail = Tail([path.parent.parent / run], "gw-1", committed=outbox.position())
        home = Home(outbox, thread, tail)
        tasks = [asyncio.create_task(home.pipeline.run()), asyncio.create_task(home.scribe.run(home.pipeline))]
        try:
            yield home
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await loop.run_in_executor(thread, outbox.close)
            tail.close()


def on_the_card(path):
    """What a new gateway finds: ids of alerts, and gaps."""
    outbox = Outbox(path, "gw-1")
    assert outbox.put_aside is None
    bodies = [
        decode_envelope(item.payload, gateway="gw-1").body for lane in Lane for item in outbox.pending(lane, 0, 10**6)
    ]
    outbox.close()
    alerts = [body.alert.alert_id for body in bodies if isinstance(body, AlertBody)]
    gaps = [body for body in bodies if isinstance(body, GapBody)]
    return alerts, gaps


def meter(path):
    outbox = Outbox(path, "gw-1")
    found = [
        r.value
        for item in outbox.pending(Lane.TELEMETRY, 0, 10**6)
        for r in decode_envelope(item.payload, gateway="gw-1").body.readings
        if r.sensor_id == "meter"
    ]
    outbox.close()
    return found


def garbage(path):
    path.write_bytes(os.urandom(50_000))


def nothing(path):
    path.write_bytes(b"")


def missing(path):
    path.unlink()


def torn_page(path):
    raw = bytearray(path.read_bytes())
    raw[4096:] = os.urandom(len(raw) - 4096)
    path.write_bytes(raw)


def other_header(path):
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 84 + path.read_bytes()[100:])


@pytest.mark.parametrize("harm", [garbage, nothing, missing, torn_page, other_header])
async def test_a_file_found_broken_at_the_start_is_told_and_all_goes_on(tmp_path, harm):
    path = tmp_path / "data" / "outbox.sqlite3"
    async with living(path) as home:
        home.measure(500)
        await home.written()
    harm(path)
    async with living(path) as home:
        home.press(1)
        await home.written()
        assert [alert.state for alert in home.said] == [AlertState.FIRING]
    alerts, gaps = on_the_card(path)
    assert alerts == [home.said[0].alert_id]
    assert [gap.code for gap in gaps] == [GapCode.DAMAGED]


@pytest.mark.parametrize("from_page", [0, 1, 8])
async def test_a_file_broken_while_running_is_told_and_all_goes_on(tmp_path, from_page):
    path = tmp_path / "data" / "outbox.sqlite3"
    async with living(path) as home:
        home.press(1)
        home.measure(500)
        await home.written()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(
            home.thread, lambda: home.outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        )
        with path.open("r+b") as file:  # the same file, as a card does it
            file.seek(4096 * from_page)
            file.write(os.urandom(path.stat().st_size - 4096 * from_page))
        await loop.run_in_executor(home.thread, lambda: home.outbox._db.execute("PRAGMA shrink_memory").fetchall())
        for n in range(2, 30):
            home.press(n)
            home.measure(30)
            await home.written()
    alerts, gaps = on_the_card(path)
    assert set(alerts) >= {alert.alert_id for alert in home.said[1:]}
    assert len(alerts) == len(set(alerts))
    assert [gap.code for gap in gaps] == [GapCode.DAMAGED]


CHILD = """
import sys
from pathlib import Path
from gateway.batch import Batch
from gateway.outbox import Outbox
from gateway.clock import ClockMark
from datetime import UTC, datetime
from shouwang.wire import HeartbeatBody, Lane
box = Outbox(Path(sys.argv[1]), "gw-1")
mark = ClockMark(boot="b", boottime_ms=1, engine_ms=1, wall=datetime.now(UTC))
for n in range(50):
    stored = box.commit(Batch(bodies=[(Lane.STATE, HeartbeatBody(backlog=n, uptime_s=n))]), mark)
    print(stored[0].epoch, stored[0].seq, flush=True)
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("where", [0, 40, 60_000, -400_000, -50_000])
def test_a_log_that_is_broken_after_a_kill_gives_no_number_twice(tmp_path, where):
    """SQLite ends a damaged log early without a word: what it held is lost, and its numbers must not come again."""
    path = tmp_path / "data" / "outbox.sqlite3"
    ran = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=False)
    given = {tuple(line.split()) for line in ran.stdout.splitlines()}
    assert len(given) == 50, ran.stderr
    log = path.with_name(f"{path.name}-wal")
    raw = bytearray(log.read_bytes())
    raw[where:] = os.urandom(16) + raw[where:][16:]
    log.write_bytes(raw)
    from datetime import UTC, datetime

    from gateway.batch import Batch
    from gateway.clock import ClockMark
    from shouwang.wire import HeartbeatBody

    outbox = Outbox(path, "gw-1")
    mark = ClockMark(boot="b", boottime_ms=1, engine_ms=1, wall=datetime.now(UTC))
    stored = outbox.commit(Batch(bodies=[(Lane.STATE, HeartbeatBody(backlog=0, uptime_s=0))] * 60), mark)
    outbox.close()
    assert not {(item.epoch, str(item.seq)) for item in stored} & given


async def test_a_file_that_another_program_holds_is_waited_for(tmp_path, monkeypatch):
    """A backup or a curious person; another gateway is refused."""
    path = tmp_path / "data" / "outbox.sqlite3"
    async with living(path) as home:
        home.measure(10)
        home.press(1)
        await home.written()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")

    def hasty(name):
        return sqlite3.connect(name, uri=True, timeout=0.05, isolation_level=None, check_same_thread=False)

    async with living(path, hasty) as home:
        assert home.outbox.active_alarms() != []  # read all the same
        home.press(2)
        home.measure(5)
        await home.until(lambda: home.slips)
        assert [alert.key for alert in home.said] == ["sos:bed-2"]
        assert home.stored == []
        holder.close()
        await home.written()
    alerts, gaps = on_the_card(path)
    assert len(alerts) == 2
    assert gaps == []
    assert len(meter(path)) == 15


def test_another_gateway_is_refused(tmp_path):
    path = tmp_path / "outbox.sqlite3"
    first = Outbox(path, "gw-1")
    with pytest.raises(ConfigError, match="another gateway runs on it"):
        Outbox(path, "gw-1")
    first.close()
    Outbox(path, "gw-1").close()


async def test_a_folder_removed_while_running_is_made_anew_with_all_that_was_in_it(tmp_path):
    path = tmp_path / "data" / "outbox.sqlite3"
    async with living(path) as home:
        home.press(1)
        home.measure(100)
        await home.written()
        shutil.rmtree(path.parent)
        home.measure(50)
        home.press(2)
        await home.written()
        shutil.copytree(path.parent, tmp_path / "copy")  # as kill -9 would leave it
        path.unlink()
        home.press(3)
        await home.written()
        path.with_name(f"{path.name}-wal").unlink()
        home.press(4)
        await home.written()
    alerts, gaps = on_the_card(tmp_path / "copy" / "outbox.sqlite3")
    assert len(alerts) == 2
    assert gaps == []
    assert meter(tmp_path / "copy" / "outbox.sqlite3") == [float(n) for n in range(1, 151)]
    alerts, gaps = on_the_card(path)
    assert alerts == [alert.alert_id for alert in home.said]
    assert gaps == []


@contextmanager
def mounted(folder, *options):
    folder.mkdir()
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False, capture_output=True)


def ext4_image(folder):
    """A card that can turn read-only, as ext4 does after errors."""
    image = folder / "image"
    image.write_bytes(b"\x00" * 24 * 1024 * 1024)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("needs mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-F", str(image)], check=True, capture_output=True)
    return image


async def test_on_a_full_card_alarms_are_written_and_telemetry_gives_way(tmp_path):
    with mounted(tmp_path / "card", "-t", "tmpfs", "-o", "size=24m", "none") as card:
        path = card / "data" / "outbox.sqlite3"
        async with living(path, run="../run") as home:
            home.measure(2_000)
            await home.written()
            others = os.open(card / "others", os.O_WRONLY | os.O_CREAT)
            with suppress(OSError):
                while os.write(others, b"x" * 4096):
                    pass
            os.close(others)
            for n in range(40):
                home.press(n)
                home.measure(1_500)
                await home.written()
            assert len(home.said) == 40
            (card / "others").unlink()
            home.measure(10)
            await home.written()
            written = len(home.given)
        assert path.with_name(f"{path.name}.reserve").stat().st_size > 0
        alerts, gaps = on_the_card(path)
        found = meter(path)
    assert sorted(alerts) == sorted(alert.alert_id for alert in home.said)
    assert len(found) == len(set(found))
    lost = sum(gap.count for gap in gaps)
    assert written - len(found) <= lost <= written - len(found) + 40
    assert {gap.code for gap in gaps} == {GapCode.CARD_FULL}


async def test_a_card_that_turns_read_only_and_is_mounted_anew_gets_everything_once(tmp_path):
    """As ext4 does after errors; it cannot be made writable before everybody has closed his files."""
    image = ext4_image(tmp_path)
    with mounted(tmp_path / "card", "-o", "loop", str(image)) as card:
        path = card / "data" / "outbox.sqlite3"
        async with living(path, run="../run") as home:
            home.measure(100)
            home.press(1)
            await home.written()
            subprocess.run(["mount", "-o", "remount,abort", str(card)], check=True, capture_output=True)
            home.measure(100)
            home.press(2)
            await home.until(lambda: home.slips)
            assert len(home.said) == 2
            await home.until(lambda: home.outbox._is_away)
            assert len(home.outbox.pending(Lane.LIFE_SAFETY, 0, 10)) == 1  # it may have turned so for good
            subprocess.run(["umount", str(card)], check=True)
            assert path.exists() is False
            subprocess.run(["e2fsck", "-p", str(image)], check=False, capture_output=True)
            subprocess.run(["mount", "-o", "loop", str(image), str(card)], check=True)
            home.measure(100)
            await home.written()
        alerts, gaps = on_the_card(path)
        found = meter(path)
    assert sorted(alerts) == sorted(alert.alert_id for alert in home.said)
    assert found == home.given
    assert gaps == []


async def test_a_card_found_read_only_at_the_start_stops_nothing(tmp_path):
    image = ext4_image(tmp_path)
    with mounted(tmp_path / "card", "-o", "loop", str(image)) as card:
        path = card / "data" / "outbox.sqlite3"
        async with living(path, run="../run") as home:
            home.press(1)
            home.measure(10)
            await home.written()
        subprocess.run(["mount", "-o", "remount,ro", str(card)], check=True)
        async with living(path, run="../run") as home:
            assert [alert.key for alert in home.outbox.active_alarms()] == ["sos:bed-1"]
            assert len(home.outbox.pending(Lane.LIFE_SAFETY, 0, 10)) == 1  # it may have turned so for good
            home.press(2)
            home.measure(10)
            await home.until(lambda: home.slips)
            subprocess.run(["mount", "-o", "remount,rw", str(card)], check=True)
            await home.written()
        alerts, gaps = on_the_card(path)
        assert len(alerts) == 2
        assert gaps == []
        assert len(meter(path)) == 20


async def test_a_gateway_killed_on_a_card_that_turned_read_only_takes_nothing_up_twice(tmp_path):
    """Its last commits stand in the write-ahead log alone, which a read-only card lets nobody open as usual."""
    image = ext4_image(tmp_path)
    with mounted(tmp_path / "card", "-o", "loop", str(image)) as card:
        path = card / "data" / "outbox.sqlite3"
        async with living(path, run="../run") as home:
            home.measure(20)
            home.press(1)
            await home.written()
            shutil.copytree(path.parent, tmp_path / "killed")  # the log with it: closing it would take it away
            wal = (tmp_path / "killed" / "outbox.sqlite3-wal").stat().st_size
            position = home.pipeline.batch.position
        shutil.rmtree(path.parent)
        shutil.copytree(tmp_path / "killed", path.parent)
        subprocess.run(["mount", "-o", "remount,ro", str(card)], check=True)
        outbox = Outbox(path, "gw-1")
        assert outbox._is_away
        assert wal > 0
        assert outbox.position() == position
        assert [alert.key for alert in outbox.active_alarms()] == ["sos:bed-1"]
        outbox.close()


class Sick(apsw.VFS):
    """The system's files, which fail as long as the test says."""

    def __init__(self, name):
        self.name = name
        self.fails: set[str] = set()
        self.bad: tuple[str, int] | None = None  # a file, and a place in it that cannot be read
        super().__init__(name, base="")

    def xOpen(self, name, flags):  # noqa: N802
        return SickFile(name, flags, self)


class SickFile(apsw.VFSFile):
    def __init__(self, name, flags, vfs):
        self.vfs = vfs
        self.where = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        super().__init__("", name, flags)

    def _may(self, what):
        if what in self.vfs.fails:
            error = apsw.IOError(f"{what} failed")
            codes = {
                "this": apsw.SQLITE_IOERR_READ,
                "read": apsw.SQLITE_IOERR_READ,
                "write": apsw.SQLITE_IOERR_WRITE,
                "sync": apsw.SQLITE_IOERR_FSYNC,
            }
            error.extendedresult = codes[what]
            raise error

    def xRead(self, amount, offset):  # noqa: N802
        self._may("read")
        if self.vfs.bad is not None and self.vfs.bad[0] == self.where and offset <= self.vfs.bad[1] < offset + amount:
            self.vfs.fails.add("this")
            try:
                self._may("this")
            finally:
                self.vfs.fails.discard("this")
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # noqa: N802
        self._may("write")
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802
        self._may("sync")
        super().xSync(flags)


@pytest.mark.parametrize("what", ["write", "sync"])
async def test_a_card_that_gives_errors_for_a_while_gets_everything_once(tmp_path, what):
    path = tmp_path / "data" / "outbox.sqlite3"
    vfs = Sick(f"sick-{what}")
    async with living(path, lambda name: Connection(name, vfs.name)) as home:
        home.measure(100)
        await home.written()
        for n, failures in ((1, 2), (2, 8)):  # shorter, and longer than a file is kept open
            vfs.fails = {what}
            home.measure(100)
            home.press(n)
            await home.until(lambda: len(home.slips) == n)  # noqa: B023
            await home.until(lambda: home.scribe._backoff.failures >= failures)  # noqa: B023
            vfs.fails = set()
            await home.written()
    vfs.unregister()
    alerts, gaps = on_the_card(path)
    assert sorted(alerts) == sorted(alert.alert_id for alert in home.said)
    assert meter(path) == home.given
    assert gaps == []


async def test_a_loose_plug_for_a_while_puts_no_sound_file_aside(tmp_path, monkeypatch):
    path = tmp_path / "data" / "outbox.sqlite3"
    vfs = Sick("loose-plug")
    put_aside = OutboxFile.put_aside

    def renamed(self):
        if vfs.fails:
            raise OSError(errno.EIO, "Input/output error")
        return put_aside(self)

    monkeypatch.setattr(OutboxFile, "put_aside", renamed)
    async with living(path, lambda name: Connection(name, vfs.name)) as home:
        home.measure(100)
        await home.written()
        vfs.fails = {"read", "write", "sync"}
        home.measure(100)
        home.press(1)
        home.outbox._db.execute("PRAGMA shrink_memory")
        await home.until(lambda: home.scribe._backoff.failures >= 8)
        vfs.fails = set()
        await home.written()
        assert home.outbox.put_aside is None
    vfs.unregister()
    alerts, gaps = on_the_card(path)
    assert alerts == [alert.alert_id for alert in home.said]
    assert meter(path) == home.given
    assert gaps == []
    assert not list(path.parent.glob("*.corrupt-*"))


@pytest.mark.parametrize("is_at_start", [False, True])
async def test_a_page_that_the_card_never_gives_again_is_damage(tmp_path, is_at_start):
    path = tmp_path / "data" / "outbox.sqlite3"
    vfs = Sick(f"bad-block-{is_at_start}")
    async with living(path, lambda name: Connection(name, vfs.name)) as home:
        home.press(1)
        home.measure(1000)
        await home.written()
        home.outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        size = path.stat().st_size
        vfs.bad = (str(path), size // 2 - size // 2 % 4096)
        if not is_at_start:
            home.outbox._db.execute("PRAGMA shrink_memory")
            for _ in range(3):
                with pytest.raises(TryLater):
                    home.outbox.pending(Lane.TELEMETRY, 0, 1000)
                home.outbox._db.execute("PRAGMA shrink_memory")
            home.press(2)
            await home.until(lambda: home.outbox.put_aside is not None)
            await home.written()
    if is_at_start:
        async with living(path, lambda name: Connection(name, vfs.name)) as home:
            home.press(2)
            await home.until(lambda: home.outbox.put_aside is not None)
            await home.written()
    vfs.unregister()
    alerts, gaps = on_the_card(path)
    assert len(alerts) == 2
    assert [gap.code for gap in gaps] == [GapCode.DAMAGED]
