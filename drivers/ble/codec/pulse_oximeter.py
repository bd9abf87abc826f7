"""PLX Spot-check Measurement (0x2A5E), PLX Continuous Measurement (0x2A5F) and PLX Features (0x2A60).

Formats: Pulse Oximeter Service 1.0.1, sections 3.1 to 3.3 (status bits: tables 3.4 and 3.5).
"""

from enum import IntFlag
from typing import NamedTuple

import msgspec

from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields
from drivers.ble.codec.numbers import Number, measured
from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity
from shouwang.reading import Quality

EMITS = frozenset({Quantity.SPO2, Quantity.HEART_RATE, Quantity.PULSE_AMPLITUDE})

_FLAGS = 0x1F


class Status(NamedTuple):
    """The fields Measurement Status and Device and Sensor Status, or the bits of them that an oximeter uses."""

    measurement: int
    device: int


ALL_STATUS = Status(measurement=0xFFFF, device=0xFFFFFF)


class MeasurementStatus(IntFlag):
    """Bits of the Measurement Status field; those below 5 are reserved."""

    ONGOING = 1 << 5
    EARLY_ESTIMATE = 1 << 6
    VALIDATED = 1 << 7
    FULLY_QUALIFIED = 1 << 8
    FROM_STORAGE = 1 << 9
    DEMONSTRATION = 1 << 10
    TESTING = 1 << 11
    CALIBRATING = 1 << 12
    UNAVAILABLE = 1 << 13
    QUESTIONABLE = 1 << 14
    INVALID = 1 << 15


class DeviceStatus(IntFlag):
    """Bits of the Device and Sensor Status field; those above 15 are reserved."""

    EXTENDED_DISPLAY_UPDATE = 1 << 0
    EQUIPMENT_MALFUNCTION = 1 << 1
    SIGNAL_IRREGULAR = 1 << 2
    SIGNAL_INADEQUATE = 1 << 3
    SIGNAL_POOR = 1 << 4
    LOW_PERFUSION = 1 << 5
    SIGNAL_ERRATIC = 1 << 6
    NOT_PULSATILE = 1 << 7
    PULSE_QUESTIONABLE = 1 << 8
    SIGNAL_ANALYSIS_ONGOING = 1 << 9
    INTERFERENCE = 1 << 10
    NOT_ON_USER = 1 << 11
    UNKNOWN_SENSOR = 1 << 12
    SENSOR_DISPLACED = 1 << 13
    SENSOR_MALFUNCTION = 1 << 14
    SENSOR_DISCONNECTED = 1 << 15


# What follows from the status is our decision, explained in docs/drivers.md. Low perfusion alone leaves a value good:
# cold hands are common, and a value that rules ignore is an alarm that never comes.
_M, _D = MeasurementStatus, DeviceStatus
_NOT_A_MEASUREMENT = _M.FROM_STORAGE | _M.DEMONSTRATION | _M.TESTING | _M.UNAVAILABLE | _M.INVALID
_DOUBTFUL_MEASUREMENT = _M.EARLY_ESTIMATE | _M.CALIBRATING | _M.QUESTIONABLE
_NO_PROBE = (
    _D.EQUIPMENT_MALFUNCTION | _D.NOT_ON_USER | _D.SENSOR_DISPLACED | _D.SENSOR_MALFUNCTION | _D.SENSOR_DISCONNECTED
)
_DOUBTFUL_SIGNAL = (
    _D.EXTENDED_DISPLAY_UPDATE
    | _D.SIGNAL_IRREGULAR
    | _D.SIGNAL_INADEQUATE
    | _D.SIGNAL_POOR
    | _D.SIGNAL_ERRATIC
    | _D.NOT_PULSATILE
    | _D.PULSE_QUESTIONABLE
    | _D.SIGNAL_ANALYSIS_ONGOING
    | _D.INTERFERENCE
    | _D.UNKNOWN_SENSOR
)

_NO_READING = {Quantity.SPO2: (0.0, 127.0), Quantity.HEART_RATE: (0.0, 255.0)}
"""Numbers by which oximeter modules say "nothing" even in an SFLOAT (Contec and Nonin: 0, 127 %, 255 /min)."""


class SpotCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One spot-check; `timestamp` is None also where the oximeter says that its clock is not set. `pai` in percent."""

    spo2: Number
    pulse: Number
    timestamp: DateTime | None
    measurement_status: int | None
    device_status: int | None
    pai: Number | None


class Continuous(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a continuous measurement, with its fast and slow averages where the oximeter has them."""

    spo2: Number
    pulse: Number
    spo2_fast: Number | None
    pulse_fast: Number | None
    spo2_slow: Number | None
    pulse_slow: Number | None
    measurement_status: int | None
    device_status: int | None
    pai: Number | None


class PlxFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """What an oximeter can do; the status bits that it uses, None where it uses none of that field."""

    features: int
    measurement_status: int | None
    device_status: int | None

    def supported(self) -> Status:
        """The status bits that count."""
        return Status(self.measurement_status or 0, self.device_status or 0)


def decode_spot_check(value: bytes) -> SpotCheck:
    """PLX Spot-check Measurement. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    spo2, pulse = rest.sfloat(), rest.sfloat()
    timestamp = rest.date_time() if flags & 0x01 else None
    measurement = rest.number(2) if flags & 0x02 else None
    device = rest.number(3) if flags & 0x04 else None
    pai = rest.sfloat() if flags & 0x08 else None
    rest.end()
    is_clock_set = not flags & 0x10
    return SpotCheck(
        spo2=spo2,
        pulse=pulse,
        timestamp=timestamp if is_clock_set else None,
        measurement_status=measurement,
        device_status=device,
        pai=pai,
    )


def decode_continuous(value: bytes) -> Continuous:
    """PLX Continuous Measurement. Raises DecodeError."""
    rest = Fields(value)
    flags = rest.flags(1, _FLAGS)
    spo2, pulse = rest.sfloat(), rest.sfloat()
    spo2_fast, pulse_fast = (rest.sfloat(), rest.sfloat()) if flags & 0x01 else (None, None)
    spo2_slow, pulse_slow = (rest.sfloat(), rest.sfloat()) if flags & 0x02 else (None, None)
    measurement = rest.number(2) if flags & 0x04 else None
    device = rest.number(3) if flags & 0x08 else None
    pai = rest.sfloat() if flags & 0x10 else None
    rest.end()
    return Continuous(
        spo2=spo2,
        pulse=pulse,
        spo2_fast=spo2_fast,
        pulse_fast=pulse_fast,
        spo2_slow=spo2_slow,
        pulse_slow=pulse_slow,
        measurement_status=measurement,
        device_status=device,
        pai=pai,
    )


def decode_plx_features(value: bytes) -> PlxFeatures:
    """PLX Features. Raises DecodeError."""
    rest = Fields(value)
    features = rest.number(2)
    measurement = rest.number(2) if features & 0x01 else None
    device = rest.number(3) if features & 0x02 else None
    rest.end()
    return PlxFeatures(features=features, measurement_status=measurement, device_status=device)


def samples(measurement: SpotCheck | Continuous, frame: bytes, *, supported: Status = ALL_STATUS) -> list[Said]:
    """Oxygen saturation, pulse and pulse amplitude index. A status bit that is not in `supported` means nothing."""
    status = (measurement.measurement_status or 0) & supported.measurement
    device = (measurement.device_status or 0) & supported.device
    if status & _NOT_A_MEASUREMENT or device & _NO_PROBE:
        return [Alive()]
    is_doubtful = bool(status & _DOUBTFUL_MEASUREMENT or device & _DOUBTFUL_SIGNAL)
    quality = Quality.QUESTIONABLE if is_doubtful else Quality.GOOD
    found: list[Said] = [
        Sample(quantity=quantity, value=value, quality=quality, frame=frame)
        for quantity, value in (
            (Quantity.SPO2, measured(measurement.spo2)),
            (Quantity.HEART_RATE, measured(measurement.pulse)),
            (Quantity.PULSE_AMPLITUDE, measured(measurement.pai)),
        )
        if value is not None and value not in _NO_READING.get(quantity, ())
    ]
    return found or [Alive()]
