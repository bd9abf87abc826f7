"""A clinical thermometer: Health Thermometer Service 1.0 (0x1809), with a memory of what nobody has confirmed yet.

Frames are encoded from the service's sections 3.1 to 3.4 and the GATT Specification Supplement.
"""

from datetime import datetime
from enum import IntEnum
from typing import Unpack

from bumble.gatt import Service

from shouwang.quantities import Quantity
from simulators.ble.attributes import INDICATE, NOTIFY, READ, characteristic, service
from simulators.ble.clock import CURRENT_TIME_SERVICE, DeviceClock
from simulators.ble.delivery import Values, measured
from simulators.ble.numbers import Number, float32, u8
from simulators.ble.outbox import CAPACITY, Record, Storing
from simulators.ble.peripheral import Outfit
from simulators.ble.radio import Radio
from simulators.tally import Tally

SERVICE = 0x1809
MEASUREMENT = 0x2A1C
TYPE = 0x2A1D
INTERMEDIATE = 0x2A1E

DISPLAY_EXPONENT = -1
"""One decimal, as their displays have."""
_FAHRENHEIT, _TIME, _TYPE = 0x01, 0x02, 0x04


class Site(IntEnum):
    """Temperature Type (0x2A1D)."""

    ARMPIT = 1
    BODY = 2
    EAR = 3
    FINGER = 4
    GASTROINTESTINAL = 5
    MOUTH = 6
    RECTUM = 7
    TOE = 8
    TYMPANUM = 9


class Thermometer(Storing):
    """One thermometer. Values are tallied in degrees Celsius."""

    model = "SIM-HTP"
    advertised = (SERVICE,)

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        clock: DeviceClock | None = None,
        has_stamps: bool = True,
        is_in_fahrenheit: bool = False,
        site: Site = Site.EAR,
        capacity: int = CAPACITY,
        **outfit: Unpack[Outfit],
    ) -> None:
        """`has_stamps`: measurements carry the time of its clock; `site` is where it is made for."""
        super().__init__(radio, tally, clock=clock, capacity=capacity, **outfit)
        self._has_stamps = has_stamps
        self._is_in_fahrenheit = is_in_fahrenheit
        self._site = site
        self.main = self._measurement = characteristic(MEASUREMENT, INDICATE, guard=self._guard)
        self._intermediate = characteristic(INTERMEDIATE, NOTIFY, guard=self._guard)

    def services(self) -> list[Service]:
        """Health Thermometer with its own Date Time, and Current Time."""
        site = characteristic(TYPE, READ, value=u8(self._site))
        stamp = self.clock.date_time_characteristic(self._guard)
        return [
            service(SERVICE, [self._measurement, self._intermediate, site, stamp]),
            service(CURRENT_TIME_SERVICE, [self.clock.current_time_characteristic(self._guard)]),
        ]

    async def measure(self, degrees: Number, *, names_site: bool = False, at: datetime | None = None) -> Record:
        """Keep a measurement, in the thermometer's unit, and offer it; `at`: when, else now."""
        frame = self._frame(degrees, names_site=names_site, at=at)
        record = Record(self._measurement, [(frame, self._values(degrees))])
        await self.put(record)
        return record

    async def rise(self, degrees: Number) -> bool:
        """Say the temperature so far; False where nobody listens. It is never kept."""
        return await self.notify(self._intermediate, self._frame(degrees, names_site=False), self._values(degrees))

    def _frame(self, degrees: Number, *, names_site: bool, at: datetime | None = None) -> bytes:
        flags, rest = _FAHRENHEIT if self._is_in_fahrenheit else 0, b""
        if self._has_stamps:
            flags, rest = flags | _TIME, rest + self.stamp(at)
        if names_site:
            flags, rest = flags | _TYPE, rest + u8(self._site)
        return u8(flags) + float32(degrees, exponent=DISPLAY_EXPONENT) + rest

    def _values(self, degrees: Number) -> Values:
        if self._is_in_fahrenheit and isinstance(degrees, (int, float)):
            degrees = round((degrees - 32) * 5 / 9, 6)
        return measured({Quantity.BODY_TEMPERATURE: degrees})
