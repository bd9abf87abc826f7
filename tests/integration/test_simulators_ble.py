"""bleak itself, unchanged, against the simulated BlueZ: what must work, and the habits of bluetoothd that must bite."""

import asyncio
import shutil
from collections import Counter
from contextlib import suppress

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError, BleakGATTProtocolError
from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from fixtures.ble_radio import ADDRESS, OXIMETER, BleRadio, ble_radio_on

from shouwang.quantities import Quantity
from simulators.ble.bluez import HANG
from simulators.ble.pulse_oximeter import Finger

pytestmark = pytest.mark.skipif(shutil.which("dbus-daemon") is None, reason="needs dbus-daemon (apt install dbus)")

CONTINUOUS = "00002a5f-0000-1000-8000-00805f9b34fb"
SPOT_CHECK = "00002a5e-0000-1000-8000-00805f9b34fb"
FEATURES = "00002a60-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
MODEL = "00002a24-0000-1000-8000-00805f9b34fb"
PLX = "00001822-0000-1000-8000-00805f9b34fb"
FAILED = "org.bluez.Error.Failed"
WAIT_S = 30.0


async def find() -> object:
    device = await BleakScanner.find_device_by_address(ADDRESS, timeout=WAIT_S)
    assert device is not None
    return device


class Heard:
    """Values as they come, and waiting for some of them."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self._more = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, _characteristic: object, value: bytearray) -> None:
        self.values.append(bytes(value))
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._more:
            self._more.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WAIT_S), self._more:
            await self._more.wait_for(lambda: len(self.values) >= count)


async def until(seen: object) -> None:
    async with asyncio.timeout(WAIT_S):
        while not seen():
            await asyncio.sleep(0.005)


async def test_a_scan_finds_the_oximeter_by_its_service(ble_radio: BleRadio) -> None:
    found = await BleakScanner.find_device_by_filter(
        lambda device, _: device.address == ADDRESS, timeout=WAIT_S, service_uuids=[PLX]
    )
    assert found is not None
    assert found.name == "SIM-PLX"
    other = ["0000180d-0000-1000-8000-00805f9b34fb"]
    assert await BleakScanner.find_device_by_address(ADDRESS, timeout=0.3, service_uuids=other) is None


async def test_services_and_fixed_values_can_be_read(ble_radio: BleRadio) -> None:
    async with BleakClient(await find()) as client:
        assert client.services.get_service(PLX) is not None
        assert await client.read_gatt_char(BATTERY) == b"\x50"
        assert await client.read_gatt_char(MODEL) == b"SIM-PLX"
        assert await client.read_gatt_char(FEATURES) == bytes.fromhex("0b00a020000800")
    assert ble_radio.tally.of(OXIMETER, Quantity.BATTERY) == Counter({80: 1})


async def test_a_subscriber_hears_what_the_probe_sees(ble_radio: BleRadio) -> None:
    heard = Heard()
    async with BleakClient(await find()) as client:
        await client.start_notify(CONTINUOUS, heard)
        await heard.until(1)
        ble_radio.oximeter.show(spo2=88, pulse=104.5)
        await until(lambda: heard.values[-1][1:5] == bytes.fromhex("580015f4"))
        ble_radio.oximeter.take_finger_out()
        await until(lambda: heard.values[-1][1:5] == bytes.fromhex("ff07ff07"))
        assert heard.values[-1] == bytes.fromhex("0cff07ff072020000800")  # ongoing, unavailable; sensor unconnected
        await client.stop_notify(CONTINUOUS)
        assert not ble_radio.oximeter.is_listened_to


async def test_a_spot_check_is_indicated_and_confirmed(ble_radio: BleRadio) -> None:
    heard = Heard()
    async with BleakClient(await find()) as client:
        await client.start_notify(SPOT_CHECK, heard)
        async with asyncio.timeout(WAIT_S):
            await ble_radio.oximeter.say_spot_check(Finger(spo2=95, pulse=60))
        await heard.until(1)
    assert heard.values == [bytes.fromhex("175f003c0000000000000000a000000000")]
    assert ble_radio.tally.of(OXIMETER, Quantity.SPO2) == Counter({95: 1})


async def test_every_value_comes_once_over_drops_and_reconnects(ble_radio: BleRadio) -> None:
    """bleak's callback got what the tally says was delivered; nothing is doubled after a clean reconnect."""
    heard = Heard()
    for lap in range(3):
        ble_radio.oximeter.show(spo2=90 + lap, pulse=70 + lap)
        lost = asyncio.Event()
        client = BleakClient(await find(), disconnected_callback=lambda _, lost=lost: lost.set())
        try:
            await client.connect()
            await client.start_notify(CONTINUOUS, heard)
            await heard.until(len(heard.values) + 4)
            await ble_radio.oximeter.drop()
            await asyncio.wait_for(lost.wait(), WAIT_S)
        finally:
            await client.disconnect()
    spoken = Counter(float(int.from_bytes(value[1:3], "little")) for value in heard.values)
    assert ble_radio.tally.of(OXIMETER, Quantity.SPO2) == spoken
    assert set(spoken) >= {90.0, 91.0, 92.0}


