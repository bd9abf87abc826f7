"""Glucose Measurement (0x2A18): Glucose Service 1.0.1, section 3.1. Its context is in `glucose_context`."""

from datetime import datetime, timedelta
from enum import IntEnum, IntFlag, StrEnum

import msgspec

from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields
from drivers.ble.codec.numbers import Number, measured
from drivers.ble.codec.units import mmol_of_kg_l, mmol_of_mol_l
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality

EMITS = frozenset({Quantity.GLUCOSE, Quantity.INTERSTITIAL_GLUCOSE, Quantity.BATTERY_LOW})

_OFFSET, _CONCENTRATION, _MOLES, _STATUS, _CONTEXT, _FLAGS = 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F


class Unit(StrEnum):
    """What a concentration is written in."""

    KG_PER_LITRE = "kg/L"
    MOL_PER_LITRE = "mol/L"


class Fluid(IntEnum):
    """What was measured; other numbers are reserved."""

    CAPILLARY_WHOLE_BLOOD = 1
    CAPILLARY_PLASMA = 2
    VENOUS_WHOLE_BLOOD = 3
    VENOUS_PLASMA = 4
    ARTERIAL_WHOLE_BLOOD = 5
    ARTERIAL_PLASMA = 6
    UNDETERMINED_WHOLE_BLOOD = 7
    UNDETERMINED_PLASMA = 8
    INTERSTITIAL_FLUID = 9
    CONTROL_SOLUTION = 10


_FLUIDS = frozenset(Fluid)
CONTROL_SOLUTION_LOCATION = 4
"""In the place of a site on the body; 1 is the finger, 2 an alternate site, 3 the ear lobe, 15 not available."""


class Status(IntFlag):
    """Bits of the Sensor Status Annunciation; those from 12 on are reserved and mean nothing."""

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


# Sensor, strip or meter failed, or it was too warm or too cold "for a valid result" (the service's own words).
_NOT_A_MEASUREMENT = (
    Status.SENSOR_MALFUNCTION
    | Status.STRIP_INSERTION_ERROR
    | Status.STRIP_TYPE_INCORRECT
    | Status.TEMPERATURE_TOO_HIGH
    | Status.TEMPERATURE_TOO_LOW
    | Status.READ_INTERRUPTED
    | Status.DEVICE_FAULT
)
# Too small a drop reads falsely low. A result "higher (or lower) than the meter can process" stays good: the truth lies
# beyond the number, so a limit that the number crosses is crossed. A low battery and a wrong clock do not change it.
_DOUBTFUL = Status.SAMPLE_INSUFFICIENT


class Glucose(msgspec.Struct, frozen=True, kw_only=True):
    """One stored record. `unit`, `type` (of `Fluid`) and `location` are None where there is no concentration."""

    sequence: int
    base_time: DateTime
    time_offset_min: int | None
    concentration: Number | None
    unit: Unit | None
    type: int | None
    location: int | None
    status: int | None
    context_follows: bool


def decode_glucose(value: bytes) -> Glucose:
    """Glucose Measurement. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    sequence, base_time = rest.number(2), rest.date_time()
    offset = rest.signed(2) if flags & _OFFSET else None
    concentration: Number | None = None
    unit = fluid = location = None
    if flags & _CONCENTRATION:
        concentration = rest.sfloat()
        unit = Unit.MOL_PER_LITRE if flags & _MOLES else Unit.KG_PER_LITRE
        nibbles = rest.number(1)
        fluid, location = nibbles & 0x0F, nibbles >> 4
    status = rest.number(2) if flags & _STATUS else None
    rest.end()
    return Glucose(
        sequence=sequence,
        base_time=base_time,
        time_offset_min=offset,
        concentration=concentration,
        unit=unit,
        type=fluid,
        location=location,
        status=status,
        context_follows=bool(flags & _CONTEXT),
    )


def local_time(measurement: Glucose) -> datetime | None:
    """When it was measured, on the meter's clock as the person has set it; None where no such moment is known."""
    base = measurement.base_time.local()
    if base is None or (measurement.status or 0) & Status.TIME_FAULT:
        return None
    try:
        return base + timedelta(minutes=measurement.time_offset_min or 0)
    except OverflowError:
        return None


def samples(measurement: Glucose, frame: bytes) -> list[Said]:
    """The glucose in mmol/L, of blood or of the fluid under the skin; whether the battery is low where it is said.

    Control solution is the meter's own test: no measurement of a person. A fluid whose number is reserved may be
    anything: questionable.
    """
    found: list[Said] = []
    concentration = measured(measurement.concentration)
    if concentration is not None and _is_of_a_person(measurement):
        moles = measurement.unit is Unit.MOL_PER_LITRE
        is_interstitial = measurement.type == Fluid.INTERSTITIAL_FLUID
        found.append(
            Sample(
                quantity=Quantity.INTERSTITIAL_GLUCOSE if is_interstitial else Quantity.GLUCOSE,
                value=mmol_of_mol_l(concentration) if moles else mmol_of_kg_l(concentration),
                quality=_quality(measurement),
                frame=frame,
            )
        )
    if measurement.status is not None:
        is_low = float(bool(measurement.status & Status.BATTERY_LOW))
        found.append(Sample(quantity=Quantity.BATTERY_LOW, value=is_low, frame=frame))
    return found or [Alive()]


def _is_of_a_person(measurement: Glucose) -> bool:
    is_control = measurement.type == Fluid.CONTROL_SOLUTION or measurement.location == CONTROL_SOLUTION_LOCATION
    return not is_control and not (measurement.status or 0) & _NOT_A_MEASUREMENT


def _quality(measurement: Glucose) -> Quality:
    is_doubtful = (measurement.status or 0) & _DOUBTFUL or measurement.type not in _FLUIDS
    return Quality.QUESTIONABLE if is_doubtful else Quality.GOOD
