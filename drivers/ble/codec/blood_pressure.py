"""Blood Pressure Measurement (0x2A35) and Intermediate Cuff Pressure (0x2A36).

Formats: Blood Pressure Service 1.1.1, sections 3.1 and 3.2; both have the same layout (GATT Specification Supplement,
Blood Pressure Measurement; status bits: table Measurement Status).
"""

from enum import IntFlag, StrEnum

import msgspec

from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields, user_of
from drivers.ble.codec.numbers import Number, Special, measured
from drivers.ble.codec.units import mmhg_of_kpa
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality

EMITS = frozenset(
    {
        Quantity.SYSTOLIC,
        Quantity.DIASTOLIC,
        Quantity.MEAN_ARTERIAL_PRESSURE,
        Quantity.HEART_RATE,
        Quantity.IRREGULAR_PULSE,
    }
)
EMITS_CUFF = frozenset({Quantity.CUFF_PRESSURE})

FLAGS_KPA, FLAGS_TIME, FLAGS_PULSE, FLAGS_USER, FLAGS_STATUS = 0x01, 0x02, 0x04, 0x08, 0x10
_FLAGS = 0x1F


class Unit(StrEnum):
    """What pressures are written in."""

    MMHG = "mmHg"
    KPA = "kPa"


class Status(IntFlag):
    """Bits of the Measurement Status; those from 6 on are reserved and mean nothing."""

    BODY_MOVEMENT = 1 << 0
    CUFF_TOO_LOOSE = 1 << 1
    IRREGULAR_PULSE = 1 << 2
    PULSE_ABOVE_RANGE = 1 << 3
    PULSE_BELOW_RANGE = 1 << 4
    IMPROPER_POSITION = 1 << 5


# A cuff that is loose, an arm that moves or is not at the height of the heart (10 cm are 8 mmHg, by the weight of the
# blood alone): a reason to measure again. A moving arm looks like an irregular pulse, too. An irregular pulse alone
# leaves the pressures good: atrial fibrillation is common in elders, and theirs must not be overlooked.
_DOUBTFUL = Status.BODY_MOVEMENT | Status.CUFF_TOO_LOOSE | Status.IMPROPER_POSITION
# The pulse, but not the pressure, is beyond what the cuff can count.
_DOUBTFUL_PULSE = _DOUBTFUL | Status.PULSE_ABOVE_RANGE | Status.PULSE_BELOW_RANGE


class BloodPressure(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement, in the unit and on the clock of the cuff. `user_id` is None also for "unknown user" (0xFF)."""

    systolic: Number
    diastolic: Number
    map: Number
    unit: Unit
    timestamp: DateTime | None
    pulse: Number | None
    user_id: int | None
    status: int | None


class CuffPressure(msgspec.Struct, frozen=True, kw_only=True):
    """The pressure in the cuff while it measures; the other fields as in a measurement."""

    cuff: Number
    unit: Unit
    timestamp: DateTime | None
    pulse: Number | None
    user_id: int | None
    status: int | None


def decode_blood_pressure(value: bytes) -> BloodPressure:
    """Blood Pressure Measurement. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    systolic, diastolic, mean = rest.sfloat(), rest.sfloat(), rest.sfloat()
    timestamp, pulse, user_id, status = _optional(rest, flags)
    return BloodPressure(
        systolic=systolic,
        diastolic=diastolic,
        map=mean,
        unit=_unit(flags),
        timestamp=timestamp,
        pulse=pulse,
        user_id=user_id,
        status=status,
    )


def decode_cuff_pressure(value: bytes) -> CuffPressure:
    """Intermediate Cuff Pressure. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    cuff, _, _ = rest.sfloat(), rest.sfloat(), rest.sfloat()  # the diastolic and mean pressures are not used here
    timestamp, pulse, user_id, status = _optional(rest, flags)
    return CuffPressure(cuff=cuff, unit=_unit(flags), timestamp=timestamp, pulse=pulse, user_id=user_id, status=status)


def samples(measurement: BloodPressure, frame: bytes) -> list[Said]:
    """Pressures in mmHg, pulse, and whether the pulse was irregular where the cuff says it either way."""
    status = measurement.status or 0
    quality = _quality(status & _DOUBTFUL)
    found: list[Said] = [
        Sample(quantity=quantity, value=_mmhg(pressure, measurement.unit), quality=quality, frame=frame)
        for quantity, pressure in (
            (Quantity.SYSTOLIC, measurement.systolic),
            (Quantity.DIASTOLIC, measurement.diastolic),
            (Quantity.MEAN_ARTERIAL_PRESSURE, measurement.map),
        )
        if not isinstance(pressure, Special)
    ]
    pulse = measured(measurement.pulse)
    if pulse is not None:
        doubt = _quality(status & _DOUBTFUL_PULSE)
        found.append(Sample(quantity=Quantity.HEART_RATE, value=pulse, quality=doubt, frame=frame))
    if found and measurement.status is not None:
        irregular = float(bool(status & Status.IRREGULAR_PULSE))
        found.append(Sample(quantity=Quantity.IRREGULAR_PULSE, value=irregular, quality=quality, frame=frame))
    return found or [Alive()]


def cuff_samples(measurement: CuffPressure, frame: bytes) -> list[Said]:
    """The pressure in the cuff. It says nothing of the person, so no status makes it doubtful."""
    if isinstance(measurement.cuff, Special):
        return [Alive()]
    pressure = _mmhg(measurement.cuff, measurement.unit)
    return [Sample(quantity=Quantity.CUFF_PRESSURE, value=pressure, frame=frame)]


def _optional(rest: Fields, flags: int) -> tuple[DateTime | None, Number | None, int | None, int | None]:
    timestamp = rest.date_time() if flags & FLAGS_TIME else None
    pulse = rest.sfloat() if flags & FLAGS_PULSE else None
    user_id = user_of(rest.number(1)) if flags & FLAGS_USER else None
    status = rest.number(2) if flags & FLAGS_STATUS else None
    rest.end()
    return timestamp, pulse, user_id, status


def _unit(flags: int) -> Unit:
    return Unit.KPA if flags & FLAGS_KPA else Unit.MMHG


def _mmhg(pressure: float, unit: Unit) -> float:
    return mmhg_of_kpa(pressure) if unit is Unit.KPA else pressure


def _quality(doubts: int) -> Quality:
    return Quality.QUESTIONABLE if doubts else Quality.GOOD
