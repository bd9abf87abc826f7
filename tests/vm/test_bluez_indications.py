"""Who confirms an indication, and when: bluetoothd itself, at once, whether or not anybody has the value.

A cuff that is confirmed deletes its record. So a value must be safe before anything else is done with it, and
somebody must have asked for it before the cuff is connected.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from vm.guest.bus import CHARACTERISTIC, DEVICE, Bus, connected_bus
from vm.guest.client import INDICATING, Air
from vm.guest.fixtures import Bluetoothd

from drivers.ble.agent import bonding_agent
from drivers.ble.daemon import connected_daemon

pytestmark = pytest.mark.bluez_vm

ADDRESS = "C0:FF:EE:00:04:01"
SLOW_S = 5.0
"""Far more than a confirmation takes here (20 ms), far less than the 30 s after which ATT gives up."""


async def subscribed(air: Air, bus: Bus) -> str:
    """The path of the indicating characteristic of a connected device; `bus` gets its values."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    await bus.connect(device)
    characteristic = await bus.characteristic(device, INDICATING)
    await bus.subscribe(characteristic)
    return characteristic


@contextmanager
def frozen(name: str) -> Iterator[None]:
    """Stop a process of the guest; it goes on at the end of the block."""
    process = next(
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and (entry / "comm").read_text().strip() == name
    )
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def test_an_indication_is_confirmed_before_any_client_can_have_it(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, record_property
) -> None:
    """With the message bus frozen no client can get, or delay, anything: the confirmation comes all the same."""
    characteristic = await subscribed(air, bus)
    sent_at, confirmed_at = await air.of(ADDRESS, "indicate", payload="01")
    await bus.until(lambda: bus.values(characteristic) == [b"\x01"])
    signalled_at, _ = bus.changes(characteristic, CHARACTERISTIC, "Value")[0]
    record_property("confirmed after (ms)", round((confirmed_at - sent_at) * 1000, 1))
    record_property("signalled to a client after (ms)", round((signalled_at - sent_at) * 1000, 1))
    with frozen("dbus-daemon"):
        sent_at, confirmed_at = await air.of(ADDRESS, "indicate", payload="02")
        await asyncio.sleep(0.5)
        assert bus.values(characteristic) == [b"\x01"]
    record_property("confirmed with a frozen bus after (ms)", round((confirmed_at - sent_at) * 1000, 1))
    assert confirmed_at - sent_at < SLOW_S
    await bus.until(lambda: bus.values(characteristic) == [b"\x01", b"\x02"])


async def test_a_client_that_dies_takes_confirmed_values_with_it(air: Air, bluetoothd: Bluetoothd) -> None:
    async with connected_bus() as gateway:
        characteristic = await subscribed(air, gateway)
        with frozen("dbus-daemon"):
            sent_at, confirmed_at = await air.of(ADDRESS, "indicate", payload="01")
            gateway.raw.disconnect()  # before the value was on its way to it
        assert confirmed_at - sent_at < SLOW_S
        assert gateway.values(characteristic) == []


async def test_indications_cannot_be_had_in_another_way(air: Air, bluetoothd: Bluetoothd, bus: Bus) -> None:
    """AcquireNotify, by which a client reads from a socket, is for notifications only."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    await bus.connect(device)
    characteristic = await bus.characteristic(device, INDICATING)
    refusal = await bus.refusal(characteristic, CHARACTERISTIC, "AcquireNotify", "a{sv}", {})
    assert "NotSupported" in refusal


async def test_an_indication_before_anybody_asked_is_confirmed_and_lost(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, record_property
) -> None:
    """A bonded cuff remembers that it was subscribed to and may speak as soon as there is a link."""
    await air("plain", address=ADDRESS)
    await air.of(ADDRESS, "be_hasty", payload="01")
    device = await bus.find(ADDRESS)
    await bus.connect(device)
    log = {words: at for at, words in await air.of(ADDRESS, "log")}
    record_property("confirmed after (ms)", round((log["hastily confirmed"] - log["hastily indicated"]) * 1000, 1))
    assert "indicate on" not in log
    characteristic = await bus.characteristic(device, INDICATING)
    await bus.subscribe(characteristic)
    await air.of(ADDRESS, "indicate", payload="02")
    await bus.until(lambda: bus.values(characteristic))
    assert bus.values(characteristic) == [b"\x02"]


@pytest.mark.parametrize("asked", ["before the link was lost", "while there is no link"])
async def test_who_is_subscribed_before_the_link_gets_the_first_word(
    air: Air, bluetoothd: Bluetoothd, bus: Bus, asked: str
) -> None:
    """The way out: a D-Bus client that stays subscribed, or subscribes while the device is away."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    await bus.connect(device)
    characteristic = await bus.characteristic(device, INDICATING)
    if asked == "before the link was lost":
        await bus.subscribe(characteristic)
    await air.of(ADDRESS, "be_hasty", payload="01")
    await air.of(ADDRESS, "drop")
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False))
    if asked == "while there is no link":
        await bus.subscribe(characteristic)
    await bus.connect(device)
    await bus.until(lambda: bus.values(characteristic) == [b"\x01"])


async def test_after_a_restart_of_bluetoothd_nobody_gets_the_first_word_but_the_second(
    air: Air, bluetoothd: Bluetoothd, bus: Bus
) -> None:
    """It then shows what a bonded device offers only once that is connected: nobody can subscribe before."""
    await air("plain", address=ADDRESS)
    device = await bus.find(ADDRESS)
    async with connected_daemon() as daemon, bonding_agent(daemon, device):
        await bus.call(device, DEVICE, "Pair")
        await bus.until(lambda: bus.said(device, DEVICE, "ServicesResolved", value=True))
    characteristic = await bus.characteristic(device, INDICATING)
    await air.of(ADDRESS, "drop")
    await bluetoothd.restart()
    assert device in await bus.objects()
    assert characteristic not in await bus.objects()
    await air.of(ADDRESS, "be_hasty", payload="01")
    since = time.monotonic()
    connecting = asyncio.create_task(bus.connect(device))
    await bus.until(lambda: bus.added(characteristic, since=since))
    await bus.subscribe(characteristic)
    await connecting
    assert "hastily confirmed" in [words for _, words in await air.of(ADDRESS, "log")]
    assert bus.values(characteristic) == []
    await air.of(ADDRESS, "be_hasty", payload="02")
    await air.of(ADDRESS, "drop")
    await bus.until(lambda: bus.said(device, DEVICE, "Connected", value=False, since=since))
    await bus.connect(device)
    await bus.until(lambda: bus.values(characteristic) == [b"\x02"])
