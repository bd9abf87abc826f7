"""Finding, connecting and hearing values, with bluetoothd itself between bleak and a simulated peripheral."""

import asyncio
import time

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from vm.guest.bus import DEVICE, LIMIT_S, Bus
from vm.guest.client import NOTIFYING, Air
from vm.guest.fixtures import Bluetoothd
from vm.guest.home import ADDRESS, running_home

pytestmark = pytest.mark.bluez_vm

LAPS = 3


class Ear:
    """What a client hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._more = asyncio.Event()

    def __call__(self, _characteristic: object, value: bytearray) -> None:
        self.heard.append(bytes(value))
        self._more.set()

    async def until(self, last: bytes) -> None:
        """Return when this value has come."""
        async with asyncio.timeout(LIMIT_S):
            while last not in self.heard:
                self._more.clear()
                await self._more.wait()


async def found() -> BLEDevice:
    device = await BleakScanner.find_device_by_address(ADDRESS, timeout=LIMIT_S)
    assert device is not None
    return device


async def test_every_notification_is_heard_once_and_in_order(air: Air, bluetoothd: Bluetoothd, record_property) -> None:
    await air("plain", address=ADDRESS)
    device, ear, began = await found(), Ear(), time.monotonic()
    async with BleakClient(device, timeout=LIMIT_S) as client:
        await client.start_notify(NOTIFYING, ear)
        record_property("connect, discover, subscribe (s)", round(time.monotonic() - began, 2))
        said = [f"{number:02x}" for number in range(100)]
        began = time.monotonic()
        await air.of(ADDRESS, "notify", payloads=said)
        await ear.until(b"\x63")
        record_property("notifications a second", round(100 / (time.monotonic() - began)))
        assert [value.hex() for value in ear.heard] == said


async def test_a_fresh_client_after_each_drop_hears_each_value_once(air: Air, bluetoothd: Bluetoothd) -> None:
    await air("plain", address=ADDRESS)
    for lap in range(LAPS):
        dropped, ear = asyncio.Event(), Ear()
        client = BleakClient(
            await found(), disconnected_callback=lambda _, dropped=dropped: dropped.set(), timeout=LIMIT_S
        )
        try:
            await client.connect()
            assert ear.heard == []
            await client.start_notify(NOTIFYING, ear)
            await air.of(ADDRESS, "notify", payloads=[f"0{lap}", "ff"])
            await ear.until(b"\xff")
            assert ear.heard == [bytes((lap,)), b"\xff"]
            await air.of(ADDRESS, "drop")
            await asyncio.wait_for(dropped.wait(), LIMIT_S)
        finally:
            await client.disconnect()


async def test_a_subscription_left_behind_doubles_every_value(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    """Why a link's client is new each time and always closed: bluetoothd signals once for each client that asked."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    await bus.connect(device)
    await bus.subscribe(await bus.characteristic(device, NOTIFYING))
    await air.of(ADDRESS, "drop")
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False))
    ear = Ear()
    async with BleakClient(await found(), timeout=LIMIT_S) as client:
        await client.start_notify(NOTIFYING, ear)
        await air.of(ADDRESS, "notify", payloads=["01", "02"])
        await ear.until(b"\x02")
        assert ear.heard[:3] == [b"\x01", b"\x01", b"\x02"]


async def test_the_oximeter_is_heard_once_over_drops_and_absence(air: Air, bluetoothd: Bluetoothd, monkeypatch) -> None:
    async with running_home(air, monkeypatch) as home:
        await home.says_once(81, 82, 83)
        async with home.loss():
            await air.of(ADDRESS, "drop")
        await home.says_once(84, 85)
        async with home.loss():
            await air.of(ADDRESS, "go_away")
            await asyncio.sleep(1)
            await air.of(ADDRESS, "come_back")
        await home.says_once(86)
