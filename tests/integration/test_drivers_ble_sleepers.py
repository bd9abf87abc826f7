"""Devices that are awake for moments, in virtual time: visited in time, not without end, not down for being asleep."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fixtures.ble_client import dbus_client, device_path, find, pairing_agent
from fixtures.ble_radio import BleAir, ble_air_on
from fixtures.heard import Heard, end, running, supervised
from fixtures.quick_time import run_quickly
from pydantic import TypeAdapter

from drivers import AnyDriver
from drivers.ble import health, rest
from drivers.ble.radio import Radio
from drivers.ble.rest import Rest
from drivers.ble.scan import Scan
from drivers.links import Links
from shouwang.driver import Driver, Measurement, Record
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from shouwang.status import SensorState
from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.bluez import HANG
from simulators.ble.glucose_meter import GlucoseMeter
from simulators.ble.heart_rate import HeartRateStrap
from simulators.ble.peripheral import Peripheral
from simulators.ble.thermometer import Thermometer

UP, DOWN = SensorState.UP, SensorState.DOWN
CUFF, METER, THERMOMETER, STRAP = (f"C0:FF:EE:00:0D:0{number}" for number in range(1, 5))
SIMULATED: dict[str, tuple[str, type[Peripheral], str]] = {
    "cuff": ("blood_pressure_monitor_blp", BloodPressureCuff, CUFF),
    "meter": ("glucose_meter_gls", GlucoseMeter, METER),
    "thermometer": ("thermometer_hts", Thermometer, THERMOMETER),
    "strap": ("heart_rate_monitor_hrs", HeartRateStrap, STRAP),
}


@dataclass
class House:
    """Simulated devices and what the home heard of them, by name."""

    air: BleAir
    links: Links
    devices: dict[str, Any] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)

    def values(self, name: str, quantity: Quantity) -> list[float]:
        found: list[float] = []
        for one in self.heard[name].said:
            inside = [one] if isinstance(one, Reading) else [*one.readings] if isinstance(one, Measurement) else []
            found += [reading.value for reading in inside if reading.quantity is quantity]
        return found

    def visits(self, name: str) -> int:
        """Each visit that gets that far reads the battery."""
        return len(self.values(name, Quantity.BATTERY))

    async def is_told(self, name: str, quantity: Quantity, value: float, *, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            await self.heard[name].until(lambda: value in self.values(name, quantity))


@asynccontextmanager
async def house_with(
    monkeypatch: pytest.MonkeyPatch, *names: str, scan: Scan = "active", **outfit: Any
) -> AsyncIterator[House]:
    async with ble_air_on(monkeypatch) as air, AsyncExitStack() as stack:
        air.bluez.adapter().is_terse = True
        house = House(air, Links(radios={"hci0": Radio("hci0", scan=scan)}))
        drivers: list[Driver] = []
        for name in names:
            kind, simulated, address = SIMULATED[name]
            more = {"is_guarded": False, "awake_s": 20.0, "advertising_interval_ms": 1000} | outfit
            if name == "strap":
                more |= {"awake_s": None, "interval_s": 5.0}
            house.devices[name] = simulated(air.radio, air.tally, sensor_id=name, address=address, **more)
            await stack.enter_async_context(house.devices[name].running())
            written = {"kind": kind, "id": name, "address": address}
            drivers.append(TypeAdapter[Any](AnyDriver).validate_python(written).build(house.links))
        ears = await stack.enter_async_context(supervised(*drivers, house.links.radio("hci0")))
        house.heard = dict(zip(names, ears, strict=False))
        await ears[-1].until_state(UP)
        yield house


Story = Callable[[House], Awaitable[None]]


def play(monkeypatch: pytest.MonkeyPatch, story: Story, *names: str, **outfit: Any) -> None:
    """The story, in virtual time."""

    async def played() -> None:
        async with house_with(monkeypatch, *names, **outfit) as house:
            await story(house)

    monkeypatch.setattr("fixtures.heard.LIMIT_S", 2000.0)
    run_quickly(played())


@pytest.mark.parametrize("scan", ["active", "passive"])
@pytest.mark.parametrize("awake_s", [8.0, 20.0])
def test_one_that_falls_asleep_costs_no_other_its_turn(
    monkeypatch: pytest.MonkeyPatch, scan: Scan, awake_s: float
) -> None:
    async def story(house: House) -> None:
        for number in range(6):
            await house.devices["cuff"].measure(120 + number, 80)
            await house.is_told("cuff", Quantity.SYSTOLIC, 120 + number, within_s=awake_s)
            await asyncio.sleep(awake_s - 2 + number)  # the cuff falls asleep, and was heard a moment ago
            await house.devices["meter"].measure(5.0 + number)
            await house.is_told("meter", Quantity.GLUCOSE, 5.0 + number, within_s=awake_s)
            await house.devices["thermometer"].measure(36.0 + number)
            await house.is_told("thermometer", Quantity.BODY_TEMPERATURE, 36.0 + number, within_s=awake_s)
            await asyncio.sleep(60)
        assert [ear.states for ear in house.heard.values()] == [[UP]] * 3

    play(monkeypatch, story, "cuff", "meter", "thermometer", scan=scan, awake_s=awake_s)


@pytest.mark.parametrize("scan", ["active", "passive"])
def test_one_that_falls_asleep_before_it_answers_costs_no_other_its_turn(
    monkeypatch: pytest.MonkeyPatch, scan: Scan
) -> None:
    async def story(house: House) -> None:
        initiator = house.links.radio("hci0").initiator
        for number in range(2):
            await house.devices["cuff"].wake()
            async with asyncio.timeout(8):
                while not initiator.locked():
                    await asyncio.sleep(0.01)
            await house.devices["cuff"].sleep()
            await house.devices["meter"].measure(5.0 + number)
            await house.is_told("meter", Quantity.GLUCOSE, 5.0 + number, within_s=8)
            await asyncio.sleep(60)
        assert [ear.states for ear in house.heard.values()] == [[UP]] * 2

    play(monkeypatch, story, "cuff", "meter", scan=scan, awake_s=8.0)


@pytest.mark.parametrize("after_s", [0.0, 7.0])
def test_one_that_is_always_on_and_does_not_answer_costs_no_sleeper_its_turn(
    monkeypatch: pytest.MonkeyPatch, after_s: float
) -> None:
    async def story(house: House) -> None:
        await house.heard["strap"].until_state(UP)
        house.air.bluez.faults[f"{STRAP} Connect"] = [HANG]
        await house.devices["strap"].drop()
        async with asyncio.timeout(30):
            while house.air.bluez.faults[f"{STRAP} Connect"]:
                await asyncio.sleep(0.01)
        await asyncio.sleep(after_s)
        await house.devices["cuff"].measure(121, 80)
        await house.is_told("cuff", Quantity.SYSTOLIC, 121, within_s=8)

    play(monkeypatch, story, "strap", "cuff", awake_s=8.0)


def test_a_radio_that_was_away_makes_nobody_down_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(house: House) -> None:
        await house.air.bluez.remove_adapter()
        await house.heard["cuff"].until_state(DOWN)
        await asyncio.sleep(300)
        house.air.bluez.add_adapter()
        await house.heard["cuff"].until_state(UP)

    play(monkeypatch, story, "cuff")


@pytest.mark.parametrize("scan", ["active", "passive"])
def test_one_that_goes_on_advertising_is_visited_ever_less_often(monkeypatch: pytest.MonkeyPatch, scan: Scan) -> None:
    async def story(house: House) -> None:
        meter = house.devices["meter"]
        await meter.measure(5.0)
        await house.is_told("meter", Quantity.GLUCOSE, 5.0, within_s=12)
        await asyncio.sleep(180)
        assert house.visits("meter") <= 8
        await asyncio.sleep(3600)
        assert house.visits("meter") <= 8 + 6 + 4
        await meter.measure(6.0)
        await house.is_told("meter", Quantity.GLUCOSE, 6.0, within_s=rest.LONGEST_S + 30)
        for number in range(5):  # two in a row are told as fast as if it had slept
            await meter.measure(7.0 + number)
            await house.is_told("meter", Quantity.GLUCOSE, 7.0 + number, within_s=20)
            await asyncio.sleep(3)

    play(monkeypatch, story, "meter", scan=scan, awake_s=None)


@pytest.mark.parametrize("scan", ["active", "passive"])
def test_a_new_measurement_in_the_same_waking_is_told_before_it_sleeps(
    monkeypatch: pytest.MonkeyPatch, scan: Scan
) -> None:
    async def story(house: House) -> None:
        for number, pause_s in enumerate((3, 7, 12, 18, 25, 29)):
            await house.devices["cuff"].measure(120 + number, 80)
            await asyncio.sleep(pause_s)
            await house.devices["cuff"].measure(140 + number, 80)
            await house.is_told("cuff", Quantity.SYSTOLIC, 140 + number, within_s=35)
            await asyncio.sleep(100)
        assert house.heard["cuff"].states == [UP]

    monkeypatch.setattr(health, "IDLE_S", 0.5)  # it stays connected for no longer
    play(monkeypatch, story, "cuff", scan=scan, awake_s=35.0)


def test_what_announces_itself_after_a_long_rest_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(house: House) -> None:
        meter = house.devices["meter"]
        await meter.measure(5.0)
        await asyncio.sleep(3600)  # its rest is long by now
        await meter.sleep()
        await asyncio.sleep(40)
        await meter.measure(6.0)
        await house.is_told("meter", Quantity.GLUCOSE, 6.0, within_s=12)

    play(monkeypatch, story, "meter", awake_s=None)


def test_one_that_did_not_answer_is_tried_again_when_it_is_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last advert is fresh for a whole round; connecting to a sleeper holds the adapter from the others."""

    async def story(house: House) -> None:
        cuff, initiator, faults = house.devices["cuff"], house.links.radio("hci0").initiator, house.air.bluez.faults
        faults["Connect"] = [HANG]
        await cuff.measure(121, 80)
        async with asyncio.timeout(12):
            while faults["Connect"]:
                await asyncio.sleep(0.01)
        await cuff.sleep()
        async with asyncio.timeout(12):
            while initiator.locked():
                await asyncio.sleep(0.01)
        faults["Connect"] = [HANG]
        await asyncio.sleep(health.AGAIN_S + 2)
        assert faults.pop("Connect") == [HANG]
        await cuff.wake()
        await house.is_told("cuff", Quantity.SYSTOLIC, 121, within_s=20)
        assert house.heard["cuff"].states == [UP]  # asleep is not down

    play(monkeypatch, story, "cuff")


