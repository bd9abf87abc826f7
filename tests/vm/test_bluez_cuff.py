"""Cuffs that are awake for moments: whether a reading gets through before they sleep, and who loses one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fixtures.heard import Heard, supervised
from vm.guest.bus import DEVICE, Bus
from vm.guest.client import Air
from vm.guest.fixtures import Bluetoothd
from vm.guest.home import UP, be_quick

from drivers.ble.agent import bonding_agent
from drivers.ble.blood_pressure_monitor_blp import BloodPressureMonitorBlp
from drivers.ble.daemon import connected_daemon
from drivers.ble.radio import Radio, Scan
from drivers.links import Links
from shouwang.driver import Measurement
from shouwang.quantities import Quantity

pytestmark = pytest.mark.bluez_vm

ADDRESS = "C0:FF:EE:00:06:01"
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
    async with supervised(cuff, links.radio("hci0")) as (heard, radio), asyncio.timeout(90):
        await radio.until_state(UP)
        yield heard


async def measured(air: Air, heard: Heard, systolic: float) -> None:
    """Measure; returns when the cuff has nothing to say any more, or sleeps again."""
    await air.of(ADDRESS, "measure", systolic=systolic, diastolic=80, pulse=60)
    for _ in range(int(2 * AWAKE_S)):
        if systolic in systolics(heard):
            break
        await asyncio.sleep(1)


async def test_a_cuff_that_is_awake_for_seconds_is_heard_by_a_passive_radio(
    air: Air, experimental_bluetoothd: Bluetoothd, monkeypatch
) -> None:
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S)
    async with home_with_a_cuff(monkeypatch, "passive") as heard:
        await measured(air, heard, 121.0)
        assert systolics(heard) == [121.0]


@pytest.mark.xfail(strict=True, reason="connecting waits for the next round of discovery, up to 10.5 s")
async def test_a_cuff_that_is_awake_for_seconds_is_heard_by_an_active_radio(
    air: Air, bluetoothd: Bluetoothd, monkeypatch
) -> None:
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S)
    async with home_with_a_cuff(monkeypatch, "active") as heard:
        await measured(air, heard, 121.0)
        assert systolics(heard) == [121.0]


@pytest.mark.xfail(strict=True, reason="bluetoothd confirms what the cuff says before the driver has subscribed")
async def test_a_bonded_cuff_that_remembers_its_listener_loses_no_reading(
    air: Air, experimental_bluetoothd: Bluetoothd, bus: Bus, monkeypatch
) -> None:
    """After the bond the cuff need not be subscribed to again (Core specification, volume 3, part G, 3.3.3.3)."""
    await air("cuff", address=ADDRESS, awake_s=AWAKE_S, is_guarded=True, remembers=True)
    await air.of(ADDRESS, "wake")
    device = await bus.find(ADDRESS)
    async with connected_daemon() as daemon, bonding_agent(daemon, device):
        await bus.call(device, DEVICE, "Pair")
    await air.of(ADDRESS, "drop")
    async with home_with_a_cuff(monkeypatch, "passive") as heard:
        for lap in range(2):
            await measured(air, heard, 121.0 + lap)
            await air.of(ADDRESS, "drop")
        assert await air.of(ADDRESS, "pending") == 0, "the cuff keeps nothing: all was confirmed"
        assert systolics(heard) == [121.0, 122.0]
