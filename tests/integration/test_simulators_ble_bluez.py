"""The simulated bluetoothd, seen by bleak and by plain D-Bus clients: adverts, power, pairing, deafness, restarts."""

import asyncio
import gc
from contextlib import suppress
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.args.bluez import OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakError
from dbus_fast import MessageType, Variant
from dbus_fast.errors import DBusError
from fixtures.ble_client import (
    AGENT_PATH,
    WAIT_S,
    Values,
    dbus_client,
    device_path,
    find,
    full,
    pairing_agent,
    until,
)
from fixtures.ble_radio import ADDRESS, ADVERTISING_MS, OXIMETER, BleAir, ble_air_on
from fixtures.quick_time import run_quickly

from simulators.ble.adapter import Deaf
from simulators.ble.beacon import Beacon
from simulators.ble.pulse_oximeter import Finger, PulseOximeter
from simulators.ble.remote import CONNECT_S

BEACON = "C0:FF:EE:00:00:B0"
HCI0, HCI1 = "C0:FF:EE:00:00:00", "C0:FF:EE:00:01:00"
CONTINUOUS, SPOT_CHECK = full(0x2A5F), full(0x2A5E)
DEVICE, ADAPTER = "org.bluez.Device1", "org.bluez.Adapter1"
PROPERTIES = "org.freedesktop.DBus.Properties"

FLAGS = bytes.fromhex("020106")
BTHOME = bytes.fromhex("0916d2fc4000010161 1f".replace(" ", ""))
PATTERNS = [OrPattern(0, AdvertisementDataType.FLAGS, b"\x06")]
IBEACON = bytes.fromhex("1aff4c000215fda50693a4e24fb1afcfc6eb0764782500010002c5")


def oximeter(air: BleAir, *, is_guarded: bool = False, speaks: bool = False) -> PulseOximeter:
    return PulseOximeter(
        air.radio,
        air.tally,
        sensor_id=OXIMETER,
        address=ADDRESS,
        speaks=speaks,
        is_guarded=is_guarded,
        advertising_interval_ms=ADVERTISING_MS,
    )


def beacon(air: BleAir, data: bytes) -> Beacon:
    return Beacon(air.radio, address=BEACON, data=data, interval_ms=20)


class Adverts:
    """What a scanner's callback got."""

    def __init__(self) -> None:
        self.heard: list[AdvertisementData] = []

    def __call__(self, _device: object, data: AdvertisementData) -> None:
        self.heard.append(data)

    async def more(self, count: int = 3) -> None:
        wanted = len(self.heard) + count
        await until(lambda: len(self.heard) >= wanted)

    async def none_in(self, seconds: float) -> bool:
        before = len(self.heard)
        await asyncio.sleep(seconds)
        return len(self.heard) == before


# ---- adverts ----


async def test_an_advert_is_shown_with_all_that_it_says(ble_air: BleAir) -> None:
    adverts = Adverts()
    said = FLAGS + BTHOME + bytes.fromhex("020af4") + b"\x05\x09lamp"
    async with beacon(ble_air, said).running(), BleakScanner(adverts):
        await adverts.more(1)
    heard = adverts.heard[0]
    assert heard.local_name == "lamp"
    assert heard.service_data == {full(0xFCD2): bytes.fromhex("40000101611f")}
    assert heard.service_uuids == [full(0xFCD2)]
    assert heard.tx_power == -12
    assert -60 <= heard.rssi <= -50


async def test_each_advert_reaches_a_scanner_and_a_change_shows_at_once(ble_air: BleAir) -> None:
    adverts = Adverts()
    async with beacon(ble_air, FLAGS + IBEACON).running() as running, BleakScanner(adverts):
        await adverts.more(5)
        assert adverts.heard[-1].manufacturer_data == {0x004C: IBEACON[4:]}
        changed = IBEACON[:-1] + b"\xc6"
        running.show(FLAGS + changed)
        await until(lambda: adverts.heard[-1].manufacturer_data == {0x004C: changed[4:]})


