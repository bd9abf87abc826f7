"""Heart Rate Measurement (0x2A37) and Body Sensor Location (0x2A38): Heart Rate Service 1.0, sections 3.1 and 3.2.

A strap sends one frame a second for hours, so this decoder is written out instead of using `Fields`.
"""

from enum import StrEnum
from struct import unpack_from

import msgspec

from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from shouwang.reading import Quality

EMITS = frozenset({Quantity.HEART_RATE, Quantity.RR_INTERVAL})

_WIDE, _CONTACT, _HAS_CONTACT, _ENERGY, _RR, _RESERVED = 0x01, 0x02, 0x04, 0x08, 0x10, 0xE0
_RR_UNIT_MS = 1000 / 1024  # 0.9765625: exact, and so is every product with 16 bits


class HeartRate(msgspec.Struct, frozen=True, kw_only=True):
    """One notification. `contact` is None where the sensor cannot tell; RR intervals, oldest first, in s/1024."""

    heart_rate: int
    contact: bool | None
    energy_kj: int | None
    rr_1024: tuple[int, ...]


def decode_heart_rate(value: bytes) -> HeartRate:
    """Heart Rate Measurement. Raises DecodeError."""
    size = len(value)
    if size < 2:
        raise DecodeError(f"cut off: {value.hex()}")
    flags = value[0]
    if flags & _RESERVED:
        raise DecodeError(f"reserved flags are set ({flags & _RESERVED:#x}): {value[:40].hex()}")
    at = 3 if flags & _WIDE else 2
    end = at + 2 if flags & _ENERGY else at
    if size < end:
        raise DecodeError(f"cut off: {value.hex()}")
    rr: tuple[int, ...] = ()
    if size > end:
        if not flags & _RR:
            raise DecodeError(f"longer than its flags say: {value[:40].hex()}")
        if (size - end) % 2:
            raise DecodeError(f"half an RR interval: {value[:40].hex()}")
        rr = unpack_from(f"<{(size - end) // 2}H", value, end)
    return HeartRate(
        heart_rate=value[1] | value[2] << 8 if flags & _WIDE else value[1],
        contact=bool(flags & _CONTACT) if flags & _HAS_CONTACT else None,
        energy_kj=value[at] | value[at + 1] << 8 if flags & _ENERGY else None,
        rr_1024=rr,
    )


def samples(measurement: HeartRate, frame: bytes) -> list[Said]:
    """Heart rate and RR intervals.

    Without skin contact a sensor repeats, guesses or counts noise: kept, questionable. 0 is how sensors say that they
    have nothing: no measurement, never a heart that stands still.
    """
    quality = Quality.QUESTIONABLE if measurement.contact is False else Quality.GOOD
    found: list[Said] = []
    if measurement.heart_rate:
        rate = float(measurement.heart_rate)
        found.append(Sample(quantity=Quantity.HEART_RATE, value=rate, quality=quality, frame=frame))
    for interval in measurement.rr_1024:
        length = interval * _RR_UNIT_MS
        found.append(Sample(quantity=Quantity.RR_INTERVAL, value=length, quality=quality, frame=frame))
    return found or [Alive()]


class Location(StrEnum):
    """Where a heart rate sensor is worn."""

    OTHER = "other"
    CHEST = "chest"
    WRIST = "wrist"
    FINGER = "finger"
    HAND = "hand"
    EAR_LOBE = "ear_lobe"
    FOOT = "foot"


_LOCATIONS = tuple(Location)


class BodySensorLocation(msgspec.Struct, frozen=True, kw_only=True):
    """The characteristic Body Sensor Location."""

    location: Location


def decode_location(value: bytes) -> BodySensorLocation:
    """Body Sensor Location; its numbers from 7 on are reserved. Raises DecodeError."""
    if len(value) != 1 or value[0] >= len(_LOCATIONS):
        raise DecodeError(f"not a place on the body: {value[:20].hex()}")
    return BodySensorLocation(location=_LOCATIONS[value[0]])
