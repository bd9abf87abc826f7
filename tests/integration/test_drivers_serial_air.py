"""Oximeters and air sensors on pseudo terminals, in virtual time: real serial code, minutes in moments."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fixtures.heard import Heard, running, supervised
from fixtures.quick_time import run_quickly
from pydantic import TypeAdapter

from drivers import AnyDriver, Links
from shouwang.driver import Driver, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality
from shouwang.recording import RecordedMoment
from shouwang.status import SensorState
from simulators.recording import play_recording
from simulators.serial.cms50 import KEEP_ALIVE, START, Cms50
from simulators.serial.finger import Clip
from simulators.serial.instrument import SimulatedInstrument
from simulators.serial.mhz19 import Mhz19
from simulators.serial.nonin import Nonin
from simulators.serial.pms5003 import Pms5003
from simulators.tally import Tally

SPO2, PULSE, CO2, PM2_5 = Quantity.SPO2, Quantity.HEART_RATE, Quantity.CO2, Quantity.PM2_5
WARM_S = {"pms5003": 35, "mhz19": 185}
MAKE: dict[str, tuple[str, Callable[[Path], SimulatedInstrument]]] = {
    "old": ("pulse_oximeter_cms50", lambda link: Cms50(Tally(), sensor_id="it", link=link, every_s=0.1)),
    "4.6": (
        "pulse_oximeter_cms50",
        lambda link: Cms50(Tally(), sensor_id="it", link=link, firmware="4.6", every_s=0.1),
    ),
    "nonin": ("pulse_oximeter_nonin", lambda link: Nonin(Tally(), sensor_id="it", link=link)),
    "pms5003": ("air_particles_pms5003", lambda link: Pms5003(Tally(), sensor_id="it", link=link)),
    "mhz19": ("co2_mhz19", lambda link: Mhz19(Tally(), sensor_id="it", link=link)),
}


def driver_at(port: Path, kind: str, **keys: object) -> Driver:
    config: Any = TypeAdapter(AnyDriver).validate_python({"kind": kind, "id": "it", "port": str(port), **keys})
    driver: Driver = config.build(Links())
    return driver


def quickly(main: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    async def run() -> None:
        await main(folder / "port")

    run_quickly(run())


def samples(heard: Heard, quantity: Quantity) -> list[Sample]:
    return [one for one in heard.said if isinstance(one, Sample) and one.quantity is quantity]


@pytest.mark.parametrize("firmware", ["old", "4.6"])
def test_an_oximeter_is_found_whichever_firmware_it_has(tmp_path: Path, firmware: Any) -> None:
    async def main(port: Path) -> None:
        oximeter = Cms50(Tally(), sensor_id="it", link=port, firmware=firmware)
        async with oximeter.running(), running(driver_at(port, "pulse_oximeter_cms50")) as (heard, _):
            await heard.until_value(SPO2, 97)
            await heard.until_value(PULSE, 72)
            # The new firmware is tried first: its stream at the wrong speed could be taken for the old one's.
            assert (asyncio.get_running_loop().time() < 2) is (firmware == "4.6")
            oximeter.finger.show(spo2=84, pulse=148, over_s=5)
            await heard.until_value(SPO2, 84)
            await heard.until_value(PULSE, 148)
            before = heard.count(SPO2, 84)
            await asyncio.sleep(10)
            assert 9 <= heard.count(SPO2, 84) - before <= 11  # one a second of sixty
        assert set(oximeter.asked) <= {START, KEEP_ALIVE}
        assert {one.value for one in samples(heard, PULSE)} <= set(range(72, 149))

    quickly(main, tmp_path)


@pytest.mark.parametrize("clip", [Clip.NOTHING, Clip.SEARCHING, Clip.BROKEN])
@pytest.mark.parametrize("firmware", ["old", "4.6"])
def test_a_clip_without_a_pulse_is_alive_and_says_nothing(tmp_path: Path, firmware: Any, clip: Clip) -> None:
    async def main(port: Path) -> None:
        oximeter = Cms50(Tally(), sensor_id="it", link=port, firmware=firmware, every_s=0.2)
        oximeter.finger.put(clip)
        driver = driver_at(port, "pulse_oximeter_cms50", max_silence="10s")
        async with oximeter.running(), supervised(driver) as (heard,):
            await asyncio.sleep(60)
            assert heard.states == [SensorState.UP]
            assert not heard.values
            oximeter.finger.show(spo2=95, pulse=60)
            await heard.until_value(SPO2, 95)

    quickly(main, tmp_path)


def test_an_oximeter_that_is_switched_off_and_on_streams_again(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        oximeter = Cms50(Tally(), sensor_id="it", link=port, firmware="4.6")
        async with oximeter.running(), running(driver_at(port, "pulse_oximeter_cms50", protocol="v46")) as (heard, _):
            await heard.until_value(SPO2, 97)
            oximeter.switch_off()
            oximeter.finger.show(spo2=91, pulse=60)
            await heard.until_value(SPO2, 91)

    quickly(main, tmp_path)


def test_an_odd_line_is_opened_for_clones(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        oximeter = Cms50(Tally(), sensor_id="it", link=port)
        driver = driver_at(port, "pulse_oximeter_cms50", protocol="live5", parity="odd")
        async with oximeter.running(), running(driver) as (heard, _):
            await heard.until_value(SPO2, 97)

    quickly(main, tmp_path)


@pytest.mark.parametrize(("time", "suffix"), [("", ""), ("12:31:05", "*"), ("", " F"), ("", "B")])
def test_a_nonin_is_read_whatever_its_model_prints(tmp_path: Path, time: str, suffix: str) -> None:
    async def main(port: Path) -> None:
        oximeter = Nonin(Tally(), sensor_id="it", link=port, time=time, suffix=suffix)
        driver = driver_at(port, "pulse_oximeter_nonin")
        async with oximeter.running(), running(driver) as (heard, _):
            await oximeter.line.wait_until_open()
            await oximeter.switch_on()
            await heard.until_value(SPO2, 97)
            oximeter.finger.put(Clip.NOTHING)
            await asyncio.sleep(5)
            before = len(samples(heard, SPO2))
            await asyncio.sleep(30)
            assert len(samples(heard, SPO2)) == before
            await heard.until_alive()
            assert driver.rejected == 0  # type: ignore[attr-defined] # all have it

    quickly(main, tmp_path)


def test_a_particle_sensor_warms_up_and_sees_smoke(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        sensor = Pms5003(Tally(), sensor_id="it", link=port, cold_s=10, is_t=True)
        driver = driver_at(port, "air_particles_pms5003", model="pms5003t")
        async with sensor.running(), running(driver) as (heard, _):
            await heard.until_alive()
            await asyncio.sleep(29)
            early = samples(heard, PM2_5)
            assert {one.quality for one in early} == {Quality.QUESTIONABLE}
            sensor.smoke(pm2_5=600, over_s=10)
            await heard.until_value(PM2_5, 600)
            assert samples(heard, PM2_5)[-1].quality is Quality.GOOD
            assert {21.2} == {one.value for one in samples(heard, Quantity.TEMPERATURE)}
            sensor.clear(over_s=5)
            await heard.until(lambda: samples(heard, PM2_5)[-1].value == 7)

    quickly(main, tmp_path)


def test_a_co2_sensor_is_asked_and_never_calibrated(tmp_path: Path) -> None:
    async def main(port: Path) -> None:
        sensor = Mhz19(Tally(), sensor_id="it", link=port)
        async with sensor.running(), running(driver_at(port, "co2_mhz19")) as (heard, _):
            await asyncio.sleep(175)
            assert heard.said
            assert not heard.values  # 410 ppm, whatever the air
            await heard.until_value(CO2, 800)
            sensor.breathe(2100)
            await asyncio.sleep(30)
            await heard.until_value(CO2, 2100)
            assert samples(heard, CO2)[-1].quality is Quality.GOOD
        assert set(sensor.commands) == {0x86}

    quickly(main, tmp_path)


@pytest.mark.parametrize("name", MAKE)
def test_unplugged_silent_garbled_and_back(tmp_path: Path, name: str) -> None:
    kind, make = MAKE[name]

    async def main(port: Path) -> None:
        device = make(port)
        async with device.running(), supervised(driver_at(port, kind, max_silence="20s")) as (heard,):
            await heard.until_state(SensorState.UP)
            device.line.unplug()
            await heard.until_state(SensorState.DOWN)
            device.line.plug()
            await heard.until_state(SensorState.UP)
            device.line.is_hung = True
            await asyncio.sleep(20)
            await heard.until_state(SensorState.SILENT)
            device.line.is_hung = False
            device.line.garbage = b"\x80\x42\xff"
            device.line.corrupt_next = device.line.cut_next = 3
            device.line.drip_s = 0.0005
            await heard.until_state(SensorState.UP)

    quickly(main, tmp_path)


@pytest.mark.parametrize("name", ["old", "4.6", "nonin", "pms5003", "mhz19"])
def test_a_recording_is_played_through_what_measures_it(tmp_path: Path, name: str) -> None:
    kind, make = MAKE[name]
    values: dict[Quantity, tuple[float, ...]] = {
        SPO2: (97, 93, 88, 0),
        PULSE: (72, 90, 131, 0),
        PM2_5: (8, 90, 500, 30.5),
        CO2: (600, 900, 2500, 6000),
    }

    async def main(port: Path) -> None:
        device: Any = make(port)
        own = {quantity: value for quantity, value in values.items() if quantity in device.leads}
        recorded = [RecordedMoment(60.0 * at, {q: v[at] for q, v in own.items()}) for at in range(4)]
        async with device.running(), running(driver_at(port, kind)) as (heard, _):
            await device.line.wait_until_open()
            await asyncio.sleep(WARM_S.get(name, 1))
            played = await play_recording(recorded, [device], within=timedelta(seconds=120))
            await asyncio.sleep(5)
        for quantity, steps in own.items():
            said = [one.value for one in samples(heard, quantity)]
            assert [step for step in steps[:3] if step in said] == list(steps[:3])
            assert steps[3] not in said
        assert sorted(played.refused) == sorted((quantity, steps[3]) for quantity, steps in own.items())

    quickly(main, tmp_path)
