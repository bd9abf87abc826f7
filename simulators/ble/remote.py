"""One remote device as bluetoothd keeps it: found, connected, listened to, lost, and who asked for its values."""

import asyncio
import contextlib
from collections.abc import Callable

from bumble import core
from bumble.device import Connection, Device
from bumble.hci import HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR, Address
from dbus_fast import Variant
from dbus_fast.errors import DBusError

from simulators.ble.objects import NO, YES, ObjectTree
from simulators.ble.peer import CHARACTERISTIC, FAILED, NOT_SUPPORTED, Peer

DEVICE = "org.bluez.Device1"
IN_PROGRESS = "org.bluez.Error.InProgress"
NOT_CONNECTED = "org.bluez.Error.NotConnected"

CONNECT_S = 20.0
"""The kernel's time-out of one LE connection attempt (HCI_LE_CONN_TIMEOUT)."""

Delivered = Callable[[str, bytes], None]
"""Told a peripheral's address and a value of it that was signalled to a client which had asked for it."""


class Remote:
    """A remote device. Calls raise DBusError with the names that bluetoothd uses."""

    def __init__(self, tree: ObjectTree, path: str, address: str, *, delivered: Delivered | None) -> None:
        """`path` is its object, shown by the adapter; `address` as it advertises."""
        self.path = path
        self.address = address
        self._tree = tree
        self._delivered = delivered
        self._peer: Peer | None = None
        self._connecting: asyncio.Task[Connection] | None = None
        self._listeners: dict[str, list[str]] = {}  # characteristic path: D-Bus senders, in the order of asking

    @property
    def is_idle(self) -> bool:
        """Neither connected nor on the way to it."""
        return self._peer is None and self._connecting is None

    async def connect(self, central: Device, initiator: asyncio.Lock) -> None:
        """Make the link, show the services, revive subscriptions; the answer comes last, as from bluetoothd."""
        if self._connecting is not None:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        if self._peer is not None:
            return
        self._connecting = asyncio.create_task(self._link(central, initiator), name=f"connect {self.address}")
        try:
            connection = await self._connecting
        except core.BaseBumbleError as error:
            raise DBusError(FAILED, "le-connection-abort-by-local") from error
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                self._connecting.cancel()
                await asyncio.gather(self._connecting, return_exceptions=True)
                raise
            raise DBusError(FAILED, "le-connection-abort-by-local") from error
        finally:
            self._connecting = None
        await self._greet(connection)

    async def disconnect(self) -> None:
        """Drop the link, or give up making it."""
        if self._connecting is not None:
            attempt = self._connecting
            attempt.cancel()
            await asyncio.wait({attempt})  # the attempt on the air ends too, so that the next one may begin
        elif self._peer is None:
            raise DBusError(NOT_CONNECTED, "Not Connected")
        else:
            await self._peer.connection.disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    async def pair(self) -> None:
        """Bond without asking anybody (just works); the device must be connected."""
        if self._peer is None:
            raise DBusError(NOT_CONNECTED, "Not Connected")
        try:
            await self._peer.connection.pair()
        except core.BaseBumbleError as error:
            raise DBusError("org.bluez.Error.AuthenticationFailed", str(error)) from error
        self._tree.change(self.path, DEVICE, {"Paired": YES, "Bonded": YES})

    async def read(self, path: str) -> bytes:
        """Read a characteristic or descriptor; like bluetoothd, also signal the value of a characteristic."""
        value = await self._connected().read(path)
        if "/desc" not in path and path in self._tree:
            self._tree.change(path, CHARACTERISTIC, {"Value": Variant("ay", value)})
        return value

    async def write(self, path: str, value: bytes, *, with_response: bool) -> None:
        """Write a characteristic or descriptor."""
        await self._connected().write(path, value, with_response=with_response)

    async def start_notify(self, path: str, sender: str) -> None:
        """Let `sender` have the values of a characteristic."""
        peer = self._connected()
        if not peer.can_notify(path):
            raise DBusError(NOT_SUPPORTED, "Operation is not supported")
        senders = self._listeners.setdefault(path, [])
        if sender in senders:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        senders.append(sender)  # before the CCCD is written: the first value may come at once
        try:
            await peer.listen(path)
        except DBusError:
            senders.remove(sender)
            raise

    async def stop_notify(self, path: str, sender: str) -> None:
        """Stop the values for `sender`, and on the air when nobody else wants them."""
        senders = self._listeners.get(path, [])
        if sender not in senders:
            raise DBusError(FAILED, "No notify session started")
        senders.remove(sender)
        if not senders and self._peer is not None:
            await self._peer.ignore(path)

    async def forget_client(self, sender: str) -> None:
        """A client left the bus: its subscriptions end, the link stays (bluez/bluez#89)."""
        for path, senders in self._listeners.items():
            if sender in senders:
                await self.stop_notify(path, sender)

    async def _link(self, central: Device, initiator: asyncio.Lock) -> Connection:
        async with initiator:  # a controller makes one connection at a time
            attempt = asyncio.ensure_future(central.connect_le(Address(self.address), timeout=CONNECT_S))
            try:
                return await asyncio.shield(attempt)
            except asyncio.CancelledError:
                await central.cancel_connection()  # type: ignore[no-untyped-call] # bumble leaves it bare
                with contextlib.suppress(core.BaseBumbleError):
                    late = await attempt
                    await late.disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)
                raise

    async def _greet(self, connection: Connection) -> None:
        peer = self._peer = Peer(self._tree, self.path, connection, self._notified)
        connection.on(connection.EVENT_DISCONNECTION, lambda _reason: self._dropped())
        self._tree.change(self.path, DEVICE, {"Connected": YES})
        uuids = await peer.resolve()
        for path, senders in self._listeners.items():
            if senders:
                await peer.listen(path)
        self._tree.change(self.path, DEVICE, {"UUIDs": Variant("as", uuids), "ServicesResolved": YES})

    def _connected(self) -> Peer:
        if self._peer is None:
            raise DBusError(NOT_CONNECTED, "Not Connected")
        return self._peer

    def _notified(self, path: str, value: bytes) -> None:
        # bluetoothd signals once per client that asked: two registrations of one gateway give every value twice.
        senders = self._listeners.get(path, [])
        for _ in senders:
            self._tree.change(path, CHARACTERISTIC, {"Value": Variant("ay", value)})
        if senders and self._delivered is not None:
            self._delivered(self.address, value)

    def _dropped(self) -> None:
        self._peer = None
        if self.path in self._tree:
            self._tree.change(self.path, DEVICE, {"ServicesResolved": NO})
            self._tree.remove_below(self.path)
            self._tree.change(self.path, DEVICE, {"Connected": NO})
