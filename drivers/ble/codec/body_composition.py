"""Body Composition Measurement (0x2A9C) and Body Composition Feature (0x2A9B).

Formats: Body Composition Service 1.0.1, sections 3.1 and 3.2. A measurement that one indication cannot hold comes in
two, both flagged: the second repeats flags and body fat and goes on with the fields that are missing.
"""

import msgspec

from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields, user_of
from drivers.ble.codec.scale_units import UNSUCCESSFUL, HeightUnit, System, WeightUnit
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EMITS = frozenset(
    {
        Quantity.BODY_FAT,
        Quantity.BASAL_METABOLISM,
        Quantity.MUSCLE_SHARE,
        Quantity.MUSCLE_MASS,
        Quantity.FAT_FREE_MASS,
        Quantity.SOFT_LEAN_MASS,
        Quantity.BODY_WATER,
        Quantity.IMPEDANCE,
        Quantity.WEIGHT,
        Quantity.HEIGHT,
    }
)

_IMPERIAL, _TIME, _USER, _METABOLISM, _MUSCLE_SHARE, _MUSCLE_MASS, _FAT_FREE, _SOFT_LEAN, _WATER = (
    1 << bit for bit in range(9)
)
_IMPEDANCE, _WEIGHT, _HEIGHT, _MULTIPLE = (1 << bit for bit in range(9, 13))
_FLAGS = 0x1FFF
ALL_FAT = 1000
"""Tenths of a percent. More is a scale that fills these bytes otherwise: its other fields are not what they seem."""


