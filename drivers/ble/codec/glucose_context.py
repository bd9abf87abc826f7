"""Glucose Measurement Context (0x2A34): Glucose Service 1.0.1, section 3.2. What a meal or a dose adds to a record."""

from enum import StrEnum

import msgspec

from drivers.ble.codec.fields import Fields
from drivers.ble.codec.numbers import Number, measured
from drivers.ble.codec.units import grams_of_kg
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.CARBOHYDRATE, Quantity.HBA1C})

_CARBOHYDRATE, _MEAL, _HEALTH, _EXERCISE, _MEDICATION, _LITRES, _HBA1C, _EXTENDED = (1 << bit for bit in range(8))


class MedicationUnit(StrEnum):
    """What a dose is written in."""

    KILOGRAM = "kg"
    LITRE = "L"


class GlucoseContext(msgspec.Struct, frozen=True, kw_only=True):
    """The context of the record with the same sequence number; numbers of kinds are those of the service's tables."""

    sequence: int
    extended_flags: int | None
    carbohydrate: int | None
    carbohydrate_kg: Number | None
    meal: int | None
    tester: int | None
    health: int | None
    exercise_s: int | None
    exercise_intensity: int | None
    medication: int | None
    medication_amount: Number | None
    medication_unit: MedicationUnit | None
    hba1c: Number | None


def decode_glucose_context(value: bytes) -> GlucoseContext:
    """Glucose Measurement Context. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.number(1)  # none is reserved
    sequence = rest.number(2)
    extended = rest.number(1) if flags & _EXTENDED else None
    carbohydrate, carbohydrate_kg = (rest.number(1), rest.sfloat()) if flags & _CARBOHYDRATE else (None, None)
    meal = rest.number(1) if flags & _MEAL else None
    tester_health = rest.number(1) if flags & _HEALTH else None
    seconds, intensity = (rest.number(2), rest.number(1)) if flags & _EXERCISE else (None, None)
    medication, amount = (rest.number(1), rest.sfloat()) if flags & _MEDICATION else (None, None)
    hba1c = rest.sfloat() if flags & _HBA1C else None
    rest.end()
    unit = MedicationUnit.LITRE if flags & _LITRES else MedicationUnit.KILOGRAM
    return GlucoseContext(
        sequence=sequence,
        extended_flags=extended,
        carbohydrate=carbohydrate,
        carbohydrate_kg=carbohydrate_kg,
        meal=meal,
        tester=None if tester_health is None else tester_health & 0x0F,
        health=None if tester_health is None else tester_health >> 4,
        exercise_s=seconds,
        exercise_intensity=intensity,
        medication=medication,
        medication_amount=amount,
        medication_unit=None if medication is None else unit,
        hba1c=hba1c,
    )


def samples(context: GlucoseContext, frame: bytes) -> list[Said]:
    """Carbohydrate in grams and HbA1c in percent; the rest stays readable in the frame."""
    found: list[Said] = []
    carbohydrate, hba1c = measured(context.carbohydrate_kg), measured(context.hba1c)
    if carbohydrate is not None:
        found.append(Sample(quantity=Quantity.CARBOHYDRATE, value=grams_of_kg(carbohydrate), frame=frame))
    if hba1c is not None:
        found.append(Sample(quantity=Quantity.HBA1C, value=hba1c, frame=frame))
    return found or [Alive()]