async def test_data_of_two_kinds_add_up_unless_repeats_are_asked_for(ble_air: BleAir) -> None:
    """bluetoothd keeps what it heard of each company (device_set_manufacturer_data), a trap for two-frame beacons."""
    first, second = bytes.fromhex("04ff01000a"), bytes.fromhex("04ff02000b")
    for repeats, expected in ((False, {1: b"\x0a", 2: b"\x0b"}), (True, {2: b"\x0b"})):
        adverts = Adverts()
        async with (
            beacon(ble_air, first).running() as running,
            BleakScanner(adverts, bluez={"filters": {"DuplicateData": repeats}}),
        ):
            await until(lambda heard=adverts.heard: heard and 1 in heard[-1].manufacturer_data)
            running.show(second)
            await until(lambda heard=adverts.heard: 2 in heard[-1].manufacturer_data)
        assert adverts.heard[-1].manufacturer_data == expected


async def test_a_burst_of_a_button_is_heard_and_then_it_is_silent(ble_air: BleAir) -> None:
    adverts = Adverts()
    button = Beacon(ble_air.radio, address=BEACON)
    async with button.running(), BleakScanner(adverts):
        assert await adverts.none_in(0.1)
        await button.burst(FLAGS + BTHOME, count=5, interval_ms=5)
        await until(lambda: len(adverts.heard) >= 5)
        assert await adverts.none_in(0.05)
    assert len(adverts.heard) == 5


async def test_a_terse_daemon_tells_a_steady_device_once_a_round(ble_air: BleAir) -> None:
    """What tests/vm shows of bluetoothd: discovery tells it every 10.5 s, a passive scan once and for all."""
    ble_air.radio.air.is_steady = True
    adapter = ble_air.bluez.adapter()
    adapter.is_terse = True
    async with beacon(ble_air, FLAGS + b"\x05\x09lamp").running():
        adverts = Adverts()
        async with BleakScanner(adverts):
            await adverts.more(1)
            assert await adverts.none_in(0.2)
            adapter.rounds.length_s = 0.05
            await adverts.more(3)
        adverts = Adverts()
        async with BleakScanner(adverts, scanning_mode="passive", bluez={"or_patterns": PATTERNS}):
            await adverts.more(1)
            assert await adverts.none_in(0.2)
            ble_air.radio.air.set_strength(BEACON, -58)
            await adverts.more(1)


async def test_connecting_while_discovering_waits_for_the_next_round_of_a_terse_daemon(ble_air: BleAir) -> None:
    """The chip drops what it has heard in this round, and with it what would tell the kernel to connect."""
    adapter = ble_air.bluez.adapter()
    adapter.is_terse = True
    async with oximeter(ble_air).running(), dbus_client(ble_air.dbus) as plain:
        await find(ADDRESS)  # which stops discovering at the end
        await plain.call("/org/bluez/hci0", ADAPTER, "StartDiscovery")
        await asyncio.sleep(0.2)  # it is heard in this round
        connecting = asyncio.create_task(plain.call(device_path(ADDRESS), DEVICE, "Connect"))
        await asyncio.sleep(0.3)
        assert not connecting.done()
        await plain.call("/org/bluez/hci0", ADAPTER, "StopDiscovery")
        assert (await connecting).error_name is None


async def test_broken_adverts_are_shown_as_far_as_they_can_be_read(ble_air: BleAir) -> None:
    adverts = Adverts()
    async with beacon(ble_air, FLAGS + bytes.fromhex("03ff0100 1916d2fc40")).running(), BleakScanner(adverts):
        await adverts.more(1)
    assert adverts.heard[0].manufacturer_data == {1: b""}
    assert adverts.heard[0].service_data == {}


async def test_a_peripheral_carries_data_in_its_adverts_and_its_name_in_the_scan_response(ble_air: BleAir) -> None:
    active, passive = Adverts(), Adverts()
    async with oximeter(ble_air).running() as device:
        await device.advertise_with(service_data={0xFCD2: bytes(12)}, manufacturer_data={0x0499: b"\x05"})
        async with BleakScanner(passive, scanning_mode="passive", bluez={"or_patterns": PATTERNS}):
            await passive.more(1)
        assert passive.heard[0].local_name is None
        async with BleakScanner(active):
            await until(lambda: active.heard and active.heard[-1].local_name == "SIM-PLX")
        assert active.heard[-1].service_data == {full(0xFCD2): bytes(12)}
        assert active.heard[-1].manufacturer_data == {0x0499: b"\x05"}
        assert full(0x1822) in active.heard[-1].service_uuids


