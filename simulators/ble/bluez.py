"""`org.bluez` on a private bus, so that bleak's own BlueZ backend runs unchanged without a radio.

It keeps the habits of bluetoothd that cost clients their readings: a device found by scanning is forgotten half a
minute after it was last heard, a subscription is remembered per D-Bus client and revived when the device comes back,
a read is also signalled as a value, and a link outlives the client that made it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from bumble.core import UUID, AdvertisingData
from bumble.device import Advertisement
from dbus_fast import ErrorType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from simulators.ble.objects import NO, OBJECT_MANAGER, PROPERTIES, YES, ObjectTree
from simulators.ble.peer import CHARACTERISTIC, DESCRIPTOR, FAILED, NOT_SUPPORTED, uuid_text
from simulators.ble.radio import Radio
from simulators.ble.remote import DEVICE, IN_PROGRESS, Delivered, Remote

ADAPTER = "org.bluez.Adapter1"
HANG = "HANG"
"""A fault: the call gets no answer."""

TEMPORARY_S = 30.0
"""bluetoothd removes a device that is neither connected nor heard for this long (TemporaryTimeout in main.conf)."""

Method = Callable[[str, str, list[Any]], Awaitable[bytes | None]]


class BlueZSim:
    """One adapter. `faults` are the errors of a method's next calls: `{"Connect": ["org.bluez.Error.Failed", HANG]}`.

    A fault may carry BlueZ's own words after a colon: `"org.bluez.Error.Failed: le-connection-abort-by-local"`.
    """

    def __init__(
        self,
        bus: MessageBus,
        radio: Radio,
        *,
        adapter: str = "hci0",
        address: str = "C0:FF:EE:00:00:00",
        delivered: Delivered | None = None,
        temporary_s: float = TEMPORARY_S,
    ) -> None:
        """`bus` is connected; `adapter` and `address` name the adapter; nothing is shown before `start`."""
        self.faults: dict[str, list[str]] = {}
        self._bus = bus
        self._tree = ObjectTree(bus)
        self._path = f"/org/bluez/{adapter}"
        self._address = address
        self._central = radio.device(address, adapter)
        self._delivered = delivered
        self._temporary_s = temporary_s
        self._remotes: dict[str, Remote] = {}
        self._expiries: dict[str, asyncio.TimerHandle] = {}
        self._wanted: dict[str, set[str]] = {}
        self._scanners: set[str] = set()
        self._initiator = asyncio.Lock()
        self._calls: set[asyncio.Task[None]] = set()
        self._jitter = 0

    async def start(self) -> None:
        """Power the adapter and appear on the bus, the name last: who sees the name finds all objects."""
        await self._central.power_on()
        self._central.on(self._central.EVENT_ADVERTISEMENT, self._heard)
        await self._central.start_scanning()
        self._bus.add_message_handler(self._on_message)
        await self._bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member="AddMatch",
                signature="s",
                body=["type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged'"],
            )
        )
        self._show_adapter()
        await self._bus.request_name("org.bluez")

    async def stop(self) -> None:
        """End all calls and links."""
        for task in [*self._calls]:
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        await self._let_go()
        await self._central.power_off()

    async def remove_adapter(self) -> None:
        """Pull the USB stick: links drop, the devices and the adapter vanish."""
        await self._let_go()
        self._tree.remove(self._path)

    def add_adapter(self) -> None:
        """Plug the stick in again."""
        self._show_adapter()

    async def restart(self) -> None:
        """Restart the daemon: nothing is said; scans of before find nothing more and cannot be stopped."""
        await self._bus.release_name("org.bluez")
        self._tree.forget()
        await self._let_go()
        self._show_adapter()
        await self._bus.request_name("org.bluez")

    def _show_adapter(self) -> None:
        properties = {
            "Address": Variant("s", self._address),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", "simulated"),
            "Alias": Variant("s", "simulated"),
            "Powered": YES,
            "Discovering": NO,
            "Roles": Variant("as", ["central", "peripheral"]),
            "UUIDs": Variant("as", []),
        }
        self._tree.add(self._path, {ADAPTER: properties})

    async def _let_go(self) -> None:
        for expiry in self._expiries.values():
            expiry.cancel()
        remotes = [*self._remotes.values()]
        self._expiries.clear()
        self._remotes.clear()
        self._scanners.clear()
        self._wanted.clear()
        for remote in remotes:
            if not remote.is_idle:
                await remote.disconnect()

    # What the air brings.

    def _heard(self, advertisement: Advertisement) -> None:
        uuids = _uuids(advertisement.data)
        if not any(self._wanted.get(s, set()) <= set() or self._wanted[s] & set(uuids) for s in self._scanners):
            return
        address = advertisement.address.to_string(with_type_qualifier=False)
        self._jitter = (self._jitter + 3) % 10  # the strength of a real signal never stands still
        rssi = {"RSSI": Variant("n", advertisement.rssi - self._jitter)}
        remote = self._remotes.get(address)
        if remote is None:
            path = f"{self._path}/dev_{address.replace(':', '_')}"
            remote = self._remotes[address] = Remote(self._tree, path, address, delivered=self._delivered)
            self._tree.add(path, {DEVICE: self._describe(address, advertisement, uuids) | rssi})
        else:
            self._tree.change(remote.path, DEVICE, rssi)
        self._expire_later(remote)

    def _describe(self, address: str, advertisement: Advertisement, uuids: list[str]) -> dict[str, Variant]:
        name = advertisement.data.get(AdvertisingData.Type.COMPLETE_LOCAL_NAME)
        properties = {
            "Address": Variant("s", address),
            "AddressType": Variant("s", "public" if advertisement.address.is_public else "random"),
            "Alias": Variant("s", str(name) if name else address.replace(":", "-")),
            "Adapter": Variant("o", self._path),
            "UUIDs": Variant("as", uuids),
        }
        if name:
            properties["Name"] = Variant("s", str(name))
        for flag in ("Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing", "Connected", "ServicesResolved"):
            properties[flag] = NO
        return properties

    def _expire_later(self, remote: Remote) -> None:
        if remote.address in self._expiries:
            self._expiries[remote.address].cancel()
        loop = asyncio.get_running_loop()
        self._expiries[remote.address] = loop.call_later(self._temporary_s, self._expire, remote)

    def _expire(self, remote: Remote) -> None:
        if not remote.is_idle:
            self._expire_later(remote)
        else:
            self._forget(remote)

    def _forget(self, remote: Remote) -> None:
        self._expiries.pop(remote.address).cancel()
        del self._remotes[remote.address]
        self._tree.remove(remote.path)

    # What clients ask.

    def _on_message(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and message.sender == "org.freedesktop.DBus":
                name, _, owner = message.body
                if not owner and name.startswith(":"):
                    self._spawn(self._client_gone(name), f"{name} left")
            return False
        if message.message_type is not MessageType.METHOD_CALL or not _is_ours(message):
            return False
        self._spawn(self._answer(message), f"{message.member} for {message.sender}")
        return True

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _client_gone(self, sender: str) -> None:
        self._scanners.discard(sender)
        self._wanted.pop(sender, None)
        for remote in [*self._remotes.values()]:
            await remote.forget_client(sender)

    async def _answer(self, message: Message) -> None:
        try:
            await self._fail_if_asked(str(message.member))
            signature, body = await self._carry_out(message)
            reply = Message.new_method_return(message, signature, body)
        except DBusError as error:
            reply = Message.new_error(message, str(error.type), error.text)
        if self._bus.connected:
            await self._bus.send(reply)

    async def _fail_if_asked(self, member: str) -> None:
        if self.faults.get(member):
            name, _, words = self.faults[member].pop(0).partition(":")
            if name == HANG:
                await asyncio.Event().wait()
            raise DBusError(name, words.strip() or "simulated fault")

    async def _carry_out(self, message: Message) -> tuple[str, list[Any]]:
        path, interface, member = str(message.path), str(message.interface), str(message.member)
        if interface == OBJECT_MANAGER:
            return "a{oa{sa{sv}}}", [self._tree.everything()]
        if interface == PROPERTIES and member == "Get":
            return "v", [self._tree.get(path, *message.body)]
        if interface == PROPERTIES and member == "GetAll":
            return "a{sv}", [self._tree.get_all(path, *message.body)]
        if interface == PROPERTIES and member == "Set":
            self._set_property(path, *message.body)
            return "", []
        self._tree.require(path, interface, member)
        method = self._methods().get((interface, member))
        if method is None:
            raise DBusError(ErrorType.UNKNOWN_METHOD, f"Method '{member}' of '{interface}' doesn't exist")
        value = await method(path, str(message.sender), message.body)
        return ("", []) if value is None else ("ay", [value])

    def _methods(self) -> dict[tuple[str, str], Method]:
        return {
            (ADAPTER, "SetDiscoveryFilter"): self._set_filter,
            (ADAPTER, "StartDiscovery"): self._start_discovery,
            (ADAPTER, "StopDiscovery"): self._stop_discovery,
            (ADAPTER, "RemoveDevice"): self._remove_device,
            (DEVICE, "Connect"): self._connect,
            (DEVICE, "Disconnect"): self._disconnect,
            (DEVICE, "Pair"): self._pair,
            (CHARACTERISTIC, "ReadValue"): self._read,
            (CHARACTERISTIC, "WriteValue"): self._write,
            (CHARACTERISTIC, "StartNotify"): self._start_notify,
            (CHARACTERISTIC, "StopNotify"): self._stop_notify,
            (CHARACTERISTIC, "AcquireNotify"): self._acquire_notify,
            (DESCRIPTOR, "ReadValue"): self._read,
            (DESCRIPTOR, "WriteValue"): self._write,
        }

    def _set_property(self, path: str, interface: str, name: str, value: Variant) -> None:
        if name not in _WRITABLE or self._tree.get(path, interface, name).signature != value.signature:
            raise DBusError(ErrorType.PROPERTY_READ_ONLY, f"Property '{name}' is not writable")
        self._tree.change(path, interface, {name: value})

    async def _set_filter(self, _path: str, sender: str, body: list[Any]) -> None:
        uuids = body[0].get("UUIDs")
        self._wanted[sender] = set() if uuids is None else {uuid.lower() for uuid in uuids.value}

    async def _start_discovery(self, path: str, sender: str, _body: list[Any]) -> None:
        if sender in self._scanners:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        self._scanners.add(sender)
        self._tree.change(path, ADAPTER, {"Discovering": YES})

    async def _stop_discovery(self, path: str, sender: str, _body: list[Any]) -> None:
        if sender not in self._scanners:
            raise DBusError(FAILED, "No discovery started")
        self._scanners.remove(sender)
        if not self._scanners:
            for remote in self._remotes.values():
                self._tree.invalidate(remote.path, DEVICE, "RSSI")
            self._tree.change(path, ADAPTER, {"Discovering": NO})

    async def _remove_device(self, _path: str, _sender: str, body: list[Any]) -> None:
        remote = self._remote(body[0])
        if not remote.is_idle:
            await remote.disconnect()
        self._forget(remote)

    async def _connect(self, path: str, _sender: str, _body: list[Any]) -> None:
        await self._remote(path).connect(self._central, self._initiator)

    async def _disconnect(self, path: str, _sender: str, _body: list[Any]) -> None:
        await self._remote(path).disconnect()

    async def _pair(self, path: str, _sender: str, _body: list[Any]) -> None:
        remote = self._remote(path)
        await remote.connect(self._central, self._initiator)
        await remote.pair()

    async def _read(self, path: str, _sender: str, _body: list[Any]) -> bytes:
        return await self._remote(path).read(path)

    async def _write(self, path: str, _sender: str, body: list[Any]) -> None:
        kind = body[1].get("type")
        with_response = kind is None or kind.value != "command"
        await self._remote(path).write(path, bytes(body[0]), with_response=with_response)

    async def _start_notify(self, path: str, sender: str, _body: list[Any]) -> None:
        await self._remote(path).start_notify(path, sender)

    async def _stop_notify(self, path: str, sender: str, _body: list[Any]) -> None:
        await self._remote(path).stop_notify(path, sender)

    async def _acquire_notify(self, _path: str, _sender: str, _body: list[Any]) -> None:
        # No NotifyAcquired property is shown, so that clients know; one that asks all the same is told.
        raise DBusError(NOT_SUPPORTED, "Operation is not supported")

    def _remote(self, path: str) -> Remote:
        for remote in self._remotes.values():
            if path == remote.path or path.startswith(f"{remote.path}/"):
                return remote
        raise DBusError("org.bluez.Error.DoesNotExist", "Does Not Exist")


@asynccontextmanager
async def bluez(
    address: str, radio: Radio, *, delivered: Delivered | None = None, temporary_s: float = TEMPORARY_S
) -> AsyncIterator[BlueZSim]:
    """Run a BlueZSim on the bus at `address`."""
    bus = await MessageBus(bus_address=address).connect()
    try:
        sim = BlueZSim(bus, radio, delivered=delivered, temporary_s=temporary_s)
        await sim.start()
        try:
            yield sim
        finally:
            await sim.stop()
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast leaves it bare


_WRITABLE = ("Alias", "Trusted", "Blocked", "Powered")


def _is_ours(message: Message) -> bool:
    interface = str(message.interface)
    return interface in (OBJECT_MANAGER, PROPERTIES) or interface.startswith("org.bluez.")


_UUID_LISTS = {
    AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS: 2,
    AdvertisingData.Type.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS: 16,
}


def _uuids(data: AdvertisingData) -> list[str]:
    found: list[str] = []
    for kind, width in _UUID_LISTS.items():
        packed = b"".join(raw for said, raw in data.ad_structures if said == kind)
        found += [uuid_text(UUID.from_bytes(packed[at : at + width])) for at in range(0, len(packed), width)]
    return found
