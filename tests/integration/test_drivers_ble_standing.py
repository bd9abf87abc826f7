"""What a bonded device says before anybody could ask: heard once, over drops, restarts and a radio that begins anew."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fixtures.ble_client import dbus_client, device_path, find, pairing_agent, until
from fixtures.ble_radio import BleAir
from fixtures.heard import Heard, supervised

from drivers.ble import health, radio, rest
from drivers.ble.blood_pressure_monitor_blp import BloodPressureMonitorBlp
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.ble.scan import Scan
from drivers.joining import Leaver
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState
from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.pulse_oximeter import Finger, PulseOximeter

ADDRESS, OTHER = "C0:FF:EE:00:08:01", "C0:FF:EE:00:08:02"
DEVICE = "org.bluez.Device1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
OUTFIT: dict[str, Any] = {"sensor_id": "cuff", "address": ADDRESS, "advertising_interval_ms": 50}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(health, "IDLE_S", 0.3)
    monkeypatch.setattr(rest, "REST_S", 0.0)
    monkeypatch.setattr(radio, "CHECK_S", 0.1)


@pytest.fixture
async def cuff(ble_air: BleAir) -> AsyncIterator[BloodPressureCuff]:
    """A cuff that remembers its listener, bonded with this box, asleep, with stamps that never differ."""
    device = BloodPressureCuff(ble_air.radio, ble_air.tally, is_guarded=True, has_stamps=False, awake_s=5.0, **OUTFIT)
    device.remembers_subscriptions = True
    async with device.running():
        await device.wake()
        await bond(ble_air)
        await device.sleep()
        yield device


async def bond(air: BleAir, address: str = ADDRESS) -> None:
    async with pairing_agent(air.dbus) as _, dbus_client(air.dbus) as client:
        await find(address)
        assert (await client.call(device_path(address), DEVICE, "Pair")).error_name is None
        async with asyncio.timeout(20):
            while not await client.get(device_path(address), DEVICE, "ServicesResolved"):
                await asyncio.sleep(0.01)


@asynccontextmanager
async def home(scan: Scan = "active") -> AsyncIterator[tuple[Heard, Heard]]:
    """The cuff's and the radio's words."""
    links = Links(radios={"hci0": radio.Radio("hci0", scan=scan)})
    driver = BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=ADDRESS).build(links)
    async with supervised(driver, links.radio("hci0")) as (heard, of_radio):
        await heard.until_state(SensorState.UP)
        yield heard, of_radio


def systolics(heard: Heard) -> list[float]:
    readings: list[Reading] = []
    for one in heard.said:
        readings += [*one.readings] if isinstance(one, Measurement) else []
    return [reading.value for reading in readings if reading.quantity is Quantity.SYSTOLIC]


async def measure(cuff: BloodPressureCuff, heard: Heard, *wanted: float) -> None:
    """Measure the last of these, and sleep when all of them have been heard."""
    await cuff.measure(wanted[-1], 80)
    await heard.until(lambda: len(systolics(heard)) >= len(wanted))
    await cuff.wait_until_empty()
    assert systolics(heard) == [*wanted]
    await cuff.sleep()
    await until(lambda: not cuff.is_connected)


async def test_the_first_words_of_each_visit_are_heard_once_also_where_they_are_the_same(
    ble_air: BleAir, cuff: BloodPressureCuff
) -> None:
    async with home() as (heard, _):
        await measure(cuff, heard, 121)
        await measure(cuff, heard, 121, 122)
        await measure(cuff, heard, 121, 122, 122)
        await measure(cuff, heard, 121, 122, 122, 122)
    async with home() as (heard, _):
        await measure(cuff, heard, 122)
        await measure(cuff, heard, 122, 122)


async def test_a_cuff_whose_entry_was_changed_is_heard_once_by_its_new_driver(
    ble_air: BleAir, cuff: BloodPressureCuff
) -> None:
    """The radio goes on, and with it the subscription that stands."""
    links = Links(radios={"hci0": radio.Radio("hci0")})
    entry = BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=ADDRESS)
    async with supervised(links.radio("hci0")):
        driver = entry.build(links)
        async with supervised(driver) as (heard,):
            await heard.until_state(SensorState.UP)
            await measure(cuff, heard, 121)
        assert isinstance(driver, Leaver)
        driver.close()
        async with supervised(entry.build(links)) as (heard,):
            await heard.until_state(SensorState.UP)
            await measure(cuff, heard, 122)
            await measure(cuff, heard, 122, 122)


async def test_what_is_said_later_in_a_visit_is_heard_once_too(ble_air: BleAir, cuff: BloodPressureCuff) -> None:
    async with home() as (heard, _):
        for count in range(1, 5):
            await cuff.measure(121, 80)
            await heard.until(lambda count=count: len(systolics(heard)) >= count)
            await until(lambda: cuff.is_listened_to)
        await asyncio.sleep(0.1)
        assert systolics(heard) == [121.0] * 4


async def test_a_bonded_cuff_that_wakes_where_it_slept_is_heard_by_a_passive_radio(
    ble_air: BleAir, cuff: BloodPressureCuff
) -> None:
    """bluetoothd does not forget it, and shows nothing new of it: no strength leaps."""
    ble_air.radio.air.is_steady = True
    ble_air.bluez.adapter().is_terse = True
    async with home("passive") as (heard, _):
        await measure(cuff, heard, 121)
        await measure(cuff, heard, 121, 122)
    async with home("passive") as (heard, _):
        await measure(cuff, heard, 123)
        await measure(cuff, heard, 123, 124)


async def test_the_word_of_a_cuff_that_hangs_up_at_once_is_heard(ble_air: BleAir, cuff: BloodPressureCuff) -> None:
    """It has spoken and gone before its services are known: what bluetoothd has confirmed will not come again."""
    async with home() as (heard, _):
        await measure(cuff, heard, 121)
        cuff.mishaps.drop_after = 1
        cuff.patience_with_strangers_s = None
        await measure(cuff, heard, 121, 122)
        assert heard.states == [SensorState.UP]


async def test_what_was_not_subscribed_before_is_from_the_first_visit_on(ble_air: BleAir) -> None:
    """A cuff that is bonded but whose services bluetoothd does not show: after a restart of bluetoothd."""
    device = BloodPressureCuff(ble_air.radio, ble_air.tally, is_guarded=True, has_stamps=False, awake_s=5.0, **OUTFIT)
    async with device.running():
        await device.wake()
        await bond(ble_air)
        await device.sleep()
        async with home() as (heard, _):
            await measure(device, heard, 121)
            await ble_air.bluez.restart()
            await measure(device, heard, 121, 122)
            device.remembers_subscriptions = True
            await measure(device, heard, 121, 122, 123)
            await measure(device, heard, 121, 122, 123, 124)


async def test_a_pulled_adapter_costs_no_subscription(ble_air: BleAir, cuff: BloodPressureCuff) -> None:
    cuff.remembers_subscriptions = False
    async with home() as (heard, of_radio):
        await measure(cuff, heard, 121)
        await ble_air.bluez.remove_adapter()
        await of_radio.until_state(SensorState.DOWN)
        ble_air.bluez.add_adapter()
        await of_radio.until_state(SensorState.UP)
        await measure(cuff, heard, 121, 122)
        cuff.remembers_subscriptions = True
        await measure(cuff, heard, 121, 122, 123)


async def test_a_device_that_is_bonded_in_the_middle_of_a_visit_says_nothing_twice(
    ble_air: BleAir, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The visit has subscribed by itself; the standing subscription waits until it is over."""
    monkeypatch.setattr(health, "IDLE_S", 30.0)
    device = BloodPressureCuff(ble_air.radio, ble_air.tally, has_stamps=False, **OUTFIT)
    other = BloodPressureCuff(ble_air.radio, ble_air.tally, **OUTFIT | {"address": OTHER})
    links = Links()
    drivers = [
        BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id=name, address=address).build(links)
        for name, address in (("cuff", ADDRESS), ("other", OTHER))
    ]
    async with device.running(), supervised(*drivers, links.radio("hci0")) as (heard, other_heard, _):
        async with asyncio.timeout(20):
            await device.wait_for_listener()
        async with pairing_agent(ble_air.dbus), dbus_client(ble_air.dbus) as client:
            assert (await client.call(device_path(ADDRESS), DEVICE, "Pair")).error_name is None
        async with other.running():  # its services appear: reason to look at all subscriptions
            await other.measure(111, 70)
            await other_heard.until(lambda: systolics(other_heard) == [111])
            for number in range(3):
                await device.measure(121, 80)
                await heard.until(lambda number=number: len(systolics(heard)) > number)
            assert device.is_connected
            await asyncio.sleep(0.1)
    assert systolics(heard) == [121, 121, 121]