async def test_a_client_that_is_not_closed_doubles_what_its_successor_hears(ble_radio: BleRadio) -> None:
    """bluetoothd remembers a subscription per bus connection (hbldh/bleak#2002): the trap must be there."""
    with ble_radio.oximeter.held():
        leaked = BleakClient(await find())
        await leaked.connect()
        await leaked.start_notify(CONTINUOUS, Heard())
        await ble_radio.oximeter.drop()
        await until(lambda: not leaked.is_connected)
        heard = Heard()
        async with BleakClient(await find()) as client:
            await client.start_notify(CONTINUOUS, heard)
            await ble_radio.oximeter.say(Finger(spo2=91, pulse=70))
            await heard.until(2)
            assert heard.values[0] == heard.values[1]
        await leaked.disconnect()


async def test_connect_faults_reach_the_client_as_bluez_says_them(ble_radio: BleRadio) -> None:
    device = await find()
    ble_radio.bluez.faults = {"Connect": [FAILED, HANG]}
    with pytest.raises(BleakDBusError, match=FAILED):
        await BleakClient(device).connect()
    hanging = BleakClient(device, timeout=0.2)
    with pytest.raises(TimeoutError):
        await hanging.connect()
    async with BleakClient(device) as client:
        assert client.is_connected


async def test_out_of_range_and_back(ble_radio: BleRadio) -> None:
    async with BleakClient(await find()) as client:
        await ble_radio.oximeter.go_away()
        await until(lambda: not client.is_connected)
    for _ in range(2):  # an attempt that was given up does not stand in the way of the next one
        with pytest.raises(TimeoutError):
            await BleakClient(await _known(), timeout=0.2).connect()
    await ble_radio.oximeter.come_back()
    async with BleakClient(await find()) as client:
        assert client.is_connected


async def _known() -> object:
    from bleak.backends.device import BLEDevice

    path = f"/org/bluez/hci0/dev_{ADDRESS.replace(':', '_')}"
    return BLEDevice(ADDRESS, None, {"path": path, "props": {"Adapter": "/org/bluez/hci0"}})


async def test_a_pulled_adapter_is_not_available_until_it_is_back(ble_radio: BleRadio) -> None:
    async with BleakClient(await find()) as client:
        await ble_radio.bluez.remove_adapter()
        await until(lambda: not client.is_connected)
    with pytest.raises(BleakBluetoothNotAvailableError):
        while True:
            with suppress(BleakDBusError):  # for a moment bleak knows only that a call went to nobody
                await find()
    ble_radio.bluez.add_adapter()
    async with asyncio.timeout(WAIT_S):
        while True:
            with suppress(BleakBluetoothNotAvailableError):
                await find()
                return
            await asyncio.sleep(0.005)


async def test_a_scan_hears_nothing_more_after_the_daemon_restarts(ble_radio: BleRadio) -> None:
    heard: list[str] = []
    scanner = BleakScanner(lambda device, _: heard.append(device.address))
    await scanner.start()
    await until(lambda: len(heard) >= 2)
    await ble_radio.bluez.restart()
    before = len(heard)
    with pytest.raises(BleakDBusError, match="No discovery started"):
        await scanner.stop()
    assert len(heard) == before
    await find()


async def test_a_link_outlives_the_client_that_made_it(ble_radio: BleRadio) -> None:
    """A gateway that is killed leaves the device connected and silent on the air (bluez/bluez#89)."""
    await find()
    path = f"/org/bluez/hci0/dev_{ADDRESS.replace(':', '_')}"
    bus = await MessageBus(bus_address=ble_radio.dbus).connect()
    reply = await bus.call(Message(destination="org.bluez", path=path, interface="org.bluez.Device1", member="Connect"))
    assert reply.message_type is MessageType.METHOD_RETURN
    asked = Message(
        destination="org.bluez",
        path=path,
        interface="org.freedesktop.DBus.Properties",
        member="Get",
        signature="ss",
        body=["org.bluez.Device1", "ServicesResolved"],
    )
    async with asyncio.timeout(WAIT_S):  # the answer comes before the services (att_connect_cb of bluetoothd)
        while not (await bus.call(asked)).body[0].value:
            await asyncio.sleep(0.005)
    bus.disconnect()
    assert await BleakScanner.find_device_by_address(ADDRESS, timeout=0.3) is None
    async with BleakClient(await _known()) as client:
        assert await client.read_gatt_char(BATTERY) == b"\x50"


async def test_a_device_that_is_not_heard_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ble_radio_on(monkeypatch, temporary_s=0.2) as radio:
        await find()
        await radio.oximeter.go_away()
        assert await BleakScanner.find_device_by_address(ADDRESS, timeout=0.5) is None
        bus = await MessageBus(bus_address=radio.dbus).connect()
        path = f"/org/bluez/hci0/dev_{ADDRESS.replace(':', '_')}"
        call = Message(destination="org.bluez", path=path, interface="org.bluez.Device1", member="Connect")
        assert (await bus.call(call)).error_name == "org.freedesktop.DBus.Error.UnknownObject"
        bus.disconnect()


async def test_acquire_notify_is_not_offered(ble_radio: BleRadio) -> None:
    heard = Heard()
    async with BleakClient(await find()) as client:
        await client.start_notify(CONTINUOUS, heard, bluez={"use_start_notify": False})
        await heard.until(1)


async def test_descriptors_can_be_read_and_unwritable_values_are_refused(ble_radio: BleRadio) -> None:
    async with BleakClient(await find()) as client:
        cccd = client.services.get_characteristic(CONTINUOUS).descriptors[0]
        assert await client.read_gatt_descriptor(cccd) == b"\x00\x00"
        with pytest.raises(BleakGATTProtocolError, match="NOT_SUPPORTED"):
            await client.write_gatt_char(BATTERY, b"\x01", response=True)
