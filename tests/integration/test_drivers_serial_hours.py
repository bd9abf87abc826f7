"""A day of eight streaming serial ports in virtual time, with faults: heard in every hour, and memory stays flat.

The kernel's side is a fake at the library's face: pseudo terminals do not keep virtual time. Files are counted on real
ones in test_drivers_serial_faults.
"""

import asyncio
import errno
import gc
import logging
import random
import sys
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

import pytest
from fixtures.quick_time import run_quickly
from fixtures.serial_line import SERIAL_KINDS, SerialKind, frames_of

from drivers.serial import link
from drivers.serial.holders import Holder
from gateway.clock import Clock
from gateway.supervise import Supervisor
from shouwang.reading import Reading
from shouwang.status import SensorState, SensorStatus

PORTS = 8
HOURS = 24
HOUR_S = 3600.0
BURST_S = 10.0
ROUNDS = 2
STEADY = [kind for kind in SERIAL_KINDS if kind.kind != "tracking_radar_ld2450"]
"""The tracking radar judges by the gaps in its stream, and here are gaps of 10 s."""
WARM_HOURS = 2
"""After so long everything that is kept once has been made."""
MORE_BLOCKS = 3000
"""Of memory, of some hundred thousand: what dictionaries and logs breathe."""


class FakePort:
    """One port as serialx shows it. Somebody is always at its other end, unless it is `gone` or `mute`."""

    ports: dict[str, "FakePort"] = {}  # noqa: RUF012 - by name, as in /dev

    def __init__(self, burst: bytes) -> None:
        self.burst = burst
        self.is_gone = self.is_mute = False
        self.open_now = 0
        self.reader: asyncio.StreamReader | None = None

    async def feed(self) -> None:
        while True:
            await asyncio.sleep(BURST_S)
            if self.reader is not None and not self.is_gone and not self.is_mute:
                self.reader.feed_data(self.burst)

    def unplug(self) -> None:
        self.is_gone = True
        if self.reader is not None:
            self.reader.set_exception(OSError(errno.EIO, "gone"))


class FakeSerial:
    """The part of serialx.AsyncSerial that the link uses."""

    def __init__(self, url: str, **_: object) -> None:
        self._port = FakePort.ports[url]
        self.transport = self
        self.is_open = False

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    async def open(self) -> None:
        if self._port.is_gone:
            raise OSError(errno.ENXIO, "nothing behind it")
        assert self._port.open_now == 0, "opened twice"
        self._port.open_now += 1
        self._port.reader = asyncio.StreamReader()
        self.is_open = True

    async def read(self, size: int) -> bytes:
        assert self._port.reader is not None
        return await self._port.reader.read(size)

    async def write(self, data: bytes) -> None:
        if self._port.is_gone:
            raise OSError(errno.EIO, "gone")

    def abort(self) -> None:
        if self.is_open:
            self._port.open_now -= 1
            self._port.reader = None
        self.is_open = False

    async def wait_closed(self) -> None: ...


class Ear:
    """Counts what a supervisor accepts, by hour; keeps nothing."""

    def __init__(self) -> None:
        self.by_hour: Counter[int] = Counter()
        self.state: SensorState | None = None
        self.states: Counter[SensorState] = Counter()

    def __call__(self, one: object) -> None:
        if isinstance(one, Reading):
            self.by_hour[int(asyncio.get_running_loop().time() // HOUR_S)] += 1
        elif isinstance(one, SensorStatus):
            self.state = one.state
            self.states[one.state] += 1


async def _nobody(_port: str) -> tuple[Holder, ...]:
    return ()


async def _day(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(link.serialx, "async_serial_for_url", FakeSerial)
    monkeypatch.setattr(link, "holders_of", _nobody)
    monkeypatch.setattr(logging.root.manager, "disable", logging.CRITICAL)  # pytest keeps what is logged
    kinds: list[SerialKind] = list(islice(cycle(STEADY), PORTS))
    names = [f"/dev/serial/by-id/{number}-{kind.name}" for number, kind in enumerate(kinds)]
    FakePort.ports = {
        name: FakePort(b"".join(frames_of(kind, kind.simulator(folder)) * ROUNDS))
        for name, kind in zip(names, kinds, strict=True)
    }
    ears = [Ear() for _ in names]
    drivers = [kind.driver(Path(name)) for name, kind in zip(names, kinds, strict=True)]
    work = [Supervisor(driver, Clock(), ear).run() for driver, ear in zip(drivers, ears, strict=True)]
    work += [port.feed() for port in FakePort.ports.values()]
    tasks = [asyncio.ensure_future(one) for one in work]
    await asyncio.sleep(WARM_HOURS * HOUR_S)
    before, tasks_before = _blocks(), len(asyncio.all_tasks())
    faults = await _live(list(FakePort.ports.values()))
    after, tasks_after = _blocks(), len(asyncio.all_tasks())
    states = [ear.state for ear in ears]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert states == [SensorState.UP] * PORTS
    assert after - before < MORE_BLOCKS
    assert tasks_after <= tasks_before
    unheard = [
        (name, hour) for name, ear in zip(names, ears, strict=True) for hour in range(HOURS) if not ear.by_hour[hour]
    ]
    assert unheard == []
    assert sum(ear.states[SensorState.SILENT] for ear in ears) == faults["mute"] > 10
    assert sum(ear.states[SensorState.DOWN] for ear in ears) == faults["unplugged"] > 10


async def _live(ports: list[FakePort]) -> Counter[str]:
    """The rest of the day: each hour some are unplugged or fall mute for minutes, and come back."""
    dice, happened = random.Random(1), Counter[str]()
    loop = asyncio.get_running_loop()
    while loop.time() < (HOURS - 1) * HOUR_S:
        await asyncio.sleep(dice.uniform(300, 1200))
        port = dice.choice(ports)
        if dice.random() < 0.5:
            happened["unplugged"] += 1
            port.unplug()
        else:
            happened["mute"] += 1
            port.is_mute = True
        await asyncio.sleep(dice.uniform(120, 400))
        port.is_gone = port.is_mute = False
        await asyncio.sleep(120)
    await asyncio.sleep(HOURS * HOUR_S - loop.time())
    return happened


def _blocks() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.slow
def test_a_day_of_eight_ports_is_heard_and_keeps_its_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run_quickly(_day(monkeypatch, tmp_path))
