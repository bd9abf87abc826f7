"""Weight Measurement (0x2A9D) and Weight Scale Feature (0x2A9E): Weight Scale Service 1.0.1, sections 3.1 and 3.2."""

import msgspec

from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields, user_of
from drivers.ble.codec.scale_units import UNSUCCESSFUL, HeightUnit, System, WeightUnit
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity

EMITS = frozenset({Quantity.WEIGHT, Quantity.BMI, Quantity.HEIGHT})

_IMPERIAL, _TIME, _USER, _BMI, _FLAGS = 0x01, 0x02, 0x04, 0x08, 0x0F


class Weight(msgspec.Struct, frozen=True, kw_only=True):
    """One weighing; `weight` is None where it failed, `user_id` also where the scale does not know who it was."""

    weight: float | None
    weight_unit: WeightUnit
    measurement_units: System
    timestamp: DateTime | None
    user_id: int | None
    bmi: float | None
    height: float | None
    height_unit: HeightUnit | None


class WeightScaleFeature(msgspec.Struct, frozen=True, kw_only=True):
    """What a scale can do; the resolutions are numbers of the service's tables, 0 for "not specified"."""

    features: int
    timestamp_supported: bool
    multiple_users_supported: bool
    bmi_supported: bool
    weight_measurement_resolution: int
    height_measurement_resolution: int


def decode_weight(value: bytes) -> Weight:
    """Weight Measurement. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    system = System.IMPERIAL if flags & _IMPERIAL else System.METRIC
    weight = rest.number(2)
    timestamp = rest.date_time() if flags & _TIME else None
    user_id = user_of(rest.number(1)) if flags & _USER else None
    bmi, height = (rest.number(2) / 10, system.height(rest.number(2))) if flags & _BMI else (None, None)
    rest.end()
    return Weight(
        weight=None if weight == UNSUCCESSFUL else system.mass(weight),
        weight_unit=system.weight_unit,
        measurement_units=system,
        timestamp=timestamp,
        user_id=user_id,
        bmi=bmi,
        height=height,
        height_unit=None if height is None else system.height_unit,
    )


def decode_weight_feature(value: bytes) -> WeightScaleFeature:
    """Weight Scale Feature. Raises DecodeError."""
    rest = Fields(value)
    features = rest.number(4)
    rest.end()
    return WeightScaleFeature(
        features=features,
        timestamp_supported=bool(features & 0x1),
        multiple_users_supported=bool(features & 0x2),
        bmi_supported=bool(features & 0x4),
        weight_measurement_resolution=features >> 3 & 0xF,
        height_measurement_resolution=features >> 7 & 0x7,
    )


def samples(measurement: Weight, frame: bytes) -> list[Said]:
    """Weight in kg, BMI, height in cm. Of a weighing that failed nothing is said, whatever else it holds."""
    if measurement.weight is None:
        return [Alive()]
    system = measurement.measurement_units
    found: list[Said] = [Sample(quantity=Quantity.WEIGHT, value=system.kg(measurement.weight), frame=frame)]
    if measurement.bmi is not None:
        found.append(Sample(quantity=Quantity.BMI, value=measurement.bmi, frame=frame))
    if measurement.height is not None:
        found.append(Sample(quantity=Quantity.HEIGHT, value=system.cm(measurement.height), frame=frame))
    return found