async def test_a_link_that_dies_unnoticed_is_lost_at_both_ends_later(ble_air: BleAir) -> None:
    async with oximeter(ble_air).running() as device, BleakClient(await find(ADDRESS)) as client:
        leaving = asyncio.create_task(device.go_away(unnoticed_s=0.2))
        await asyncio.sleep(0.05)
        assert client.is_connected
        with pytest.raises(BleakError):  # an answer is waited for until the link is given up
            await client.read_gatt_char(full(0x2A19))
        await leaving
        await until(lambda: not client.is_connected)
        assert not device.is_connected


# ---- passive scanning ----


async def test_a_passive_scan_hears_what_matches_its_patterns(ble_air: BleAir) -> None:
    adverts = Adverts()
    passive = BleakScanner(adverts, scanning_mode="passive", bluez={"or_patterns": PATTERNS})
    async with beacon(ble_air, BTHOME).running() as running, passive:
        assert await adverts.none_in(0.1)
        running.show(FLAGS + BTHOME)
        await adverts.more(3)
    assert await adverts.none_in(0.1)


async def test_a_passive_scan_may_be_accepted_and_hear_nothing(ble_air: BleAir) -> None:
    ble_air.bluez.adapter().monitors.are_deaf = True
    adverts = Adverts()
    async with beacon(ble_air, FLAGS + BTHOME).running():
        async with BleakScanner(adverts, scanning_mode="passive", bluez={"or_patterns": PATTERNS}):
            assert await adverts.none_in(0.2)
        async with BleakScanner(adverts):
            await adverts.more(1)


async def test_without_experimental_there_is_no_passive_scan(ble_air: BleAir) -> None:
    await ble_air.bluez.remove_adapter()
    ble_air.bluez.is_experimental = False
    ble_air.bluez.add_adapter()
    with pytest.raises(BleakError, match="experimental"):
        await BleakScanner(scanning_mode="passive", bluez={"or_patterns": PATTERNS}).start()


# ---- several adapters ----


async def test_two_adapters_have_each_their_own_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ble_air_on(monkeypatch, adapters={"hci0": HCI0, "hci1": HCI1}) as air, oximeter(air).running():
        air.radio.air.set_strength(ADDRESS, None, adapter=HCI0)
        air.radio.air.set_strength(ADDRESS, -80, adapter=HCI1)
        near = {"adapter": "hci1"}
        assert await BleakScanner.find_device_by_address(ADDRESS, timeout=0.3, bluez={"adapter": "hci0"}) is None
        adverts = Adverts()
        async with BleakScanner(adverts, bluez=near):
            await adverts.more(1)
        assert -90 <= adverts.heard[0].rssi <= -80
        async with BleakClient(await find(ADDRESS, adapter="hci1"), bluez=near) as client:
            assert await client.read_gatt_char(full(0x2A19)) == b"\x50"
            await air.bluez.remove_adapter("hci0")  # the other one goes on
            assert await client.read_gatt_char(full(0x2A19)) == b"\x50"
        await air.bluez.set_power("hci1", is_on=False)
        with pytest.raises(BleakDBusError, match="NotReady"):
            await BleakScanner(bluez=near).start()


# ---- power ----


async def test_power_off_drops_links_and_scans_and_power_on_brings_it_back(ble_air: BleAir) -> None:
    adverts = Adverts()
    async with (
        oximeter(ble_air).running(),
        beacon(ble_air, FLAGS).running(),
        dbus_client(ble_air.dbus) as client,
    ):
        linked = BleakClient(await find(ADDRESS))
        scanner = BleakScanner(adverts)
        await scanner.start()
        await linked.connect()
        for is_on in (False, True):
            change = ("ssv", ADAPTER, "Powered", Variant("b", is_on))
            assert (await client.call("/org/bluez/hci0", PROPERTIES, "Set", *change)).message_type is not None
            assert await client.get("/org/bluez/hci0", ADAPTER, "Powered") is is_on
            assert await client.get("/org/bluez/hci0", ADAPTER, "Discovering") is False
        await until(lambda: not linked.is_connected)
        await linked.disconnect()
        assert await adverts.none_in(0.1)
        with pytest.raises(BleakDBusError, match="No discovery started"):
            await scanner.stop()
        async with BleakScanner(adverts):
            await adverts.more()


async def test_an_adapter_that_is_off_is_not_available(ble_air: BleAir) -> None:
    await ble_air.bluez.set_power(is_on=False)
    with pytest.raises(BleakBluetoothNotAvailableError, match="powered"):
        await BleakScanner().start()


