"""`org.bluez` on a private bus, so that bleak's own BlueZ backend runs unchanged without a radio.

It keeps the habits of bluetoothd that cost clients their readings: a device found by scanning is forgotten half a
minute after it was last heard, a subscription is remembered per D-Bus client and revived when the device comes back,
a read is also signalled as a value, a link outlives the client that made it, and pairing needs an agent that is
never asked. Where the code says what it follows, that was read in the source of bluetoothd or measured with 5.66.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

from simulators.ble.adapter import TEMPORARY_S, Adapter, Deaf
from simulators.ble.agents import AGENT_MANAGER, MANAGER_PATH, Agents
from simulators.ble.methods import SYSTEMD_MANAGER, Calls
from simulators.ble.objects import OBJECT_MANAGER, PROPERTIES, ObjectTree
from simulators.ble.radio import Delivered, Radio

BLUEZ = "org.bluez"
SYSTEMD = "org.freedesktop.systemd1"
HANG = "HANG"
"""A fault: the call gets no answer."""

HCI0, ADDRESS = "hci0", "C0:FF:EE:00:00:00"

_BUS = "org.freedesktop.DBus"
_OWNERS = f"type='signal',interface='{_BUS}',member='NameOwnerChanged'"


class BlueZSim:
    """bluetoothd. `faults` are the errors of a method's next calls: `{"Connect": ["org.bluez.Error.Failed", HANG]}`.

    A fault may carry BlueZ's own words after a colon: `"org.bluez.Error.Failed: le-connection-abort-by-local"`, and a
    method may name the adapter or device that it is about: `"hci1 StartDiscovery"`, `"C0:FF:EE:00:00:01 Connect"`.
    """

    def __init__(
        self,
        bus: MessageBus,
        radio: Radio,
        *,
        adapters: Mapping[str, str] | None = None,
        delivered: Delivered | None = None,
        temporary_s: float = TEMPORARY_S,
    ) -> None:
        """`bus` is connected; `adapters` are names and addresses; nothing is shown before `start`.

        `delivered` is told each value that a client got; without it, the peripherals of the radio are.
        """
        self.faults: dict[str, list[str]] = {}
        self.is_experimental = True
        """Whether passive scanning is offered (bluetoothd -E); heeded when an adapter appears."""
        self.restart_gap_s = 0.0
        """How long nobody owns the name while systemd restarts the service."""
        self._bus = bus
        self._tree = ObjectTree(bus)
        self._agents = Agents(bus)
        self._adapters = {
            name: Adapter(
                bus,
                self._tree,
                radio,
                self._agents,
                name=name,
                address=address,
                delivered=delivered or radio.delivered,
                temporary_s=temporary_s,
            )
            for name, address in (adapters or {HCI0: ADDRESS}).items()
        }
        self._calls = Calls(self._tree, self._agents, self._adapters, self.restart)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Power the adapters and appear on the bus, the name last: who sees the name finds all objects."""
        for adapter in self._adapters.values():
            await adapter.power_on()
        self._bus.add_message_handler(self._on_message)
        await self._ask_bus("AddMatch", "s", _OWNERS)
        self._show()
        await self._bus.request_name(SYSTEMD)
        await self._bus.request_name(BLUEZ)

    async def stop(self) -> None:
        """End all calls and links."""
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for adapter in self._adapters.values():
            await adapter.let_go()
            await adapter.power_off()

    def adapter(self, name: str = HCI0) -> Adapter:
        """One adapter, to plant faults in: `max_connections`, `is_terse`, `monitors.are_deaf`."""
        return self._adapters[name]

    async def remove_adapter(self, name: str = HCI0) -> None:
        """Pull the USB stick: links drop, the devices and the adapter vanish."""
        await self._adapters[name].let_go()
        self._tree.remove(self._adapters[name].path)

    def add_adapter(self, name: str = HCI0) -> None:
        """Plug the stick in again."""
        self._adapters[name].hear_again(Deaf.UNTIL_PLUGGED_IN_AGAIN)
        self._adapters[name].show(is_experimental=self.is_experimental)

    async def set_power(self, name: str = HCI0, *, is_on: bool) -> None:
        """Switch an adapter, as rfkill or another program does."""
        await self._adapters[name].set_power(is_on=is_on)

    def deafen(self, until: Deaf = Deaf.UNTIL_NEW_SCAN, name: str = HCI0) -> None:
        """Let an adapter hear nothing more, without any error; links stay."""
        self._adapters[name].deafen(until)

    async def restart(self, gap_s: float | None = None) -> None:
        """Restart the daemon: nothing is said; scans of before find nothing more and cannot be stopped.

        Clients see the name go, and come back `gap_s` later; bonds are kept.
        """
        await self._bus.release_name(BLUEZ)
        self._tree.forget()
        self._agents.forget()
        for adapter in self._adapters.values():
            await adapter.let_go()
            adapter.hear_again(Deaf.UNTIL_RESTART)
        await asyncio.sleep(self.restart_gap_s if gap_s is None else gap_s)
        self._show()
        await self._bus.request_name(BLUEZ)

    async def client_count(self) -> int:
        """Connections to the bus besides our own: those that a client forgot to close are among them."""
        (names,) = await self._ask_bus("ListNames", "")
        return len([name for name in names if name.startswith(":")]) - 1

    def _show(self) -> None:
        self._tree.add(MANAGER_PATH, {AGENT_MANAGER: {}})
        for adapter in self._adapters.values():
            adapter.show(is_experimental=self.is_experimental)

    def _on_message(self, message: Message) -> bool:
        if message.message_type is MessageType.SIGNAL:
            self._heed(message)
            return False
        if message.message_type is not MessageType.METHOD_CALL or not _is_ours(message):
            return False
        self._spawn(self._answer(message), f"{message.member} for {message.sender}")
        return True

    def _heed(self, signal: Message) -> None:
        if signal.member == "NameOwnerChanged" and signal.sender == _BUS:
            name, _, owner = signal.body
            if not owner and name.startswith(":"):
                self._spawn(self._client_gone(name), f"{name} left")
            return
        for adapter in self._adapters.values():
            adapter.monitors.heed(signal)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _client_gone(self, sender: str) -> None:
        self._agents.forget_client(sender)
        for adapter in self._adapters.values():
            await adapter.forget_client(sender)

    async def _answer(self, message: Message) -> None:
        try:
            await self._fail_if_asked(message)
            signature, body = await self._calls.carry_out(message)
            reply = Message.new_method_return(message, signature, body)
        except DBusError as error:
            reply = Message.new_error(message, str(error.type), error.text)
        if self._bus.connected:
            await self._bus.send(reply)

    async def _fail_if_asked(self, message: Message) -> None:
        about = [part.removeprefix("dev_").replace("_", ":") for part in str(message.path).split("/")[3:5]]
        for key in (*(f"{one} {message.member}" for one in about), str(message.member)):
            if self.faults.get(key):
                name, _, words = self.faults[key].pop(0).partition(":")
                if name == HANG:
                    await asyncio.Event().wait()
                raise DBusError(name, words.strip() or "simulated fault")

    async def _ask_bus(self, member: str, signature: str, *body: object) -> list[Any]:
        call = Message(
            destination=_BUS,
            path="/org/freedesktop/DBus",
            interface=_BUS,
            member=member,
            signature=signature,
            body=list(body),
        )
        reply = await self._bus.call(call)
        assert reply is not None  # the bus daemon always answers
        return reply.body


@asynccontextmanager
async def bluez(
    address: str,
    radio: Radio,
    *,
    adapters: Mapping[str, str] | None = None,
    delivered: Delivered | None = None,
    temporary_s: float = TEMPORARY_S,
) -> AsyncIterator[BlueZSim]:
    """Run a BlueZSim on the bus at `address`."""
    bus = await MessageBus(bus_address=address).connect()
    try:
        sim = BlueZSim(bus, radio, adapters=adapters, delivered=delivered, temporary_s=temporary_s)
        await sim.start()
        try:
            yield sim
        finally:
            await sim.stop()
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call] # dbus-fast leaves it bare


def _is_ours(message: Message) -> bool:
    interface = str(message.interface)
    return interface in (OBJECT_MANAGER, PROPERTIES, SYSTEMD_MANAGER) or interface.startswith("org.bluez.")
