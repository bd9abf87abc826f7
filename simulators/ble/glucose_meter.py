"""A blood glucose meter: Glucose Service 1.0.1 (0x1808), with numbered records that are asked for and stay.

Frames are encoded from the service's sections 3.1 to 3.4 and the GATT Specification Supplement.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, IntFlag
from typing import Unpack

from bumble.gatt import Characteristic, Service

from shouwang.quantities import Quantity
from simulators.ble.attributes import NOTIFY, READ, characteristic, service
from simulators.ble.clock import CURRENT_TIME_SERVICE, DeviceClock
from simulators.ble.delivery import Values, measured
from simulators.ble.glucose import mmol
from simulators.ble.numbers import Number, date_time, s16, sfloat, u8, u16
from simulators.ble.peripheral import Outfit, Peripheral
from simulators.ble.radio import Radio
from simulators.ble.record_access import RecordAccess
from simulators.tally import Tally

SERVICE = 0x1808
MEASUREMENT = 0x2A18
CONTEXT = 0x2A34
FEATURE = 0x2A51

_OFFSET, _CONCENTRATION, _MOLES, _STATUS, _CONTEXT_FOLLOWS = 0x01, 0x02, 0x04, 0x08, 0x10
_CARBOHYDRATE, _MEAL, _HBA1C = 0x01, 0x02, 0x40
_FEATURES = 0b0100_0000_0001
"""Low battery detection during measurement, multiple bonds (section 3.3)."""


class Fluid(IntEnum):
    """Type of sample (section 3.1)."""

    CAPILLARY_WHOLE_BLOOD = 1
    CAPILLARY_PLASMA = 2
    INTERSTITIAL_FLUID = 9
    CONTROL_SOLUTION = 10


class Status(IntFlag):
    """Sensor Status Annunciation (section 3.1)."""

    BATTERY_LOW = 1 << 0
    SENSOR_MALFUNCTION = 1 << 1
    SAMPLE_INSUFFICIENT = 1 << 2
    STRIP_INSERTION_ERROR = 1 << 3
    STRIP_TYPE_INCORRECT = 1 << 4
    RESULT_TOO_HIGH = 1 << 5
    RESULT_TOO_LOW = 1 << 6
    TEMPERATURE_TOO_HIGH = 1 << 7
    TEMPERATURE_TOO_LOW = 1 << 8
    READ_INTERRUPTED = 1 << 9
    DEVICE_FAULT = 1 << 10
    TIME_FAULT = 1 << 11


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What the person noted with a measurement; numbers of kinds are those of section 3.2."""

    carbohydrate_g: float | None = None
    carbohydrate: int = 1
    meal: int | None = None
    hba1c: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    frames: tuple[tuple[Characteristic[bytes], bytes, Values], ...]


