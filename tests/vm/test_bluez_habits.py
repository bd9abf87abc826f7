"""Habits of bluetoothd, which `simulators/ble/bluez.py` imitates: where one changes, the simulator must change too."""

import asyncio
import time

import pytest
from dbus_fast import Variant
from vm.guest.bus import ADAPTER, CHARACTERISTIC, DEVICE, HCI0, LIMIT_S, PROPERTIES, Bus, connected_bus
from vm.guest.client import INDICATING, NOTIFYING, REFUSING, WRITABLE, Air
from vm.guest.fixtures import Bluetoothd

pytestmark = pytest.mark.bluez_vm

ADDRESS = "C0:FF:EE:00:05:01"
FAILED = "org.bluez.Error.Failed"
NOTHING = "org.freedesktop.DBus.Error.UnknownObject"


@pytest.fixture
async def device(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> str:
    """The path of a device that was found; nobody discovers."""
    await air("plain", address=ADDRESS)
    return await bus.find(ADDRESS)


async def dropped(air: Air, bus: Bus, device: str) -> float:
    """Let the device drop its link; when that was begun."""
    since = time.monotonic()
    await air.of(ADDRESS, "drop")
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False, since=since))
    return since


async def test_discovery_belongs_to_a_client(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    assert await bus.refusal(HCI0, ADAPTER, "StopDiscovery") == f"{FAILED}: No discovery started"
    await air("plain", address=ADDRESS)
    device = await bus.discover(ADDRESS)
    again = await bus.refusal(HCI0, ADAPTER, "StartDiscovery")
    assert again == "org.bluez.Error.InProgress: Operation already in progress"
    async with connected_bus(is_watching=False) as other:
        assert await other.refusal(HCI0, ADAPTER, "StopDiscovery") == f"{FAILED}: No discovery started"
        await other.call(HCI0, ADAPTER, "StartDiscovery")
    assert await bus.get(HCI0, ADAPTER, "Discovering")
    await bus.call(HCI0, ADAPTER, "StopDiscovery")
    await bus.until(lambda: bus.said(HCI0, ADAPTER, "Discovering", value=False))
    assert bus.changes(device, DEVICE, "RSSI")[-1][1] is None


async def test_connect_answers_before_the_services_are_known(air: Air, bus: Bus, device: str) -> None:
    await bus.call(device, DEVICE, "Connect")
    answered_at = time.monotonic()
    (connected_at,) = bus.said(device, DEVICE, "Connected", value=True)
    (resolved_at,) = await bus.until(lambda: bus.said(device, DEVICE, "ServicesResolved", value=True))
    (shown_at,) = bus.added(await bus.characteristic(device, NOTIFYING))
    assert connected_at < answered_at < shown_at < resolved_at
    assert await bus.call(device, DEVICE, "Connect") == []


async def test_services_stay_shown_when_the_link_is_lost(air: Air, bus: Bus, device: str) -> None:
    await bus.connect(device)
    characteristic = await bus.characteristic(device, NOTIFYING)
    since = await dropped(air, bus, device)
    assert bus.removed(characteristic) == []
    assert await bus.refusal(characteristic, CHARACTERISTIC, "ReadValue", "a{sv}", {}) == f"{FAILED}: Not connected"
    await bus.connect(device)
    assert bus.added(characteristic, since=since) == []


async def test_two_clients_that_ask_double_each_signal(air: Air, bus: Bus, device: str) -> None:
    await bus.connect(device)
    characteristic = await bus.characteristic(device, NOTIFYING)
    await bus.subscribe(characteristic)
    await bus.subscribe(characteristic)  # asking twice is harmless
    async with connected_bus(is_watching=False) as other:
        await other.subscribe(characteristic)
        await air.of(ADDRESS, "notify", payloads=["01"])
        await bus.until(lambda: bus.values(characteristic) == [b"\x01", b"\x01"])
    await bus.until_gone(other)
    await air.of(ADDRESS, "notify", payloads=["02"])
    await bus.until(lambda: bus.values(characteristic)[2:] == [b"\x02"])
    assert await bus.read(characteristic) == b"\x01"
    await bus.until(lambda: bus.values(characteristic)[3:] == [b"\x01"])  # a read is signalled too


async def test_a_subscription_and_a_link_outlive_what_they_were_made_for(air: Air, bus: Bus, device: str) -> None:
    async with connected_bus() as client:
        await client.connect(device)
        characteristic = await client.characteristic(device, NOTIFYING)
        await client.subscribe(characteristic)
        await dropped(air, client, device)
        await client.connect(device)  # revived, though nobody asks
        await air.of(ADDRESS, "notify", payloads=["01"])
        await client.until(lambda: client.values(characteristic) == [b"\x01"])
    async with asyncio.timeout(LIMIT_S):
        while (await air.of(ADDRESS, "log"))[-1][1] != "notify off":
            await asyncio.sleep(0.05)
    assert await bus.get(device, DEVICE, "Connected")


async def test_refusals_have_these_names(air: Air, bus: Bus, device: str) -> None:
    await bus.connect(device)
    refusing = await bus.characteristic(device, REFUSING)
    notifying = await bus.characteristic(device, NOTIFYING)
    unsupported = "org.bluez.Error.NotSupported: Operation is not supported"
    refused = await bus.refusal(refusing, CHARACTERISTIC, "ReadValue", "a{sv}", {})
    assert refused == f"{FAILED}: Operation failed with ATT error: 0x80"
    assert await bus.refusal(refusing, CHARACTERISTIC, "WriteValue", "aya{sv}", b"1", {}) == unsupported
    assert await bus.refusal(refusing, CHARACTERISTIC, "StartNotify") == unsupported
    assert await bus.refusal(notifying, CHARACTERISTIC, "StopNotify") == f"{FAILED}: No notify session started"
    assert (await bus.refusal(f"{HCI0}/dev_none", DEVICE, "Connect")).startswith(NOTHING)
    assert (await bus.refusal("/org/bluez/hci7", PROPERTIES, "GetAll", "s", ADAPTER)).startswith(NOTHING)
    await bus.power(on=False)
    assert await bus.refusal(HCI0, ADAPTER, "StartDiscovery") == "org.bluez.Error.NotReady: Resource Not Ready"
    assert await bus.refusal(device, DEVICE, "Connect") == f"{FAILED}: Input/output error"


async def test_a_write_arrives_with_and_without_answer(air: Air, bus: Bus, device: str) -> None:
    await bus.connect(device)
    writable = await bus.characteristic(device, WRITABLE)
    await bus.call(writable, CHARACTERISTIC, "WriteValue", "aya{sv}", b"\x01", {})
    await bus.call(writable, CHARACTERISTIC, "WriteValue", "aya{sv}", b"\x02", {"type": Variant("s", "command")})
    async with asyncio.timeout(LIMIT_S):
        while [words for _, words in await air.of(ADDRESS, "log")][-2:] != ["written 01", "written 02"]:
            await asyncio.sleep(0.05)


async def test_what_a_characteristic_shows(air: Air, bus: Bus, device: str) -> None:
    await bus.connect(device)
    shown = {
        uuid: (await bus.objects())[await bus.characteristic(device, uuid)][CHARACTERISTIC]
        for uuid in (NOTIFYING, INDICATING, REFUSING)
    }
    assert {"Notifying", "NotifyAcquired"} <= shown[NOTIFYING].keys()
    assert "NotifyAcquired" not in shown[INDICATING]
    assert "Notifying" not in shown[REFUSING]
    assert {variants["MTU"].value for variants in shown.values()} == {517}


async def test_disconnecting_takes_two_seconds_and_is_always_agreed_to(
    air: Air, bus: Bus, device: str, record_property
) -> None:
    assert await bus.call(device, DEVICE, "Disconnect") == []  # there is no link
    await bus.connect(device)
    began = time.monotonic()
    await bus.call(device, DEVICE, "Disconnect")
    record_property("Disconnect (s)", round(time.monotonic() - began, 2))
    assert time.monotonic() - began > 1.5
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False))


