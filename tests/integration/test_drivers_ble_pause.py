"""The active scan pauses while somebody connects, goes on whatever becomes of that, and is taken for no fault."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from fixtures.ble_client import until
from fixtures.ble_radio import BleAir, ble_air_on
from fixtures.heard import end, running, supervised
from fixtures.quick_time import quickly

from drivers.ble import health, link, radio, scan
from drivers.ble.blood_pressure_monitor_blp import BloodPressureMonitorBlp
from drivers.links import Links
from gateway import supervise
from shouwang.driver import Driver
from shouwang.status import SensorState
from simulators.ble.adverts import eddystone_tlm
from simulators.ble.beacon import Beacon
from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.bluez import HANG

ADDRESS, BEACON = "C0:FF:EE:00:09:01", "C0:FF:EE:00:09:02"
ROUND_S = 60.0
"""Longer than any test lasts: who waits for the next round fails."""


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watchdog that looks all the time."""
    monkeypatch.setattr(supervise, "BACKOFF_START_S", 0.01)
    monkeypatch.setattr(supervise, "BACKOFF_CAP_S", 0.05)
    monkeypatch.setattr(health, "IDLE_S", 0.3)
    monkeypatch.setattr(radio, "CHECK_S", 0.02)
    monkeypatch.setattr(radio, "SETTLE_S", 0.2)


Room = tuple[BleAir, BloodPressureCuff]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> AbstractAsyncContextManager[Room]:
    """A radio that tells adverts as rarely as bluetoothd, and a cuff; in virtual time, for it is awake for moments."""

    @asynccontextmanager
    async def made() -> AsyncIterator[Room]:
        outfit: dict[str, Any] = {"sensor_id": "cuff", "address": ADDRESS, "advertising_interval_ms": 50}
        async with ble_air_on(monkeypatch) as air:
            air.bluez.adapter().is_terse = True
            air.bluez.adapter().rounds.length_s = ROUND_S
            async with BloodPressureCuff(air.radio, air.tally, awake_s=2.0, **outfit).running() as cuff:
                yield air, cuff

    return made()


@pytest.fixture
def links() -> Links:
    return Links()


@pytest.fixture
def driver(links: Links) -> Driver:
    return BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=ADDRESS).build(links)


async def hears_a_change(ble_air: BleAir, links: Links) -> None:
    """A beacon whose advert changes is heard: somebody scans."""
    since = asyncio.get_running_loop().time()
    tlm = eddystone_tlm(millivolts=3000, temperature=21.5, adverts=int(since * 1000) % 2**32, seconds=60.0)
    async with Beacon(ble_air.radio, address=BEACON, data=tlm, interval_ms=20).running(), asyncio.timeout(20):
        while not any(one.device.address == BEACON and one.at > since for one in links.radio("hci0").heard()):
            await asyncio.sleep(0.01)


@quickly
async def test_a_cuff_that_is_awake_for_less_than_a_round_is_read(
    room: Room, links: Links, driver: Driver, caplog
) -> None:
    ble_air, cuff = room
    caplog.set_level(logging.DEBUG, logger="drivers.ble")
    async with supervised(driver, links.radio("hci0")) as (_, of_radio):
        await of_radio.until_state(SensorState.UP)
        for systolic in (121, 122):
            ble_air.bluez.adapter().rounds.begin()  # it sleeps for more than a round in between
            await cuff.measure(systolic, 80)
            await until(lambda: cuff.pending == 0)
            await cuff.sleep()
        await hears_a_change(ble_air, links)
        assert of_radio.states == [SensorState.UP]
    assert cuff.confirmed == 2
    assert not [record for record in caplog.records if "new scanner" in record.message]


