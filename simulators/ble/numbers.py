"""Numbers and moments as Bluetooth health devices put them into bytes, encoded from the documents of SIG and IEEE.

SFLOAT and FLOAT are the 16- and 32-bit floats of IEEE 11073-20601, annex F.7 and F.8: a signed mantissa of 12 or 24
bits and a signed exponent of ten of 4 or 8 bits. Moments are device-local and have no zone.
"""

from datetime import datetime
from decimal import Decimal
from enum import Enum


class Special(Enum):
    """What is no number; the value is the low half-octets of the mantissa: (SFLOAT, FLOAT)."""

    NAN = (0x07FF, 0x007FFFFF)
    NRES = (0x0800, 0x00800000)
    PLUS_INFINITY = (0x07FE, 0x007FFFFE)
    MINUS_INFINITY = (0x0802, 0x00800002)
    RESERVED = (0x0801, 0x00800001)


SFLOAT_MANTISSA_MAX = 2045
FLOAT_MANTISSA_MAX = 0x7FFFFD
"""Mantissas beyond these stand for the special values."""

Number = float | Special | None
"""What a device puts where a measured number belongs; None: it has none (NaN)."""


class NotCarried(ValueError):
    """The profile has no bits for this value."""


def sfloat(value: Number, *, exponent: int | None = None) -> bytes:
    """The value as SFLOAT, NaN where it is not known. Raises NotCarried where no SFLOAT equals it.

    `exponent`: write it with this one, as devices do that always show one decimal.
    """
    if value is None or isinstance(value, Special):
        return (value or Special.NAN).value[0].to_bytes(2, "little")
    mantissa, power = _split(value, mantissa_max=SFLOAT_MANTISSA_MAX, exponent_bits=4, exponent=exponent)
    return ((power & 0xF) << 12 | mantissa & 0xFFF).to_bytes(2, "little")


def float32(value: Number, *, exponent: int | None = None) -> bytes:
    """The value as FLOAT, NaN where it is not known. Raises NotCarried where no FLOAT equals it."""
    if value is None or isinstance(value, Special):
        return (value or Special.NAN).value[1].to_bytes(4, "little")
    mantissa, power = _split(value, mantissa_max=FLOAT_MANTISSA_MAX, exponent_bits=8, exponent=exponent)
    return ((power & 0xFF) << 24 | mantissa & 0xFFFFFF).to_bytes(4, "little")


def scaled(value: float, step: float, size: int = 2) -> bytes:
    """The value as an unsigned count of steps, e.g. kilograms in steps of 0.005. Raises NotCarried."""
    count = Decimal(repr(value)) / Decimal(repr(step))
    if count != count.to_integral_value() or not 0 <= count < 1 << 8 * size:
        raise NotCarried(f"{value} is no whole number of steps of {step} in {size} octets")
    return int(count).to_bytes(size, "little")


def u8(value: int) -> bytes:
    """One octet."""
    return value.to_bytes(1, "little")


def u16(value: int) -> bytes:
    """Two octets."""
    return value.to_bytes(2, "little")


def s16(value: int) -> bytes:
    """Two octets, signed."""
    return value.to_bytes(2, "little", signed=True)


def u24(value: int) -> bytes:
    """Three octets."""
    return value.to_bytes(3, "little")


def date_time(at: datetime | None) -> bytes:
    """Date Time (0x2A08): year, month, day, hour, minute, second; zeros where it is not known."""
    if at is None:
        return bytes(7)
    return u16(at.year) + bytes((at.month, at.day, at.hour, at.minute, at.second))


def crc16(message: bytes) -> bytes:
    """E2E-CRC of the Continuous Glucose Monitoring Service 1.0.2: D^16 + D^12 + D^5 + 1, seed FFFF, low bit first."""
    crc = 0xFFFF
    for octet in message:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return u16(crc)


def _split(value: float, *, mantissa_max: int, exponent_bits: int, exponent: int | None) -> tuple[int, int]:
    number = Decimal(repr(value))
    if not number.is_finite():
        raise NotCarried(f"{value} is not a number that can be measured")
    low, high = -(1 << exponent_bits - 1), (1 << exponent_bits - 1) - 1
    sign, digits, power = number.normalize().as_tuple()
    assert isinstance(power, int)  # of a finite number it always is
    mantissa = int("".join(map(str, digits))) * (-1 if sign else 1)
    wanted = min(power, 0) if exponent is None else exponent  # small exponents, as devices send
    while power > wanted and (power > high or abs(mantissa * 10) <= mantissa_max):
        mantissa, power = mantissa * 10, power - 1
    if abs(mantissa) > mantissa_max or not low <= power <= high or (exponent is not None and power != exponent):
        raise NotCarried(f"{value} does not fit into a float with mantissas up to {mantissa_max}")
    return mantissa, power
