"""Continuous glucose monitoring: Measurement (0x2AA7). What a session is lies in `cgm_session`.

Format: Continuous Glucose Monitoring Service 1.0.2, section 3.1. One notification holds one or several records. The
octets of the status stand in the order status, calibration and temperature, warning, as Nordic's parsers for both
phones read them; no frame of a device with only some of them was seen.
"""

from enum import IntFlag

import msgspec

from drivers.ble.codec import checksum
from drivers.ble.codec.fields import Fields
from drivers.ble.codec.numbers import Number, measured
from drivers.ble.codec.units import mmol_of_mg_dl
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity
from shouwang.reading import Quality

EMITS = frozenset({Quantity.INTERSTITIAL_GLUCOSE, Quantity.GLUCOSE_TREND, Quantity.BATTERY_LOW})

_TREND, _QUALITY, _WARNING, _CALIBRATION, _STATUS, _FLAGS = 0x01, 0x02, 0x20, 0x40, 0x80, 0xE3
_FIXED = 6  # size, flags, concentration, time offset


class Status(IntFlag):
    """Bits of the status octet; 6 and 7 are reserved and mean nothing."""

    SESSION_STOPPED = 1 << 0
    BATTERY_LOW = 1 << 1
    SENSOR_TYPE_INCORRECT = 1 << 2
    SENSOR_MALFUNCTION = 1 << 3
    DEVICE_SPECIFIC_ALERT = 1 << 4
    DEVICE_FAULT = 1 << 5


class Calibration(IntFlag):
    """Bits of the calibration and temperature octet; 6 and 7 are reserved and mean nothing."""

    TIME_SYNCHRONISATION_REQUIRED = 1 << 0
    CALIBRATION_NOT_ALLOWED = 1 << 1
    CALIBRATION_RECOMMENDED = 1 << 2
    CALIBRATION_REQUIRED = 1 << 3
    TEMPERATURE_TOO_HIGH = 1 << 4
    TEMPERATURE_TOO_LOW = 1 << 5


# The sensor is broken or the wrong one, or it was too warm or too cold "for a valid result" (the service's own words).
_NOT_A_MEASUREMENT = Status.SENSOR_TYPE_INCORRECT | Status.SENSOR_MALFUNCTION | Status.DEVICE_FAULT
_NO_VALID_RESULT = Calibration.TEMPERATURE_TOO_HIGH | Calibration.TEMPERATURE_TOO_LOW
# After the session's end the sensor is not said to be right; before a calibration that it requires, neither. The
# warning octet makes nothing doubtful: low, high and rapid is what an alarm is for, and "lower (or higher) than the
# device can process" means that the truth lies beyond the number, so a limit that the number crosses is crossed.
_DOUBTFUL_STATUS = Status.SESSION_STOPPED
_DOUBTFUL_CALIBRATION = Calibration.CALIBRATION_REQUIRED


class CgmRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record; its time is in minutes since the start of the session."""

    concentration_mg_dl: Number
    time_offset_min: int
    status: int | None
    cal_temp: int | None
    warning: int | None
    trend: Number | None
    quality: Number | None
    e2e_crc: int | None


class CgmMeasurement(msgspec.Struct, frozen=True, kw_only=True):
    """One notification."""

    records: tuple[CgmRecord, ...]


def decode_cgm_measurement(value: bytes, *, has_crc: bool | None = None) -> CgmMeasurement:
    """CGM Measurement. Raises DecodeError.

    `has_crc` is what the CGM Feature says of check sums; None where it is not known: the size of each record tells.
    """
    records: list[CgmRecord] = []
    at = 0
    while at < len(value) or not records:
        size = value[at] if at < len(value) else 0
        record = value[at : at + size]
        if len(record) < max(size, _FIXED):
            raise DecodeError(f"not a record of a glucose monitor: {value[at : at + 40].hex()}")
        records.append(_record(record, has_crc=has_crc))
        at += size
    return CgmMeasurement(records=tuple(records))


def samples(measurement: CgmMeasurement, frame: bytes) -> list[Said]:
    """What all records say, in their order."""
    found = [said for record in measurement.records for said in record_samples(record, frame)]
    return [said for said in found if isinstance(said, Sample)] or [Alive()]


def record_samples(record: CgmRecord, frame: bytes) -> list[Said]:
    """Glucose under the skin in mmol/L, its trend in mmol/L/min, and whether the battery is low where it is said."""
    status, calibration = record.status or 0, record.cal_temp or 0
    found: list[Said] = []
    if not (status & _NOT_A_MEASUREMENT or calibration & _NO_VALID_RESULT):
        is_doubtful = status & _DOUBTFUL_STATUS or calibration & _DOUBTFUL_CALIBRATION
        quality = Quality.QUESTIONABLE if is_doubtful else Quality.GOOD
        found += [
            Sample(quantity=quantity, value=mmol_of_mg_dl(number), quality=quality, frame=frame)
            for quantity, number in (
                (Quantity.INTERSTITIAL_GLUCOSE, measured(record.concentration_mg_dl)),
                (Quantity.GLUCOSE_TREND, measured(record.trend)),
            )
            if number is not None
        ]
    if record.status is not None:
        is_low = float(bool(status & Status.BATTERY_LOW))
        found.append(Sample(quantity=Quantity.BATTERY_LOW, value=is_low, frame=frame))
    return found or [Alive()]


def _record(record: bytes, *, has_crc: bool | None) -> CgmRecord:
    rest = Fields(record)
    rest.number(1)
    flags = rest.flags(1, _FLAGS)
    concentration, offset = rest.sfloat(), rest.number(2)
    status = rest.number(1) if flags & _STATUS else None
    calibration = rest.number(1) if flags & _CALIBRATION else None
    warning = rest.number(1) if flags & _WARNING else None
    trend = rest.sfloat() if flags & _TREND else None
    quality = rest.sfloat() if flags & _QUALITY else None
    crc = None
    if has_crc or (has_crc is None and rest.has_more()):
        rest.take(checksum.SIZE)
        crc = checksum.checked(record)
    rest.end()
    return CgmRecord(
        concentration_mg_dl=concentration,
        time_offset_min=offset,
        status=status,
        cal_temp=calibration,
        warning=warning,
        trend=trend,
        quality=quality,
        e2e_crc=crc,
    )
