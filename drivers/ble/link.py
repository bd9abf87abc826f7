"""The way to Bluetooth LE devices: a connection at a time for each, over the radio that heard the device.

Each connection has a client object of its own that is always closed: a client that is used again, or left open, gets
every value twice, and each one left open keeps a D-Bus connection until BlueZ has no more (hbldh/bleak#1698, #2002).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from drivers.ble.attribute import Attribute, uuid_of
from drivers.ble.complaints import in_plain_words
from drivers.ble.daemon import connected_daemon
from drivers.ble.inbox import Inbox
from drivers.ble.radio import Radio
from drivers.ble.rest import Rest
from drivers.ble.scan import PAUSE_S, ROUND_S
from drivers.later import Later
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import DeviceError

if TYPE_CHECKING:
    import bleak
    import bleak.exc
    from bleak.backends.characteristic import BleakGATTCharacteristic
    from bleak.backends.device import BLEDevice
else:
    bleak = Later("bleak")

SEARCH_S = 30.0
"""A device that is on advertises at least every 10.24 s (Core specification); three of these, and it is not there."""
CONNECT_S = 20.0
"""As bleak-retry-connector waits for one attempt."""
LINK_S = ROUND_S + 1.0
"""Until the link stands, of a device that is always on: it may advertise as rarely as every 10.24 s. Where somebody
else waits for a turn it has no longer than one that passes."""
PASSING_LINK_S = PAUSE_S + 2.0
"""The same of one that is awake for moments: these advertise every second or two, so it has fallen asleep. Nobody else
can be connected to meanwhile, and others may be awake for 8 s only."""
SLOT_S = 30.0
CALL_S = 10.0
DISCONNECT_S = 12.0
"""bleak itself waits 10 s for the device to let go."""
_NOT_HEARD = (
    (
        "{address} was not heard by {adapter} in {limit:.0f} s; is it switched on, charged, near, and not connected "
        "to a phone?"
    ),
    "{adapter} 在 {limit:.0f} 秒内没有收到 {address}；它开机了吗？有电吗？够近吗？是不是连着手机？",
)
_NO_ROOM = (
    "all connections that {adapter} can carry are in use; a second Bluetooth adapter would help",
    "{adapter} 的连接已经占满；可以再加一个蓝牙适配器",
)
_TO_CONNECT = Bilingual("asked to connect", zh="连接")
_FOR = "asked for {what}", "读取 {what}"
_TOLD = "told {what}", "写入 {what}"
_TO_REPORT = "asked to report {what}", "订阅 {what}"
_LOST = "the connection to {address} was lost; {why}", "与 {address} 的连接断了；{why}"
_GONE = Bilingual("it is out of range, off or empty", zh="它离得太远、关机了或没电了")
_LOOK_S = 0.5
_LOST_S = 1.0
"""For a link that is gone with its bluetoothd: nobody will say that it let go. bleak tidies up when it is cancelled."""
_GRACE_S = 5.0
"""For bleak to tidy up after a time-out: it waits for bluetoothd's answer then. It is cancelled once more."""


class NoLink(DeviceError):
    """No link came about: it is asleep, out of reach, busy, or there was no room."""


class LinkLost(DeviceError):
    """The link that stood is gone."""