# ---- deafness ----


@pytest.mark.parametrize("until_what", Deaf)
async def test_a_deaf_adapter_says_nothing_of_it_until_its_cure(ble_air: BleAir, until_what: Deaf) -> None:
    sim = ble_air.bluez
    adverts = Adverts()
    cures = [Deaf.UNTIL_NEW_SCAN, Deaf.UNTIL_POWER_CYCLE, Deaf.UNTIL_RESTART, Deaf.UNTIL_PLUGGED_IN_AGAIN]
    async with beacon(ble_air, FLAGS).running():
        scanner = BleakScanner(adverts)
        await scanner.start()
        await adverts.more()
        sim.deafen(until_what)
        assert await adverts.none_in(0.06)
        for cure in cures:
            if cure is Deaf.UNTIL_POWER_CYCLE:
                await sim.set_power(is_on=False)
                await sim.set_power(is_on=True)
            elif cure is Deaf.UNTIL_RESTART:
                await sim.restart()
            elif cure is Deaf.UNTIL_PLUGGED_IN_AGAIN:
                await sim.remove_adapter()
                sim.add_adapter()
            with suppress(BleakDBusError):
                await scanner.stop()
            scanner = await _started(adverts)
            if cure >= until_what:
                break
            assert await adverts.none_in(0.06)
        await adverts.more()
        await scanner.stop()


async def _started(adverts: Adverts) -> BleakScanner:
    async with asyncio.timeout(WAIT_S):
        while True:
            scanner = BleakScanner(adverts)
            with suppress(BleakError):  # bleak learns of a new adapter a moment later
                await scanner.start()
                return scanner
            await asyncio.sleep(0.005)


# ---- pairing ----


async def test_without_an_agent_nothing_is_paired(ble_air: BleAir) -> None:
    async with oximeter(ble_air, is_guarded=True).running() as device:
        with pytest.raises(BleakDBusError, match="AuthenticationFailed"):
            await BleakClient(await find(ADDRESS), pair=True).connect()
        assert not device.is_bonded
        async with BleakClient(await find(ADDRESS)) as client:
            with pytest.raises(BleakDBusError, match="Not paired"):
                await client.start_notify(CONTINUOUS, Values())


async def test_an_agent_bonds_unasked_and_later_links_are_encrypted_from_the_bond(ble_air: BleAir) -> None:
    heard = Values()
    async with oximeter(ble_air, is_guarded=True).running() as device:
        async with pairing_agent(ble_air.dbus) as agent, BleakClient(await find(ADDRESS), pair=True) as client:
            await client.start_notify(CONTINUOUS, heard)
            await device.say(Finger(spo2=95, pulse=61))
            await heard.until(1)
        assert agent.asked == []
        async with dbus_client(ble_air.dbus) as plain:
            assert await plain.get(device_path(ADDRESS), DEVICE, "Paired") is True
            assert await plain.get(device_path(ADDRESS), DEVICE, "Trusted") is True
        async with BleakClient(await find(ADDRESS)) as client:  # nobody is there to ask
            await client.start_notify(CONTINUOUS, heard)
            await device.say(Finger(spo2=96, pulse=61))
            await heard.until(2)


async def test_a_default_agent_is_asked_when_a_device_wants_encryption_by_itself(ble_air: BleAir) -> None:
    async with oximeter(ble_air, is_guarded=True).running(), pairing_agent(ble_air.dbus) as agent:
        async with BleakClient(await find(ADDRESS)) as client:
            await client.start_notify(CONTINUOUS, Values())
        assert agent.asked == [device_path(ADDRESS)]


async def test_a_bond_outlives_restart_and_power_and_goes_with_the_device(ble_air: BleAir) -> None:
    sim = ble_air.bluez
    async with oximeter(ble_air, is_guarded=True).running(), dbus_client(ble_air.dbus) as plain:
        async with pairing_agent(ble_air.dbus), BleakClient(await find(ADDRESS), pair=True):
            pass
        await sim.restart()
        assert await plain.get(device_path(ADDRESS), DEVICE, "Bonded") is True
        pair = await plain.call(device_path(ADDRESS), DEVICE, "Pair")
        assert pair.error_name == "org.bluez.Error.AlreadyExists"
        await plain.call("/org/bluez/hci0", ADAPTER, "RemoveDevice", "o", device_path(ADDRESS))
        async with BleakClient(await find(ADDRESS)) as client:
            with pytest.raises(BleakDBusError, match="Not paired"):
                await client.start_notify(CONTINUOUS, Values())