async def test_a_visit_ends_with_the_radio_that_held_its_subscription(ble_air: BleAir) -> None:
    """Else a bonded oximeter would be connected and its spot-checks unheard."""
    outfit: dict[str, Any] = OUTFIT | {"sensor_id": "oximeter"}
    device = PulseOximeter(ble_air.radio, ble_air.tally, is_guarded=True, interval_s=0.05, **outfit)
    links = Links()
    driver = PulseOximeterPlx(kind="pulse_oximeter_plx", id="oximeter", address=ADDRESS).build(links)
    async with device.running():
        await bond(ble_air)
        await device.drop()
        async with supervised(driver) as (heard,):
            async with supervised(links.radio("hci0")):
                await heard.until_value(Quantity.SPO2, 97)
                async with asyncio.timeout(20):
                    await device.say_spot_check(Finger(spo2=91, pulse=66))
                await heard.until_value(Quantity.SPO2, 91)
            await heard.until_state(SensorState.DOWN)
            assert heard.count(Quantity.SPO2, 91) == 1
            async with supervised(links.radio("hci0")):
                await heard.until_state(SensorState.UP)


async def test_visits_leave_no_connection_behind_and_subscribe_once(ble_air: BleAir, cuff: BloodPressureCuff) -> None:
    async with home() as (heard, _):
        await measure(cuff, heard, 121)
        before = await ble_air.bluez.client_count()
        for number in range(2, 6):
            await measure(cuff, heard, *[121.0] * number)
        (remote,) = ble_air.bluez.adapter()._remotes.values()
        await until(lambda: [len(senders) for senders in remote._listeners.values() if senders] == [1])
        assert await ble_air.bluez.client_count() <= before


async def test_a_subscription_that_is_refused_at_first_is_asked_for_again(
    ble_air: BleAir, cuff: BloodPressureCuff
) -> None:
    ble_air.bluez.faults["StartNotify"] = ["org.bluez.Error.Failed"] * 2
    cuff.remembers_subscriptions = False
    async with home() as (heard, _):
        await measure(cuff, heard, 121)
        await measure(cuff, heard, 121, 122)
