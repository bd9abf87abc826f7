"""One connected peripheral: its GATT tree shown as D-Bus objects, as bluetoothd shows it."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Iterator

from bumble import core
from bumble.att import ATT_Error
from bumble.device import Connection
from bumble.device import Peer as BumblePeer
from bumble.gatt import Characteristic
from bumble.gatt_client import CharacteristicProxy, DescriptorProxy
from dbus_fast import Variant
from dbus_fast.errors import DBusError

from simulators.ble.objects import NO, YES, Interfaces, ObjectTree

SERVICE = "org.bluez.GattService1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
DESCRIPTOR = "org.bluez.GattDescriptor1"
FAILED = "org.bluez.Error.Failed"
NOT_PERMITTED = "org.bluez.Error.NotPermitted"
NOT_SUPPORTED = "org.bluez.Error.NotSupported"

MTU = 517
"""The largest ATT MTU; bluetoothd asks every peripheral for it."""

Notified = Callable[[str, bytes], None]
"""Called with the characteristic's path and the value of each notification or indication."""

_FLAGS = (
    (Characteristic.Properties.BROADCAST, "broadcast"),
    (Characteristic.Properties.READ, "read"),
    (Characteristic.Properties.WRITE_WITHOUT_RESPONSE, "write-without-response"),
    (Characteristic.Properties.WRITE, "write"),
    (Characteristic.Properties.NOTIFY, "notify"),
    (Characteristic.Properties.INDICATE, "indicate"),
    (Characteristic.Properties.AUTHENTICATED_SIGNED_WRITES, "authenticated-signed-writes"),
)
CAN_TELL = frozenset({"notify", "indicate"})
_CAN_WRITE = Characteristic.Properties.WRITE | Characteristic.Properties.WRITE_WITHOUT_RESPONSE
_CAN_NOTIFY = Characteristic.Properties.NOTIFY | Characteristic.Properties.INDICATE


class Peer:
    """The GATT side of one connection. Calls raise DBusError with the names that bluetoothd uses."""

    def __init__(self, tree: ObjectTree, path: str, connection: Connection, notified: Notified) -> None:
        """`path` is the device's; nothing is asked over the air before `discover`."""
        self.connection = connection
        self.is_linked = True
        self._tree = tree
        self._path = path
        self._peer = BumblePeer(connection)
        self._notified = notified
        self._characteristics: dict[str, CharacteristicProxy[bytes]] = {}
        self._descriptors: dict[str, DescriptorProxy] = {}
        self._listeners: dict[str, Callable[[bytes], None]] = {}
        self._asked: set[str] = set()
        self.is_discovered = False
        """Whether `show` has been called: what is below `path` before is of an earlier link."""

    async def discover(self) -> None:
        """Ask for everything that it offers."""
        with _as_bluez_errors():
            await self._peer.request_mtu(MTU)
            await self._peer.discover_all()  # type: ignore[no-untyped-call] # bumble leaves it bare

    def show(self) -> list[str]:
        """Show what was discovered, once for all links; returns the UUIDs of the services."""
        objects: dict[str, Interfaces] = {}
        for service in self._peer.services:
            service_path = f"{self._path}/service{service.handle:04x}"
            objects[service_path] = {
                SERVICE: {
                    "UUID": _uuid(service.uuid),
                    "Device": Variant("o", self._path),
                    "Primary": YES,
                }
            }
            for characteristic in service.characteristics:
                objects |= self._described(service_path, characteristic)
        self._tree.show_below(self._path, objects)
        self.is_discovered = True
        return [uuid_text(service.uuid) for service in self._peer.services]

    async def read(self, path: str) -> bytes:
        """Read a characteristic or descriptor over the air."""
        attribute = self._characteristics.get(path) or self._descriptors[path]
        with _as_bluez_errors():
            return await attribute.read_value()

    async def write(self, path: str, value: bytes, *, with_response: bool) -> None:
        """Write a characteristic or descriptor over the air."""
        characteristic = self._characteristics.get(path)
        if characteristic is not None and not characteristic.properties & _CAN_WRITE:
            raise DBusError(NOT_SUPPORTED, "Operation is not supported")  # bluetoothd asks the flags, not the device
        attribute = characteristic or self._descriptors[path]
        with _as_bluez_errors():
            await attribute.write_value(value, with_response=with_response)

    def expect(self, path: str) -> None:
        """Take the values of a characteristic that come before anything is asked for on this link."""
        if path in self._listeners:
            return

        def heard(value: bytes) -> None:
            self._notified(path, value)

        self._listeners[path] = heard
        client = self._peer.gatt_client
        for subscribers in (client.notification_subscribers, client.indication_subscribers):
            subscribers.setdefault(value_handle(path), set()).add(heard)

    async def listen(self, path: str) -> None:
        """Write the CCCD so that values come; harmless when they already do."""
        if path in self._asked:
            return
        self._asked.add(path)
        self.expect(path)
        try:
            with _as_bluez_errors():
                await self._characteristics[path].subscribe()
        except DBusError:
            self._forget(path)
            raise
        if not self.is_linked:  # the device answered, and hung up
            raise DBusError(FAILED, "Not connected")
        self._tree.change(path, CHARACTERISTIC, {"Notifying": YES})

    async def ignore(self, path: str) -> None:
        """Write zeros to the CCCD."""
        if path not in self._asked:
            return
        self._forget(path)
        with _as_bluez_errors():
            await self._characteristics[path].unsubscribe(force=True)
        if path in self._tree:
            self._tree.change(path, CHARACTERISTIC, {"Notifying": NO})

    def _forget(self, path: str) -> None:
        self._asked.discard(path)
        heard = self._listeners.pop(path)
        client = self._peer.gatt_client
        for subscribers in (client.notification_subscribers, client.indication_subscribers):
            subscribers.get(value_handle(path), set()).discard(heard)

    def _described(self, service_path: str, characteristic: CharacteristicProxy[bytes]) -> dict[str, Interfaces]:
        # bluetoothd names the path after the declaration, which lies just before the value.
        path = f"{service_path}/char{characteristic.handle - 1:04x}"
        self._characteristics[path] = characteristic
        properties = {
            "UUID": _uuid(characteristic.uuid),
            "Service": Variant("o", service_path),
            "Value": Variant("ay", b""),
            "Flags": Variant("as", [name for flag, name in _FLAGS if characteristic.properties & flag]),
            "MTU": Variant("q", self.connection.att_mtu),
        }
        if characteristic.properties & _CAN_NOTIFY:
            properties["Notifying"] = NO
        objects: dict[str, Interfaces] = {path: {CHARACTERISTIC: properties}}
        for descriptor in characteristic.descriptors:
            descriptor_path = f"{path}/desc{descriptor.handle:04x}"
            self._descriptors[descriptor_path] = descriptor
            objects[descriptor_path] = {
                DESCRIPTOR: {
                    "UUID": _uuid(descriptor.type),
                    "Characteristic": Variant("o", path),
                    "Value": Variant("ay", b""),
                }
            }
        return objects


