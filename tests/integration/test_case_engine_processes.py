"""The engine as a process: killed while clocks fire, stopped, deceived about the time, with a rival, on a full disk.

Engine time is moved on in the lease's row while nobody runs the engine: so hours pass in seconds.
"""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from fixtures.clock_room import HAS_LOST, Room, room

from community.casefile import Step
from community.store import case_schema, cases, chain, lease, schema
from community.store.database import open_store
from community.store.engines import engines
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of

pytestmark = pytest.mark.slow

CASES = 150
KILLS = 100
NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
PATIENCE_S = 120.0


def sos(number: int) -> Alert:
    return Alert(
        alert_id=alert_id_of(f"sos:{number}", NOW, AlertState.FIRING),
        key=f"sos:{number}",
        rule_id="sos",
        rule_version=1,
        hazard="sos",
        severity=Severity.P1 if number % 2 else Severity.P2,
        state=AlertState.FIRING,
        resident_id="",
        sensor_id="s",
        since=NOW,
        at=NOW,
        mono=1,
        why=Sentence(zh="按", en="pressed"),
    )


class House:
    """The database of many cases, looked at from the outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened = engines(url, None)

    def fill(self, number: int) -> None:
        with self._opened.writer.begin() as connection:
            lease.take(connection, None, "")
            for one in range(number):
                connection.execute(
                    schema.gateways.insert().values(
                        gateway_id=f"gw-{one}", online=True, backlog=0, rejected=0, version=""
                    )
                )
                cases.take_in(connection, f"gw-{one}", None, sos(one), NOW)

    def hours_pass(self, seconds: float) -> None:
        """While nobody runs the engine."""
        later = case_schema.engine_lease.c.engine_ms + int(seconds * 1000)
        with self._opened.writer.begin() as connection:
            connection.execute(case_schema.engine_lease.update().values(engine_ms=later))

    def read(self, query: sa.Select) -> list[sa.Row]:
        with self._opened.reader.connect() as connection:
            return list(connection.execute(query))

    def due(self) -> int:
        """How many clocks are late by more than 2 s of engine time."""
        table = schema.incidents
        with self._opened.reader.connect() as connection:
            late = lease.engine_now(connection) - 2000
            return connection.execute(
                sa.select(sa.func.count()).select_from(table).where(table.c.due_e <= late)
            ).scalar_one()

    def entries(self) -> list[chain.Entry]:
        rows = self.read(sa.select(schema.incident_events.c.body).order_by(schema.incident_events.c.seq))
        return [chain.decode_entry(row.body) for row in rows]

    def length(self) -> int:
        """Of the log."""
        return self.read(sa.select(sa.func.count()).select_from(schema.incident_events))[0][0]

    def lease(self) -> lease.Lease:
        with self._opened.reader.connect() as connection:
            seen = lease.look(connection)
        assert seen is not None
        return seen

    def stop_between_writes(self, engine: Room) -> None:
        """Where it is stopped in the middle of one, SQLite's file is locked until the watchdog kills it."""
        while True:
            engine.send(signal.SIGSTOP)
            try:
                with self._opened.writer.begin() as connection:
                    connection.exec_driver_sql("SELECT 1")
            except sa.exc.OperationalError:
                engine.send(signal.SIGCONT)
                time.sleep(0.1)
            else:
                return

    def is_proved(self) -> None:
        """Each clock of a case fired once at each of its times, and each call is one notice."""
        with self._opened.reader.connect() as connection:
            assert chain.verify(connection).faults == ()
        drawn: dict[tuple[int, str], list[tuple[str, int]]] = {}
        calls: Counter[tuple[int, int]] = Counter()
        for entry in self.entries():
            assert isinstance(entry.event, Step)
            calls[entry.incident_id, entry.version] += len(entry.event.calls)
            for card in entry.event.cards:
                drawn.setdefault((entry.incident_id, card.step), []).append((card.colour.value, card.level))
        for cards in drawn.values():  # one yellow card, then red ones of every level, none twice and none left out
            assert cards == [("yellow", 0), *(("red", level) for level in range(len(cards) - 1))]
        notices = Counter((row.incident_id, row.version) for row in self.read(sa.select(case_schema.notices)))
        assert notices == +calls
        assert len(self.read(sa.select(case_schema.cards))) == sum(map(len, drawn.values()))

    def close(self) -> None:
        self._opened.writer.dispose()
        self._opened.reader.dispose()


@pytest.fixture
async def house(store_url: str) -> Iterator[House]:
    await (await open_store(store_url)).close()
    one = House(store_url)
    yield one
    one.close()


