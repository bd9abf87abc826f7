"""Scanning: what bluetoothd tells of adverts that repeat, and passive scanning."""

import asyncio
import logging
import time
from contextlib import suppress

import pytest
from bleak import BleakClient, BleakScanner
from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError
from vm.guest import home as home_module
from vm.guest.bus import ADAPTER, DEVICE, HCI0, LIMIT_S, Bus
from vm.guest.client import Air
from vm.guest.fixtures import Bluetoothd
from vm.guest.home import running_home

pytestmark = pytest.mark.bluez_vm

ADDRESS, BEACON = "C0:FF:EE:00:03:01", "C0:FF:EE:00:03:02"
FCD2 = "0000fcd2-0000-1000-8000-00805f9b34fb"
FLAGS = OrPattern(0, AdvertisementDataType.FLAGS, b"\x06")
SCAN_S = 10.24
"""The kernel's one round of discovery (DISCOV_LE_TIMEOUT)."""


class Ear:
    """A scanner's callback."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, str, str]] = []
        self.devices: dict[str, BLEDevice] = {}
        self._more = asyncio.Event()

    def __call__(self, device: BLEDevice, data: AdvertisementData) -> None:
        self.heard.append((time.monotonic(), device.address, data.service_data.get(FCD2, b"").hex()))
        self.devices[device.address] = device
        self._more.set()

    def moments(self, address: str) -> list[float]:
        return [at for at, whose, _ in self.heard if whose == address]

    def payloads(self, address: str) -> list[str]:
        said = [payload for _, whose, payload in self.heard if whose == address]
        return list(dict.fromkeys(said))

    async def until(self, seen) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not seen():
                self._more.clear()
                await self._more.wait()


async def test_discovery_tells_an_unchanged_advert_once_a_round_and_a_changed_one_at_once(
    air: Air, bluetoothd: Bluetoothd, record_property
) -> None:
    """The kernel has the chip drop duplicates, whatever DuplicateData says; only a new round hears them again.

    Each round tells it, also at the same strength: bleak's filter (Transport) is enough, one of RSSI changes nothing.
    """
    await air("steady")
    await air("plain", address=BEACON)
    await air.of(BEACON, "beacon", payload="4000")
    ear = Ear()
    async with BleakScanner(ear, bluez={"filters": {"DuplicateData": True}}):
        for number in range(1, 4):
            await ear.until(lambda number=number: f"400{number - 1}" in ear.payloads(BEACON))
            changed_at = time.monotonic()
            await air.of(BEACON, "beacon", payload=f"400{number}")
            await ear.until(lambda number=number: f"400{number}" in ear.payloads(BEACON))
            assert ear.heard[-1][0] - changed_at < SCAN_S / 2
        told = len(ear.moments(BEACON))
        await ear.until(lambda: len(ear.moments(BEACON)) >= told + 2)
    *_, before, last = ear.moments(BEACON)
    record_property("seconds between two signals of an unchanged advert", round(last - before, 1))
    assert SCAN_S * 0.8 < last - before < SCAN_S * 2


async def test_connecting_while_discovering_waits_for_the_next_round(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, record_property
) -> None:
    """The kernel connects when it hears the device again, and the chip drops the duplicates that would tell."""
    await air("plain", address=ADDRESS)
    device = await bus.discover(ADDRESS)
    await asyncio.sleep(1)
    began = time.monotonic()
    await bus.connect(device)
    discovering_s = time.monotonic() - began
    await air.of(ADDRESS, "drop")
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False))
    await bus.call(HCI0, ADAPTER, "StopDiscovery")
    began = time.monotonic()
    await bus.connect(device)
    quiet_s = time.monotonic() - began
    record_property("connecting while discovering, and after StopDiscovery (s)", f"{discovering_s:.2f}, {quiet_s:.2f}")
    assert quiet_s < discovering_s / 2


async def test_a_scanner_of_before_a_restart_is_deaf_for_good_and_says_nothing(
    air: Air, bluetoothd: Bluetoothd
) -> None:
    """Why the radio watches bluetoothd's name."""
    await air("plain", address=ADDRESS)
    heard = asyncio.Event()
    scanner = BleakScanner(lambda _device, _data: heard.set())
    await scanner.start()
    await asyncio.wait_for(heard.wait(), LIMIT_S)
    await bluetoothd.restart()
    heard.clear()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(heard.wait(), 1.2 * SCAN_S)
    with suppress(BleakError):
        await scanner.stop()
    async with BleakScanner(lambda _device, _data: heard.set()):
        await asyncio.wait_for(heard.wait(), LIMIT_S)


async def test_passive_scanning_hears_every_advert_and_connects_meanwhile(
    air: Air, experimental_bluetoothd: Bluetoothd, bus: Bus, record_property
) -> None:
    await air("plain", address=ADDRESS)
    await air("plain", address=BEACON)
    await air.of(BEACON, "beacon", payload="4001")
    ear = Ear()
    async with BleakScanner(ear, scanning_mode="passive", bluez={"or_patterns": [FLAGS]}):
        await ear.until(lambda: {ADDRESS, BEACON} <= ear.devices.keys())
        assert not await bus.get(HCI0, ADAPTER, "Discovering")
        for payload in ("4002", "4003"):
            await air.of(BEACON, "beacon", payload=payload)
            await ear.until(lambda payload=payload: payload in ear.payloads(BEACON))
        began = time.monotonic()
        async with BleakClient(ear.devices[ADDRESS], timeout=LIMIT_S):
            record_property("connect while scanning passively (s)", round(time.monotonic() - began, 2))
            await air.of(BEACON, "beacon", payload="4004")
            await ear.until(lambda: "4004" in ear.payloads(BEACON))


async def test_a_passive_scan_shows_nothing_of_an_advert_that_says_nothing_new_but_counts_it(
    air: Air, experimental_bluetoothd: Bluetoothd, caplog
) -> None:
    """Why the radio has a monitor of its own: bleak's callback is not called, DeviceFound is."""
    caplog.set_level(logging.DEBUG, logger="bleak.backends.bluezdbus.advertisement_monitor")
    await air("steady")
    await air("plain", address=ADDRESS)
    ear = Ear()
    async with BleakScanner(ear, scanning_mode="passive", bluez={"or_patterns": [FLAGS]}):
        await ear.until(lambda: ear.moments(ADDRESS))
        told = len(ear.moments(ADDRESS))
        counted = len(caplog.records)
        await asyncio.sleep(SCAN_S)
        assert len(ear.moments(ADDRESS)) <= told + 1
        assert len(caplog.records) > counted + 5


async def test_passive_scanning_without_experimental_is_refused(air: Air, bluetoothd: Bluetoothd) -> None:
    with pytest.raises(BleakError, match="experimental"):
        await BleakScanner(scanning_mode="passive", bluez={"or_patterns": [FLAGS]}).start()


async def test_a_passive_radio_serves_the_oximeter(air: Air, experimental_bluetoothd: Bluetoothd, monkeypatch) -> None:
    async with running_home(air, monkeypatch, scan="passive") as home:
        await home.says_once(81, 82)
        async with home.loss():
            await experimental_bluetoothd.restart()
        await home.says_once(83)


async def test_a_passive_radio_without_experimental_scans_actively(
    air: Air, bluetoothd: Bluetoothd, monkeypatch
) -> None:
    monkeypatch.setattr(home_module, "PATIENCE_S", 15.0)
    async with running_home(air, monkeypatch, scan="passive") as home:
        await home.says_once(81)
