"""What a pulse oximeter says: the Pulse Oximeter Service 1.0.1 (PLX) of the Bluetooth SIG, encoded from its document.

SFLOAT is the 16-bit float of IEEE 11073-20601: a signed 12-bit mantissa and a signed 4-bit exponent of ten.
"""

from datetime import datetime
from decimal import Decimal
from enum import IntFlag

SERVICE = 0x1822
SPOT_CHECK = 0x2A5E
CONTINUOUS = 0x2A5F
FEATURES = 0x2A60

SFLOAT_NAN = 0x07FF
_MANTISSA_MAX = 2045
"""Mantissas beyond +-2045 stand for NaN, NRes and the infinities."""


class MeasurementStatus(IntFlag):
    """Of one measurement (16 bits)."""

    ONGOING = 1 << 5
    VALIDATED = 1 << 7
    FULLY_QUALIFIED = 1 << 8
    UNAVAILABLE = 1 << 13
    QUESTIONABLE = 1 << 14
    INVALID = 1 << 15


class DeviceStatus(IntFlag):
    """Of device and sensor (24 bits)."""

    LOW_PERFUSION = 1 << 5
    SENSOR_UNCONNECTED = 1 << 11
    SENSOR_DISPLACED = 1 << 13


class NotCarried(ValueError):
    """The profile has no bits for this value."""


def sfloat(value: float | None) -> bytes:
    """The value as SFLOAT, NaN where it is not known. Raises NotCarried where no SFLOAT equals it."""
    if value is None:
        return SFLOAT_NAN.to_bytes(2, "little")
    number = Decimal(repr(value))
    if not number.is_finite():
        raise NotCarried(f"{value} is not a number that can be measured")
    sign, digits, exponent = number.normalize().as_tuple()
    mantissa = int("".join(map(str, digits))) * (-1 if sign else 1)
    assert isinstance(exponent, int)
    while exponent > 0 and (exponent > 7 or abs(mantissa * 10) <= _MANTISSA_MAX):  # small exponents, as devices send
        mantissa, exponent = mantissa * 10, exponent - 1
    if abs(mantissa) > _MANTISSA_MAX or not -8 <= exponent <= 7:
        raise NotCarried(f"{value} needs more than the 12-bit mantissa of an SFLOAT")
    return ((exponent & 0xF) << 12 | mantissa & 0xFFF).to_bytes(2, "little")


def continuous(
    spo2: float | None, pulse: float | None, *, measurement: MeasurementStatus, device: DeviceStatus
) -> bytes:
    """PLX Continuous Measurement: flags (b2, b3: both status fields follow), SpO2 %, pulse rate /min, status fields."""
    return b"\x0c" + sfloat(spo2) + sfloat(pulse) + _u16(measurement) + _u24(device)


def spot_check(
    spo2: float | None,
    pulse: float | None,
    *,
    at: datetime | None,
    measurement: MeasurementStatus,
    device: DeviceStatus,
) -> bytes:
    """PLX Spot-check Measurement: flags, SpO2 %, pulse rate /min, device-local time, status fields.

    Without `at` the time is zeros and flag b4 says that the device clock is not set.
    """
    flags = b"\x07" if at is not None else b"\x17"
    return flags + sfloat(spo2) + sfloat(pulse) + _date_time(at) + _u16(measurement) + _u24(device)


def features(*, measurement: MeasurementStatus, device: DeviceStatus) -> bytes:
    """PLX Features: optional fields (b0, b1: both status fields; b3: spot-check time) and the status bits in use."""
    return _u16(0b1011) + _u16(measurement) + _u24(device)


def _date_time(at: datetime | None) -> bytes:
    if at is None:
        return bytes(7)
    return at.year.to_bytes(2, "little") + bytes((at.month, at.day, at.hour, at.minute, at.second))


def _u16(value: int) -> bytes:
    return value.to_bytes(2, "little")


def _u24(value: int) -> bytes:
    return value.to_bytes(3, "little")
