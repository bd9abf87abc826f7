"""Subscriptions that stand: what a bonded device says before anybody could ask is heard, once.

A bonded cuff remembers that it was subscribed to and speaks as soon as there is a link; bluetoothd confirms it, and
hands it to who has subscribed before, to nobody otherwise. So one D-Bus connection, kept while the radio runs,
subscribes to what such a device says unasked, and stays subscribed while the device is away. It is then the only
subscriber: bluetoothd signals each value once for each client that has subscribed, so a visit must not subscribe a
second time, and nothing has to be told apart by its content.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drivers.ble.attribute import Attribute, uuid_of
from drivers.ble.daemon import BLUEZ, DEVICE, OBJECT_MANAGER, PROPERTIES, Daemon, device_path, is_bonded
from drivers.ble.inbox import Inbox
from shouwang.bilingual import Bilingual
from shouwang.errors import DeviceError

if TYPE_CHECKING:
    from dbus_fast import Message, Variant

log = logging.getLogger(__name__)

_ANEW = Bilingual("the Bluetooth adapter is being started anew", zh="蓝牙适配器正在重新启动")
AGAIN_S = 30.0
"""After a failure, where nothing else gives reason to try again: bluetoothd may have been too busy to answer."""
_CATCH_UP_S = 2.0
_CHARACTERISTIC = "org.bluez.GattCharacteristic1"
_SERVICE = "org.bluez.GattService1"
_SIGNAL = f"type='signal',sender='{BLUEZ}'"
_RULES = (
    f"{_SIGNAL},interface='{PROPERTIES}',member='PropertiesChanged',path_namespace='{{path}}',arg0='{_CHARACTERISTIC}'",
    f"{_SIGNAL},interface='{OBJECT_MANAGER}',member='InterfacesAdded',arg0path='{{path}}/'",
    f"{_SIGNAL},interface='{OBJECT_MANAGER}',member='InterfacesRemoved',arg0path='{{path}}/'",
)

Objects = Mapping[str, Mapping[str, Mapping[str, "Variant"]]]
Lose = Callable[[str], None]


@dataclass(kw_only=True, slots=True, eq=False)
class _Device:
    """One device. `paths` are subscribed to here, `elsewhere` by the client of a visit that is not over.

    `is_followed`: its signals come to us. `visits` lean on what is subscribed to here.
    """

    path: str
    wanted: dict[Attribute, list[Inbox]] = field(default_factory=dict)
    is_followed: bool = False
    paths: dict[str, Attribute] = field(default_factory=dict)
    elsewhere: dict[Attribute, Lose] = field(default_factory=dict)
    visits: set[Lose] = field(default_factory=set)


class Standing:
    """The standing subscriptions of one adapter."""

    def __init__(self, adapter: str, came: Callable[[], None]) -> None:
        """None yet; `came` is called with each value that comes."""
        self._adapter = adapter
        self._came = came
        self._devices: dict[str, _Device] = {}
        self._daemon: Daemon | None = None
        self._turn = asyncio.Lock()
        self._is_stale = asyncio.Event()

    def want(self, address: str, attributes: Iterable[Attribute], inbox: Inbox) -> None:
        """Put what the device says by these into the inbox, from now on and whenever it is bonded."""
        for attribute in attributes:
            device = self._devices.setdefault(address.upper(), _Device(path=device_path(self._adapter, address)))
            device.wanted.setdefault(attribute, []).append(inbox)
        self._is_stale.set()

    def unwant(self, address: str, inbox: Inbox) -> None:
        """Put nothing into this inbox any more. What is subscribed to stays so: the device may be wanted again."""
        device = self._devices.get(address.upper())
        for inboxes in () if device is None else device.wanted.values():
            if inbox in inboxes:
                inboxes.remove(inbox)

    async def run(self, daemon: Daemon) -> None:
        """Subscribe, and again whenever bluetoothd has forgotten it, until cancelled."""
        self._daemon = daemon
        try:
            with daemon.watched(self._forget_all), daemon.followed(self._heed):
                while True:
                    self._is_stale.clear()
                    is_done = await self._renew_all(daemon)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(None if is_done else AGAIN_S):
                            await self._is_stale.wait()
        finally:
            self._daemon = None
            self._forget_all()
            for device in self._devices.values():
                device.is_followed = False
                for lose in [*device.visits]:
                    lose(_ANEW)

    # ---- for a visit ----

    async def hears(self, address: str, attribute: Attribute, lose: Lose) -> bool:
        """Whether these values of the connected device come into its inbox; else the visit must subscribe itself.

        `lose` is called where they do not come any more. Raises DeviceError where it should be so and cannot be.
        """
        device, daemon = self._devices.get(address.upper()), self._daemon
        if device is None or daemon is None or attribute not in device.wanted:
            return False
        async with self._turn:
            await _follow(daemon, device)
            if attribute in device.paths.values():
                for path in [path for path, held in device.paths.items() if held == attribute]:
                    await self._subscribe(daemon, device, path, attribute)  # harmless where it stands, as it should
            elif is_bonded(await daemon.device(self._adapter, address) or {}):
                await self._renew(daemon, device, await daemon.objects())
            is_heard = attribute in device.paths.values()
            if is_heard:
                device.visits.add(lose)
            else:
                device.elsewhere[attribute] = lose
        return is_heard

    def left(self, address: str, lose: Lose) -> None:
        """The visit is over: what it subscribed to itself is free."""
        device = self._devices.get(address.upper())
        if device is None:
            return
        device.visits.discard(lose)
        ours = [attribute for attribute, whose in device.elsewhere.items() if whose == lose]
        for attribute in ours:
            del device.elsewhere[attribute]
        if ours:
            self._is_stale.set()

    async def caught_up(self, address: str) -> None:
        """Return when what the device said before its link went is in the inbox: it comes another way than the loss."""
        device, daemon = self._devices.get(address.upper()), self._daemon
        if device is None or daemon is None or not device.paths:
            return
        with suppress(DeviceError, TimeoutError):
            async with asyncio.timeout(_CATCH_UP_S):
                await daemon.caught_up()

    # ---- with bluetoothd ----

    async def _renew_all(self, daemon: Daemon) -> bool:
        """Whether all that can be subscribed to is."""
        if not self._devices:
            return True
        is_done = True
        devices = [*self._devices.values()]  # there may be more meanwhile
        async with self._turn:
            try:
                for device in devices:
                    await _follow(daemon, device)
                objects = await daemon.objects()
            except DeviceError as error:
                log.debug("%s: what devices say unasked cannot be subscribed to now: %s", self._adapter, error)
                return False
            for device in devices:
                try:
                    await self._renew(daemon, device, objects)
                except DeviceError as error:
                    log.debug("%s: it cannot be subscribed to now: %s", device.path, error)
                    is_done = False
        return is_done

    async def _renew(self, daemon: Daemon, device: _Device, objects: Objects) -> None:
        shown = objects.get(device.path, {}).get(DEVICE, {})
        if not is_bonded({name: variant.value for name, variant in shown.items()}):
            return
        for path, attribute in _characteristics(objects, device.path):
            if attribute in device.wanted and attribute not in device.elsewhere and path not in device.paths:
                await self._subscribe(daemon, device, path, attribute)

    async def _subscribe(self, daemon: Daemon, device: _Device, path: str, attribute: Attribute) -> None:
        device.paths[path] = attribute  # before it is asked for: the first value may come before the answer
        try:
            await daemon.order(path, _CHARACTERISTIC, "StartNotify", "")
        except BaseException:
            device.paths.pop(path, None)
            raise

    def _heed(self, signal: "Message") -> None:
        if signal.member == "PropertiesChanged":
            self._hear(str(signal.path), signal.body[1])
        elif signal.member == "InterfacesAdded" and _CHARACTERISTIC in signal.body[1]:
            self._is_stale.set()
        elif signal.member == "InterfacesRemoved" and _CHARACTERISTIC in signal.body[1]:
            for device in self._devices.values():
                device.paths.pop(signal.body[0], None)

    def _hear(self, path: str, changed: "Mapping[str, Variant]") -> None:
        if "Value" not in changed:
            return
        for device in self._devices.values():
            attribute = device.paths.get(path)
            if attribute is None:
                continue
            self._came()
            for inbox in device.wanted[attribute]:
                inbox.put(attribute, bytes(changed["Value"].value))

    def _forget_all(self) -> None:
        for device in self._devices.values():
            device.paths.clear()
        self._is_stale.set()


async def _follow(daemon: Daemon, device: _Device) -> None:
    """Have its signals sent to us, before anything is subscribed to."""
    if not device.is_followed:
        for rule in _RULES:
            await daemon.ask_for(rule.format(path=device.path))
        device.is_followed = True


def _characteristics(objects: Objects, device: str) -> Iterator[tuple[str, Attribute]]:
    """The characteristics of a device that have 16-bit numbers, and where they are."""
    for path, interfaces in objects.items():
        shown = interfaces.get(_CHARACTERISTIC)
        if shown is None or not path.startswith(f"{device}/"):
            continue
        service = objects.get(shown["Service"].value, {}).get(_SERVICE)
        numbers = [_number(shown["UUID"].value), None if service is None else _number(service["UUID"].value)]
        if numbers[0] is not None and numbers[1] is not None:
            yield path, Attribute(service=numbers[1], characteristic=numbers[0])


def _number(uuid: str) -> int | None:
    number = int(uuid[:8], 16)
    return number if number <= 0xFFFF and uuid.lower() == uuid_of(number) else None
