"""One remote device as bluetoothd keeps it: found, connected, paired, listened to, lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeVar

from bumble import core
from bumble.device import Connection, Device
from bumble.hci import HCI_AUTHENTICATION_FAILURE_ERROR, HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR, Address
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingDelegate
from dbus_fast import Variant
from dbus_fast.errors import DBusError

from simulators.ble.objects import NO, YES, ObjectTree
from simulators.ble.peer import CAN_TELL, CHARACTERISTIC, FAILED, NOT_SUPPORTED, NotPaired, Peer
from simulators.ble.radio import Delivered, bonding

DEVICE = "org.bluez.Device1"
IN_PROGRESS = "org.bluez.Error.InProgress"
NOT_CONNECTED = "org.bluez.Error.NotConnected"
ABORTED = "le-connection-abort-by-local"

_LETTING_GO_S = 2.0
_LOOK_S = 0.05
CONNECT_S = 20.0
"""The kernel's time-out of one LE connection attempt (HCI_LE_CONN_TIMEOUT)."""

_T = TypeVar("_T")

Consent = Callable[[str], Awaitable[PairingDelegate.IoCapability | None]]
"""Asked with a device's path whether to pair it when it wants encryption; with what capability, None: no."""


class Central:
    """What the devices of one adapter share: its side of links and bonds, and one turn at connecting at a time."""

    def __init__(self, device: Device, *, delivered: Delivered, consent: Consent) -> None:
        """`delivered` is told each value that a client got; `consent` is asked before pairing that nobody ordered."""
        self.device = device
        self.delivered = delivered
        self.consent = consent
        self.initiator = asyncio.Lock()  # a controller makes one connection at a time
        self._bonds = MemoryKeyStore()
        device.keystore = self._bonds

    def bonded(self) -> list[str]:
        """The addresses of which keys are kept."""
        return [*self._bonds.all_keys]

    def forget_bond(self, address: str) -> None:
        """Drop the keys of the device; harmless where there are none."""
        self._bonds.all_keys.pop(address, None)