async def test_a_device_that_lost_its_bond_cannot_be_reached_until_it_is_paired_anew(ble_air: BleAir) -> None:
    async with (
        oximeter(ble_air, is_guarded=True).running() as device,
        pairing_agent(ble_air.dbus),
        dbus_client(ble_air.dbus) as plain,
    ):
        async with BleakClient(await find(ADDRESS), pair=True):
            pass
        device.forget_bonds()
        await find(ADDRESS)
        refused = await plain.call(device_path(ADDRESS), DEVICE, "Connect")
        assert refused.body == ["le-connection-abort-by-local"]
        assert await plain.get(device_path(ADDRESS), DEVICE, "Connected") is False
        await plain.call("/org/bluez/hci0", ADAPTER, "RemoveDevice", "o", device_path(ADDRESS))
        async with BleakClient(await find(ADDRESS), pair=True) as client:
            await client.start_notify(CONTINUOUS, Values())


async def test_pairing_can_be_cancelled(ble_air: BleAir) -> None:
    async with (
        oximeter(ble_air).running() as device,
        dbus_client(ble_air.dbus) as plain,
        pairing_agent(ble_air.dbus),
    ):
        await find(ADDRESS)
        nothing = await plain.call(device_path(ADDRESS), DEVICE, "CancelPairing")
        assert nothing.error_name == "org.bluez.Error.DoesNotExist"
        await device.go_away()
        pairing = asyncio.create_task(plain.call(device_path(ADDRESS), DEVICE, "Pair"))
        await asyncio.sleep(0.02)
        assert (await plain.call(device_path(ADDRESS), DEVICE, "Pair")).error_name == "org.bluez.Error.InProgress"
        await plain.call(device_path(ADDRESS), DEVICE, "CancelPairing")
        assert (await pairing).error_name == "org.bluez.Error.AuthenticationCanceled"


async def test_agents_are_registered_once_and_by_their_owner(ble_air: BleAir) -> None:
    manager = ("/org/bluez", "org.bluez.AgentManager1")
    async with dbus_client(ble_air.dbus) as one, dbus_client(ble_air.dbus) as other:
        bad = await one.call(*manager, "RegisterAgent", "os", AGENT_PATH, "Telepathy")
        assert bad.error_name == "org.bluez.Error.InvalidArguments"
        first = await one.call(*manager, "RegisterAgent", "os", AGENT_PATH, "NoInputNoOutput")
        assert first.message_type is MessageType.METHOD_RETURN
        again = await one.call(*manager, "RegisterAgent", "os", AGENT_PATH, "NoInputNoOutput")
        assert again.error_name == "org.bluez.Error.AlreadyExists"
        foreign = await other.call(*manager, "UnregisterAgent", "o", AGENT_PATH)
        assert foreign.error_name == "org.bluez.Error.DoesNotExist"
        gone = await one.call(*manager, "UnregisterAgent", "o", AGENT_PATH)
        assert gone.message_type is MessageType.METHOD_RETURN


# ---- slots, restarts, leaks ----


async def test_one_link_more_than_the_adapter_carries_is_refused(ble_air: BleAir) -> None:
    ble_air.bluez.adapter().max_connections = 0
    async with oximeter(ble_air).running(), dbus_client(ble_air.dbus) as plain:
        await find(ADDRESS)
        refused = await plain.call(device_path(ADDRESS), DEVICE, "Connect")
        assert (refused.error_name, refused.body) == ("org.bluez.Error.Failed", ["le-connection-abort-by-local"])
        ble_air.bluez.adapter().max_connections = 1
        async with BleakClient(await find(ADDRESS)):
            pass


