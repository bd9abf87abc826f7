"""The way to Bluetooth LE devices. The only module that imports bleak; its failures become DeviceError here.

Each connection has a client object of its own that is always closed: a client that is used again, or left open, gets
every value twice, and each one left open keeps a D-Bus connection until BlueZ has no more (hbldh/bleak#1698, #2002).
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import NamedTuple

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from shouwang.errors import DeviceError

SEARCH_S = 10.0
SEARCHES = 3
"""One search holds the adapter for 10 s; between two searches the next sensor has its turn."""
CONNECT_S = 20.0
"""As bleak-retry-connector waits for one attempt."""
CALL_S = 10.0
DISCONNECT_S = 12.0
"""bleak itself waits 10 s for the device to let go."""
_GRACE_S = 5.0
"""For bleak to tidy up after a time-out of its own; then it is cancelled once more."""
_INBOX_CAPACITY = 256


class Attribute(NamedTuple):
    """A characteristic by the 16-bit numbers of its service and itself."""

    service: int
    characteristic: int


class Bluetooth:
    """The adapters of this box. On each, one sensor at a time searches and connects: BlueZ refuses a second one."""

    def __init__(self) -> None:
        """No adapter is touched yet."""
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def connected(self, address: str, *, adapter: str, service: int) -> AsyncIterator["Peripheral"]:
        """A connection to the device with this address, which must offer `service`; closed at the end of the block.

        Raises DeviceError where the adapter is missing or off, the device is not heard, refuses or lacks the service.
        """
        async with AsyncExitStack() as stack:
            yield await self._reach(address, adapter, service, stack)

    async def _reach(self, address: str, adapter: str, service: int, stack: AsyncExitStack) -> "Peripheral":
        for _ in range(SEARCHES):
            async with self._turns[adapter]:
                device = await self._find(address, adapter, service)
                if device is not None:
                    return await self._connect(device, adapter, service, stack)
        searched_s = SEARCHES * SEARCH_S
        raise DeviceError(
            f"{address} was not heard by {adapter} in {searched_s:.0f} s; is it switched on, charged, near, "
            "and not connected to a phone?"
        )

    async def _find(self, address: str, adapter: str, service: int) -> BLEDevice | None:
        with _in_plain_words(adapter, f"the search for {address}"):
            async with asyncio.timeout(SEARCH_S + _GRACE_S):
                # A device that is still connected, for us before a crash, does not advertise (bluez/bluez#89).
                adapters = await BleakAdapter.get(bluez={"adapter": adapter})
                for device in await adapters.get_connected_devices([_uuid(service)]):
                    if device.address.upper() == address.upper():
                        return device
                return await BleakScanner.find_device_by_address(address, timeout=SEARCH_S, bluez={"adapter": adapter})

    async def _connect(self, device: BLEDevice, adapter: str, service: int, stack: AsyncExitStack) -> "Peripheral":
        peripheral = Peripheral(device, adapter)
        stack.push_async_callback(peripheral.let_go)
        await peripheral.connect()
        if not peripheral.has_service(service):
            raise DeviceError(
                f"{device.address} does not offer service {service:04X}: it is another kind of device; "
                "check the address in the configuration"
            )
        return peripheral


class Peripheral:
    """One connection. All methods raise DeviceError once it is lost."""

    def __init__(self, device: BLEDevice, adapter: str) -> None:
        """Prepare only; `connect` connects."""
        self._address = device.address
        self._adapter = adapter
        self._is_lost = False
        self._arrived = asyncio.Event()
        self._inbox: deque[tuple[Attribute, bytes]] = deque(maxlen=_INBOX_CAPACITY)  # when full, the oldest value goes
        self._client = BleakClient(device, disconnected_callback=self._lose, timeout=CONNECT_S)

    async def connect(self) -> None:
        """Connect and learn what the device offers."""
        with _in_plain_words(self._adapter, f"{self._address}, asked to connect,"):
            async with asyncio.timeout(CONNECT_S + _GRACE_S):
                await self._client.connect()

    async def let_go(self) -> None:
        """Close the connection, whatever state it is in."""
        # There is nothing left to do for a connection that cannot even be closed: the next one starts from nothing.
        with suppress(BleakError, OSError, EOFError, TimeoutError):
            async with asyncio.timeout(DISCONNECT_S):
                await self._client.disconnect()

    def has_service(self, service: int) -> bool:
        """Whether the device offers the service."""
        with _in_plain_words(self._adapter, self._address):
            return any(offered.uuid == _uuid(service) for offered in self._client.services)

    def has(self, attribute: Attribute) -> bool:
        """Whether the device offers the characteristic."""
        return self._find(attribute) is not None

    def can_tell(self, attribute: Attribute) -> bool:
        """Whether the device offers the characteristic and notifies or indicates it."""
        found = self._find(attribute)
        return found is not None and not {"notify", "indicate"}.isdisjoint(found.properties)

    async def read(self, attribute: Attribute) -> bytes:
        """Read once. Not for what is subscribed: BlueZ would give that value twice."""
        found = self._get(attribute)
        with _in_plain_words(self._adapter, f"{self._address}, asked for {attribute.characteristic:04X},"):
            async with asyncio.timeout(CALL_S):
                return bytes(await self._client.read_gatt_char(found))

    async def subscribe(self, attribute: Attribute) -> None:
        """Let its values come to `next_value`."""
        found = self._get(attribute)
        with _in_plain_words(self._adapter, f"{self._address}, asked to report {attribute.characteristic:04X},"):
            async with asyncio.timeout(CALL_S):
                await self._client.start_notify(found, partial(self._arrive, attribute))

    async def next_value(self) -> tuple[Attribute, bytes]:
        """The next value of what is subscribed, in the order of arrival."""
        while not self._inbox:
            if self._is_lost:
                raise DeviceError(f"the connection to {self._address} was lost; it is out of range, off or empty")
            self._arrived.clear()
            await self._arrived.wait()
        return self._inbox.popleft()

    def _arrive(self, attribute: Attribute, _characteristic: BleakGATTCharacteristic, value: bytearray) -> None:
        self._inbox.append((attribute, bytes(value)))
        self._arrived.set()

    def _lose(self, _client: BleakClient) -> None:
        self._is_lost = True
        self._arrived.set()

    def _find(self, attribute: Attribute) -> BleakGATTCharacteristic | None:
        # By service, since a device may have the same characteristic in two (batteries of base and probe).
        with _in_plain_words(self._adapter, self._address):
            for service in self._client.services:
                if service.uuid == _uuid(attribute.service):
                    for characteristic in service.characteristics:
                        if characteristic.uuid == _uuid(attribute.characteristic):
                            return characteristic
        return None

    def _get(self, attribute: Attribute) -> BleakGATTCharacteristic:
        found = self._find(attribute)
        if found is None:
            raise DeviceError(f"{self._address} does not offer {attribute.characteristic:04X}")
        return found


def _uuid(number: int) -> str:
    return f"0000{number:04x}-0000-1000-8000-00805f9b34fb"


@contextmanager
def _in_plain_words(adapter: str, what: str) -> Iterator[None]:
    """Turn what bleak raises into DeviceError: what is wrong, and what to do."""
    try:
        yield
    except TimeoutError as error:
        raise DeviceError(f"{what} got no answer in time; if this lasts: systemctl restart bluetooth") from error
    except BleakBluetoothNotAvailableError as error:
        advice = _UNAVAILABLE.get(error.reason, "see what this box has with: bluetoothctl list")
        raise DeviceError(f"Bluetooth cannot be used here: {error.args[0]}; {advice}") from error
    except BleakGATTProtocolError as error:
        advice = f"; {_PAIR_FIRST}" if error.code in _WANTS_PAIRING else ""
        raise DeviceError(f"{what} refused: {error.args[1]}{advice}") from error
    except BleakDBusError as error:
        advice = _DBUS_ADVICE.get(error.dbus_error, "if this lasts: systemctl restart bluetooth")
        raise DeviceError(f"{what} failed at {adapter}: {error}; {advice}") from error
    except BleakError as error:
        raise DeviceError(f"{what} failed: {error}; the adapters of this box: bluetoothctl list") from error
    except (OSError, EOFError) as error:
        raise DeviceError(f"the Bluetooth service cannot be reached over D-Bus: {error}; {_START_SERVICE}") from error


_START_SERVICE = "start it with: systemctl start bluetooth"
_SWITCH_ON = "switch it on with: rfkill unblock bluetooth; bluetoothctl power on"
_PAIR_FIRST = "pair the device with this box first: bluetoothctl pair ADDRESS"
_UNAVAILABLE = {
    BleakBluetoothNotAvailableReason.POWERED_OFF: _SWITCH_ON,
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: "plug in a Bluetooth LE adapter, then look with: bluetoothctl list",
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: "add the gateway's user to the group bluetooth",
}
_DBUS_ADVICE = {
    "org.bluez.Error.NotReady": f"Bluetooth is off; {_SWITCH_ON}",
    "org.bluez.Error.InProgress": "another program uses the adapter; only the gateway may search for devices here",
    "org.freedesktop.DBus.Error.ServiceUnknown": f"the Bluetooth service does not run; {_START_SERVICE}",
    "org.freedesktop.DBus.Error.NameHasNoOwner": f"the Bluetooth service does not run; {_START_SERVICE}",
    "org.freedesktop.DBus.Error.AccessDenied": "add the gateway's user to the group bluetooth",
}
_WANTS_PAIRING = frozenset(
    {
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHORIZATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
    }
)
