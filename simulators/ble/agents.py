"""org.bluez.AgentManager1: who answers for people when devices are paired."""

from dataclasses import dataclass

from bumble.pairing import PairingDelegate
from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus
from dbus_fast.errors import DBusError

AGENT_MANAGER = "org.bluez.AgentManager1"
MANAGER_PATH = "/org/bluez"

Capability = PairingDelegate.IoCapability

_CAPABILITIES = {
    "": Capability.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT,  # as org.bluez.AgentManager says of the empty word
    "DisplayOnly": Capability.DISPLAY_OUTPUT_ONLY,
    "DisplayYesNo": Capability.DISPLAY_OUTPUT_AND_YES_NO_INPUT,
    "KeyboardOnly": Capability.KEYBOARD_INPUT_ONLY,
    "NoInputNoOutput": Capability.NO_OUTPUT_NO_INPUT,
    "KeyboardDisplay": Capability.DISPLAY_OUTPUT_AND_KEYBOARD_INPUT,
}


@dataclass(frozen=True, slots=True)
class _Agent:
    owner: str
    path: str
    capability: Capability


class Agents:
    """Agents by their owners' unique names. Calls raise DBusError as bluetoothd does."""

    def __init__(self, bus: MessageBus) -> None:
        """`bus` carries questions to them."""
        self._bus = bus
        self._agents: dict[str, _Agent] = {}
        self._defaults: list[str] = []  # the newest first

    def register(self, sender: str, path: str, capability: str) -> None:
        """RegisterAgent."""
        if sender in self._agents:
            raise DBusError("org.bluez.Error.AlreadyExists", "Already Exists")
        if capability not in _CAPABILITIES:
            raise DBusError("org.bluez.Error.InvalidArguments", "Invalid arguments in method call")
        self._agents[sender] = _Agent(sender, path, _CAPABILITIES[capability])

    def unregister(self, sender: str, path: str) -> None:
        """UnregisterAgent."""
        self._require(sender, path)
        self.forget_client(sender)

    def make_default(self, sender: str, path: str) -> None:
        """RequestDefaultAgent."""
        self._require(sender, path)
        self._defaults = [sender, *(other for other in self._defaults if other != sender)]

    def forget_client(self, sender: str) -> None:
        """A client left the bus."""
        self._agents.pop(sender, None)
        self._defaults = [other for other in self._defaults if other != sender]

    def forget(self) -> None:
        """The daemon starts anew."""
        self._agents.clear()
        self._defaults.clear()

    def capability_for(self, sender: str) -> Capability | None:
        """Of the agent that pairs for this client: its own or the default one; None: there is no agent."""
        own = self._agents.get(sender) or (self._agents[self._defaults[0]] if self._defaults else None)
        return None if own is None else own.capability

    async def consent(self, device: str) -> Capability | None:
        """Ask the default agent whether a device may be paired that nobody ordered to pair (RequestAuthorization)."""
        if not self._defaults:
            return None
        agent = self._agents[self._defaults[0]]
        reply = await self._bus.call(
            Message(
                destination=agent.owner,
                path=agent.path,
                interface="org.bluez.Agent1",
                member="RequestAuthorization",
                signature="o",
                body=[device],
            )
        )
        return agent.capability if reply is not None and reply.message_type is MessageType.METHOD_RETURN else None

    def _require(self, sender: str, path: str) -> None:
        agent = self._agents.get(sender)
        if agent is None or agent.path != path:
            raise DBusError("org.bluez.Error.DoesNotExist", "Does Not Exist")
