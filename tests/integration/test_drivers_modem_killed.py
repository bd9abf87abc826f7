"""Killed at every step: whatever the moment at which a gateway ends, no part of a message goes out twice.

A kill is played by letting nothing more reach the modem and the card from one moment on, and by opening what is on the
card then with a new gateway. The moments are before and after each write to the port and to the card.
"""

import asyncio
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from fixtures.modem_home import SON, Home, at_home, opened, working
from fixtures.quick_time import run_quickly

from drivers.serial.link import SerialPort
from drivers.serial.sms import Fate
from drivers.serial.sms_store import SmsStore
from shouwang.errors import TryLater
from simulators.serial.modem import Modem

TEXT = "【守望】王桂兰家 卫生间 跌倒 08:15,请立即查看。" * 3
PARTS = 2


class Kill:
    """Ends a gateway at the n-th moment; `was_reached` says whether it lived that long."""

    def __init__(self, folder: Path, moment: int) -> None:
        self.was_reached = False
        self.after = folder / "after"
        self._folder = folder
        self._left = moment

    def pass_by(self) -> bool:
        """Whether the gateway still lives."""
        self._left -= 1
        if self._left == 0:
            self.was_reached = True
            self.after.mkdir()
            for file in self._folder.glob("sms.sqlite3*"):
                shutil.copy(file, self.after)
        return self._left > 0


@pytest.fixture
def killed(monkeypatch):
    """Puts the moments in place. A patch: no other way ends a process but for its test."""
    set_to: list[Kill] = []
    write, commit = SerialPort.write, SmsStore._write

    async def write_if_alive(port, data):
        if set_to and not set_to[0].pass_by():
            await asyncio.Event().wait()
        await write(port, data)
        if set_to and not set_to[0].pass_by():
            await asyncio.Event().wait()

    def commit_if_alive(store, steps):
        if set_to and not set_to[0].pass_by():
            raise TryLater("killed")
        commit(store, steps)
        if set_to and not set_to[0].pass_by():
            raise TryLater("killed")

    monkeypatch.setattr(SerialPort, "write", write_if_alive)
    monkeypatch.setattr(SmsStore, "_write", commit_if_alive)
    return set_to


async def die_at(moment: int, folder: Path, killed: list[Kill], *, status: int | None) -> bool:
    """One life until the kill, and a second one to the end; whether there was such a moment."""
    folder.mkdir()
    async with Modem(folder / "m").running() as modem:
        modem.network.status = status
        modem.network.report_after_s = 20
        kill = Kill(folder, moment)
        async with opened(folder, modem) as home:
            killed.append(kill)
            async with working(home):
                await send(home)
                for _ in range(80):
                    if kill.was_reached:
                        break
                    await asyncio.sleep(0.25)
                await asyncio.sleep(1)
            killed.clear()
        if kill.was_reached:
            await live_on(kill, modem, moment, status)
        return kill.was_reached


async def send(home: Home) -> None:
    with suppress(TryLater):
        await home.queue.send(SON, TEXT, key="fall", urgent=True)


async def live_on(kill: Kill, modem: Modem, moment: int, status: int | None) -> None:
    async with at_home(kill.after, modem) as home:
        outcome = await home.queue.send(SON, TEXT, key="fall", urgent=True)
        wanted = (Fate.DELIVERED,) if status == 0 else (Fate.SENT,)
        outcome = await home.fate(outcome, *wanted, Fate.UNCERTAIN)
        counts = Counter(submitted.part[2] for _, submitted in modem.network.sent)
        assert max(counts.values(), default=0) <= 1, (moment, counts)
        if outcome.fate is not Fate.UNCERTAIN:
            assert "".join(home.texts) == TEXT, moment
            assert len(counts) == PARTS
        await asyncio.sleep(120)
        assert len(modem.network.sent) == sum(counts.values()), moment


@pytest.mark.slow
@pytest.mark.parametrize("status", [0, None])
def test_killed_at_every_step_nothing_is_sent_twice(tmp_path, killed, status):
    async def all_moments() -> int:
        moment = 1
        while await die_at(moment, tmp_path / f"{status}-{moment}", killed, status=status):
            moment += 1
        return moment

    assert run_quickly(all_moments()) > 60