class GlucoseMeter(Peripheral):
    """One meter. Values are tallied in mmol/L; `records` asks for them, and tells which orders came."""

    model = "SIM-GLU"
    advertised = (SERVICE,)

    def __init__(
        self,
        radio: Radio,
        tally: Tally,
        *,
        clock: DeviceClock | None = None,
        is_in_moles: bool = True,
        first_sequence: int = 1,
        **outfit: Unpack[Outfit],
    ) -> None:
        """`is_in_moles`: it measures mmol/L and writes mol/L, else mg/dL and kg/L. Guarded unless told otherwise."""
        outfit.setdefault("is_guarded", True)
        super().__init__(radio, tally, **outfit)
        self.clock = clock or DeviceClock()
        self.gap_s = 0.0
        """Between two records that are reported."""
        self.deleted = 0
        """Records that a client had deleted."""
        self._is_in_moles = is_in_moles
        self._next = first_sequence
        self._records: dict[int, _Record] = {}
        self.main = self._measurement = characteristic(MEASUREMENT, NOTIFY, guard=self._guard)
        self._context = characteristic(CONTEXT, NOTIFY, guard=self._guard)
        self.access = RecordAccess(self, self, guard=self._guard)

    def services(self) -> list[Service]:
        """Glucose with its own Date Time, and Current Time."""
        feature = characteristic(FEATURE, READ, value=u16(_FEATURES))
        stamp = self.clock.date_time_characteristic(self._guard)
        told = [self._measurement, self._context, feature, self.access.control_point, stamp]
        return [
            service(SERVICE, told),
            service(CURRENT_TIME_SERVICE, [self.clock.current_time_characteristic(self._guard)]),
        ]

    async def live(self) -> None:
        """Answer; a procedure ends with its link (section 3.4.3)."""
        await self.access.live()

    def has_more_to_say(self) -> bool:
        """Whether records are being reported."""
        return self.access.is_busy

    async def measure(
        self,
        concentration: Number,
        *,
        fluid: Fluid = Fluid.CAPILLARY_WHOLE_BLOOD,
        location: int = 1,
        offset_min: int | None = None,
        status: Status | None = None,
        context: Context | None = None,
        at: datetime | None = None,
    ) -> int:
        """Keep a record, in the meter's unit, and wake; returns its sequence number. Location 1 is a finger.

        `offset_min` is how far the person has set the meter's time since its base time; `at`: when, else now.
        """
        sequence, self._next = self._next, self._next + 1 & 0xFFFF
        flags = _CONCENTRATION | (_MOLES if self._is_in_moles else 0)
        frame = u16(sequence) + date_time(self.clock.now() if at is None else self.clock.at(at))
        if offset_min is not None:
            flags, frame = flags | _OFFSET, frame + s16(offset_min)
        frame += sfloat(_shifted(concentration, -3 if self._is_in_moles else -5)) + u8(location << 4 | fluid)
        if status is not None:
            flags, frame = flags | _STATUS, frame + u16(status)
        flags |= _CONTEXT_FOLLOWS if context is not None else 0
        frames = [(self._measurement, u8(flags) + frame, self._values(concentration, fluid, status))]
        if context is not None:
            frames.append((self._context, *_context(sequence, context)))
        self._records[sequence] = _Record(frames=tuple(frames))
        await self.wake()
        return sequence

    def has_told(self, sequence: int) -> bool:
        """Whether a listener has this record, with its context."""
        told = (kept for kept, _, _ in self._records[sequence].frames)
        return all(self.delivery.has_arrived((one.uuid, sequence)) for one in told)

    def keys(self) -> Sequence[int]:
        """The sequence numbers of all records, the oldest first."""
        return [*self._records]

    async def report(self, keys: Sequence[int]) -> None:
        """Notify these records, each followed by its context."""
        for at, key in enumerate(keys):
            if at:
                await asyncio.sleep(self.gap_s)
            for told, payload, values in self._records[key].frames:
                await self.notify(told, payload, values, record=(told.uuid, key))

    def delete(self, keys: Sequence[int]) -> None:
        """Forget these records."""
        for key in keys:
            del self._records[key]
        self.deleted += len(keys)

    def _values(self, concentration: Number, fluid: Fluid, status: Status | None) -> Values:
        values: dict[Quantity, Number] = {}
        if fluid is not Fluid.CONTROL_SOLUTION:
            is_of_blood = fluid is not Fluid.INTERSTITIAL_FLUID
            values[Quantity.GLUCOSE if is_of_blood else Quantity.INTERSTITIAL_GLUCOSE] = self._mmol(concentration)
        if status is not None:
            values[Quantity.BATTERY_LOW] = float(Status.BATTERY_LOW in status)
        return measured(values)

    def _mmol(self, concentration: Number) -> Number:
        return concentration if self._is_in_moles else mmol(concentration)


def _context(sequence: int, context: Context) -> tuple[bytes, Values]:
    flags, frame = 0, b""
    if context.carbohydrate_g is not None:
        flags |= _CARBOHYDRATE
        frame += u8(context.carbohydrate) + sfloat(_shifted(context.carbohydrate_g, -3))
    if context.meal is not None:
        flags, frame = flags | _MEAL, frame + u8(context.meal)
    if context.hba1c is not None:
        flags, frame = flags | _HBA1C, frame + sfloat(context.hba1c)
    values = measured({Quantity.CARBOHYDRATE: context.carbohydrate_g, Quantity.HBA1C: context.hba1c})
    return u8(flags) + u16(sequence) + frame, values


def _shifted(value: Number, exponent: int) -> Number:
    """The value times ten to this power, without a rounding in between."""
    return float(f"{value!r}e{exponent}") if isinstance(value, (int, float)) else value