class Remote:
    """A remote device. Calls raise DBusError with the names that bluetoothd uses."""

    def __init__(self, tree: ObjectTree, path: str, address: str, central: Central) -> None:
        """`path` is its object, shown by the adapter; `address` as it advertises."""
        self.path = path
        self.address = address
        self.is_connectable = True
        """As its last advert said."""
        self.is_bonded = address in central.bonded()
        self._tree = tree
        self._central = central
        self._peer: Peer | None = None
        self._connecting: asyncio.Task[Connection] | None = None
        self._pairing: asyncio.Task[None] | None = None
        self._resolving: asyncio.Task[None] | None = None
        self._listeners: dict[str, list[str]] = {}  # characteristic path: D-Bus senders, in the order of asking
        self._starting: set[tuple[str, str]] = set()

    @property
    def is_idle(self) -> bool:
        """Neither connected nor on the way to it."""
        return self._peer is None and self._connecting is None

    @property
    def is_connected(self) -> bool:
        """Whether the link is there."""
        return self._peer is not None

    async def connect(self) -> None:
        """Make the link, encrypted where there is a bond; services are resolved after the answer.

        As att_connect_cb() of bluetoothd answers, and words each failure.
        """
        if self._connecting is not None:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        if self._peer is not None:
            return
        self._connecting = asyncio.create_task(self._link(), name=f"connect {self.address}")
        try:
            connection = await self._connecting
        except (core.BaseBumbleError, TimeoutError) as error:
            raise DBusError(FAILED, ABORTED) from error
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                self._connecting.cancel()
                await asyncio.gather(self._connecting, return_exceptions=True)
                raise
            raise DBusError(FAILED, ABORTED) from error
        finally:
            self._connecting = None
        if connection not in self._central.device.connections.values():  # it went at the same moment
            raise DBusError(FAILED, ABORTED)
        peer = self._admit(connection)
        if self.is_bonded:
            await self._encrypt(peer)
        if not peer.is_linked:  # it went meanwhile
            raise DBusError(FAILED, ABORTED)
        self._resolving = asyncio.create_task(self._resolve(peer), name=f"resolve {self.address}")

    async def disconnect(self) -> None:
        """Drop the link, or give up making it."""
        if self._connecting is not None:
            attempt = self._connecting
            attempt.cancel()
            await asyncio.wait({attempt})  # the attempt on the air ends too, so that the next one may begin
        elif self._peer is None:
            raise DBusError(NOT_CONNECTED, "Not Connected")
        else:
            await self._drop(self._peer)

    async def pair(self, capability: PairingDelegate.IoCapability | None) -> None:
        """Connect and bond; None: there is no agent, which bluetoothd needs even where it asks nothing."""
        if self.is_bonded:
            raise DBusError("org.bluez.Error.AlreadyExists", "Already Exists")
        if self._pairing is not None:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        self._pairing = asyncio.create_task(self._bond(capability), name=f"pair {self.address}")
        try:
            await self._pairing
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                self._pairing.cancel()
                raise
            raise DBusError("org.bluez.Error.AuthenticationCanceled", "Authentication Canceled") from error
        finally:
            self._pairing = None

    async def cancel_pairing(self) -> None:
        """End a pairing under way, and its link."""
        if self._pairing is None:
            raise DBusError("org.bluez.Error.DoesNotExist", "Does Not Exist")
        self._pairing.cancel()
        if not self.is_idle:
            await self.disconnect()

    async def read(self, path: str) -> bytes:
        """Read a characteristic or descriptor; like bluetoothd, also signal the value of a characteristic."""
        value = await self._secured(lambda peer: peer.read(path))
        if "/desc" not in path and path in self._tree:
            self._tree.change(path, CHARACTERISTIC, {"Value": Variant("ay", value)})
        return value

    async def write(self, path: str, value: bytes, *, with_response: bool) -> None:
        """Write a characteristic or descriptor."""
        await self._secured(lambda peer: peer.write(path, value, with_response=with_response))

    async def start_notify(self, path: str, sender: str) -> None:
        """Let `sender` have the values of a characteristic, from the next link on where there is none now."""
        if CAN_TELL.isdisjoint(self._tree.get(path, CHARACTERISTIC, "Flags").value):
            raise DBusError(NOT_SUPPORTED, "Operation is not supported")
        if (path, sender) in self._starting:
            raise DBusError(IN_PROGRESS, "Operation already in progress")
        senders = self._listeners.setdefault(path, [])
        if sender in senders:  # asking twice is harmless
            return
        senders.append(sender)  # before the CCCD is written: the first value may come at once
        self._starting.add((path, sender))
        try:
            await self._listen(path)
        except DBusError:
            senders.remove(sender)
            raise
        finally:
            self._starting.discard((path, sender))

    async def stop_notify(self, path: str, sender: str) -> None:
        """Stop the values for `sender`, and on the air when nobody else wants them."""
        senders = self._listeners.get(path, [])
        if sender not in senders:
            raise DBusError(FAILED, "No notify session started")
        senders.remove(sender)
        if senders:
            return
        if self._peer is not None:
            await self._peer.ignore(path)
        elif path in self._tree:
            self._tree.change(path, CHARACTERISTIC, {"Notifying": NO})

    async def forget_client(self, sender: str) -> None:
        """A client left the bus: its subscriptions end, the link stays (bluez/bluez#89)."""
        for path, senders in self._listeners.items():
            if sender in senders:
                with contextlib.suppress(DBusError):  # the link may go at the same moment
                    await self.stop_notify(path, sender)

    async def _listen(self, path: str) -> None:
        if self._peer is None:
            self._tree.change(path, CHARACTERISTIC, {"Notifying": YES})
        else:
            await self._secured(lambda peer: peer.listen(path))

    async def _link(self) -> Connection:
        central = self._central.device
        async with self._central.initiator:
            # bumble's own time-out and our cancelling, at one moment, would each leave the other's exception to nobody
            attempt = asyncio.ensure_future(central.connect_le(Address(self.address), timeout=None))
            try:
                async with asyncio.timeout(CONNECT_S):
                    return await asyncio.shield(attempt)
            except (asyncio.CancelledError, TimeoutError):
                await _to_its_end(self._give_up(attempt))
                raise

    async def _give_up(self, attempt: "asyncio.Future[Connection]") -> None:
        """End an attempt on the air; one that has just succeeded ends with its link."""
        while not attempt.done():
            with contextlib.suppress(core.BaseBumbleError):  # it has ended by itself, or has not quite begun
                await self._central.device.cancel_connection()  # type: ignore[no-untyped-call] # bumble leaves it bare
            await asyncio.wait({attempt}, timeout=_LOOK_S)
        with contextlib.suppress(core.BaseBumbleError, TimeoutError):
            async with asyncio.timeout(_LETTING_GO_S):
                await attempt.result().disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    def _admit(self, connection: Connection) -> Peer:
        peer = self._peer = Peer(self._tree, self.path, connection, self._notified)
        for path, senders in self._listeners.items():
            if senders:  # revived at once: bluetoothd knows the services from before
                peer.expect(path)
        connection.on(connection.EVENT_DISCONNECTION, lambda _reason: self._dropped(peer))
        self._tree.change(self.path, DEVICE, {"Connected": YES})
        return peer

    async def _encrypt(self, peer: Peer) -> None:
        try:
            await peer.connection.encrypt()
        except (core.BaseBumbleError, asyncio.CancelledError) as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            # The device has lost its bond: the kernel ends the link (hci_encrypt_change_evt).
            await self._drop(peer, HCI_AUTHENTICATION_FAILURE_ERROR)
            raise DBusError(FAILED, ABORTED) from error

    async def _resolve(self, peer: Peer) -> None:
        with contextlib.suppress(DBusError):  # a link that goes meanwhile never gets its services
            await peer.discover()
            if self._peer is not peer:
                return
            uuids = peer.show()
            self._listeners = {path: senders for path, senders in self._listeners.items() if path in self._tree}
            for path in [path for path, senders in self._listeners.items() if senders]:
                with contextlib.suppress(DBusError):  # it may want to be paired first
                    await peer.listen(path)
            if self._peer is peer:
                self._tree.change(self.path, DEVICE, {"UUIDs": Variant("as", uuids), "ServicesResolved": YES})

    async def _bond(self, capability: PairingDelegate.IoCapability | None) -> None:
        await self.connect()
        peer = self._connected()
        if capability is None:
            await self._drop(peer)
            raise DBusError("org.bluez.Error.AuthenticationFailed", "Authentication Failed")
        self._central.device.pairing_config_factory = lambda _connection: bonding(capability)
        try:
            await peer.connection.pair()
        except core.BaseBumbleError as error:
            await self._drop(peer)
            raise DBusError("org.bluez.Error.AuthenticationFailed", "Authentication Failed") from error
        self.is_bonded = True
        if self.path in self._tree:
            self._tree.change(self.path, DEVICE, {"Paired": YES, "Bonded": YES})

    async def _drop(self, peer: Peer, reason: int = HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR) -> None:
        if self._peer is peer:
            # it may be gone a moment before, or switched off: then bumble waits for an answer that never comes
            with contextlib.suppress(core.BaseBumbleError, TimeoutError):
                async with asyncio.timeout(_LETTING_GO_S):
                    await peer.connection.disconnect(reason)

    async def _secured(self, ask: Callable[[Peer], Awaitable[_T]]) -> _T:
        """Ask; where the device wants encryption first, see to that and ask once more (change_security() in att.c)."""
        peer = await self._known()
        try:
            return await ask(peer)
        except NotPaired:
            if peer.connection.is_encrypted:
                raise
            if self.is_bonded:
                await self._encrypt(peer)
            else:
                capability = await self._central.consent(self.path)
                if capability is None:
                    raise
                await self.pair(capability)
            return await ask(await self._known())

    async def _known(self) -> Peer:
        peer = self._connected()
        if not peer.is_discovered and self._resolving is not None:
            await asyncio.wait({self._resolving})
        if not peer.is_linked or not peer.is_discovered:
            raise DBusError(FAILED, "Not connected")
        return peer

    def _connected(self) -> Peer:
        if self._peer is None:
            raise DBusError(FAILED, "Not connected")
        return self._peer

    def _notified(self, path: str, value: bytes) -> None:
        # bluetoothd signals once per client that asked: two registrations of one gateway give every value twice.
        senders = self._listeners.get(path, []) if path in self._tree else []
        for _ in senders:
            self._tree.change(path, CHARACTERISTIC, {"Value": Variant("ay", value)})
        if senders:
            self._central.delivered(self.address, value)

    def _dropped(self, peer: Peer) -> None:
        if self._peer is not peer:
            return
        self._peer = None
        peer.is_linked = False
        if self.path in self._tree:  # what is below it stays: bluetoothd keeps the services of a device that it knows
            self._tree.change(self.path, DEVICE, {"ServicesResolved": NO})
            self._tree.change(self.path, DEVICE, {"Connected": NO})


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Do it all, and be cancelled then."""
    task, cancelled = asyncio.ensure_future(work), None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