class BodyComposition(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement, or one half of it; `body_fat_percentage` is None where it failed. Metabolism in kJ, ohms."""

    body_fat_percentage: float | None
    measurement_units: System
    timestamp: DateTime | None
    user_id: int | None
    basal_metabolism: int | None
    muscle_percentage: float | None
    muscle_mass: float | None
    muscle_mass_unit: WeightUnit | None
    fat_free_mass: float | None
    soft_lean_mass: float | None
    body_water_mass: float | None
    impedance: float | None
    weight: float | None
    height: float | None
    height_unit: HeightUnit | None
    is_half: bool


_COMPLETED_BY_SECOND = tuple(
    name for name in BodyComposition.__struct_fields__ if name not in ("body_fat_percentage", "is_half")
)


class BodyCompositionFeature(msgspec.Struct, frozen=True, kw_only=True):
    """What a scale can do; the resolutions are numbers of the service's tables, 0 for "not specified"."""

    features: int
    timestamp_supported: bool
    multiple_users_supported: bool
    basal_metabolism_supported: bool
    muscle_percentage_supported: bool
    muscle_mass_supported: bool
    fat_free_mass_supported: bool
    soft_lean_mass_supported: bool
    body_water_mass_supported: bool
    impedance_supported: bool
    weight_supported: bool
    height_supported: bool
    mass_measurement_resolution: int
    height_measurement_resolution: int


def decode_body_composition(value: bytes) -> BodyComposition:
    """Body Composition Measurement. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(2, _FLAGS)
    system = System.IMPERIAL if flags & _IMPERIAL else System.METRIC

    def mass(flag: int) -> float | None:
        return system.mass(rest.number(2)) if flags & flag else None

    def tenths(flag: int) -> float | None:
        return rest.number(2) / 10 if flags & flag else None

    fat = rest.number(2)
    if ALL_FAT < fat < UNSUCCESSFUL:
        raise DecodeError(f"more body fat than body: {value[:40].hex()}")
    found = BodyComposition(  # in the order of the fields: each takes the next bytes
        body_fat_percentage=None if fat == UNSUCCESSFUL else fat / 10,
        measurement_units=system,
        timestamp=rest.date_time() if flags & _TIME else None,
        user_id=user_of(rest.number(1)) if flags & _USER else None,
        basal_metabolism=rest.number(2) if flags & _METABOLISM else None,
        muscle_percentage=tenths(_MUSCLE_SHARE),
        muscle_mass=mass(_MUSCLE_MASS),
        muscle_mass_unit=system.weight_unit if flags & _MUSCLE_MASS else None,
        fat_free_mass=mass(_FAT_FREE),
        soft_lean_mass=mass(_SOFT_LEAN),
        body_water_mass=mass(_WATER),
        impedance=tenths(_IMPEDANCE),
        weight=mass(_WEIGHT),
        height=system.height(rest.number(2)) if flags & _HEIGHT else None,
        height_unit=system.height_unit if flags & _HEIGHT else None,
        is_half=bool(flags & _MULTIPLE),
    )
    rest.end()
    return found


def merged(first: BodyComposition, second: BodyComposition) -> BodyComposition:
    """One measurement of its two halves. Raises DecodeError where they are not halves of one."""
    if not (first.is_half and second.is_half):
        raise DecodeError("a body composition measurement that is whole was to be completed")
    if first.body_fat_percentage != second.body_fat_percentage:
        raise DecodeError("two halves of a body composition measurement tell different body fat")
    merged_fields = {}
    for name in _COMPLETED_BY_SECOND:
        mine, other = getattr(first, name), getattr(second, name)
        if mine is not None and other is not None and mine != other:
            raise DecodeError(f"two halves of a body composition measurement tell different {name}")
        merged_fields[name] = other if mine is None else mine
    return BodyComposition(body_fat_percentage=first.body_fat_percentage, is_half=False, **merged_fields)


def decode_body_composition_feature(value: bytes) -> BodyCompositionFeature:
    """Body Composition Feature. Raises DecodeError."""
    rest = Fields(value)
    features = rest.number(4)
    rest.end()
    bits = [bool(features >> bit & 1) for bit in range(11)]
    return BodyCompositionFeature(
        features=features,
        timestamp_supported=bits[0],
        multiple_users_supported=bits[1],
        basal_metabolism_supported=bits[2],
        muscle_percentage_supported=bits[3],
        muscle_mass_supported=bits[4],
        fat_free_mass_supported=bits[5],
        soft_lean_mass_supported=bits[6],
        body_water_mass_supported=bits[7],
        impedance_supported=bits[8],
        weight_supported=bits[9],
        height_supported=bits[10],
        mass_measurement_resolution=features >> 11 & 0xF,
        height_measurement_resolution=features >> 15 & 0x7,
    )


def samples(measurement: BodyComposition, frame: bytes) -> list[Said]:
    """All that the scale tells, in canonical units.

    Where body fat failed, weight and height still stand: a scale tells them even to who wears socks.
    """
    system = measurement.measurement_units
    metabolism = measurement.basal_metabolism
    found: list[Said] = [
        Sample(quantity=quantity, value=value, frame=frame)
        for quantity, value in (
            (Quantity.BODY_FAT, measurement.body_fat_percentage),
            (Quantity.BASAL_METABOLISM, None if metabolism is None else float(metabolism)),
            (Quantity.MUSCLE_SHARE, measurement.muscle_percentage),
            (Quantity.MUSCLE_MASS, _kg(measurement.muscle_mass, system)),
            (Quantity.FAT_FREE_MASS, _kg(measurement.fat_free_mass, system)),
            (Quantity.SOFT_LEAN_MASS, _kg(measurement.soft_lean_mass, system)),
            (Quantity.BODY_WATER, _kg(measurement.body_water_mass, system)),
            (Quantity.IMPEDANCE, measurement.impedance),
            (Quantity.WEIGHT, _kg(measurement.weight, system)),
            (Quantity.HEIGHT, None if measurement.height is None else system.cm(measurement.height)),
        )
        if value is not None
    ]
    return found or [Alive()]


def _kg(mass: float | None, system: System) -> float | None:
    return None if mass is None else system.kg(mass)
