"""The objects that BlueZ shows on D-Bus, with the signals by which clients follow them."""

from dbus_fast import ErrorType, Message, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"

YES = Variant(signature="b", value=True)
NO = Variant(signature="b", value=False)

Interfaces = dict[str, dict[str, Variant]]


class ObjectTree:
    """Paths, their interfaces and properties. Every change is signalled in the order in which it was made."""

    def __init__(self, bus: MessageBus) -> None:
        """`bus` carries the signals; while it is not connected they are dropped."""
        self._bus = bus
        self._objects: dict[str, Interfaces] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._objects

    def add(self, path: str, interfaces: Interfaces) -> None:
        """Show an object (InterfacesAdded)."""
        self._objects[path] = interfaces
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def remove(self, path: str) -> None:
        """Take away the object and all below it, the deepest first (InterfacesRemoved)."""
        for gone in sorted((p for p in self._objects if p == path or p.startswith(f"{path}/")), reverse=True):
            interfaces = self._objects.pop(gone)
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", [gone, list(interfaces)])

    def show_below(self, path: str, objects: dict[str, Interfaces]) -> None:
        """Have just these below the object, parents first; those that are there already with their UUID stay."""
        for old in [p for p in self._objects if p.startswith(f"{path}/")]:
            if old in self._objects and (old not in objects or _uuids(objects[old]) != _uuids(self._objects[old])):
                self.remove(old)
        for new, interfaces in objects.items():
            if new not in self._objects:
                self.add(new, interfaces)

    def change(self, path: str, interface: str, properties: dict[str, Variant]) -> None:
        """Set properties of a shown object (PropertiesChanged); also signalled where the value stays the same."""
        self._objects[path][interface].update(properties)
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, properties, []])

    def invalidate(self, path: str, interface: str, name: str) -> None:
        """Take a property away (PropertiesChanged, invalidated)."""
        if self._objects[path][interface].pop(name, None) is not None:
            self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, {}, [name]])

    def get(self, path: str, interface: str, name: str) -> Variant:
        """One property. Raises DBusError as D-Bus clients expect it."""
        try:
            return self.get_all(path, interface)[name]
        except KeyError:
            raise DBusError(ErrorType.INVALID_ARGS, f"No such property '{name}'") from None

    def get_all(self, path: str, interface: str) -> dict[str, Variant]:
        """All properties of one interface. Raises DBusError."""
        try:
            return self._objects[path][interface]
        except KeyError:
            raise DBusError(ErrorType.INVALID_ARGS, f"No such interface '{interface}'") from None

    def require(self, path: str, interface: str, member: str) -> None:
        """Raise the DBusError that a call to a missing object or interface gets."""
        if path not in self._objects:
            raise DBusError(ErrorType.UNKNOWN_OBJECT, f"Method '{member}' called on missing object {path}")
        if interface not in self._objects[path]:
            raise DBusError(ErrorType.UNKNOWN_METHOD, f"Method '{member}' of '{interface}' doesn't exist")

    def everything(self) -> dict[str, Interfaces]:
        """The answer to GetManagedObjects."""
        return self._objects

    def forget(self) -> None:
        """Drop all objects without a word, as a daemon that dies does."""
        self._objects.clear()

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[object]) -> None:
        if self._bus.connected:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))


def _uuids(interfaces: Interfaces) -> list[object]:
    return [(name, properties["UUID"].value) for name, properties in interfaces.items()]
