"""A pulse oximeter with the Pulse Oximeter Service, battery level and device information, on a simulated radio.

It says what its probe sees once per interval to whoever has subscribed, and remembers what reached a listener.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from bumble.core import UUID, AdvertisingData
from bumble.device import Connection
from bumble.gatt import (
    GATT_BATTERY_LEVEL_CHARACTERISTIC,
    GATT_BATTERY_SERVICE,
    Characteristic,
    CharacteristicValue,
    Service,
)
from bumble.hci import HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR
from bumble.profiles.device_information_service import DeviceInformationService

from shouwang.quantities import Quantity
from simulators.ble import plx
from simulators.ble.plx import DeviceStatus, MeasurementStatus
from simulators.ble.radio import Radio
from simulators.tally import Tally

_MEASUREMENT_BITS = MeasurementStatus.ONGOING | MeasurementStatus.VALIDATED | MeasurementStatus.UNAVAILABLE
_DEVICE_BITS = DeviceStatus.SENSOR_UNCONNECTED
_IN_FLIGHT_MAX = 256
"""Values on their way through the simulated stack; more than this have been lost."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finger:
    """What the probe sees: SpO2 in %, pulse in /min, None where it has no value; `is_in`: a finger is in the clip."""

    spo2: float | None
    pulse: float | None
    is_in: bool = True


class PulseOximeter:
    """One oximeter. `sensor_id` names its values in the tally; `battery` is percent and may be changed at any time."""

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        sensor_id: str,
        address: str,
        interval_s: float = 1.0,
        advertising_interval_ms: float = 200,
        battery: int = 80,
        speaks: bool = True,
    ) -> None:
        """Switched off until `running`; `interval_s` lies between two measurements.

        `speaks`: it says by itself what its probe sees; else only what it is told to (a recording).
        """
        self.address = address
        self.battery = battery
        self._tally = tally
        self._sensor_id = sensor_id
        self._interval_s = interval_s
        self._device = radio.device(address, "SIM-PLX", advertising_interval_ms=advertising_interval_ms)
        self._start = self._goal = Finger(spo2=97, pulse=72)
        self._began, self._lasts = 0.0, 0.0
        self._holds = 0 if speaks else 1
        self._in_flight: deque[tuple[bytes, dict[Quantity, float]]] = deque(maxlen=_IN_FLIGHT_MAX)
        self._subscribed = asyncio.Event()
        self._is_in_range = False
        self._restarts: set[asyncio.Task[None]] = set()
        notify, indicate = Characteristic.Properties.NOTIFY, Characteristic.Properties.INDICATE
        self._continuous = Characteristic(UUID.from_16_bits(plx.CONTINUOUS), notify, _NOT_READABLE, b"")
        self._spot_check = Characteristic(UUID.from_16_bits(plx.SPOT_CHECK), indicate, _NOT_READABLE, b"")
        self._battery_level: Characteristic[bytes] = Characteristic(
            GATT_BATTERY_LEVEL_CHARACTERISTIC,
            Characteristic.Properties.READ | notify,
            Characteristic.READABLE,
            CharacteristicValue(read=self._read_battery),
        )
        self._continuous.on(self._continuous.EVENT_SUBSCRIPTION, self._on_subscription)

    @property
    def is_listened_to(self) -> bool:
        """Whether somebody has subscribed to the continuous measurement."""
        subscribers = self._device.gatt_server.subscribers.values()
        return any(cccds.get(self._continuous.handle, b"\0")[0] & 1 for cccds in subscribers)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["PulseOximeter"]:
        """Switched on: advertising, and saying what the probe sees once per interval."""
        self._device.add_services(self._services())
        self._device.advertising_data = _advertisement(self._device.name)
        self._device.on(self._device.EVENT_CONNECTION, self._on_connection)
        await self._device.power_on()
        await self.come_back()
        ticking = asyncio.create_task(self._tick(), name=f"oximeter {self.address}")
        try:
            yield self
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await self.go_away()
            await asyncio.gather(*self._restarts)
            await self._device.power_off()

    def show(self, *, spo2: float | None, pulse: float | None, over_s: float = 0) -> None:
        """Let the values glide there within `over_s` seconds; None: the probe has no value for it."""
        self._turn_to(Finger(spo2=spo2, pulse=pulse), over_s)

    def take_finger_out(self) -> None:
        """No finger: no values, and the device status says so."""
        self._turn_to(Finger(spo2=None, pulse=None, is_in=False), 0)

    def seen(self) -> Finger:
        """What the probe sees now, in the whole numbers that oximeters show."""
        share = 1.0
        if self._lasts > 0:
            share = min(1.0, (asyncio.get_running_loop().time() - self._began) / self._lasts)
        return Finger(
            spo2=_between(self._start.spo2, self._goal.spo2, share),
            pulse=_between(self._start.pulse, self._goal.pulse, share),
            is_in=self._goal.is_in,
        )

    async def say(self, finger: Finger) -> bool:
        """Send one continuous measurement; False where nobody has subscribed. Raises NotCarried."""
        payload = plx.continuous(finger.spo2, finger.pulse, measurement=_status(finger), device=_device_status(finger))
        if not self.is_listened_to:
            return False
        self._in_flight.append((payload, _values(finger)))
        await self._device.notify_subscribers(self._continuous, payload)
        return True

    async def say_spot_check(self, finger: Finger, *, at: datetime | None = None) -> None:
        """Indicate one spot-check; returns when the listener has confirmed it. `at` is device-local time."""
        payload = plx.spot_check(
            finger.spo2, finger.pulse, at=at, measurement=_status(finger), device=_device_status(finger)
        )
        self._in_flight.append((payload, _values(finger)))
        await self._device.indicate_subscribers(self._spot_check, payload)

    async def say_battery(self, percent: int) -> None:
        """Set the battery level and notify it."""
        self.battery = percent
        self._in_flight.append((bytes((percent,)), {Quantity.BATTERY: percent}))
        await self._device.notify_subscribers(self._battery_level, bytes((percent,)))

    def delivered(self, address: str, payload: bytes) -> None:
        """A value of `address` reached a client that asked for it; counts it where it was ours."""
        if address != self.address or payload not in (sent for sent, _ in self._in_flight):
            return
        while True:  # the air keeps the order, so what stands before it was lost
            sent, values = self._in_flight.popleft()
            if sent == payload:
                break
        for quantity, value in values.items():
            self._tally.add(self._sensor_id, quantity, value)

    async def wait_for_listener(self) -> None:
        """Return when somebody has subscribed."""
        while not self.is_listened_to:
            self._subscribed.clear()
            await self._subscribed.wait()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Say nothing by itself meanwhile: a recording speaks."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def fall_silent(self) -> None:
        """Say nothing by itself from now on, only what it is told to."""
        self._holds += 1

    async def drop(self) -> None:
        """Break the link from our side; advertising goes on."""
        for connection in [*self._device.connections.values()]:
            await connection.disconnect(HCI_REMOTE_USER_TERMINATED_CONNECTION_ERROR)

    async def go_away(self) -> None:
        """Out of range or out of battery: the link drops and nothing is advertised."""
        self._is_in_range = False
        await self._device.stop_advertising()
        await self.drop()

    async def come_back(self) -> None:
        """In range again."""
        self._is_in_range = True
        await self._device.start_advertising()

    def _turn_to(self, goal: Finger, over_s: float) -> None:
        self._start, self._goal = self.seen(), goal
        self._began, self._lasts = asyncio.get_running_loop().time(), over_s

    async def _tick(self) -> None:
        while True:
            if not self._holds:
                await self.say(self.seen())
            await asyncio.sleep(self._interval_s)

    def _on_connection(self, connection: Connection) -> None:
        connection.once(connection.EVENT_DISCONNECTION, self._on_link_lost)

    def _on_link_lost(self, _reason: int) -> None:
        # bumble's own auto_restart would advertise again also when we have gone away
        if self._is_in_range:
            task = asyncio.create_task(self._device.start_advertising(), name=f"advertise {self.address}")
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    def _on_subscription(self, _bearer: Connection, notify: bool, _indicate: bool) -> None:  # noqa: FBT001 # bumble's signature
        if notify:
            self._subscribed.set()

    def _read_battery(self, _connection: Connection) -> bytes:
        self._tally.add(self._sensor_id, Quantity.BATTERY, self.battery)
        return bytes((self.battery,))

    def _services(self) -> list[Service]:
        features: Characteristic[bytes] = Characteristic(
            UUID.from_16_bits(plx.FEATURES),
            Characteristic.Properties.READ,
            Characteristic.READABLE,
            plx.features(measurement=_MEASUREMENT_BITS, device=_DEVICE_BITS),
        )
        return [
            Service(UUID.from_16_bits(plx.SERVICE), [features, self._spot_check, self._continuous]),
            Service(GATT_BATTERY_SERVICE, [self._battery_level]),
            DeviceInformationService(
                manufacturer_name="Shouwang simulators",
                model_number="SIM-PLX",
                serial_number=self.address,
                firmware_revision="1.0",
            ),
        ]