@asynccontextmanager
async def connected(
    radio: Radio,
    address: str,
    *,
    services: Sequence[int],
    inbox: Inbox | None = None,
    is_passing: bool = False,
    rest: Rest | None = None,
    is_bonding: bool = False,
) -> AsyncIterator["Peripheral"]:
    """A connection to the device with this address, which must offer one of `services`; closed at the end of the block.

    `is_passing`: a device that is awake only for moments: it is waited for as long as the radio listens, connected to
    the moment it is heard, after its `rest`, and has a slot kept for it. `is_bonding`: bond before anything is asked,
    since some drop a stranger; `services` may be empty then. `inbox` is where its values go. Raises NoLink where the
    device is not heard or does not answer; DeviceError where the adapter does not work, the device refuses or has none
    of the services.
    """
    async with AsyncExitStack() as stack:
        await radio.ready()
        while True:
            await _wait_for(radio, address, services, rest, is_passing=is_passing)
            async with AsyncExitStack() as attempt:
                await _take_slot(radio, attempt, is_passing=is_passing)
                async with radio.turn():
                    radio.must_be_up()
                    device = await _here(radio, address, services)
                    if device is None:  # its turn came too late: it has gone to sleep again
                        continue
                    peripheral = Peripheral(device, radio, inbox or Inbox(), is_bonding=is_bonding)
                    link_s = CONNECT_S if is_bonding else PASSING_LINK_S if is_passing else LINK_S
                    await _connect(radio, peripheral, services, attempt, link_s)
                await stack.enter_async_context(attempt.pop_all())
                break
        yield peripheral


async def _wait_for(
    radio: Radio, address: str, services: Sequence[int], rest: Rest | None, *, is_passing: bool
) -> None:
    with radio.ear(address, takes_all=True) as ear:
        sighting = radio.here(address)
        if sighting is None and await _already_connected(radio, address, services) is not None:
            return
        try:
            async with asyncio.timeout(None if is_passing else SEARCH_S):
                while sighting is None or not (rest is None or rest.heard(sighting.at)):
                    sighting = await ear.next()
        except TimeoutError as error:
            raise NoLink(both(*_NOT_HEARD, address=address, adapter=radio.adapter, limit=SEARCH_S)) from error


async def _take_slot(radio: Radio, stack: AsyncExitStack, *, is_passing: bool) -> None:
    try:
        async with asyncio.timeout(SLOT_S):
            if not is_passing:
                await stack.enter_async_context(radio.lasting_slots)
            await stack.enter_async_context(radio.slots)
    except TimeoutError as error:
        raise NoLink(both(*_NO_ROOM, adapter=radio.adapter)) from error


async def _here(radio: Radio, address: str, services: Sequence[int]) -> "BLEDevice | None":
    """The device if it was heard just now, or is connected."""
    sighting = radio.here(address)
    return await _already_connected(radio, address, services) if sighting is None else sighting.device


async def _already_connected(radio: Radio, address: str, services: Sequence[int]) -> "BLEDevice | None":
    """A device that is still connected, for us before a crash: it does not advertise (bluez/bluez#89)."""
    if not services:
        return None
    with in_plain_words(radio.adapter, both("the search for {address}", "查找 {address}", address=address)):
        async with asyncio.timeout(CALL_S):
            adapters = await bleak.BleakAdapter.get(bluez={"adapter": radio.adapter})
            for device in await adapters.get_connected_devices([uuid_of(service) for service in services]):
                if device.address.upper() == address.upper():
                    return device
    return None


async def _connect(
    radio: Radio, peripheral: "Peripheral", services: Sequence[int], stack: AsyncExitStack, link_s: float
) -> None:
    stack.push_async_callback(peripheral.let_go)
    stack.enter_context(radio.lost_with(peripheral.lose))
    async with radio.quiet(peripheral.address, lambda: peripheral.is_linked):
        await peripheral.connect(link_s)
    if services and not any(peripheral.has_service(service) for service in services):
        await _forget_services(radio, peripheral.address)
        wanted = " or ".join(f"{service:04X}" for service in services)
        raise DeviceError(
            Bilingual(
                f"{peripheral.address} does not offer service {wanted}: it is another kind of device, or has changed; "
                "check the address in the configuration",
                zh=f"{peripheral.address} 不提供服务 {wanted}：它是别的设备，或已变更；请检查配置里的地址",
            )
        )


async def _forget_services(radio: Radio, address: str) -> None:
    """Have bluetoothd look anew next time: its cache may be stale (hbldh/bleak#882); a bond is worth more than that."""
    with suppress(DeviceError):
        async with connected_daemon() as daemon:
            known = await daemon.device(radio.adapter, address)
            if known is not None and not known.get("Bonded"):
                await daemon.forget_device(radio.adapter, address)


