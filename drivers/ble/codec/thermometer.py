"""Temperature Measurement (0x2A1C), Intermediate Temperature (0x2A1E) and Temperature Type (0x2A1D).

Formats: Health Thermometer Service 1.0, sections 3.1 to 3.3; the two measurements have the same layout.
"""

from enum import IntEnum, StrEnum

import msgspec

from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields
from drivers.ble.codec.numbers import Number, Special
from drivers.ble.codec.units import celsius_of_fahrenheit
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality

EMITS = frozenset({Quantity.BODY_TEMPERATURE})

_FAHRENHEIT, _TIME, _TYPE, _FLAGS = 0x01, 0x02, 0x04, 0x07


class Unit(StrEnum):
    """What a temperature is written in."""

    CELSIUS = "C"
    FAHRENHEIT = "F"


class Site(IntEnum):
    """Where it was taken; other numbers are reserved. It does not change what the temperature is, so they pass."""

    ARMPIT = 1
    BODY = 2
    EAR = 3
    FINGER = 4
    GASTROINTESTINAL = 5
    MOUTH = 6
    RECTUM = 7
    TOE = 8
    TYMPANUM = 9


class Temperature(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; `type` is a number of `Site`."""

    temperature: Number
    unit: Unit
    timestamp: DateTime | None
    type: int | None


class TemperatureType(msgspec.Struct, frozen=True, kw_only=True):
    """The site of a thermometer that has only one; `type` is a number of `Site`."""

    type: int


def decode_temperature(value: bytes) -> Temperature:
    """Temperature Measurement or Intermediate Temperature. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    temperature = rest.float32()
    timestamp = rest.date_time() if flags & _TIME else None
    site = rest.number(1) if flags & _TYPE else None
    rest.end()
    unit = Unit.FAHRENHEIT if flags & _FAHRENHEIT else Unit.CELSIUS
    return Temperature(temperature=temperature, unit=unit, timestamp=timestamp, type=site)


def decode_temperature_type(value: bytes) -> TemperatureType:
    """Temperature Type. Raises DecodeError."""
    rest = Fields(value)
    site = rest.number(1)
    rest.end()
    return TemperatureType(type=site)


def samples(measurement: Temperature, frame: bytes) -> list[Said]:
    """The body temperature in degrees Celsius."""
    return _samples(measurement, frame, Quality.GOOD)


def intermediate_samples(measurement: Temperature, frame: bytes) -> list[Said]:
    """The temperature so far, questionable: it still rises from that of the room to that of the body."""
    return _samples(measurement, frame, Quality.QUESTIONABLE)


def _samples(measurement: Temperature, frame: bytes, quality: Quality) -> list[Said]:
    degrees = measurement.temperature
    if isinstance(degrees, Special):
        return [Alive()]
    if measurement.unit is Unit.FAHRENHEIT:
        degrees = celsius_of_fahrenheit(degrees)
    return [Sample(quantity=Quantity.BODY_TEMPERATURE, value=degrees, quality=quality, frame=frame)]
