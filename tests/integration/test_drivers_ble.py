"""The pulse oximeter through bleak's own BlueZ backend, on a private bus with a simulated bluetoothd behind it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fixtures.ble_radio import ADDRESS, BleRadio
from fixtures.heard import Heard, failure, running, supervised

from drivers.ble import link
from drivers.ble.health import HealthDriver
from drivers.ble.pulse_oximeter_plx import PulseOximeterPlx
from drivers.ble.radio import Radio
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Alive
from shouwang.errors import DeviceError
from shouwang.quantities import Quantity
from shouwang.reading import Quality
from shouwang.status import SensorState
from simulators.ble.bluez import HANG
from simulators.ble.pulse_oximeter import Finger

UP, DOWN = SensorState.UP, SensorState.DOWN
FAILED = "org.bluez.Error.Failed"
ABORTED = f"{FAILED}: le-connection-abort-by-local"
"""bleak waits for a loss of the link after this one; where none comes, only our own time-out ends it."""


class Air:
    """The links of one home, and its radios once `running`."""

    def __init__(self) -> None:
        self.links = Links()

    def oximeter(self, *, adapter: str = "hci0", address: str = ADDRESS) -> HealthDriver:
        model = PulseOximeterPlx(kind="pulse_oximeter_plx", id="oximeter", address=address, adapter=adapter)
        driver = model.build(self.links)
        assert isinstance(driver, HealthDriver)
        return driver

    @property
    def radio(self) -> Radio:
        return self.links.radio("hci0")


@pytest.fixture
async def air(ble_radio: BleRadio) -> AsyncIterator[Air]:
    """A home's radio, listening."""
    air = Air()
    async with supervised(air.radio):
        yield air


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)


async def test_measurements_and_battery_are_heard(ble_radio: BleRadio, air: Air) -> None:
    async with running(air.oximeter()) as (heard, _):
        await heard.until_value(Quantity.SPO2, 97)
        await heard.until_value(Quantity.HEART_RATE, 72)
        await heard.until_value(Quantity.BATTERY, 80)
        await ble_radio.oximeter.say_battery(41)
        await heard.until_value(Quantity.BATTERY, 41)
    assert heard.count(Quantity.BATTERY, 80) == heard.count(Quantity.BATTERY, 41) == 1


async def test_a_finger_out_is_a_life_sign_and_no_value(ble_radio: BleRadio, air: Air) -> None:
    ble_radio.oximeter.take_finger_out()
    async with running(air.oximeter()) as (heard, _):
        await heard.until(lambda: sum(isinstance(one, Alive) for one in heard.said) > 2)
    assert {quantity for quantity, _ in heard.values} <= {Quantity.BATTERY, Quantity.SIGNAL_STRENGTH}


async def test_a_spot_check_is_confirmed_and_heard_once(ble_radio: BleRadio, air: Air) -> None:
    async with running(air.oximeter()) as (heard, _), asyncio.timeout(20):
        await heard.until_value(Quantity.SPO2, 97)
        await ble_radio.oximeter.say_spot_check(Finger(spo2=91, pulse=66))  # returns when it is confirmed
        await heard.until_value(Quantity.SPO2, 91)
        await heard.until_value(Quantity.HEART_RATE, 66)
    assert heard.count(Quantity.SPO2, 91) == 1


async def test_a_dropped_oximeter_comes_back_and_says_nothing_twice(ble_radio: BleRadio, air: Air) -> None:
    ble_radio.oximeter.fall_silent()
    driver = air.oximeter()
    async with supervised(driver) as (heard,):
        for lap in range(3):
            await heard.until_state(UP)
            async with asyncio.timeout(20):
                await ble_radio.oximeter.wait_for_listener()
                await ble_radio.oximeter.say(Finger(spo2=90 + lap, pulse=60))
                await heard.until_value(Quantity.SPO2, 90 + lap)
                await ble_radio.oximeter.drop()
            await heard.until_state(DOWN)
            assert "was lost" in heard.reason
            await heard.until_state(UP)
    assert [heard.count(Quantity.SPO2, 90 + lap) for lap in range(3)] == [1, 1, 1]
    assert {said: count for said, count in heard.values.items() if said[0] is not Quantity.SIGNAL_STRENGTH} == {
        (quantity, value): count
        for (sensor, quantity, value), count in ble_radio.tally.counts().items()
        if sensor == "oximeter"
    }