async def test_clients_see_the_daemon_go_and_come_back_when_systemd_restarts_it(ble_air: BleAir) -> None:
    ble_air.bluez.restart_gap_s = 0.05
    owners: list[str] = []
    async with dbus_client(ble_air.dbus) as client:
        rule = "type='signal',member='NameOwnerChanged',arg0='org.bluez'"
        bus = ("/org/freedesktop/DBus", "org.freedesktop.DBus")
        await client.call(*bus, "AddMatch", "s", rule, destination="org.freedesktop.DBus")

        def note(message: object) -> None:
            if getattr(message, "member", None) == "NameOwnerChanged" and message.body[0] == "org.bluez":
                owners.append(message.body[2])

        client.bus.add_message_handler(note)
        unit = ("org.freedesktop.systemd1.Manager", "RestartUnit", "ss", "bluetooth.service", "replace")
        job = asyncio.create_task(
            client.call("/org/freedesktop/systemd1", *unit, destination="org.freedesktop.systemd1")
        )
        await until(lambda: owners == [""])
        missing = await client.call("/org/bluez/hci0", ADAPTER, "StartDiscovery")
        assert missing.error_name == "org.freedesktop.DBus.Error.ServiceUnknown"
        assert (await job).message_type is MessageType.METHOD_RETURN
        await until(lambda: len(owners) == 2)
        assert owners[1].startswith(":")
        ble_air.bluez.faults["RestartUnit"] = ["org.freedesktop.DBus.Error.AccessDenied: no"]
        denied = await client.call("/org/freedesktop/systemd1", *unit, destination="org.freedesktop.systemd1")
        assert denied.error_name == "org.freedesktop.DBus.Error.AccessDenied"


async def test_faults_may_be_meant_for_one_device_or_adapter(ble_air: BleAir) -> None:
    async with oximeter(ble_air).running(), dbus_client(ble_air.dbus) as plain:
        await find(ADDRESS)
        ble_air.bluez.faults = {
            f"{ADDRESS} Connect": ["org.bluez.Error.InProgress"],
            "hci1 StartDiscovery": ["org.bluez.Error.InProgress"],
        }
        assert (await plain.call(device_path(ADDRESS), DEVICE, "Connect")).error_name == "org.bluez.Error.InProgress"
        assert (await plain.call("/org/bluez/hci0", ADAPTER, "StartDiscovery")).error_name is None
        assert ble_air.bluez.faults["hci1 StartDiscovery"]


async def test_clients_that_forget_to_close_are_counted(ble_air: BleAir) -> None:
    assert await ble_air.bluez.client_count() == 0
    async with dbus_client(ble_air.dbus), dbus_client(ble_air.dbus):
        assert await ble_air.bluez.client_count() == 2
    async with asyncio.timeout(WAIT_S):
        while await ble_air.bluez.client_count():
            await asyncio.sleep(0.005)


# ---- connects that are given up ----


@pytest.mark.parametrize("early", range(7))
def test_a_connect_given_up_at_the_moment_of_its_time_out_leaves_no_exception_to_nobody(
    monkeypatch: pytest.MonkeyPatch, early: int
) -> None:
    """bleak and the kernel have the same patience, 20 s."""
    trouble: list[str] = []

    async def given_up() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: trouble.append(context["message"]))
        async with ble_air_on(monkeypatch) as air, oximeter(air).running() as device:
            await find(ADDRESS)
            await device.go_away()
            (remote,) = air.bluez.adapter()._remotes.values()
            connecting = asyncio.create_task(remote.connect())
            while remote._connecting is None:
                await asyncio.sleep(0)
            loop.call_at(loop.time() + CONNECT_S, _cancel_after, early, remote._connecting)
            (error,) = await asyncio.gather(connecting, return_exceptions=True)
            assert isinstance(error, DBusError)
            await device.come_back()
            await remote.connect()
        gc.collect()

    run_quickly(given_up())
    gc.collect()
    assert not trouble


def _cancel_after(turns: int, task: asyncio.Task[Any]) -> None:
    if turns:
        asyncio.get_running_loop().call_soon(_cancel_after, turns - 1, task)
    else:
        task.cancel()


@pytest.mark.parametrize("early", range(6))
async def test_a_connect_that_is_given_up_at_once_ends_at_once(ble_air: BleAir, early: int) -> None:
    """The controller may not have been asked yet."""
    async with oximeter(ble_air).running() as device:
        await find(ADDRESS)
        await device.go_away()
        (remote,) = ble_air.bluez.adapter()._remotes.values()
        connecting = asyncio.create_task(remote.connect())
        while remote._connecting is None:
            await asyncio.sleep(0)
        for _ in range(early):
            await asyncio.sleep(0)
        async with asyncio.timeout(WAIT_S):
            await remote.disconnect()
            await asyncio.gather(connecting, return_exceptions=True)
            await device.come_back()
            await remote.connect()
