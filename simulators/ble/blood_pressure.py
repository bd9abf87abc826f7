"""A blood pressure cuff: Blood Pressure Service 1.1.1 (0x1810), with a memory of what nobody has confirmed yet.

Frames are encoded from the service's sections 3.1 to 3.3 and the GATT Specification Supplement.
"""

from datetime import datetime
from enum import IntFlag
from typing import Unpack

from bumble.gatt import Service

from shouwang.quantities import Quantity
from simulators.ble.attributes import INDICATE, NOTIFY, READ, characteristic, service
from simulators.ble.clock import CURRENT_TIME_SERVICE, DeviceClock
from simulators.ble.delivery import measured
from simulators.ble.numbers import Number, sfloat, u8, u16
from simulators.ble.outbox import CAPACITY, Record, Storing
from simulators.ble.peripheral import Outfit
from simulators.ble.radio import Radio
from simulators.tally import Tally

SERVICE = 0x1810
MEASUREMENT = 0x2A35
INTERMEDIATE = 0x2A36
FEATURE = 0x2A49

UNKNOWN_USER = 0xFF
PA_PER_MMHG = 133.322387415
"""The conventional millimetre of mercury (ISO 80000-4)."""

_KPA, _TIME, _PULSE, _USER, _STATUS = 0x01, 0x02, 0x04, 0x08, 0x10
_FEATURES = 0b11_0111
"""Movement, cuff fit, irregular pulse, position, several bonds; no pulse rate range (section 3.3)."""


class Status(IntFlag):
    """Measurement Status (section 3.1.1.7)."""

    BODY_MOVEMENT = 1 << 0
    CUFF_TOO_LOOSE = 1 << 1
    IRREGULAR_PULSE = 1 << 2
    PULSE_ABOVE_RANGE = 1 << 3
    PULSE_BELOW_RANGE = 1 << 4
    IMPROPER_POSITION = 1 << 5


class BloodPressureCuff(Storing):
    """One cuff. Values are tallied in mmHg."""

    model = "SIM-BPM"
    advertised = (SERVICE,)

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        clock: DeviceClock | None = None,
        has_stamps: bool = True,
        is_in_kpa: bool = False,
        capacity: int = CAPACITY,
        **outfit: Unpack[Outfit],
    ) -> None:
        """`has_stamps`: measurements carry the time of its clock; `is_in_kpa`: it writes kilopascals."""
        super().__init__(radio, tally, clock=clock, capacity=capacity, **outfit)
        self._has_stamps = has_stamps
        self._is_in_kpa = is_in_kpa
        self.main = self._measurement = characteristic(MEASUREMENT, INDICATE, guard=self._guard)
        self._intermediate = characteristic(INTERMEDIATE, NOTIFY, guard=self._guard)

    def services(self) -> list[Service]:
        """Blood Pressure with its own Date Time, and Current Time."""
        feature = characteristic(FEATURE, READ, value=u16(_FEATURES))
        stamp = self.clock.date_time_characteristic(self._guard)
        return [
            service(SERVICE, [self._measurement, self._intermediate, feature, stamp]),
            service(CURRENT_TIME_SERVICE, [self.clock.current_time_characteristic(self._guard)]),
        ]

    async def measure(
        self,
        systolic: Number,
        diastolic: Number,
        *,
        mean: Number = None,
        pulse: Number = None,
        user: int | None = None,
        status: Status | None = None,
        at: datetime | None = None,
    ) -> Record:
        """Keep a measurement, in the cuff's unit, and offer it. What is None has no value, or is left out.

        `at`: when, else now.
        """
        flags, rest = self._optional(pulse, user, status, at)
        frame = u8(flags) + sfloat(systolic) + sfloat(diastolic) + sfloat(mean) + rest
        values = measured(
            {
                Quantity.SYSTOLIC: self._mmhg(systolic),
                Quantity.DIASTOLIC: self._mmhg(diastolic),
                Quantity.MEAN_ARTERIAL_PRESSURE: self._mmhg(mean),
                Quantity.HEART_RATE: pulse,
            }
        )
        if values and status is not None:
            values = [*values, (Quantity.IRREGULAR_PULSE, float(Status.IRREGULAR_PULSE in status))]
        record = Record(self._measurement, [(frame, values)], user)
        await self.put(record)
        return record

    async def inflate(self, pressure: Number) -> bool:
        """Say the pressure in the cuff while it measures; False where nobody listens. It is never kept."""
        flags, rest = self._optional(None, None, None)
        frame = u8(flags) + sfloat(pressure) + sfloat(None) + sfloat(None) + rest
        return await self.notify(self._intermediate, frame, measured({Quantity.CUFF_PRESSURE: self._mmhg(pressure)}))

    def _optional(
        self, pulse: Number, user: int | None, status: Status | None, at: datetime | None = None
    ) -> tuple[int, bytes]:
        flags, rest = _KPA if self._is_in_kpa else 0, b""
        if self._has_stamps:
            flags, rest = flags | _TIME, rest + self.stamp(at)
        if pulse is not None:
            flags, rest = flags | _PULSE, rest + sfloat(pulse)
        if user is not None:
            flags, rest = flags | _USER, rest + u8(user)
        if status is not None:
            flags, rest = flags | _STATUS, rest + u16(status)
        return flags, rest

    def _mmhg(self, pressure: Number) -> Number:
        if not isinstance(pressure, (int, float)):
            return pressure
        return round(pressure * 1000 / PA_PER_MMHG, 6) if self._is_in_kpa else float(pressure)
