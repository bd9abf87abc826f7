"""The fall radar on a pseudo terminal: real serial code, faults of real cables."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fixtures.heard import Heard, failure, running, supervised

from drivers.links import Links
from drivers.serial.fall_radar_r60 import FallRadarR60
from drivers.serial.instrument import InstrumentDriver
from gateway import supervise
from shouwang.bilingual import chinese, told_by
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.serial.fall_radar import FallRadar
from simulators.tally import Tally

UP, DOWN, SILENT = SensorState.UP, SensorState.DOWN, SensorState.SILENT


def driver_at(port: Path, *, max_silence: str = "90s") -> InstrumentDriver:
    model = FallRadarR60.model_validate(
        {"kind": "fall_radar_r60", "id": "radar", "port": str(port), "max_silence": max_silence}
    )
    driver = model.build(Links())
    assert isinstance(driver, InstrumentDriver)
    return driver


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)


@pytest.fixture
async def radar(tmp_path: Path) -> AsyncIterator[FallRadar]:
    async with FallRadar(Tally(), sensor_id="radar", link=tmp_path / "radar", heartbeat_s=0.2).running() as sensor:
        yield sensor


async def test_the_state_is_asked_for_and_changes_are_heard(radar: FallRadar) -> None:
    async with running(driver_at(radar.line.link)) as (heard, _):
        await heard.until_value(Quantity.FALL, 0)
        await heard.until_value(Quantity.PRESENCE, 1)
        await heard.until_value(Quantity.MOTION, 1)
        await radar.fall()
        await heard.until_value(Quantity.FALL, 1)
        await radar.leave()
        await heard.until_value(Quantity.PRESENCE, 0)


async def test_unplugged_and_plugged_in_again(radar: FallRadar) -> None:
    """A fall while the cable was out is heard when it is in again: the state is asked for at every start."""
    async with supervised(driver_at(radar.line.link)) as (heard,):
        await heard.until_value(Quantity.FALL, 0)
        for lap in range(2):
            radar.line.unplug()
            await heard.until_state(DOWN)
            await (radar.get_up() if lap else radar.fall())
            radar.line.plug()
            await heard.until_state(UP)
            await heard.until(lambda lap=lap: heard.count(Quantity.FALL, 0 if lap else 1) > lap)
    assert heard.states == [UP, DOWN] * 2 + [UP]


async def test_garbage_cut_and_dripping_frames_hide_no_fall(radar: FallRadar) -> None:
    driver = driver_at(radar.line.link)
    async with running(driver) as (heard, task):
        await heard.until_value(Quantity.MOTION, 1)
        radar.line.corrupt_next = 1
        await radar.move()
        await radar.line.say(os.urandom(200) + b"\x53\x59\x83\x01\xff\xff" + b"\x53\x59\x83\x01\x00\x01")
        radar.line.drip_s = 0.001
        await radar.fall()
        await heard.until_value(Quantity.FALL, 1)
        assert not task.done()
    assert driver.rejected >= 2


async def test_a_mute_radar_is_silent_and_comes_back(radar: FallRadar) -> None:
    async with supervised(driver_at(radar.line.link, max_silence="1s")) as (heard,):
        await heard.until_state(UP)
        radar.line.is_hung = True
        await heard.until_state(SILENT)
        radar.line.is_hung = False
        await heard.until_state(UP)


async def test_a_port_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"nowhere is not there; (ports that are there|this box has no serial port)"):
        await driver_at(tmp_path / "nowhere").run(Heard())


async def test_a_port_of_two_sensors_is_told(radar: FallRadar) -> None:
    async with running(driver_at(radar.line.link)) as (heard, _):
        await heard.until_value(Quantity.FALL, 0)
        async with running(driver_at(radar.line.link)) as (_, second):
            error = await failure(second)
            assert isinstance(error, DeviceError)
            assert "in use by this gateway for another sensor" in str(error)
            assert chinese(told_by(error)).startswith(f"{radar.line.link} 正被本网关的另一个传感器使用；")


@pytest.mark.parametrize("kind", ["file", "folder"])
async def test_what_is_no_serial_port_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    path.touch() if kind == "file" else path.mkdir()
    with pytest.raises(DeviceError, match="is not a serial port"):
        await driver_at(path).run(Heard())


async def test_a_port_that_is_pulled_ends_the_run(radar: FallRadar) -> None:
    async with running(driver_at(radar.line.link)) as (heard, task):
        await heard.until_value(Quantity.FALL, 0)
        radar.line.unplug()
        error = await failure(task)
    assert isinstance(error, DeviceError)
    assert "lost" in str(error)


async def test_a_cancelled_run_gives_the_port_back(radar: FallRadar) -> None:
    for _ in range(3):
        async with running(driver_at(radar.line.link)) as (heard, _task):
            await heard.until_value(Quantity.FALL, 0)
    async with asyncio.timeout(20):
        while radar.line.is_open:
            await asyncio.sleep(0.005)