_NOT_READABLE = Characteristic.Permissions(0)


def _advertisement(name: str) -> bytes:
    flags = AdvertisingData.Flags.LE_GENERAL_DISCOVERABLE_MODE | AdvertisingData.Flags.BR_EDR_NOT_SUPPORTED
    return bytes(
        AdvertisingData(
            [
                (AdvertisingData.Type.FLAGS, bytes((flags,))),
                (
                    AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
                    plx.SERVICE.to_bytes(2, "little"),
                ),
                (AdvertisingData.Type.COMPLETE_LOCAL_NAME, name.encode()),
            ]
        )
    )


def _between(start: float | None, goal: float | None, share: float) -> float | None:
    if start is None or goal is None:
        return goal
    return goal if share >= 1 else float(round(start + (goal - start) * share))


def _status(finger: Finger) -> MeasurementStatus:
    known = finger.spo2 is not None or finger.pulse is not None
    return MeasurementStatus.ONGOING | (MeasurementStatus.VALIDATED if known else MeasurementStatus.UNAVAILABLE)


def _device_status(finger: Finger) -> DeviceStatus:
    return DeviceStatus(0) if finger.is_in else DeviceStatus.SENSOR_UNCONNECTED


def _values(finger: Finger) -> dict[Quantity, float]:
    values = {Quantity.SPO2: finger.spo2, Quantity.HEART_RATE: finger.pulse}
    return {quantity: value for quantity, value in values.items() if value is not None}