def until(is_so: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def test_kill_9_while_clocks_fire_fires_each_once(house: House) -> None:
    house.fill(CASES)
    chance = random.Random(9)
    kills = KILLS if house.url.startswith("sqlite") else KILLS // 4
    written: list[int] = []
    for _ in range(kills):
        house.hours_pass(20)
        with room(house.url) as engine:
            engine.wait_until_in()
            goal = house.length() + chance.randint(1, 40)  # in the middle of what is due
            until(lambda goal=goal: house.length() >= goal or house.due() == 0, "no clock fires")
        written.append(house.length())
    cut_off = sum(later > earlier for earlier, later in pairwise(written))
    assert cut_off > kills // 2, "it was killed before anything fired: nothing is shown"
    with room(house.url) as engine:
        engine.wait_until_in()
        until(lambda: house.due() == 0, "a clock that was due has not fired")
    house.is_proved()
    steps = {entry.kind for entry in house.entries()}
    assert {"ack.yellow", "ack.red", "total.yellow", "total.red", "ladder"} <= steps


def test_second_engine_waits_and_takes_over_when_the_first_stands_still(house: House) -> None:
    house.fill(20)
    with room(house.url) as first:
        first.wait_until_in()
        with room(house.url) as second:
            token = house.lease().token
            time.sleep(2)
            assert house.lease().token == token
            house.stop_between_writes(first)
            second.wait_until_in()
            assert house.lease().token == token + 1
            first.send(signal.SIGCONT)
            assert first.status() == HAS_LOST
            beat = house.lease().beat
            until(lambda: house.lease().beat > beat, "the second engine does not run")
            assert house.lease().token == token + 1
            until(lambda: house.due() == 0, "a clock that was due has not fired")
    house.is_proved()


def test_many_engines_that_are_stopped_and_killed_fire_nothing_twice(house: House) -> None:
    house.fill(60)
    chance = random.Random(7)
    for _ in range(6):
        house.hours_pass(45)
        with room(house.url) as one, room(house.url) as other:
            time.sleep(chance.uniform(0.8, 1.6))
            for engine in (one, other):
                engine.send(signal.SIGSTOP)
                time.sleep(chance.uniform(0, 0.1))
                engine.send(signal.SIGCONT)
            (one if chance.random() < 0.5 else other).end()
            time.sleep(chance.uniform(0.1, 1.5))
    with room(house.url) as engine:
        engine.wait_until_in()
        until(lambda: house.due() == 0, "a clock that was due has not fired")
    house.is_proved()


def _faketime() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("needs libfaketime (apt-get install faketime)")
    return found[0]


@pytest.mark.parametrize("shift", ["-1h", "+1h", "@1970-01-02 00:00:00"])
def test_wall_clock_that_lies_moves_no_clock_of_a_case(house: House, shift: str) -> None:
    """In the same boot engine time goes by CLOCK_BOOTTIME: a wall clock set to anything fires nothing too early."""
    house.fill(10)
    lying = {"LD_PRELOAD": str(_faketime()), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    with room(house.url, **lying) as engine:
        engine.wait_until_in()
        until(lambda: len(house.entries()) > 10, "not even the first rung is called")
        time.sleep(1.5)
    kinds = {entry.kind for entry in house.entries()}
    assert not {kind for kind in kinds if kind.endswith((".yellow", ".red"))}
    wall = house.read(sa.select(case_schema.engine_lease.c.wall))[0].wall
    real = datetime.now(UTC)
    assert abs((wall - real).total_seconds()) > 1800, "the process was not deceived: nothing is shown"
    house.hours_pass(61)
    with room(house.url) as engine:
        engine.wait_until_in()
        until(lambda: house.due() == 0, "a clock that was due has not fired")
    kinds = Counter(entry.kind for entry in house.entries())
    assert kinds["ack.red"] == 5  # those of P1, at 60 s, and no other
    house.is_proved()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_full_disk_delays_the_clocks_and_loses_none(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        url = f"sqlite:///{disk / 'community.db'}"
        await (await open_store(url)).close()
        house = House(url)
        house.fill(60)
        house.hours_pass(25)  # the yellow cards are due in 5 s
        ballast = disk / "ballast"
        with room(url) as engine:
            engine.wait_until_in()
            with ballast.open("wb") as file, pytest.raises(OSError, match="No space"):
                while True:
                    file.write(bytes(64 * 1024))
                    file.flush()
            until(lambda: house.due() > 0, "the disk was not full: nothing is shown")
            ballast.unlink()
            until(lambda: house.due() == 0, "clocks have not fired since there is room again")
        house.is_proved()
        house.close()
        assert shutil.disk_usage(disk).free > 0


def test_end_in_order_lets_the_next_begin_at_once(house: House) -> None:
    assert os.getpid()
    with room(house.url) as first:
        first.wait_until_in()
        first.end()
        with room(house.url) as second:
            second.wait_until_in()
            assert house.lease().token == 2
