"""Bonding with a device, for enrolment: an agent that asks nobody anything and exists only meanwhile.

bluetoothd refuses to bond without one (AuthenticationFailed, seen with 5.66); a bond made once encrypts every later
connection with no question asked, so the gateway itself runs without an agent and bonds with nobody by itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from dbus_fast.annotations import DBusObjectPath, DBusStr, DBusUInt32
from dbus_fast.errors import DBusError
from dbus_fast.service import ServiceInterface, dbus_method

from drivers.ble.daemon import Daemon
from shouwang.errors import DeviceError

_PATH = "/org/shouwang/agent"
_MANAGER = "org.bluez.AgentManager1"
_REJECTED = "org.bluez.Error.Rejected"


class _Agent(ServiceInterface):
    """`NoInputNoOutput`: says yes to the one device that is being enrolled, no to all others."""

    def __init__(self, device_path: str) -> None:
        super().__init__("org.bluez.Agent1")
        self._device_path = device_path

    @dbus_method(name="RequestAuthorization")
    def request_authorization(self, device: DBusObjectPath) -> None:
        self._must_be_ours(device)

    @dbus_method(name="RequestConfirmation")
    def request_confirmation(self, device: DBusObjectPath, passkey: DBusUInt32) -> None:  # noqa: ARG002 - bluetoothd's
        self._must_be_ours(device)

    @dbus_method(name="AuthorizeService")
    def authorize_service(self, device: DBusObjectPath, uuid: DBusStr) -> None:  # noqa: ARG002 - bluetoothd's
        self._must_be_ours(device)

    @dbus_method(name="Cancel")
    def cancel(self) -> None:
        """Nothing is shown that would have to be taken away."""

    @dbus_method(name="Release")
    def release(self) -> None:
        """Nothing is kept."""

    def _must_be_ours(self, device: str) -> None:
        if device != self._device_path:
            raise DBusError(_REJECTED, "only the device that is being enrolled may bond")


@asynccontextmanager
async def bonding_agent(daemon: Daemon, device_path: str) -> AsyncIterator[None]:
    """Let the device at `device_path` bond while the block runs. Raises DeviceError."""
    agent = _Agent(device_path)
    with daemon.exported(_PATH, agent):
        await daemon.order("/org/bluez", _MANAGER, "RegisterAgent", "os", _PATH, "NoInputNoOutput")
        try:
            await daemon.order("/org/bluez", _MANAGER, "RequestDefaultAgent", "o", _PATH)
            yield
        finally:
            with suppress(DeviceError):  # bluetoothd forgets it with our connection
                await daemon.order("/org/bluez", _MANAGER, "UnregisterAgent", "o", _PATH)
