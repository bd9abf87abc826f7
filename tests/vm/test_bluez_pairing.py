"""Bonding: what bluetoothd refuses without an agent, and what a bond gives."""

import asyncio

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakDBusError
from dbus_fast.errors import DBusError
from vm.guest.bus import DEVICE, LIMIT_S, Bus
from vm.guest.client import SECRET, SECRET_VALUE, Air
from vm.guest.fixtures import Bluetoothd

from drivers.ble.agent import bonding_agent
from drivers.ble.daemon import connected_daemon
from gateway import enrol
from shouwang.errors import DeviceError

pytestmark = pytest.mark.bluez_vm

ADDRESS = "C0:FF:EE:00:02:01"


async def words(air: Air) -> list[str]:
    return [said for _, said in await air.of(ADDRESS, "log")]


async def test_without_an_agent_nothing_bonds(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    await air("plain", address=ADDRESS)
    device = await BleakScanner.find_device_by_address(ADDRESS, timeout=LIMIT_S)
    assert device is not None
    with pytest.raises(BleakDBusError, match="AuthenticationFailed"):
        await BleakClient(device, pair=True, timeout=LIMIT_S).connect()
    assert "paired" not in await words(air)


async def test_a_stranger_who_reads_an_encrypted_value_gets_no_answer(
    air: Air, bluetoothd: Bluetoothd, bus: Bus
) -> None:
    """bluetoothd does not say "not paired": it tries to bond by itself, and without an agent the read hangs."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    await bus.connect(device)
    reading = asyncio.create_task(bus.read(await bus.characteristic(device, SECRET)))
    done, _ = await asyncio.wait({reading}, timeout=5)
    assert not done
    assert (await words(air))[-1] == "pairing failed"
    reading.cancel()


async def test_a_bond_opens_what_is_encrypted_and_lasts(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    async with connected_daemon() as daemon, bonding_agent(daemon, device):
        await bus.call(device, DEVICE, "Pair")
        await bus.until(lambda: bus.said(device, DEVICE, "ServicesResolved", value=True))
        assert await bus.read(await bus.characteristic(device, SECRET)) == SECRET_VALUE
    assert await bus.get(device, DEVICE, "Bonded")
    for way in ("a drop", "a restart of bluetoothd"):
        if way == "a drop":
            await air.of(ADDRESS, "drop")
            await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False))
        else:
            await bluetoothd.restart()
        await bus.connect(device)
        assert await bus.read(await bus.characteristic(device, SECRET)) == SECRET_VALUE, way
        assert await air.of(ADDRESS, "is_encrypted"), way
    assert (await words(air)).count("paired") == 1


async def test_pairing_again_is_never_answered(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    """bluetoothd 5.66 takes a second Pair for one over BR/EDR and forgets the caller: ask for Paired first."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    async with connected_daemon() as daemon, bonding_agent(daemon, device):
        await bus.call(device, DEVICE, "Pair")
        again = asyncio.create_task(bus.call(device, DEVICE, "Pair"))
        done, _ = await asyncio.wait({again}, timeout=5)
        assert not done
        await bus.call(device, DEVICE, "Disconnect")
        with pytest.raises(DBusError):
            await again


async def test_an_installer_enrols_a_guarded_oximeter(air: Air, bluetoothd: Bluetoothd) -> None:
    await air("oximeter", address=ADDRESS, is_guarded=True)
    told: list[str] = []
    saying = asyncio.create_task(air("say", address=ADDRESS, spo2=[91.0]))
    async with asyncio.timeout(2 * LIMIT_S):
        await enrol.pair("hci0", ADDRESS, told.append)
        await saying
    assert any("the link is good" in line for line in told)
    assert any("91" in line for line in told)


async def test_an_installer_who_enrols_twice_is_not_left_waiting(air: Air, bluetoothd: Bluetoothd) -> None:
    await air("oximeter", address=ADDRESS, is_guarded=True)
    for _ in range(2):
        told: list[str] = []
        saying = asyncio.create_task(air("say", address=ADDRESS, spo2=[91.0]))
        async with asyncio.timeout(2 * LIMIT_S):
            await enrol.pair("hci0", ADDRESS, told.append)
            await saying
        assert any("91" in line for line in told)


async def test_nobody_bonds_while_nothing_is_enrolled(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    """The agent of an enrolment is for one device and gone afterwards."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    async with connected_daemon() as daemon:
        async with bonding_agent(daemon, "/org/bluez/hci0/dev_C0_FF_EE_00_00_99"):
            pass
        with pytest.raises(DBusError, match="Authentication"):
            await bus.call(device, DEVICE, "Pair")
    with pytest.raises(DeviceError):
        await enrol.pair("hci7", ADDRESS, lambda _: None)