class Peripheral:
    """One connection. All methods raise DeviceError once it is lost."""

    def __init__(self, device: "BLEDevice", radio: Radio, inbox: Inbox, *, is_bonding: bool = False) -> None:
        """Prepare only; `connect` connects. Its values go to the inbox."""
        self.address = device.address
        self._radio = radio
        self._adapter = radio.adapter
        self._lost: str | None = None
        self._deadlines: dict[asyncio.Timeout, asyncio.Timeout] = {}
        """Of the calls under way, each with the one that ends its tidying up."""
        self._inbox = inbox
        self._client = bleak.BleakClient(
            device, disconnected_callback=self._disconnected, timeout=CONNECT_S, pair=is_bonding
        )

    async def connect(self, link_s: float = CONNECT_S) -> None:
        """Connect, the link within `link_s`, and learn what the device offers. Raises NoLink."""
        loop = asyncio.get_running_loop()
        self._giving_up = loop.call_later(min(link_s, PASSING_LINK_S), self._give_up, loop.time() + link_s)
        try:
            async with self._asked(_TO_CONNECT, CONNECT_S + _GRACE_S):
                await self._client.connect()
        except DeviceError as error:
            raise NoLink(told_by(error)) from error
        finally:
            self._giving_up.cancel()

    async def let_go(self) -> None:
        """Close the connection, whatever state it is in."""
        # There is nothing left to do for a connection that cannot even be closed: the next one starts from nothing.
        try:
            with suppress(bleak.exc.BleakError, OSError, EOFError, TimeoutError):
                async with asyncio.timeout(DISCONNECT_S if self._lost is None else _LOST_S):
                    await self._client.disconnect()
        finally:
            self._radio.standing.left(self.address, self.lose)

    @property
    def is_linked(self) -> bool:
        """Whether there is a link; what the device offers may not be known yet."""
        return self._client.is_connected

    @property
    def name(self) -> str | None:
        """As it advertises itself."""
        return self._client.name or None

    @property
    def rssi_dbm(self) -> int | None:
        """How strongly it was heard before it was connected to; None where that is long ago."""
        sighting = self._radio.sighting(self.address, within_s=CONNECT_S + SLOT_S)
        return None if sighting is None else sighting.data.rssi

    def has_service(self, service: int) -> bool:
        """Whether the device offers the service."""
        with in_plain_words(self._adapter, self.address):
            return any(offered.uuid == uuid_of(service) for offered in self._client.services)

    def has(self, attribute: Attribute) -> bool:
        """Whether the device offers the characteristic."""
        return self._find(attribute) is not None

    def can_tell(self, attribute: Attribute) -> bool:
        """Whether the device offers the characteristic and notifies or indicates it."""
        found = self._find(attribute)
        return found is not None and not {"notify", "indicate"}.isdisjoint(found.properties)

    def can_be_told(self, attribute: Attribute) -> bool:
        """Whether the device offers the characteristic and takes writes that it answers."""
        found = self._find(attribute)
        return found is not None and "write" in found.properties

    async def read(self, attribute: Attribute) -> bytes:
        """Read once. Not for what is subscribed: BlueZ would give that value twice."""
        found = self._get(attribute)
        async with self._asked(both(*_FOR, what=f"{attribute.characteristic:04X}")):
            return bytes(await self._client.read_gatt_char(found))

    async def try_all(self) -> tuple[int, list[str]]:
        """Read all that says it can be read: how many values came, and what was refused."""
        came, refused = 0, []
        for service in self._client.services:
            for characteristic in service.characteristics:
                if "read" not in characteristic.properties:
                    continue
                try:
                    async with self._asked(both(*_FOR, what=characteristic.uuid[4:8].upper())):
                        await self._client.read_gatt_char(characteristic)
                    came += 1
                except DeviceError as error:
                    self._must_stand()
                    refused.append(told_by(error))
        return came, refused

    async def write(self, attribute: Attribute, value: bytes) -> None:
        """Write, and wait for the device's answer."""
        found = self._get(attribute)
        async with self._asked(both(*_TOLD, what=f"{attribute.characteristic:04X}")):
            await self._client.write_gatt_char(found, value, response=True)

    async def subscribe(self, attribute: Attribute) -> None:
        """Let its values come to `next_value`."""
        found = self._get(attribute)
        async with self._asked(both(*_TO_REPORT, what=f"{attribute.characteristic:04X}")):
            # one of the two, never both: bluetoothd signals a value once for each client that has subscribed
            if not await self._radio.standing.hears(self.address, attribute, self.lose):
                await self._client.start_notify(found, partial(self._arrive, attribute))

    async def next_value(self) -> tuple[Attribute, bytes]:
        """The next value of what is subscribed, in the order of arrival."""
        while (found := self._inbox.take()) is None:
            self._must_stand()
            await self._inbox.changed()
        return found

    def _arrive(self, attribute: Attribute, _characteristic: "BleakGATTCharacteristic", value: bytearray) -> None:
        self._inbox.put(attribute, bytes(value))
        self._radio.data_came()

    def lose(self, why: str) -> None:
        """The link is gone: whoever waits for a value is told `why`."""
        if self._lost is None:
            self._lost = why
        self._inbox.wake()
        self._end_calls()

    def _give_up(self, latest: float) -> None:
        loop = asyncio.get_running_loop()
        if self.is_linked:
            return
        if loop.time() >= latest or self._radio.is_awaited:
            self._end_calls()
        else:
            self._giving_up = loop.call_later(min(_LOOK_S, latest - loop.time()), self._give_up, latest)

    def _end_calls(self) -> None:
        now = asyncio.get_running_loop().time()
        for deadline, end in self._deadlines.items():
            if not deadline.expired():  # one that is, is tidying up already
                deadline.reschedule(now)
                end.reschedule(now + _GRACE_S)

    @asynccontextmanager
    async def _asked(self, what: str, limit_s: float | None = None) -> AsyncIterator[None]:
        """A call that ends in time, or at once where the link is lost: bluetoothd may owe us the answer for ever."""
        self._must_stand()
        try:
            with in_plain_words(
                self._adapter, both("{address}, {what},", "{address}（{what}）", address=self.address, what=what)
            ):
                limit_s = CALL_S if limit_s is None else limit_s
                async with asyncio.timeout(limit_s + _GRACE_S) as end, asyncio.timeout(limit_s) as deadline:
                    self._deadlines[deadline] = end
                    try:
                        yield
                    finally:
                        del self._deadlines[deadline]
        except DeviceError:
            self._must_stand()
            raise

    def _must_stand(self) -> None:
        if self._lost is not None:
            raise LinkLost(both(*_LOST, address=self.address, why=self._lost))

    def _disconnected(self, _client: "bleak.BleakClient") -> None:
        self.lose(_GONE)

    def _find(self, attribute: Attribute) -> "BleakGATTCharacteristic | None":
        # By service, since a device may have the same characteristic in two (batteries of base and probe).
        with in_plain_words(self._adapter, self.address):
            for service in self._client.services:
                if service.uuid == uuid_of(attribute.service):
                    for characteristic in service.characteristics:
                        if characteristic.uuid == uuid_of(attribute.characteristic):
                            return characteristic
        return None

    def _get(self, attribute: Attribute) -> "BleakGATTCharacteristic":
        found = self._find(attribute)
        if found is None:
            raise DeviceError(
                Bilingual(
                    f"{self.address} does not offer {attribute.characteristic:04X}",
                    zh=f"{self.address} 不提供 {attribute.characteristic:04X}",
                )
            )
        return found