@quickly
async def test_a_connect_that_gets_no_answer_stops_the_scan_for_moments_only(
    room: Room, links: Links, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    ble_air, cuff = room
    monkeypatch.setattr(scan, "PAUSE_S", 1.0)
    monkeypatch.setattr(link, "PASSING_LINK_S", ROUND_S)
    ble_air.bluez.faults["Connect"] = [HANG]
    async with supervised(links.radio("hci0")), running(driver) as (_, task):
        await cuff.measure(121, 80)
        await until(lambda: not ble_air.bluez.faults["Connect"])
        assert not ble_air.bluez.adapter()._scanners
        await hears_a_change(ble_air, links)
        assert links.radio("hci0").initiator.locked()
        assert not task.done()


@pytest.fixture
def uncapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause ends only where somebody ends it."""
    monkeypatch.setattr(scan, "PAUSE_S", ROUND_S)


@pytest.mark.usefixtures("uncapped")
@pytest.mark.parametrize("how", ["cancelled", "refused"])
@quickly
async def test_the_scan_goes_on_after_a_connect_that_came_to_nothing(
    room: Room, links: Links, driver: Driver, how: str
) -> None:
    ble_air, cuff = room
    ble_air.bluez.faults["Connect"] = [HANG] if how == "cancelled" else ["org.bluez.Error.Failed"]
    async with supervised(links.radio("hci0")) as (of_radio,), running(driver) as (_, task):
        await cuff.measure(121, 80)
        await until(lambda: not ble_air.bluez.faults["Connect"])
        if how == "cancelled":
            await end(task)
        await hears_a_change(ble_air, links)
        assert of_radio.states == [SensorState.UP]


@quickly
async def test_a_scan_that_is_refused_after_a_pause_is_asked_for_again(
    room: Room, links: Links, driver: Driver
) -> None:
    ble_air, cuff = room
    async with supervised(driver, links.radio("hci0")) as (_, of_radio):
        await of_radio.until_state(SensorState.UP)
        ble_air.bluez.faults["StartDiscovery"] = ["org.bluez.Error.InProgress"]
        await cuff.measure(121, 80)
        await until(lambda: cuff.pending == 0)
        await hears_a_change(ble_air, links)
        assert of_radio.states == [SensorState.UP]


@quickly
async def test_a_scan_that_ends_by_itself_is_still_noticed(room: Room, links: Links) -> None:
    ble_air, _ = room
    async with supervised(links.radio("hci0")) as (of_radio,):
        await of_radio.until_state(SensorState.UP)
        await asyncio.sleep(0.3)
        ble_air.bluez.adapter()._end_discovery()
        await hears_a_change(ble_air, links)


@pytest.mark.parametrize("mode", ["active", "passive"])
@quickly
async def test_the_end_of_a_visit_is_not_taken_for_an_advert(room: Room, mode: scan.Scan) -> None:
    """bleak tells of each change that bluetoothd shows of a device, its link among them."""
    ble_air, cuff = room
    ble_air.bluez.adapter().is_terse = False
    links = Links(radios={"hci0": radio.Radio("hci0", scan=mode)})
    driver = BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=ADDRESS).build(links)
    async with supervised(driver, links.radio("hci0")) as (_, of_radio):
        await of_radio.until_state(SensorState.UP)
        await cuff.measure(121, 80)
        await until(lambda: cuff.pending == 0)
        ble_air.bluez.faults["Connect"] = [HANG]
        await cuff.sleep()
        await asyncio.sleep(0.5)
        assert ble_air.bluez.faults["Connect"] == [HANG]
        ble_air.bluez.faults.clear()
        await cuff.measure(122, 80)
        await until(lambda: cuff.pending == 0)


@quickly
async def test_a_passive_scan_goes_on_while_somebody_connects(room: Room) -> None:
    ble_air, cuff = room
    links = Links(radios={"hci0": radio.Radio("hci0", scan="passive")})
    driver = BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=ADDRESS).build(links)
    async with supervised(driver, links.radio("hci0")) as (_, of_radio):
        await of_radio.until_state(SensorState.UP)
        monitors = ble_air.bluez.adapter().monitors
        first = [*monitors._applications]
        await cuff.measure(121, 80)
        await until(lambda: cuff.pending == 0)
        assert [*monitors._applications] == first


def test_what_is_fresh_fits_what_bluetoothd_tells() -> None:
    """An unchanged advert is told every 10.5 s by an active scan (tests/vm)."""
    scanning = scan.Scanning("hci0", "active", lambda _device, _data: None)
    assert 10.5 < scanning.fresh_s < 1.2 * scan.ROUND_S
    assert scanning.falls_back() is False
