"""The simulated radar on its pseudo terminal, read as a driver reads a port, and the faults of its cable."""

import asyncio
import errno
import os
import tty
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shouwang.quantities import Quantity
from simulators.serial import r60
from simulators.serial.fall_radar import FallRadar
from simulators.tally import Tally

RADAR = "radar-bath"
WAIT_S = 30.0
FALL = r60.frame(*r60.FALL_STATE, b"\x01")
UP = r60.frame(*r60.FALL_STATE, b"\x00")
BEAT = r60.frame(*r60.HEARTBEAT, r60.ASK)


class Port:
    """The other end of the line."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.fd)
        self.got = b""

    async def until(self, wanted: bytes) -> bytes:
        """All that came up to and with `wanted`. An I/O error of the line is raised."""
        async with asyncio.timeout(WAIT_S):
            while wanted not in self.got:
                try:
                    data = os.read(self.fd, 4096)
                except BlockingIOError:
                    await asyncio.sleep(0.002)
                    continue
                if not data:  # the kernel's word for a terminal that was hung up
                    raise OSError(errno.EIO, "hung up")
                self.got += data
        before, self.got = self.got.split(wanted, 1)
        return before + wanted

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def close(self) -> None:
        os.close(self.fd)


@pytest.fixture
async def radar(tmp_path: Path) -> AsyncIterator[FallRadar]:
    async with FallRadar(Tally(), sensor_id=RADAR, link=tmp_path / "radar", heartbeat_s=0.02).running() as running:
        yield running


@pytest.fixture
async def port(radar: FallRadar) -> AsyncIterator[Port]:
    opened = Port(radar.line.link)
    await asyncio.wait_for(radar.line.wait_until_open(), WAIT_S)
    yield opened
    opened.close()


def counts(radar: FallRadar, quantity: Quantity) -> Counter[float]:
    return radar._tally.of(RADAR, quantity)


async def test_it_beats_and_reports_on_change_only(radar: FallRadar, port: Port) -> None:
    await port.until(BEAT)
    await radar.fall()
    await radar.fall()
    await radar.get_up()
    heard = await port.until(r60.frame(*r60.BODY_MOVEMENT, b"\x28"))
    assert heard.count(FALL) == heard.count(UP) == 1
    assert counts(radar, Quantity.FALL) == Counter({1: 1, 0: 1})


async def test_it_answers_questions_also_cut_and_garbled_ones(radar: FallRadar, port: Port) -> None:
    question = r60.frame(0x80, 0x81, r60.ASK)
    port.write(b"\x53\x59\xff" + question[:4])
    await asyncio.sleep(0)
    port.write(question[4:] + r60.frame(*r60.MODEL, r60.ASK))
    heard = await port.until(r60.frame(*r60.MODEL, b"R60AFD1"))
    assert r60.frame(0x80, 0x81, b"\x01") in heard
    assert counts(radar, Quantity.PRESENCE) == Counter({1: 1})


async def test_what_nobody_listens_to_is_lost_and_not_counted(radar: FallRadar) -> None:
    await radar.fall()
    opened = Port(radar.line.link)
    await asyncio.wait_for(radar.line.wait_until_open(), WAIT_S)
    await radar.get_up()
    assert FALL not in await opened.until(UP)
    assert counts(radar, Quantity.FALL) == Counter({0: 1})
    opened.close()


async def test_a_listener_may_go_and_come_back(radar: FallRadar) -> None:
    for _ in range(3):
        opened = Port(radar.line.link)
        await opened.until(BEAT)
        opened.close()
        async with asyncio.timeout(WAIT_S):
            while radar.line.is_open:
                await asyncio.sleep(0.002)


async def test_a_dripping_line_brings_whole_frames_late(radar: FallRadar, port: Port) -> None:
    radar.line.drip_s = 0.001
    await radar.fall()
    assert FALL in await port.until(FALL)


async def test_corrupt_and_cut_frames_are_not_counted(tmp_path: Path) -> None:
    quiet = FallRadar(Tally(), sensor_id=RADAR, link=tmp_path / "radar", heartbeat_s=1e6)
    async with quiet.running() as radar:
        opened = Port(radar.line.link)
        await asyncio.wait_for(radar.line.wait_until_open(), WAIT_S)
        radar.line.corrupt_next = 1
        await radar._become(r60.FALL_STATE, 1)
        radar.line.cut_next = 1
        await radar._become(r60.FALL_STATE, 0)
        await radar._become(r60.FALL_STATE, 1)
        heard = await opened.until(FALL)
        opened.close()
        assert heard.count(FALL) == 1
        assert UP not in heard
        assert counts(radar, Quantity.FALL) == Counter({1: 1})


async def test_a_hung_radar_keeps_the_port_open_and_mute(radar: FallRadar, port: Port) -> None:
    await port.until(BEAT)
    radar.line.is_hung = True
    await radar.fall()
    radar.line.is_hung = False
    assert FALL not in await port.until(BEAT + BEAT)


async def test_unplugging_is_an_io_error_and_the_name_comes_back(radar: FallRadar, port: Port) -> None:
    radar.line.unplug()
    assert not radar.line.link.exists()
    with pytest.raises(OSError) as caught:
        await port.until(b"never said")
    assert caught.value.errno == errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        port.write(b"?")
    assert await radar.line.say(FALL) is False
    radar.line.plug()
    again = Port(radar.line.link)
    await again.until(BEAT)
    again.close()


async def test_a_listener_that_does_not_read_loses_frames_and_the_radar_goes_on(radar: FallRadar, port: Port) -> None:
    said = [await radar.line.say(FALL) for _ in range(20_000)]
    assert said[0]
    assert not said[-1]
    await port.until(FALL)
