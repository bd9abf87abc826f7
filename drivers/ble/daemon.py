"""bluetoothd over D-Bus, for what bleak does not do: is it there, was it restarted, switch an adapter, restart it.

One connection of its own, kept while the radio runs. Failures become DeviceError here.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.ble.complaints import dbus_advice, in_plain_words, no_bluetooth
from drivers.later import Later
from shouwang.bilingual import Bilingual, both
from shouwang.errors import DeviceError

if TYPE_CHECKING:
    import dbus_fast
    import dbus_fast.aio
    import dbus_fast.errors
    from dbus_fast import Message, Variant
    from dbus_fast.aio import MessageBus
    from dbus_fast.service import ServiceInterface
else:
    dbus_fast = Later("dbus_fast")

CALL_S = 10.0
RESTART_S = 20.0
"""systemd stops and starts bluetooth.service; the kernel's adapters appear again within seconds."""
_OFF_S = 2.0
"""Between off and on: what bluetooth-auto-recovery leaves a chip to forget its state."""

BLUEZ = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
DEVICE = "org.bluez.Device1"
PROPERTIES = "org.freedesktop.DBus.Properties"
_BUS = "org.freedesktop.DBus"
_NOT_BACK = Bilingual(
    "bluetoothd did not come back after its restart; see: journalctl -u bluetooth",
    zh="蓝牙服务重启后没有恢复；请看：journalctl -u bluetooth",
)
_ASKED = "{destination}, asked for {member},", "向 {destination} 请求 {member}"
_CUT_OFF = (
    (
        "{destination}, asked for {member}, gave no answer: the D-Bus connection is lost; if this lasts: systemctl "
        "restart bluetooth"
    ),
    "向 {destination} 请求 {member} 没有应答：D-Bus 连接断了；如果一直这样：systemctl restart bluetooth",
)
_BUS_ITSELF = Bilingual("the system's message bus", zh="系统消息总线")
_UNKNOWN = frozenset(
    {
        "org.freedesktop.DBus.Error.UnknownObject",
        "org.freedesktop.DBus.Error.UnknownMethod",
        "org.freedesktop.DBus.Error.InvalidArgs",  # the object is there without this interface: its parent's path
        "org.bluez.Error.DoesNotExist",
    }
)
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_OWNER_RULE = f"type='signal',sender='{_BUS}',interface='{_BUS}',member='NameOwnerChanged',arg0='{BLUEZ}'"
_ADAPTER_RULES = (
    "type='signal',sender='{bluez}',path='{path}',interface='{properties}',member='PropertiesChanged'",
    "type='signal',sender='{bluez}',interface='{manager}',member='InterfacesRemoved',arg0path='{path}'",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterState:
    """What bluetoothd says of an adapter that is there."""

    is_powered: bool
    is_discovering: bool


class Daemon:
    """bluetoothd as seen by one client. All calls raise DeviceError, in plain words."""

    def __init__(self, bus: "MessageBus") -> None:
        """`bus` is connected."""
        self._bus = bus
        self._watchers: set[Callable[[], None]] = set()
        self._followers: set[Callable[[Message], None]] = set()
        bus.add_message_handler(self._on_message)

    @contextmanager
    def watched(self, changed: Callable[[], None]) -> Iterator[None]:
        """Call `changed` whenever bluetoothd comes, goes, or is another one."""
        self._watchers.add(changed)
        try:
            yield
        finally:
            self._watchers.discard(changed)

    @asynccontextmanager
    async def adapter_watched(self, adapter: str, changed: Callable[[], None]) -> AsyncIterator[None]:
        """Call `changed` whenever a property of the adapter changes, or the adapter is pulled."""
        path = adapter_path(adapter)

        def heed(signal: "Message") -> None:
            if path in (signal.path, *signal.body[:1]):
                changed()

        for rule in _ADAPTER_RULES:
            await self.ask_for(rule.format(bluez=BLUEZ, path=path, properties=PROPERTIES, manager=OBJECT_MANAGER))
        with self.followed(heed):
            yield

    @contextmanager
    def followed(self, heed: "Callable[[Message], None]") -> Iterator[None]:
        """Call `heed` with each signal of bluetoothd that was asked for, whoever asked."""
        self._followers.add(heed)
        try:
            yield
        finally:
            self._followers.discard(heed)

    async def ask_for(self, rule: str) -> None:
        """Get the signals that match, as long as this connection stands."""
        await self.order("/org/freedesktop/DBus", _BUS, "AddMatch", "s", rule, destination=_BUS)

    @contextmanager
    def exported(self, path: str, interface: "ServiceInterface") -> Iterator[None]:
        """Let bluetoothd call this object of ours."""
        self._bus.export(path, interface)
        try:
            yield
        finally:
            self._bus.unexport(path, interface)

    async def state(self, adapter: str) -> AdapterState | None:
        """The adapter's state; None where bluetoothd runs and has no such adapter."""
        try:
            (properties,) = await self._call(adapter_path(adapter), PROPERTIES, "GetAll", "s", ADAPTER)
        except _Refused as refused:
            if refused.name in _UNKNOWN:
                return None
            raise DeviceError(refused.words) from refused
        return AdapterState(is_powered=properties["Powered"].value, is_discovering=properties["Discovering"].value)

    async def power_cycle(self, adapter: str) -> None:
        """Switch the adapter off and on again: all its links drop."""
        with suppress(DeviceError):  # one that is off already, or hangs, is still to be switched on
            await self.power(adapter, on=False)
        await asyncio.sleep(_OFF_S)
        await self.power(adapter, on=True)

    async def power(self, adapter: str, *, on: bool) -> None:
        """Switch the adapter on or off."""
        await self.order(
            adapter_path(adapter), PROPERTIES, "Set", "ssv", ADAPTER, "Powered", dbus_fast.Variant("b", on)
        )

    async def restart(self) -> None:
        """Have systemd restart bluetoothd; returns when it is on the bus again."""
        back = asyncio.Event()
        with self.watched(back.set):
            await self.order(
                "/org/freedesktop/systemd1",
                "org.freedesktop.systemd1.Manager",
                "RestartUnit",
                "ss",
                "bluetooth.service",
                "replace",
                destination="org.freedesktop.systemd1",
            )
            with suppress(TimeoutError):  # systemd's answer says only that it has begun
                async with asyncio.timeout(RESTART_S):
                    await back.wait()
        await self.runs_again()

    async def runs_again(self) -> None:
        """Return when bluetoothd is on the bus. Raises DeviceError where it is not for `RESTART_S`."""
        changed = asyncio.Event()
        with self.watched(changed.set):
            try:
                async with asyncio.timeout(RESTART_S):
                    while not await self.is_running():
                        await changed.wait()
                        changed.clear()
            except TimeoutError as error:
                raise DeviceError(_NOT_BACK) from error

    async def is_running(self) -> bool:
        """Whether somebody owns bluetoothd's name."""
        body = await self.order("/org/freedesktop/DBus", _BUS, "NameHasOwner", "s", BLUEZ, destination=_BUS)
        return bool(body[0])

    async def forget_device(self, adapter: str, address: str) -> None:
        """Let bluetoothd forget what it knows of a device, its bond too; harmless where it knows nothing."""
        with suppress(_Refused):
            await self._call(adapter_path(adapter), ADAPTER, "RemoveDevice", "o", device_path(adapter, address))

    async def order(
        self, path: str, interface: str, member: str, signature: str, *body: object, destination: str = BLUEZ
    ) -> list[Any]:
        """Call a method of bluetoothd (or of `destination`); what it answers."""
        try:
            return await self._call(path, interface, member, signature, *body, destination=destination)
        except _Refused as refused:
            raise DeviceError(refused.words) from refused

    async def objects(self) -> "dict[str, dict[str, dict[str, Variant]]]":
        """All that bluetoothd shows: paths, interfaces, properties."""
        (objects,) = await self.order("/", OBJECT_MANAGER, "GetManagedObjects", "")
        return dict(objects)

    async def caught_up(self) -> None:
        """Return when all that bluetoothd has signalled to us before now has come."""
        await self.order("/", "org.freedesktop.DBus.Peer", "Ping", "")

    async def device(self, adapter: str, address: str) -> dict[str, Any] | None:
        """The properties of a device, None where bluetoothd does not know it."""
        try:
            (properties,) = await self._call(device_path(adapter, address), PROPERTIES, "GetAll", "s", DEVICE)
        except _Refused as refused:
            if refused.name in _UNKNOWN:
                return None
            raise DeviceError(refused.words) from refused
        return {name: variant.value for name, variant in properties.items()}

    async def _call(
        self, path: str, interface: str, member: str, signature: str, *body: object, destination: str = BLUEZ
    ) -> list[Any]:
        message = dbus_fast.Message(
            destination=destination, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        with in_plain_words("D-Bus", both(*_ASKED, destination=destination, member=member)):
            async with asyncio.timeout(CALL_S):
                reply = await self._bus.call(message)
        if reply is None:
            raise DeviceError(both(*_CUT_OFF, destination=destination, member=member))
        if reply.message_type is dbus_fast.MessageType.ERROR:
            raise _Refused(member, str(reply.error_name), str(reply.body[0]) if reply.body else "")
        return reply.body

    def _on_message(self, message: "Message") -> None:
        if message.member == "NameOwnerChanged" and message.sender == _BUS and message.body[0] == BLUEZ:
            for changed in [*self._watchers]:
                changed()
        elif message.message_type is dbus_fast.MessageType.SIGNAL and message.sender != _BUS:
            for heed in [*self._followers]:
                heed(message)


class _Refused(Exception):
    """An error that came as an answer."""

    def __init__(self, member: str, name: str, words: str) -> None:
        why = both(
            "{member} failed: [{name}] {words}",
            "{member} 失败：[{name}] {words}",
            member=member,
            name=name,
            words=words,
        )
        self.words = no_bluetooth(why, dbus_advice(name))
        super().__init__(self.words)
        self.name = name


def device_path(adapter: str, address: str) -> str:
    """Where bluetoothd keeps a device."""
    return f"{adapter_path(adapter)}/dev_{address.upper().replace(':', '_')}"


def is_bonded(device: Mapping[str, object]) -> bool:
    """Whether a device's properties say that a bond is kept."""
    return bool(device.get("Bonded", device.get("Paired")))  # bluetoothd before 5.65 tells only the latter


def address_of(path: str) -> str:
    """The address of the device that bluetoothd keeps there."""
    return path.rpartition("/dev_")[2].replace("_", ":")


def adapter_path(adapter: str) -> str:
    """Where bluetoothd shows an adapter."""
    return f"/org/bluez/{adapter}"


@asynccontextmanager
async def connected_daemon() -> AsyncIterator[Daemon]:
    """A connection to the system's D-Bus, closed at the end. Raises DeviceError."""
    bus = dbus_fast.aio.MessageBus(bus_type=dbus_fast.BusType.SYSTEM)
    try:
        with in_plain_words("D-Bus", _BUS_ITSELF):
            async with asyncio.timeout(CALL_S):
                await bus.connect()
        daemon = Daemon(bus)
        await daemon.ask_for(_OWNER_RULE)
        yield daemon
    finally:
        bus.disconnect()
        with suppress(OSError, EOFError, dbus_fast.errors.DBusError, TimeoutError):
            async with asyncio.timeout(1.0):
                await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast leaves it bare
