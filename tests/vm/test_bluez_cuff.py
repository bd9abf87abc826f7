"""Cuffs that are awake for moments: whether a reading gets through before they sleep, and who loses one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fixtures.heard import Heard, supervised
from vm.guest.bus import ADAPTER, DEVICE, HCI0, Bus
from vm.guest.client import Air
from vm.guest.fixtures import Bluetoothd
from vm.guest.home import UP, be_quick

from drivers.ble.agent import bonding_agent
from drivers.ble.blood_pressure_monitor_blp import BloodPressureMonitorBlp
from drivers.ble.daemon import connected_daemon
from drivers.ble.radio import Radio
from drivers.ble.scan import ROUND_S, Scan
from drivers.links import Links
from shouwang.driver import Measurement
from shouwang.quantities import Quantity

pytestmark = pytest.mark.bluez_vm

ADDRESS = "C0:FF:EE:00:06:01"
PATIENCE_S = 400.0
AWAKE_S = 8.0
"""Several cuffs on the market are awake for 5 to 10 s after a measurement."""


def systolics(heard: Heard) -> list[float]:
    measurements = [one for one in heard.said if isinstance(one, Measurement)]
    readings = [reading for one in measurements for reading in one.readings]
    return [reading.value for reading in readings if reading.quantity is Quantity.SYSTOLIC]


@asynccontextmanager
async def home_with_a_cuff(monkeypatch: pytest.MonkeyPatch, scan: Scan) -> AsyncIterator[Heard]:
    """What the cuff of a home says, once its radio listens."""
    be_quick(monkeypatch)
    links = Links(radios={"hci0": Radio("hci0", scan=scan)})
    cuff = BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=ADDRESS).build(links)
    async with supervised(cuff, links.radio("hci0")) as (heard, radio), asyncio.timeout(PATIENCE_S):
        await radio.until_state(UP)
        yield heard


async def measured(air: Air, heard: Heard, systolic: float) -> None:
    """Measure; returns when the reading was heard, or the cuff sleeps again."""
    before = systolics(heard).count(systolic)
    await air.of(ADDRESS, "measure", systolic=systolic, diastolic=80, pulse=60)
    for _ in range(int(20 * AWAKE_S)):
        if systolics(heard).count(systolic) > before:
            break
        await asyncio.sleep(0.1)


async def asleep(air: Air) -> None:
    """Let it sleep before its time; the chip forgets in the next round that it has heard it."""
    await air.of(ADDRESS, "sleep")
    await asyncio.sleep(ROUND_S)


async def test_a_cuff_that_is_awake_for_seconds_is_heard_by_a_passive_radio(
    air: Air, experimental_bluetoothd: Bluetoothd, monkeypatch
) -> None:
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S)
    async with home_with_a_cuff(monkeypatch, "passive") as heard:
        await measured(air, heard, 121.0)
        assert systolics(heard) == [121.0]


async def test_a_cuff_that_is_awake_for_seconds_is_heard_by_an_active_radio(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, monkeypatch, record_property
) -> None:
    """The scan pauses while it is connected to, and goes on."""
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S)
    async with home_with_a_cuff(monkeypatch, "active") as heard:
        for systolic in (121.0, 122.0):
            since = time.monotonic()
            await measured(air, heard, systolic)
            assert systolic in systolics(heard)
            (paused_at,) = bus.said(HCI0, ADAPTER, "Discovering", value=False, since=since)
            resumed = await bus.until(lambda at=paused_at: bus.said(HCI0, ADAPTER, "Discovering", value=True, since=at))
            record_property("the scan was off for (s)", round(resumed[0] - paused_at, 2))
            await asleep(air)
        assert systolics(heard) == [121.0, 122.0]


@pytest.mark.parametrize("scan", ["active", "passive"])
async def test_a_bonded_cuff_that_remembers_its_listener_loses_no_reading(
    air: Air, experimental_bluetoothd: Bluetoothd, bus: Bus, monkeypatch, scan: Scan
) -> None:
    """After the bond the cuff need not be subscribed to again (Core specification, volume 3, part G, 3.3.3.3).

    Readings that are the same twice are two; the gateway may be started anew in between.
    """
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S, is_guarded=True, remembers=True)
    await bonded(air, bus)
    for lap in range(2):
        async with home_with_a_cuff(monkeypatch, scan) as heard:
            for systolic in (121.0 + lap, 123.0, 123.0):
                await measured(air, heard, systolic)
                await asleep(air)
            assert await air.of(ADDRESS, "pending") == 0, "the cuff keeps nothing: all was confirmed"
            assert systolics(heard) == [121.0 + lap, 123.0, 123.0]


async def test_a_bonded_cuff_is_heard_again_after_a_restart_of_bluetoothd(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, monkeypatch
) -> None:
    """bluetoothd then shows what the cuff offers only when it is connected: its first word is lost, no other."""
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S, is_guarded=True, remembers=True)
    await bonded(air, bus)
    async with home_with_a_cuff(monkeypatch, "active") as heard:
        await measured(air, heard, 121.0)
        await asleep(air)
        await bluetoothd.restart()
        for systolic in (122.0, 123.0, 124.0):
            await measured(air, heard, systolic)
            await asleep(air)
        assert systolics(heard)[-2:] == [123.0, 124.0]
        assert systolics(heard)[0] == 121.0


async def bonded(air: Air, bus: Bus) -> None:
    """Bond with the cuff, as the installer does."""
    await air.of(ADDRESS, "wake")
    device = await bus.find(ADDRESS)
    async with connected_daemon() as daemon, bonding_agent(daemon, device):
        await bus.call(device, DEVICE, "Pair")
        await bus.until(lambda: bus.said(device, DEVICE, "ServicesResolved", value=True))
    await asleep(air)
