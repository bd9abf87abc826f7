"""What a pulse oximeter says, encoded from the Pulse Oximeter Service 1.0.1 (PLX) of the Bluetooth SIG."""

from datetime import datetime
from enum import IntFlag

from simulators.ble.numbers import Number, date_time, sfloat, u16, u24

SERVICE = 0x1822
SPOT_CHECK = 0x2A5E
CONTINUOUS = 0x2A5F
FEATURES = 0x2A60


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


def continuous(spo2: Number, pulse: Number, *, measurement: MeasurementStatus, device: DeviceStatus) -> bytes:
    """PLX Continuous Measurement: flags (b2, b3: both status fields follow), SpO2 %, pulse rate /min, status fields."""
    return b"\x0c" + sfloat(spo2) + sfloat(pulse) + u16(measurement) + u24(device)


def spot_check(
    spo2: Number,
    pulse: Number,
    *,
    at: datetime | None,
    measurement: MeasurementStatus,
    device: DeviceStatus,
) -> bytes:
    """PLX Spot-check Measurement: flags, SpO2 %, pulse rate /min, device-local time, status fields.

    Without `at` the time is zeros and flag b4 says that the device clock is not set.
    """
    flags = b"\x07" if at is not None else b"\x17"
    return flags + sfloat(spo2) + sfloat(pulse) + date_time(at) + u16(measurement) + u24(device)


def features(*, measurement: MeasurementStatus, device: DeviceStatus) -> bytes:
    """PLX Features: optional fields (b0, b1: both status fields; b3: spot-check time) and the status bits in use."""
    return u16(0b1011) + u16(measurement) + u24(device)