def value_handle(path: str) -> int:
    """The handle of a characteristic's value, as its path tells."""
    return int(path[-4:], 16) + 1


def uuid_text(short: core.UUID) -> str:
    """The full lower-case form, as D-Bus clients get it."""
    return str(uuid.UUID(bytes=short.to_bytes(force_128=True)[::-1]))


def _uuid(short: core.UUID) -> Variant:
    return Variant("s", uuid_text(short))


class NotPaired(DBusError):
    """The device wants encryption first; bluetoothd encrypts or pairs and asks again before it says so."""

    def __init__(self) -> None:
        """As create_gatt_dbus_error() of bluetoothd words it."""
        super().__init__(NOT_PERMITTED, "Not paired")


_WANTS_ENCRYPTION = frozenset({0x05, 0x0C, 0x0F})
# create_gatt_dbus_error() of bluetoothd; what is not named there is told by its number.
_ATT_ERRORS = {
    0x02: (NOT_PERMITTED, "Read not permitted"),
    0x03: (NOT_PERMITTED, "Write not permitted"),
    0x06: (NOT_SUPPORTED, "Operation is not supported"),
    0x07: ("org.bluez.Error.InvalidArguments", "Invalid offset"),
    0x08: ("org.bluez.Error.NotAuthorized", "Operation Not Authorized"),
    0x0D: ("org.bluez.Error.InvalidArguments", "Invalid Length"),
}


@contextlib.contextmanager
def _as_bluez_errors() -> Iterator[None]:
    """Name failures over the air as bluetoothd does."""
    try:
        yield
    except ATT_Error as error:
        if error.error_code in _WANTS_ENCRYPTION:
            raise NotPaired from error
        name, words = _ATT_ERRORS.get(
            error.error_code, (FAILED, f"Operation failed with ATT error: 0x{error.error_code:02x}")
        )
        raise DBusError(name, words) from error
    except (core.BaseBumbleError, TimeoutError) as error:
        raise DBusError(FAILED, str(error) or type(error).__name__) from error
    except asyncio.CancelledError as error:
        # bumble cancels the request that is open when the link goes; that is no order to us to end.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise DBusError(FAILED, "Not connected") from error