async def test_pulling_the_adapter_takes_all_objects_and_bonds_come_back(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, device: str
) -> None:
    await bus.connect(device)
    await air("unplug")
    await bus.until(lambda: bus.removed(HCI0))
    assert bus.removed(device)
    assert bus.said(device, DEVICE, "Connected", value=False)
    assert bus.said(HCI0, ADAPTER, "Powered", value=False)
    await air("plug")
    await bluetoothd.adapter_on()
    assert bus.added(HCI0)


async def test_switching_off_ends_scans_and_links_for_good(air: Air, bus: Bus, bluetoothd: Bluetoothd) -> None:
    await air("plain", address=ADDRESS)
    device = await bus.discover(ADDRESS)
    await bus.connect(device)
    await bus.power(on=False)
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False))
    await bus.power(on=True)
    assert not await bus.get(HCI0, ADAPTER, "Discovering")
    await bus.call(HCI0, ADAPTER, "StartDiscovery")


async def test_what_is_not_heard_is_forgotten_after_half_a_minute(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, record_property
) -> None:
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    await air.of(ADDRESS, "hide")
    began = time.monotonic()
    (forgotten_at,) = await bus.until(lambda: bus.removed(device))
    record_property("forgotten after (s)", round(forgotten_at - began, 1))
    assert 20 < forgotten_at - began < 60
