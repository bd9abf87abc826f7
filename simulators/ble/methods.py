"""The calls that clients of bluetoothd make over D-Bus."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dbus_fast import ErrorType, Message, Variant
from dbus_fast.errors import DBusError

from simulators.ble.adapter import ADAPTER, Adapter
from simulators.ble.agents import AGENT_MANAGER, Agents
from simulators.ble.monitors import MONITOR_MANAGER
from simulators.ble.objects import OBJECT_MANAGER, PROPERTIES, ObjectTree
from simulators.ble.peer import CHARACTERISTIC, DESCRIPTOR, NOT_SUPPORTED
from simulators.ble.remote import DEVICE

SYSTEMD_MANAGER = "org.freedesktop.systemd1.Manager"
_JOB = "/org/freedesktop/systemd1/job/1"

Method = Callable[[str, str, list[Any]], Awaitable[tuple[str, list[Any]] | None]]


class Calls:
    """Carries calls out. Raises DBusError as bluetoothd answers them."""

    def __init__(
        self,
        tree: ObjectTree,
        agents: Agents,
        adapters: Mapping[str, Adapter],
        restart: Callable[[], Awaitable[None]],
    ) -> None:
        """`restart` is what systemd does when it is asked to restart bluetooth.service."""
        self._tree = tree
        self._agents = agents
        self._adapters = adapters
        self._restart = restart
        self._methods: dict[tuple[str, str], Method] = {
            (ADAPTER, "SetDiscoveryFilter"): self._set_filter,
            (ADAPTER, "StartDiscovery"): self._start_discovery,
            (ADAPTER, "StopDiscovery"): self._stop_discovery,
            (ADAPTER, "RemoveDevice"): self._remove_device,
            (MONITOR_MANAGER, "RegisterMonitor"): self._register_monitor,
            (MONITOR_MANAGER, "UnregisterMonitor"): self._unregister_monitor,
            (AGENT_MANAGER, "RegisterAgent"): self._register_agent,
            (AGENT_MANAGER, "UnregisterAgent"): self._unregister_agent,
            (AGENT_MANAGER, "RequestDefaultAgent"): self._request_default_agent,
            (DEVICE, "Connect"): self._connect,
            (DEVICE, "Disconnect"): self._disconnect,
            (DEVICE, "Pair"): self._pair,
            (DEVICE, "CancelPairing"): self._cancel_pairing,
            (CHARACTERISTIC, "ReadValue"): self._read,
            (CHARACTERISTIC, "WriteValue"): self._write,
            (CHARACTERISTIC, "StartNotify"): self._start_notify,
            (CHARACTERISTIC, "StopNotify"): self._stop_notify,
            (CHARACTERISTIC, "AcquireNotify"): self._acquire_notify,
            (DESCRIPTOR, "ReadValue"): self._read,
            (DESCRIPTOR, "WriteValue"): self._write,
        }

    async def carry_out(self, message: Message) -> tuple[str, list[Any]]:
        """The signature and body of the answer."""
        path, interface, member = str(message.path), str(message.interface), str(message.member)
        if interface == OBJECT_MANAGER:
            return "a{oa{sa{sv}}}", [self._tree.everything()]
        if interface == PROPERTIES:
            return await self._properties(path, member, message.body)
        if (interface, member) == (SYSTEMD_MANAGER, "RestartUnit"):
            await self._restart()
            return "o", [_JOB]
        self._tree.require(path, interface, member)
        method = self._methods.get((interface, member))
        if method is None:
            raise DBusError(ErrorType.UNKNOWN_METHOD, f"Method '{member}' of '{interface}' doesn't exist")
        return await method(path, str(message.sender), message.body) or ("", [])

    async def _properties(self, path: str, member: str, body: list[Any]) -> tuple[str, list[Any]]:
        if member == "Get":
            return "v", [self._tree.get(path, *body)]
        if member == "GetAll":
            return "a{sv}", [self._tree.get_all(path, *body)]
        interface, name, value = body
        if name not in _WRITABLE.get(interface, ()):
            raise DBusError(ErrorType.PROPERTY_READ_ONLY, f"Property '{name}' is not writable")
        if self._tree.get(path, interface, name).signature != value.signature:
            raise DBusError("org.bluez.Error.InvalidArguments", "Invalid arguments in method call")
        if (interface, name) == (ADAPTER, "Powered"):
            await self._adapter(path).set_power(is_on=value.value)
        else:
            self._tree.change(path, interface, {name: value})
        return "", []

    def _adapter(self, path: str) -> Adapter:
        return self._adapters[path.split("/")[3]]

    async def _set_filter(self, path: str, sender: str, body: list[Any]) -> None:
        self._adapter(path).set_filter(sender, body[0])

    async def _start_discovery(self, path: str, sender: str, _body: list[Any]) -> None:
        self._adapter(path).start_discovery(sender)

    async def _stop_discovery(self, path: str, sender: str, _body: list[Any]) -> None:
        self._adapter(path).stop_discovery(sender)

    async def _remove_device(self, path: str, _sender: str, body: list[Any]) -> None:
        await self._adapter(path).remove_device(body[0])

    async def _register_monitor(self, path: str, sender: str, body: list[Any]) -> None:
        await self._adapter(path).register_monitor(sender, body[0])

    async def _unregister_monitor(self, path: str, sender: str, body: list[Any]) -> None:
        await self._adapter(path).monitors.unregister(sender, body[0])

    async def _register_agent(self, _path: str, sender: str, body: list[Any]) -> None:
        self._agents.register(sender, *body)

    async def _unregister_agent(self, _path: str, sender: str, body: list[Any]) -> None:
        self._agents.unregister(sender, *body)

    async def _request_default_agent(self, _path: str, sender: str, body: list[Any]) -> None:
        self._agents.make_default(sender, *body)

    async def _connect(self, path: str, _sender: str, _body: list[Any]) -> None:
        await self._adapter(path).connect(path)

    async def _disconnect(self, path: str, _sender: str, _body: list[Any]) -> None:
        await self._adapter(path).remote(path).disconnect()

    async def _pair(self, path: str, sender: str, _body: list[Any]) -> None:
        await self._adapter(path).pair(path, sender)

    async def _cancel_pairing(self, path: str, _sender: str, _body: list[Any]) -> None:
        await self._adapter(path).remote(path).cancel_pairing()

    async def _read(self, path: str, _sender: str, _body: list[Any]) -> tuple[str, list[Any]]:
        return "ay", [await self._adapter(path).remote(path).read(path)]

    async def _write(self, path: str, _sender: str, body: list[Any]) -> None:
        kind = body[1].get("type", Variant("s", "request"))
        await self._adapter(path).remote(path).write(path, bytes(body[0]), with_response=kind.value != "command")

    async def _start_notify(self, path: str, sender: str, _body: list[Any]) -> None:
        await self._adapter(path).remote(path).start_notify(path, sender)

    async def _stop_notify(self, path: str, sender: str, _body: list[Any]) -> None:
        await self._adapter(path).remote(path).stop_notify(path, sender)

    async def _acquire_notify(self, _path: str, _sender: str, _body: list[Any]) -> None:
        # No NotifyAcquired property is shown, so that clients know; one that asks all the same is told.
        raise DBusError(NOT_SUPPORTED, "Operation is not supported")


_WRITABLE = {
    ADAPTER: ("Alias", "Powered", "Discoverable", "DiscoverableTimeout", "Pairable", "PairableTimeout"),
    DEVICE: ("Alias", "Trusted", "Blocked"),
}
