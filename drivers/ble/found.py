"""Each advert that a passive scan hears: bluetoothd calls a monitor for every one.

bleak tells of an advert only where it changes what bluetoothd shows of the device. In a passive scan a strength is not
shown anew unless it has leapt by 8 dB, so of a bonded cuff that wakes where it slept nobody would be told (measured
with bluetoothd 5.66; a device that is not bonded is forgotten half a minute after it was heard, and then is news).
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated

from bleak.args.bluez import OrPattern
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from dbus_fast import PropertyAccess
from dbus_fast.annotations import DBusObjectPath, DBusSignature, DBusStr
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

from drivers.ble.daemon import Daemon, adapter_path, address_of, device_path, is_bonded
from drivers.ble.hearing import Hearing
from shouwang.errors import DeviceError

log = logging.getLogger(__name__)

_PATH = "/org/shouwang/found"
"""Of the monitor and of the application that has it: dbus-fast announces an object from its own path."""
_MANAGER = "org.bluez.AdvertisementMonitorManager1"
_NO_STRENGTH_DBM = -127

Found = Callable[[str], Awaitable[None]]


@asynccontextmanager
async def each_is_heard(
    daemon: Daemon, adapter: str, patterns: Sequence[OrPattern], hearing: Hearing
) -> AsyncIterator[None]:
    """Have each advert heard that matches, while the block runs and where bluetoothd tells of it."""

    async def found(address: str) -> None:
        hearing.something_came()
        if not hearing.heard_again(address) and hearing.is_awaited(address):
            await _introduce(daemon, adapter, address, hearing)

    try:
        await daemon.order(adapter_path(adapter), _MANAGER, "RegisterMonitor", "o", _PATH)
    except DeviceError as error:
        log.debug("%s: adverts that say nothing new are not heard: %s", adapter, error)
        yield
        return
    try:
        with daemon.exported(_PATH, _Monitor(patterns, found)):  # bluetoothd uses what appears after it has looked
            yield
    finally:
        with suppress(DeviceError):  # bluetoothd forgets it with our connection
            await daemon.order(adapter_path(adapter), _MANAGER, "UnregisterMonitor", "o", _PATH)


async def _introduce(daemon: Daemon, adapter: str, address: str, hearing: Hearing) -> None:
    """A device that bluetoothd knows from before, so that it is no news; of others bleak tells."""
    with suppress(DeviceError):
        shown = await daemon.device(adapter, address)
        if shown is None or not is_bonded(shown):
            return
        name = shown.get("Name")
        device = BLEDevice(address, name, {"path": device_path(adapter, address), "props": shown})
        data = AdvertisementData(
            local_name=name,
            manufacturer_data={},
            service_data={},
            service_uuids=[*shown.get("UUIDs", ())],
            tx_power=None,
            rssi=shown.get("RSSI", _NO_STRENGTH_DBM),
            platform_data=(),
        )
        hearing.meet(device, data)


class _Monitor(ServiceInterface):
    def __init__(self, patterns: Sequence[OrPattern], found: Found) -> None:
        super().__init__("org.bluez.AdvertisementMonitor1")
        self._patterns = [[*pattern] for pattern in patterns]
        self._found = found

    @dbus_property(PropertyAccess.READ, name="Type")
    def kind(self) -> DBusStr:
        return "or_patterns"

    @dbus_property(PropertyAccess.READ, name="Patterns")
    def patterns(self) -> Annotated[list[list[object]], DBusSignature("a(yyay)")]:
        return self._patterns

    @dbus_method(name="Activate")
    def activate(self) -> None:
        """It is used from now on."""

    @dbus_method(name="Release")
    def release(self) -> None:
        """bluetoothd does not use it any more; bleak's own tells whether the scan goes on."""

    @dbus_method(name="DeviceFound")
    async def device_found(self, device: DBusObjectPath) -> None:
        await self._found(address_of(device))

    @dbus_method(name="DeviceLost")
    def device_lost(self, device: DBusObjectPath) -> None:
        """Each driver knows by itself what it misses."""
