"""Twelve hours of a home's Bluetooth in virtual time, a fault every few minutes: nothing lost, doubled or leaked."""

import asyncio
import gc
import os
import random
from collections import Counter
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from fixtures.ble_client import dbus_client, device_path, find, pairing_agent
from fixtures.ble_radio import BleAir, ble_air_on
from fixtures.heard import Heard, supervised
from fixtures.quick_time import run_quickly

from drivers.ble import recovery
from drivers.ble.blood_pressure_monitor_blp import BloodPressureMonitorBlp
from drivers.ble.heart_rate_monitor_hrs import HeartRateMonitorHrs
from drivers.links import Links
from shouwang.driver import Measurement
from shouwang.quantities import Quantity
from shouwang.reading import Reading
from simulators.ble.adapter import Deaf
from simulators.ble.adverts import eddystone_tlm
from simulators.ble.beacon import Beacon
from simulators.ble.blood_pressure import BloodPressureCuff
from simulators.ble.heart_rate import HeartRateStrap

HOURS = 12
STRAP, CUFF = "C0:FF:EE:00:06:01", "C0:FF:EE:00:06:02"
TLM = eddystone_tlm(millivolts=3000, temperature=21.5, adverts=1, seconds=60.0)
IN_PROGRESS = "org.bluez.Error.InProgress: Operation already in progress"
ABORTED = "org.bluez.Error.Failed: le-connection-abort-by-local"


class Fate:
    """What happens to the house, drawn from a seed."""

    def __init__(self, air: BleAir, strap: HeartRateStrap, cuff: BloodPressureCuff, seed: int) -> None:
        self._air, self._strap, self._cuff = air, strap, cuff
        self._dice = random.Random(seed)
        self.happened: Counter[str] = Counter()
        self.measured = 0

    async def strike(self) -> None:
        faults = [self.drop, self.leave, self.restart, self.unplug, self.switch_off, self.deafen, self.refuse]
        fault = self._dice.choice(faults)
        self.happened[fault.__name__] += 1
        await fault()

    async def drop(self) -> None:
        await self._strap.drop()

    async def leave(self) -> None:
        await self._strap.go_away()
        await asyncio.sleep(self._dice.uniform(1, 300))
        await self._strap.come_back()

    async def restart(self) -> None:
        await self._air.bluez.restart()

    async def unplug(self) -> None:
        await self._air.bluez.remove_adapter()
        await asyncio.sleep(self._dice.uniform(1, 120))
        self._air.bluez.add_adapter()

    async def switch_off(self) -> None:
        await self._air.bluez.set_power(is_on=False)

    async def deafen(self) -> None:
        self._air.bluez.deafen(self._dice.choice([Deaf.UNTIL_NEW_SCAN, Deaf.UNTIL_POWER_CYCLE, Deaf.UNTIL_RESTART]))

    async def refuse(self) -> None:
        self._air.bluez.faults["Connect"] = [self._dice.choice([IN_PROGRESS, ABORTED])] * self._dice.randint(1, 4)
        self._air.bluez.faults["StartDiscovery"] = [IN_PROGRESS] * self._dice.randint(0, 3)
        await self._strap.drop()

    async def measure(self) -> None:
        self.measured += 1
        await self._cuff.measure(100 + self.measured % 60, 60 + self.measured % 30)


def values(heard: Heard, quantity: Quantity) -> list[float]:
    found: list[float] = []
    for one in heard.said:
        inside = [one] if isinstance(one, Reading) else [*one.readings] if isinstance(one, Measurement) else []
        found += [reading.value for reading in inside if reading.quantity is quantity]
    return found


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count, of a folder that the kernel makes


async def _twelve_hours(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(recovery, "RESTART_AGAIN_S", 600.0)  # a house in which bluetoothd may be restarted as often
    async with ble_air_on(monkeypatch) as air, AsyncExitStack() as stack:
        air.bluez.adapter().is_terse = True
        slow = {"advertising_interval_ms": 2000}
        strap = HeartRateStrap(air.radio, air.tally, sensor_id="strap", address=STRAP, interval_s=15.0, **slow)
        cuff = BloodPressureCuff(
            air.radio,
            air.tally,
            sensor_id="cuff",
            address=CUFF,
            awake_s=60.0,
            is_guarded=True,
            has_stamps=False,
            **slow,
        )
        for device in (strap, cuff):
            await stack.enter_async_context(device.running())
        await _bond(air, cuff)  # so that its readings come by the standing subscription
        for number in (1, 2):  # neighbours, by whom a deaf radio is known
            beacon = Beacon(air.radio, address=f"C0:FF:EE:00:07:0{number}", data=TLM, interval_ms=10_000)
            await stack.enter_async_context(beacon.running())
        links = Links()
        drivers = [
            HeartRateMonitorHrs(kind="heart_rate_monitor_hrs", id="strap", address=STRAP).build(links),
            BloodPressureMonitorBlp(kind="blood_pressure_monitor_blp", id="cuff", address=CUFF).build(links),
        ]
        async with supervised(*drivers, links.radio("hci0")) as (pulse, pressure, _):
            await strap.wait_for_listener()
            await asyncio.sleep(60)
            gc.collect()
            before = (await air.bluez.client_count(), len(asyncio.all_tasks()), open_files())
            fate = await _live(air, strap, cuff, seed)
            air.bluez.faults.clear()
            await asyncio.sleep(900)  # healed, whatever it was
            await strap.wait_for_listener()
            await fate.measure()  # with it comes what the cuff kept because nobody could hear it
            await asyncio.sleep(120)
            gc.collect()
            after = (await air.bluez.client_count(), len(asyncio.all_tasks()), open_files())
        _judge(air, pulse, pressure, fate)
        assert all(now <= then + 1 for now, then in zip(after, before, strict=True)), (before, after, fate.happened)


async def _bond(air: BleAir, cuff: BloodPressureCuff) -> None:
    await cuff.wake()
    async with pairing_agent(air.dbus), dbus_client(air.dbus) as client:
        await find(CUFF)
        assert (await client.call(device_path(CUFF), "org.bluez.Device1", "Pair")).error_name is None
    await cuff.sleep()


async def _live(air: BleAir, strap: HeartRateStrap, cuff: BloodPressureCuff, seed: int) -> Fate:
    loop = asyncio.get_running_loop()
    fate, dice = Fate(air, strap, cuff, seed), random.Random(seed)
    end = loop.time() + timedelta(hours=HOURS).total_seconds()
    while loop.time() < end:
        await asyncio.sleep(dice.uniform(60, 1200))
        if dice.random() < 0.4:
            await fate.measure()
        await fate.strike()
    return fate


def _judge(air: BleAir, pulse: Heard, pressure: Heard, fate: Fate) -> None:
    counted = air.tally.counts()
    delivered = sum(n for (sensor, what, _), n in counted.items() if (sensor, what) == ("strap", Quantity.HEART_RATE))
    assert len(values(pulse, Quantity.HEART_RATE)) == delivered > 500
    assert len(values(pressure, Quantity.SYSTOLIC)) == fate.measured > 10
    assert len(fate.happened) == 7


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_twelve_hours_of_faults_lose_double_and_leak_nothing(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    run_quickly(_twelve_hours(monkeypatch, seed))
    assert not [path for path in Path("/proc/self/task").glob("*/children") if path.read_text().split()]