def test_one_that_is_heard_and_never_answers_is_told_once_and_until_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(house: House) -> None:
        cuff, heard = house.devices["cuff"], house.heard["cuff"]
        house.air.bluez.faults[f"{CUFF} Connect"] = [HANG] * 8
        await cuff.measure(121, 80)
        await heard.until_state(DOWN)
        assert "3 connections in a row came to nothing" in heard.reason
        await house.is_told("cuff", Quantity.SYSTOLIC, 121, within_s=1200)
        assert heard.states == [UP, DOWN, UP]

    play(monkeypatch, story, "cuff", awake_s=None)


def test_one_that_refuses_stays_down_until_a_visit_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its adverts and its battery, which it gives to strangers, are no sign that it works."""

    async def story(house: House) -> None:
        meter, heard = house.devices["meter"], house.heard["meter"]
        await meter.measure(5.0)
        await heard.until_state(DOWN)
        assert "shouwang gateway pair" in heard.reason
        await asyncio.sleep(300)
        assert heard.states == [UP, DOWN]
        await meter.sleep()
        await asyncio.sleep(60)
        await bond(house.air, meter, METER, is_scanned=True)
        await house.is_told("meter", Quantity.GLUCOSE, 5.0, within_s=200)
        assert heard.states == [UP, DOWN, UP]

    play(monkeypatch, story, "meter", is_guarded=True, awake_s=None)


async def bond(air: BleAir, device: Peripheral, address: str, *, is_scanned: bool = False) -> None:
    await device.wake()
    async with pairing_agent(air.dbus), dbus_client(air.dbus) as client:
        if not is_scanned:
            await find(address)
        while address not in air.bluez.adapter()._remotes:
            await asyncio.sleep(0.1)
        async with asyncio.timeout(60):  # the gateway may be just connecting, and the agent agrees to its bond too
            while not device.is_bonded:
                await client.call(device_path(address), "org.bluez.Device1", "Pair")
                await asyncio.sleep(0.5)
    await device.drop()


def test_one_that_never_stops_speaking_is_let_go_and_visited_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(house: House) -> None:
        cuff = house.devices["cuff"]
        await cuff.measure(121, 80)
        await house.heard["cuff"].until(lambda: cuff.is_connected)
        speaking = asyncio.create_task(speak_for_ever(cuff))
        async with asyncio.timeout(health.VISIT_S + 60):
            await cuff.until(lambda: not cuff.is_connected)
        await end(speaking)
        await cuff.measure(122, 80)
        await house.is_told("cuff", Quantity.SYSTOLIC, 122, within_s=20)
        assert house.heard["cuff"].states == [UP]

    play(monkeypatch, story, "cuff", awake_s=None)


async def speak_for_ever(device: Peripheral) -> None:
    while True:
        await device.say_battery(50)
        await asyncio.sleep(5)


def test_a_bluetoothd_that_restarts_while_a_connect_is_given_up_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: House) -> None:
        for call in ("Connect", "Disconnect"):
            house.air.bluez.faults[f"{CUFF} {call}"] = [HANG]
        await house.devices["cuff"].measure(121, 80)
        async with asyncio.timeout(12):
            while house.air.bluez.faults[f"{CUFF} Disconnect"]:
                await asyncio.sleep(0.1)
        await house.air.bluez.restart()
        await house.is_told("cuff", Quantity.SYSTOLIC, 121, within_s=30)
        assert house.heard["cuff"].states[-1] is UP

    play(monkeypatch, story, "cuff", awake_s=None)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_restart_of_bluetoothd_makes_nobody_down_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(house: House) -> None:
        cuff, heard = house.devices["cuff"], house.heard["cuff"]
        for _ in range(4):
            await cuff.measure(121, 80)
            await heard.until(lambda: cuff.is_connected)
            await house.air.bluez.restart()
            await asyncio.sleep(60)
            assert heard.states[-1] is UP

    play(monkeypatch, story, "cuff")


@pytest.mark.parametrize("first", ["thermometer", "strap"])
def test_a_bluetoothd_that_answers_nothing_about_one_device_leaves_the_adapter_to_the_next(
    monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """bleak waits without end for the answer to its Disconnect when a connect is given up."""

    async def story(house: House) -> None:
        address = SIMULATED[first][2]
        for call in ("Connect", "Disconnect"):
            house.air.bluez.faults[f"{address} {call}"] = [HANG] * 1000
        if first == "strap":
            await house.devices["strap"].drop()
        else:
            await house.devices["thermometer"].measure(36.6)
        async with asyncio.timeout(30):
            while not house.links.radio("hci0").initiator.locked():
                await asyncio.sleep(0.1)
        await house.devices["cuff"].measure(121, 80)
        await house.is_told("cuff", Quantity.SYSTOLIC, 121, within_s=18 if first == "strap" else 12)

    play(monkeypatch, story, first, "cuff", awake_s=90.0)


def test_what_came_before_anybody_listened_is_told_when_the_gateway_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """bluetoothd has confirmed it: a bonded cuff will not say it again."""

    async def stopped() -> None:
        async with ble_air_on(monkeypatch) as air, AsyncExitStack() as stack:
            more: Any = {"sensor_id": "cuff", "address": CUFF, "is_guarded": True, "advertising_interval_ms": 50}
            cuff = BloodPressureCuff(air.radio, air.tally, has_stamps=False, awake_s=20.0, **more)
            cuff.remembers_subscriptions = True
            await stack.enter_async_context(cuff.running())
            await bond(air, cuff, CUFF)
            links = Links()
            config: Any = TypeAdapter[Any](AnyDriver).validate_python(
                {"kind": "blood_pressure_monitor_blp", "id": "cuff", "address": CUFF}
            )
            driver = config.build(links)
            await stack.enter_async_context(supervised(links.radio("hci0")))
            for systolic in (121, 122):  # the first makes its services known, and subscribes for good
                async with running(driver) as (heard, task):
                    await heard.until_alive()
                    if systolic == 122:
                        air.bluez.faults[f"{CUFF} ReadValue"] = [HANG]
                    await cuff.measure(systolic, 80)
                    await cuff.wait_until_empty()
                    if systolic == 122:
                        await end(task)
                        assert systolics(heard) == [122]
                    else:
                        await heard.until(lambda heard=heard: systolics(heard) == [121])
                await cuff.sleep()
                await asyncio.sleep(5)

    run_quickly(stopped())


def systolics(heard: Heard) -> list[float]:
    samples = [sample for one in heard.said if isinstance(one, Record) for sample in one.samples]
    return [sample.value for sample in samples if sample.quantity is Quantity.SYSTOLIC]


def test_rests_grow_from_seconds_to_a_quarter_of_an_hour_and_no_further() -> None:
    now, found, device = 0.0, [], Rest()
    assert device.heard(now)
    device.begin(now, has_news=True, is_broken=False)
    for _ in range(60):
        began, now = now, now + 1
        while not device.heard(now):
            now += 1
        found.append(now - began)
        device.begin(now, has_news=False, is_broken=False)
    assert found[:4] == [5, 8, 12, 17]
    assert found[-1] == rest.LONGEST_S
    assert found == sorted(found)


def test_a_broken_visit_that_brought_something_is_gone_on_with_at_once() -> None:
    device = Rest()
    device.begin(10.0, has_news=True, is_broken=True)
    assert device.heard(10.1)
    device.begin(11.0, has_news=False, is_broken=True)
    assert not device.heard(11.1)
