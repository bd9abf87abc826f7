"""The radio that never dies in silence: what happens to bluetoothd and adapters, and what the home hears of it."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fixtures.ble_radio import ADDRESS, BleRadio
from fixtures.heard import Heard, supervised

from drivers.ble import daemon, radio
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Driver
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.ble.pulse_oximeter import Finger

UP, DOWN = SensorState.UP, SensorState.DOWN
IN_PROGRESS = "org.bluez.Error.InProgress: Operation already in progress"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(radio, "CHECK_S", 0.05)
    monkeypatch.setattr(daemon, "_OFF_S", 0.01)


class House:
    """An oximeter and its radio, as the gateway runs them."""

    def __init__(self, ble: BleRadio) -> None:
        self.ble = ble
        self.links = Links()
        self.oximeter: Driver = PulseOximeterPlx(
            kind="pulse_oximeter_plx", id="oximeter", address=ADDRESS, adapter="hci0"
        ).build(self.links)
        self.heard, self.radio = Heard(), Heard()

    async def says_once(self, spo2: int) -> None:
        """A value said now is heard exactly once."""
        async with asyncio.timeout(20):
            await self.ble.oximeter.wait_for_listener()
            await self.ble.oximeter.say(Finger(spo2=spo2, pulse=60))
        await self.heard.until_value(Quantity.SPO2, spo2)
        assert self.heard.count(Quantity.SPO2, spo2) == 1


@pytest.fixture
async def house(ble_radio: BleRadio) -> AsyncIterator[House]:
    house = House(ble_radio)
    ble_radio.oximeter.fall_silent()
    async with supervised(house.oximeter, house.links.radio("hci0")) as (house.heard, house.radio):
        await house.heard.until_state(UP)
        yield house


async def test_a_restarted_bluetoothd_is_healed_and_nothing_is_heard_twice(house: House, caplog) -> None:
    caplog.set_level(logging.INFO)
    for lap in range(3):
        await house.says_once(90 + lap)
        await house.ble.bluez.restart()
        await house.heard.until_state(DOWN)
        assert "bluetoothd was restarted" in house.heard.reason
        await house.heard.until_state(UP)
    await house.says_once(95)
    told = [record.message for record in caplog.records if "bluetoothd was restarted; next" in record.message]
    assert len(told) == 3


async def test_an_adapter_that_is_pulled_is_told_once_and_used_when_it_is_back(house: House) -> None:
    await house.says_once(90)
    await house.ble.bluez.remove_adapter()
    await house.radio.until_state(DOWN)
    await house.heard.until_state(DOWN)
    assert "gone" in house.radio.reason or "no Bluetooth adapter" in house.radio.reason
    house.ble.bluez.add_adapter()
    await house.radio.until_state(UP)
    await house.heard.until_state(UP)
    await house.says_once(91)
    assert house.radio.states == [UP, DOWN, UP]


async def test_a_storm_of_refusals_ends_in_a_scan(house: House) -> None:
    house.ble.bluez.faults["Connect"] = [IN_PROGRESS] * 5
    house.ble.bluez.faults["StartDiscovery"] = [IN_PROGRESS] * 5
    await house.ble.bluez.restart()
    await house.radio.until_state(DOWN)
    assert "another program uses the adapter" in house.radio.reason
    await house.radio.until_state(UP)
    await house.heard.until_state(UP)
    await house.says_once(92)
