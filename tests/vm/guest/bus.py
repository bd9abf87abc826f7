"""A plain D-Bus client of bluetoothd, to see what bluetoothd itself does; every signal is kept with its moment."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
CHARACTERISTIC = "org.bluez.GattCharacteristic1"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
DBUS = "org.freedesktop.DBus"

HCI0 = "/org/bluez/hci0"
LIMIT_S = 120.0
"""How long a test waits for anything. Nothing is proved by it: an emulated processor may be shared with others."""


class Signal(NamedTuple):
    """A signal; `at` is CLOCK_MONOTONIC."""

    at: float
    path: str
    member: str
    body: list[Any]


class Bus:
    """One client of the system bus."""

    def __init__(self, raw: MessageBus) -> None:
        """`raw` is connected."""
        self.raw = raw
        self.signals: list[Signal] = []
        self._more = asyncio.Event()
        raw.add_message_handler(self._take)

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", *body: Any, destination: str = "org.bluez"
    ) -> list[Any]:
        """Call a method; raises DBusError."""
        message = Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=[*body]
        )
        async with asyncio.timeout(LIMIT_S):
            reply = await self.raw.call(message)
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise DBusError(str(reply.error_name), reply.body[0] if reply.body else "")
        return reply.body

    async def refusal(self, path: str, interface: str, member: str, signature: str = "", *body: Any) -> str:
        """Call a method that must fail; returns how it failed."""
        try:
            answer = await self.call(path, interface, member, signature, *body)
        except DBusError as error:
            return f"{error.type}: {error.text}"
        raise AssertionError(f"{member} was not refused but gave {answer}")

    async def get(self, path: str, interface: str, name: str) -> Any:
        """A property."""
        return (await self.call(path, PROPERTIES, "Get", "ss", interface, name))[0].value

    async def power(self, *, on: bool) -> None:
        """Switch the adapter on or off."""
        await self.call(HCI0, PROPERTIES, "Set", "ssv", ADAPTER, "Powered", Variant("b", on))

    async def objects(self) -> dict[str, dict[str, dict[str, Variant]]]:
        """All that bluetoothd shows."""
        return dict((await self.call("/", OBJECT_MANAGER, "GetManagedObjects"))[0])

    async def discover(self, address: str) -> str:
        """Discover as bleak does until a device is there; its path."""
        path = device_path(address)
        await self.call(HCI0, ADAPTER, "SetDiscoveryFilter", "a{sv}", {"Transport": Variant("s", "le")})
        await self.call(HCI0, ADAPTER, "StartDiscovery")
        await self.until(lambda: self.added(path))
        return path

    async def find(self, address: str) -> str:
        """Discover a device and stop discovering; its path."""
        path = await self.discover(address)
        await self.call(HCI0, ADAPTER, "StopDiscovery")
        return path

    async def connect(self, device: str) -> None:
        """Connect; returns when the services are known."""
        since = time.monotonic()
        await self.call(device, DEVICE, "Connect")
        await self.until(lambda: self.said(device, DEVICE, "ServicesResolved", True, since=since))

    async def characteristic(self, device: str, uuid: str) -> str:
        """The path of a characteristic."""
        for path, interfaces in (await self.objects()).items():
            shown = interfaces.get(CHARACTERISTIC, {})
            if path.startswith(f"{device}/") and shown and shown["UUID"].value.upper() == uuid.upper():
                return path
        raise AssertionError(f"{device} has no {uuid}")

    async def read(self, characteristic: str) -> bytes:
        """Read a characteristic."""
        return bytes((await self.call(characteristic, CHARACTERISTIC, "ReadValue", "a{sv}", {}))[0])

    async def subscribe(self, characteristic: str) -> None:
        """Ask for the values of a characteristic."""
        await self.call(characteristic, CHARACTERISTIC, "StartNotify")

    async def until(self, seen: Callable[[], Any], *, limit_s: float = LIMIT_S) -> Any:
        """Return what `seen` returns once that is true; it is asked after each signal."""
        async with asyncio.timeout(limit_s):
            while not (value := seen()):
                self._more.clear()
                await self._more.wait()
        return value

    async def until_gone(self, client: "Bus") -> None:
        """Return when bluetoothd knows that another client has left."""
        name = client.raw.unique_name
        async with asyncio.timeout(LIMIT_S):
            while (await self.call("/", DBUS, "NameHasOwner", "s", name, destination=DBUS))[0]:
                await asyncio.sleep(0.05)
        await self.objects()  # it has read all that the bus had told it before

    def changes(self, path: str, interface: str, name: str, *, since: float = 0.0) -> list[tuple[float, Any]]:
        """When a property was signalled, with its value; None where it was taken away."""
        found: list[tuple[float, Any]] = []
        for signal in self.signals:
            if signal.member != "PropertiesChanged" or signal.path != path or signal.at < since:
                continue
            shown, values, gone = signal.body
            if shown == interface and name in values:
                found.append((signal.at, values[name].value))
            elif shown == interface and name in gone:
                found.append((signal.at, None))
        return found

    def said(self, path: str, interface: str, name: str, value: Any, *, since: float = 0.0) -> list[float]:
        """When a property was signalled to have this value."""
        return [at for at, said in self.changes(path, interface, name, since=since) if said == value]

    def values(self, characteristic: str, *, since: float = 0.0) -> list[bytes]:
        """The values of a characteristic that were signalled."""
        return [bytes(value) for _, value in self.changes(characteristic, CHARACTERISTIC, "Value", since=since)]

    def added(self, path: str, *, since: float = 0.0) -> list[float]:
        """When an object appeared."""
        return self._told("InterfacesAdded", path, since)

    def removed(self, path: str, *, since: float = 0.0) -> list[float]:
        """When an object vanished."""
        return self._told("InterfacesRemoved", path, since)

    def _told(self, member: str, path: str, since: float) -> list[float]:
        return [one.at for one in self.signals if one.member == member and one.body[0] == path and one.at >= since]

    def _take(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL:
            self.signals.append(Signal(time.monotonic(), str(message.path), str(message.member), message.body))
            self._more.set()


@asynccontextmanager
async def connected_bus(*, is_watching: bool = True) -> AsyncIterator[Bus]:
    """A client; `is_watching`: it gets all signals of bluetoothd."""
    raw = await MessageBus(bus_type=BusType.SYSTEM, negotiate_unix_fd=True).connect()
    try:
        bus = Bus(raw)
        if is_watching:
            for rule in ("type='signal',sender='org.bluez'", f"type='signal',sender='{DBUS}',arg0='org.bluez'"):
                await bus.call("/org/freedesktop/DBus", DBUS, "AddMatch", "s", rule, destination=DBUS)
        yield bus
    finally:
        raw.disconnect()


def device_path(address: str) -> str:
    """Where bluetoothd shows a device."""
    return f"{HCI0}/dev_{address.upper().replace(':', '_')}"
