"""What all simulated peripherals have in common: adverts, links, bonds, sleep, and what may go wrong with them.

A subclass brings its services and says what its sensor sees. Each value that reached a listener is counted in the
tally, records once however often they were sent.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Required, Self, TypedDict, Unpack

from bumble.core import BaseBumbleError
from bumble.device import Connection
from bumble.gatt import GATT_BATTERY_SERVICE, Characteristic, Service
from bumble.gatt_server import Server
from bumble.hci import HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.profiles.device_information_service import DeviceInformationService

from shouwang.quantities import Quantity
from simulators.ble.attributes import NOTIFY, READ, advert, characteristic
from simulators.ble.delivery import Delivery, Mishaps, Part, Values
from simulators.ble.radio import Radio, bonding
from simulators.tally import Tally

NOTIFIED, INDICATED = 0b01, 0b10
"""Bits of a client characteristic configuration (Core specification, volume 3, part G, 3.3.3.3)."""
_BATTERY = 0x2A19


class Outfit(TypedDict, total=False):
    """What every peripheral can be given.

    `sensor_id` names its values in the tally. `battery` is percent. `awake_s`: it sleeps, and advertises only for so
    long after `wake`; by default it never sleeps. `is_guarded`: its values and controls are only for links that are
    encrypted, so it must be paired.
    """

    sensor_id: Required[str]
    address: Required[str]
    advertising_interval_ms: float
    battery: int
    awake_s: float | None
    is_guarded: bool


class Peripheral:
    """One device. `battery` is percent and may be changed at any time; `mishaps` are planted faults."""

    model = "SIM"
    advertised: Sequence[int] = ()
    """The services named in adverts."""

    def __init__(self, radio: Radio, tally: Tally, **outfit: Unpack[Outfit]) -> None:
        """Switched off until `running`."""
        self.address = outfit["address"]
        self.battery = outfit.get("battery", 80)
        self.mishaps = Mishaps()
        self.delivery = Delivery(tally, outfit["sensor_id"])
        self.patience_with_strangers_s: float | None = None
        """Links that are not encrypted after this long are dropped, as by Omron's cuffs (eigger/hass-omron#108)."""
        self.lingers = False
        """Stays awake as long as it is connected, as many cuffs do."""
        self.remembers_subscriptions = False
        """Bonded listeners need not subscribe again (Core, volume 3, part G, 3.3.3.3): values come at once."""
        self._radio = radio
        interval_ms = outfit.get("advertising_interval_ms", 200)
        self._device = radio.device(self.address, self.model, advertising_interval_ms=interval_ms)
        self._device.keystore = self._bonds = MemoryKeyStore()
        self._device.pairing_config_factory = _just_works
        self._guard: Server | None = self._device.gatt_server if outfit.get("is_guarded", False) else None
        self._awake_s = outfit.get("awake_s")
        self._sleep: asyncio.TimerHandle | None = None
        self._is_awake = self._awake_s is None
        self._is_in_range = False
        self._service_data: dict[int, bytes] = {}
        self._manufacturer_data: dict[int, bytes] = {}
        self._changed = asyncio.Event()
        self._errands: set[asyncio.Future[None]] = set()
        self._remembered: dict[str, dict[int, bytes]] = {}
        self._battery_level = characteristic(_BATTERY, READ | NOTIFY, value=self._read_battery)
        self.main: Characteristic[bytes] = self._battery_level
        """The characteristic by which `is_listened_to` tells; a subclass names its own."""
        radio.on_delivered(self.address, self._arrived)

    # ---- for subclasses ----

    def services(self) -> list[Service]:
        """What it offers, besides battery and device information."""
        return []

    async def live(self) -> None:
        """What it does while it is switched on; cancelled at the end."""

    def has_more_to_say(self) -> bool:
        """Whether it would rather not sleep yet."""
        return False

    # ---- switched on ----

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Switched on: advertising, unless it sleeps."""
        device = self._device
        device.add_services([*self.services(), *self._common_services()])
        device.on(device.EVENT_CONNECTION, self._on_connection)
        device.gatt_server.on(Server.EVENT_CHARACTERISTIC_SUBSCRIPTION, self._on_subscription)
        await device.power_on()
        await self.come_back()
        living = asyncio.create_task(self.live(), name=f"{self.model} {self.address}")
        try:
            yield self
        finally:
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)
            await self.go_away()
            for errand in self._errands:
                errand.cancel()
            await asyncio.gather(*self._errands, return_exceptions=True)
            await device.power_off()

    @property
    def is_listened_to(self) -> bool:
        """Whether somebody has subscribed to the main characteristic."""
        return bool(self._listeners(self.main, NOTIFIED | INDICATED))

    @property
    def is_connected(self) -> bool:
        """Whether there is a link."""
        return bool(self._device.connections)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when it holds; looked at when links and subscriptions change, and when a value has arrived."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def wait_for_listener(self) -> None:
        """Return when somebody has subscribed to the main characteristic."""
        await self.until(lambda: self.is_listened_to)

    async def drop(self) -> None:
        """Break the link from our side; advertising goes on."""
        for connection in [*self._device.connections.values()]:
            with contextlib.suppress(BaseBumbleError):  # it may be gone a moment before
                await connection.disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    async def go_away(self, *, unnoticed_s: float = 0.0) -> None:
        """Out of range or out of battery: nothing is heard, and the link breaks `unnoticed_s` later at both ends."""
        self._is_in_range = False
        await self._device.stop_advertising()
        air = self._radio.air
        air.mute(self.address)
        if unnoticed_s and self._device.connections:
            await asyncio.sleep(unnoticed_s)
        air.break_links(self.address)
        await self.until(lambda: not self._device.connections)

    async def come_back(self) -> None:
        """In range again."""
        self._radio.air.unmute(self.address)
        self._is_in_range = True
        await self._advertise()

    async def wake(self) -> None:
        """A button, or a measurement: advertise for `awake_s`."""
        self._is_awake = True
        self._sleep_later()
        if not self._device.connections:
            await self._advertise()

    async def sleep(self) -> None:
        """Fall asleep before its time: let go, and advertise no more until `wake`."""
        self._is_awake = False
        await self._go_quiet()

    async def advertise_with(
        self, *, service_data: Mapping[int, bytes] | None = None, manufacturer_data: Mapping[int, bytes] | None = None
    ) -> None:
        """Carry these in adverts from now on, by 16-bit service and company number. Raises ValueError when too long."""
        self._service_data = dict(service_data or {})
        self._manufacturer_data = dict(manufacturer_data or {})
        if self._device.is_advertising:
            await self._advertise()

    def forget_bonds(self) -> None:
        """It was reset: it knows no host any more, and hosts that know it cannot encrypt."""
        self._bonds.all_keys.clear()
        self._remembered.clear()

    @property
    def is_bonded(self) -> bool:
        """Whether it keeps the keys of some host."""
        return bool(self._bonds.all_keys)

    async def say_battery(self, percent: int) -> None:
        """Set the battery level and notify it."""
        self.battery = percent
        await self.notify(self._battery_level, bytes((percent,)), [(Quantity.BATTERY, percent)])

    # ---- values on their way ----

    async def notify(
        self, told: Characteristic[bytes], value: bytes, values: Values = (), *, record: Hashable = None
    ) -> bool:
        """Send it to who listens; False where nobody does. `values` are counted when they reach a listener."""
        return await self.notify_parts(told, value, [(values, record)])

    async def notify_parts(self, told: Characteristic[bytes], value: bytes, parts: Sequence[Part]) -> bool:
        """The same for a value with several records in it."""
        listeners = self._listeners(told, NOTIFIED)
        for connection in listeners:
            for _ in range(self.mishaps.turns(parts)):
                frame = self._send(value, parts)
                await self._device.gatt_server.notify_subscriber(connection, told, frame)
                await self._drop_if_due()
        return bool(listeners)

    async def indicate(
        self, told: Characteristic[bytes], value: bytes, values: Values = (), *, record: Hashable = None
    ) -> bool:
        """Send it to who listens; True when it was confirmed. The values of one `record` are counted once."""
        is_confirmed = False
        for connection in self._listeners(told, INDICATED):
            frame = self._send(value, [(values, record)])
            sent = self._device.gatt_server.indicate_subscriber(connection, told, frame)
            is_confirmed = await self._until_gone(connection, sent) and not self.mishaps.loses_confirmation()
            await self._drop_if_due()
        return is_confirmed

    def delivered(self, address: str, payload: bytes) -> None:
        """A value of `address` reached a client that asked for it; counts it where it was ours."""
        if address == self.address:
            self._arrived(payload)

    def is_heard(self, told: Characteristic[bytes]) -> bool:
        """Whether somebody has subscribed to its indications."""
        return bool(self._listeners(told, INDICATED))

    def _arrived(self, payload: bytes) -> None:
        self.delivery.arrive(payload)
        self._changed.set()

    def _listeners(self, told: Characteristic[bytes], bits: int) -> list[Connection]:
        subscribers = self._device.gatt_server.subscribers
        links = self._device.connections.values()
        return [link for link in links if subscribers.get(link, {}).get(told.handle, b"\0")[0] & bits]

    def _send(self, value: bytes, parts: Sequence[Part]) -> bytes:
        is_measured = any(values or record is not None for values, record in parts)
        frame = self.mishaps.shape(value) if is_measured else value
        if frame == value:  # what is misshapen carries no value, and its record is still to come
            self.delivery.send(frame, parts)
        return frame

    async def _until_gone(self, connection: Connection, sending: Awaitable[None]) -> bool:
        sent = asyncio.ensure_future(sending)
        connection.once(connection.EVENT_DISCONNECTION, lambda _reason: sent.cancel())
        try:
            if self.mishaps.is_about_to_drop():
                await asyncio.sleep(0)  # it goes out
                await self.drop()
            await asyncio.wait({sent})
        finally:
            sent.cancel()
        return not sent.cancelled() and sent.exception() is None

    async def _drop_if_due(self) -> None:
        if self.mishaps.drops_now():
            await self.drop()

    # ---- links and adverts ----

    async def _advertise(self) -> None:
        if self._is_in_range and self._is_awake and not self._device.connections:
            data, response = advert(
                name=self._device.name,
                services=self.advertised,
                service_data=self._service_data,
                manufacturer_data=self._manufacturer_data,
            )
            await self._device.start_advertising(advertising_data=data, scan_response_data=response)

    def _sleep_later(self) -> None:
        if self._awake_s is not None:
            if self._sleep is not None:
                self._sleep.cancel()
            self._sleep = asyncio.get_running_loop().call_later(self._awake_s, self._fall_asleep)

    def _fall_asleep(self) -> None:
        if self.has_more_to_say() or (self.lingers and self.is_connected):
            self._sleep_later()
            return
        self._is_awake = False
        self._run(self._go_quiet())

    async def _go_quiet(self) -> None:
        await self._device.stop_advertising()
        await self.drop()

    def _on_connection(self, connection: Connection) -> None:
        connection.once(connection.EVENT_DISCONNECTION, lambda _reason: self._on_link_lost(connection))
        connection.on(connection.EVENT_CONNECTION_ENCRYPTION_CHANGE, lambda: self._on_encryption(connection))
        self._changed.set()
        if self.patience_with_strangers_s is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self.patience_with_strangers_s, self._drop_stranger, connection)

    def _drop_stranger(self, connection: Connection) -> None:
        if not connection.is_encrypted:
            self._run(self.drop())

    def _on_link_lost(self, connection: Connection) -> None:
        if self.remembers_subscriptions and connection.is_encrypted:
            subscribed = self._device.gatt_server.subscribers.get(connection, {})
            self._remembered[str(connection.peer_address)] = dict(subscribed)
        self._changed.set()
        # bumble's own auto_restart would advertise again also when we have gone away
        self._run(self._advertise())

    def _on_encryption(self, connection: Connection) -> None:
        remembered = self._remembered.get(str(connection.peer_address))
        if self.remembers_subscriptions and remembered:
            self._device.gatt_server.subscribers[connection] = dict(remembered)
            self._changed.set()

    def _on_subscription(self, *_what: object) -> None:
        self._changed.set()

    def _run(self, errand: Awaitable[None]) -> None:
        task = asyncio.ensure_future(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    def _read_battery(self, _connection: Connection) -> bytes:
        self.delivery.count(Quantity.BATTERY, self.battery)
        return bytes((self.battery,))

    def _common_services(self) -> list[Service]:
        return [
            Service(GATT_BATTERY_SERVICE, [self._battery_level]),
            DeviceInformationService(
                manufacturer_name="Shouwang simulators",
                model_number=self.model,
                serial_number=self.address,
                firmware_revision="1.0",
            ),
        ]


def _just_works(_connection: Connection) -> PairingConfig:
    return bonding(PairingDelegate.NO_OUTPUT_NO_INPUT)