async def test_out_of_range_and_back(ble_radio: BleRadio, air: Air, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "SEARCH_S", 0.2)
    async with supervised(air.oximeter()) as (heard,):
        await heard.until_state(UP)
        await ble_radio.oximeter.go_away()
        await heard.until_state(DOWN)
        await ble_radio.oximeter.come_back()
        await heard.until_state(UP)


async def test_a_failed_connect_is_tried_again(ble_radio: BleRadio, air: Air) -> None:
    ble_radio.bluez.faults["Connect"] = [FAILED, FAILED]
    async with supervised(air.oximeter()) as (heard,):
        await heard.until_value(Quantity.SPO2, 97)
    assert heard.states[:2] == [DOWN, UP]
    assert "asked to connect" in heard.said[0].reason


@pytest.mark.parametrize("fault", [HANG, ABORTED])
async def test_a_hanging_connect_ends_and_is_tried_again(
    ble_radio: BleRadio, air: Air, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(link, "CONNECT_S", 0.3)
    ble_radio.bluez.faults["Connect"] = [fault]
    driver = air.oximeter()
    async with running(driver) as (_, task):
        error = await failure(task)
    assert "got no answer in time" in str(error)
    monkeypatch.setattr(link, "CONNECT_S", 20.0)
    async with running(air.oximeter()) as (heard, _):
        await heard.until_value(Quantity.SPO2, 97)


async def test_one_sensor_that_hangs_leaves_the_adapter_to_the_next(
    ble_radio: BleRadio, air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SEARCH_S", 0.2)
    absent = air.oximeter(address="C0:FF:EE:00:00:99")
    async with supervised(absent, air.oximeter()) as (missing, heard):
        await heard.until_value(Quantity.SPO2, 97)
        await missing.until_state(DOWN)
    assert "was not heard by hci0" in missing.reason


async def test_a_missing_adapter_is_told_with_how_to_look(ble_radio: BleRadio) -> None:
    air = Air()
    oximeter = air.oximeter(adapter="hci7")
    async with supervised(air.links.radio("hci7"), oximeter) as (radio, heard):
        await radio.until_state(DOWN)
        await heard.until_state(DOWN)
    assert "no Bluetooth adapter hci7" in radio.reason
    assert "bluetoothctl list" in heard.reason


async def test_an_adapter_that_is_pulled_and_plugged_in_again(ble_radio: BleRadio, air: Air) -> None:
    async with supervised(air.oximeter()) as (heard,):
        await heard.until_value(Quantity.SPO2, 97)
        await ble_radio.bluez.remove_adapter()
        await heard.until_state(DOWN)
        ble_radio.bluez.add_adapter()
        await heard.until_state(UP)


async def test_an_oximeter_that_does_not_tell_its_features_is_used_all_the_same(ble_radio: BleRadio, air: Air) -> None:
    ble_radio.bluez.faults["ReadValue"] = ["org.bluez.Error.NotPermitted: Read not permitted"]
    async with running(air.oximeter()) as (heard, task):
        await heard.until_value(Quantity.SPO2, 97)
        assert not task.done()
    assert all(one.quality is Quality.GOOD for one in heard.said if not isinstance(one, Alive))


async def test_no_bus_at_all_is_told_with_how_to_start_it(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    with pytest.raises(DeviceError, match="systemctl start bluetooth"):
        await Radio("hci0").run(Heard())
