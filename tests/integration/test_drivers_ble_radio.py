"""The radio that never dies in silence: what happens to bluetoothd and adapters, and what the home hears of it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
from fixtures.ble_radio import ADDRESS, BleAir, BleRadio, ble_air_on
from fixtures.heard import Heard, supervised
from fixtures.quick_time import quickly

from drivers.ble import daemon, hearing, radio, recovery
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.ble.radio import Radio
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Driver
from shouwang.quantities import Quantity
from shouwang.status import SensorState
from simulators.ble.adapter import Deaf
from simulators.ble.adverts import eddystone_tlm
from simulators.ble.beacon import Beacon
from simulators.ble.pulse_oximeter import Finger, PulseOximeter

UP, DOWN = SensorState.UP, SensorState.DOWN
TLM = eddystone_tlm(millivolts=3000, temperature=21.5, adverts=1, seconds=60.0)
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "DEAF_S", 0.4)
    monkeypatch.setattr(recovery, "PATIENCE_S", 0.4)
    monkeypatch.setattr(hearing, "STATIONARY_S", 0.1)


@asynccontextmanager
async def beacons(air: BleAir) -> AsyncIterator[None]:
    """Two that stand in the house and are heard all the time."""
    async with AsyncExitStack() as stack:
        for number in (1, 2):
            beacon = Beacon(air.radio, address=f"C0:FF:EE:00:01:0{number}", data=TLM, interval_ms=50)
            await stack.enter_async_context(beacon.running())
        yield


@pytest.fixture
async def neighbours(ble_air: BleAir) -> AsyncIterator[None]:
    async with beacons(ble_air):
        yield


@pytest.fixture
def lively(monkeypatch: pytest.MonkeyPatch) -> AbstractAsyncContextManager[BleAir]:
    """A radio with neighbours, in virtual time: what is deaf for moments there is so for no slow computer."""

    @asynccontextmanager
    async def air_with_beacons() -> AsyncIterator[BleAir]:
        async with ble_air_on(monkeypatch) as air, beacons(air):
            yield air

    return air_with_beacons()


async def heard_anew(listening: Radio, count: int = 1) -> None:
    """An advert comes after now."""
    now = asyncio.get_running_loop().time()
    async with asyncio.timeout(20):
        while sum(sighting.at > now for sighting in listening.heard()) < count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("deaf", "steps"),
    [
        (Deaf.UNTIL_NEW_SCAN, []),
        (Deaf.UNTIL_POWER_CYCLE, ["the adapter off and on"]),
        (Deaf.UNTIL_RESTART, ["the adapter off and on", "bluetoothd restarted"]),
    ],
)
@pytest.mark.usefixtures("impatient")
@quickly
async def test_a_deaf_radio_is_healed_by_the_mildest_step_that_helps(
    lively: BleAir, caplog, deaf: Deaf, steps: list[str]
) -> None:
    caplog.set_level(logging.INFO)
    listening = Radio("hci0")
    async with supervised(listening) as (told,):
        await told.until_state(UP)
        await heard_anew(listening, 2)
        await asyncio.sleep(0.2)  # long enough for them to count as standing here
        lively.bluez.deafen(deaf)
        async with asyncio.timeout(20):
            while steps_in(caplog) != steps:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)  # what was in the air before has come
        await heard_anew(listening)
        assert told.states == [UP]
    assert steps_in(caplog) == steps


def steps_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The steps that the log tells of."""
    known = ("the adapter off and on", "bluetoothd restarted")
    return [step for record in caplog.records for step in known if f"next: {step}" in record.message]


@pytest.mark.usefixtures("impatient")
@quickly
async def test_a_radio_that_nothing_helps_is_told_once_with_what_to_do(lively: BleAir) -> None:
    listening = Radio("hci0")
    async with supervised(listening) as (told,):
        await told.until_state(UP)
        await heard_anew(listening, 2)
        await asyncio.sleep(0.2)
        lively.bluez.deafen(Deaf.UNTIL_PLUGGED_IN_AGAIN)
        await told.until_state(DOWN)
        assert "hears nothing" in told.reason
        assert "unplug the adapter" in told.reason
        await lively.bluez.remove_adapter()
        lively.bluez.add_adapter()
        await told.until_state(UP)
        await heard_anew(listening)


async def test_a_house_without_neighbours_is_left_in_peace(ble_air: BleAir, impatient: None, caplog) -> None:
    caplog.set_level(logging.INFO)
    listening = Radio("hci0")
    async with supervised(listening) as (told,):
        await told.until_state(UP)
        await asyncio.sleep(2.0)
        assert told.states == [UP]
    assert not [record for record in caplog.records if "next:" in record.message]


@pytest.mark.usefixtures("impatient")
@quickly
async def test_a_passive_scan_that_hears_nothing_becomes_active(lively: BleAir) -> None:
    lively.bluez.is_experimental = True
    lively.bluez.adapter().monitors.are_deaf = True
    listening = Radio("hci0", scan="passive")
    async with supervised(listening) as (told,):
        await told.until_state(UP)
        await heard_anew(listening)
        assert told.states == [UP]


async def test_an_adapter_that_was_switched_off_is_switched_on_again(ble_air: BleAir, neighbours: None) -> None:
    listening = Radio("hci0")
    async with supervised(listening) as (told,):
        await told.until_state(UP)
        await ble_air.bluez.set_power(is_on=False)
        await heard_anew(listening)
        assert told.states == [UP]


async def test_two_adapters_are_used_side_by_side_and_one_may_go(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = {"hci0": "C0:FF:EE:00:00:F0", "hci1": "C0:FF:EE:00:00:F1"}
    async with ble_air_on(monkeypatch, adapters=adapters) as air, AsyncExitStack() as stack:
        links, drivers = Links(), []
        for number, adapter in enumerate(adapters):
            address = f"C0:FF:EE:00:02:0{number}"
            device = PulseOximeter(
                air.radio, air.tally, sensor_id=adapter, address=address, interval_s=0.05, advertising_interval_ms=50
            )
            await stack.enter_async_context(device.running())
            config = PulseOximeterPlx(kind="pulse_oximeter_plx", id=adapter, address=address, adapter=adapter)
            drivers.append(config.build(links))
        async with supervised(*drivers, *links.radios.values()) as (one, two, *_):
            await one.until_value(Quantity.SPO2, 97)
            await two.until_value(Quantity.SPO2, 97)
            await air.bluez.remove_adapter("hci0")
            await one.until_state(DOWN)
            before = two.count(Quantity.SPO2, 97)
            await two.until(lambda: two.count(Quantity.SPO2, 97) > before + 2)
            assert two.states == [UP]


async def test_a_passive_scan_that_is_refused_becomes_active(ble_air: BleAir, neighbours: None) -> None:
    ble_air.bluez.is_experimental = False
    await ble_air.bluez.restart()
    listening = Radio("hci0", scan="passive")
    async with supervised(listening) as (told,):
        await told.until_state(UP)
        await heard_anew(listening)
        assert told.states == [UP]
