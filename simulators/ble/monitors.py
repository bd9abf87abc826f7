"""org.bluez.AdvertisementMonitorManager1: passive scanning for clients that say which adverts they want."""

from dataclasses import dataclass, field
from typing import Any

from dbus_fast import Message, MessageFlag, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from simulators.ble.objects import OBJECT_MANAGER
from simulators.ble.sightings import Sighting

MONITOR_MANAGER = "org.bluez.AdvertisementMonitorManager1"
_MONITOR = "org.bluez.AdvertisementMonitor1"

Patterns = list[tuple[int, int, bytes]]


@dataclass(slots=True)
class _Application:
    """What one client registered: the root of its monitor objects, and the patterns of each."""

    rule: str
    monitors: dict[str, Patterns] = field(default_factory=dict)


class Monitors:
    """The monitors of one adapter. Calls raise DBusError as bluetoothd does."""

    def __init__(self, bus: MessageBus) -> None:
        """`bus` carries the calls to monitor objects."""
        self.are_deaf = False
        """Registrations are taken, and nothing is ever found (a kernel or controller without support, in silence)."""
        self._bus = bus
        self._applications: dict[tuple[str, str], _Application] = {}

    @property
    def is_used(self) -> bool:
        """Whether anybody has registered."""
        return bool(self._applications)

    async def register(self, sender: str, root: str) -> None:
        """RegisterMonitor: use the monitor objects that are below `root` now, and those that appear there later."""
        if (sender, root) in self._applications:
            raise DBusError("org.bluez.Error.AlreadyExists", "Already Exists")
        rule = f"type='signal',sender='{sender}',interface='{OBJECT_MANAGER}',path='{root}'"
        application = self._applications[sender, root] = _Application(rule)
        await self._match("AddMatch", rule)
        call = Message(destination=sender, path=root, interface=OBJECT_MANAGER, member="GetManagedObjects")
        reply = await self._bus.call(call)
        if reply is not None and reply.message_type is MessageType.METHOD_RETURN:
            for path, interfaces in reply.body[0].items():
                self._take(sender, application, path, interfaces)

    async def unregister(self, sender: str, root: str) -> None:
        """UnregisterMonitor."""
        application = self._applications.pop((sender, root), None)
        if application is None:
            raise DBusError("org.bluez.Error.DoesNotExist", "Does Not Exist")
        await self._match("RemoveMatch", application.rule)

    async def forget_client(self, sender: str) -> None:
        """A client left the bus."""
        for owner, root in [*self._applications]:
            if owner == sender:
                await self.unregister(owner, root)

    def forget(self) -> None:
        """The daemon starts anew."""
        self._applications.clear()

    def heed(self, signal: Message) -> None:
        """A signal came; a monitor object may have appeared or gone."""
        if signal.interface != OBJECT_MANAGER:
            return
        application = self._applications.get((str(signal.sender), str(signal.path)))
        if application is None:
            return
        if signal.member == "InterfacesAdded":
            self._take(str(signal.sender), application, *signal.body)
        elif signal.member == "InterfacesRemoved" and _MONITOR in signal.body[1]:
            application.monitors.pop(signal.body[0], None)

    def match(self, sighting: Sighting, device: str) -> bool:
        """Whether some monitor wants the advert; one without strengths is told of each (adv_monitor_filter_rssi())."""
        if self.are_deaf:
            return False
        is_wanted = False
        for (sender, _), application in self._applications.items():
            for path, patterns in application.monitors.items():
                if sighting.matches(patterns):
                    is_wanted = True
                    self._call(sender, path, "DeviceFound", "o", [device])
        return is_wanted

    def _take(self, sender: str, application: _Application, path: str, interfaces: dict[str, Any]) -> None:
        properties = interfaces.get(_MONITOR)
        if properties is None:
            return
        if properties["Type"].value == "or_patterns" and properties["Patterns"].value:
            patterns = [(start, kind, bytes(octets)) for start, kind, octets in properties["Patterns"].value]
            application.monitors[path] = patterns
            self._call(sender, path, "Activate", "", [])
        else:
            self._call(sender, path, "Release", "", [])

    def _call(self, sender: str, path: str, member: str, signature: str, body: list[object]) -> None:
        if self._bus.connected:
            self._bus.send(
                Message(
                    destination=sender,
                    path=path,
                    interface=_MONITOR,
                    member=member,
                    signature=signature,
                    body=body,
                    flags=MessageFlag.NO_REPLY_EXPECTED,
                )
            )

    async def _match(self, member: str, rule: str) -> None:
        await self._bus.call(
            Message(
                destination="org.freedesktop.DBus",
                path="/org/freedesktop/DBus",
                interface="org.freedesktop.DBus",
                member=member,
                signature="s",
                body=[rule],
            )
        )
