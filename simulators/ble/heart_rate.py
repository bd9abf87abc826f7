"""A heart rate strap: Heart Rate Service 1.0 (0x180D).

Frames are encoded from the service's sections 3.1 to 3.3.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Unpack

from bumble.att import ATT_Error
from bumble.device import Connection
from bumble.gatt import Service

from shouwang.quantities import Quantity
from simulators.ble.attributes import NOTIFY, READ, WRITE, characteristic, service
from simulators.ble.numbers import u8, u16
from simulators.ble.peripheral import Outfit
from simulators.ble.radio import Radio
from simulators.ble.speaking import Speaking
from simulators.tally import Tally

SERVICE = 0x180D
MEASUREMENT = 0x2A37
LOCATION = 0x2A38
CONTROL_POINT = 0x2A39

_WIDE, _CONTACT, _HAS_CONTACT, _ENERGY, _RR = 0x01, 0x02, 0x04, 0x08, 0x10
_RESET_ENERGY = b"\x01"
_NOT_SUPPORTED = 0x80
"""Section 1.6: Control Point value not supported."""
_RR_PER_S = 1024
_ENERGY_EVERY = 10
"""Section 3.1.1.3: once in ten measurements is enough for energy."""


class Location(IntEnum):
    """Body Sensor Location (0x2A38)."""

    OTHER = 0
    CHEST = 1
    WRIST = 2
    FINGER = 3
    HAND = 4
    EAR_LOBE = 5
    FOOT = 6


class HeartRateStrap(Speaking):
    """One strap. It counts `energy_kj`, which the control point resets."""

    model = "SIM-HRM"
    advertised = (SERVICE,)

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        location: Location = Location.CHEST,
        tells_contact: bool = True,
        interval_s: float = 1.0,
        speaks: bool = True,
        **outfit: Unpack[Outfit],
    ) -> None:
        """A heart of 72 /min without intervals is felt; `tells_contact`: it can tell whether it lies on the skin."""
        super().__init__(radio, tally, interval_s=interval_s, speaks=speaks, **outfit)
        self.energy_kj = 0
        self._location = location
        self._tells_contact = tells_contact
        self._rate = 72
        self._intervals_ms: list[float] = []
        self._is_on = True
        self._spoken = 0
        self.main = self._measurement = characteristic(MEASUREMENT, NOTIFY, guard=self._guard)

    def services(self) -> list[Service]:
        """The Heart Rate Service."""
        location = characteristic(LOCATION, READ, value=u8(self._location))
        control = characteristic(CONTROL_POINT, WRITE, write=self._control, guard=self._guard)
        return [service(SERVICE, [self._measurement, location, control])]

    def feel(self, rate: int, *, intervals_ms: Sequence[float] = (), is_on: bool = True) -> None:
        """What it feels from now on; `is_on`: it lies on the skin."""
        self._rate, self._intervals_ms, self._is_on = rate, [*intervals_ms], is_on

    async def speak(self) -> None:
        """Say what it feels now."""
        await self.say(self._rate, intervals_ms=self._intervals_ms, is_on=self._is_on)

    async def say(self, rate: int, *, intervals_ms: Sequence[float] = (), is_on: bool = True) -> bool:
        """Send one measurement, intervals rounded to 1/1024 s, the oldest first; False where nobody has subscribed."""
        intervals = [round(interval * _RR_PER_S / 1000) for interval in intervals_ms]
        flags = _WIDE if rate > 0xFF else 0
        flags |= _HAS_CONTACT | (_CONTACT if is_on else 0) if self._tells_contact else 0
        payload = u16(rate) if rate > 0xFF else u8(rate)
        if self._spoken % _ENERGY_EVERY == 0 and self.energy_kj:
            flags, payload = flags | _ENERGY, payload + u16(min(self.energy_kj, 0xFFFF))
        if intervals:
            flags, payload = flags | _RR, payload + b"".join(map(u16, intervals))
        self._spoken += 1
        values = [(Quantity.RR_INTERVAL, one * 1000 / _RR_PER_S) for one in intervals]
        if rate:  # 0 is how straps say that they have nothing
            values.append((Quantity.HEART_RATE, float(rate)))
        return await self.notify(self._measurement, u8(flags) + payload, values)

    def _control(self, _connection: Connection, value: bytes) -> None:
        if value != _RESET_ENERGY:
            raise ATT_Error(error_code=_NOT_SUPPORTED)
        self.energy_kj = 0
