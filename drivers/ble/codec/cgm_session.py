"""What a continuous glucose monitor is and since when it measures: Feature (0x2AA8), Session Start Time (0x2AAA) and
Session Run Time (0x2AAB). Continuous Glucose Monitoring Service 1.0.2, sections 3.2, 3.4 and 3.5.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from drivers.ble.codec import checksum
from drivers.ble.codec.date_time import DateTime
from drivers.ble.codec.fields import Fields
from shouwang.errors import DecodeError

FEATURE_E2E_CRC = 1 << 12
_NO_CRC = 0xFFFF
_FEATURE_SIZE = 6
_QUARTER_MIN = 15
_ZONE_UNKNOWN = -128
_ZONES = range(-48, 57)
_SUMMER_TIMES = (0, 2, 4, 8)
_SUMMER_TIME_UNKNOWN = 255


class CgmFeature(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor can do; `type` and `location` as in a glucose measurement."""

    features: int
    type: int
    location: int

    @property
    def has_crc(self) -> bool:
        """Whether it guards its values by a check sum."""
        return bool(self.features & FEATURE_E2E_CRC)


class CgmSessionStart(msgspec.Struct, frozen=True, kw_only=True):
    """When the session began, on the monitor's clock; zone and summer time in minutes, None where it does not know."""

    start: DateTime
    time_zone_min: int | None
    dst_min: int | None
    e2e_crc: int | None

    def utc(self) -> datetime | None:
        """The aware moment; None where date or zone are not known."""
        local = self.start.local()
        if local is None or self.time_zone_min is None or self.dst_min is None:
            return None
        try:
            return (local - timedelta(minutes=self.time_zone_min + self.dst_min)).replace(tzinfo=UTC)
        except OverflowError:
            return None


class CgmSessionRunTime(msgspec.Struct, frozen=True, kw_only=True):
    """For how many hours from its start a session can run."""

    run_time_h: int
    e2e_crc: int | None


def decode_cgm_feature(value: bytes) -> CgmFeature:
    """CGM Feature: its check sum is always there, all ones where it is not supported. Raises DecodeError."""
    if len(value) != _FEATURE_SIZE:
        raise DecodeError(f"not the features of a glucose monitor: {value[:20].hex()}")
    rest = Fields(value)
    features, nibbles, crc = rest.number(3), rest.number(1), rest.number(checksum.SIZE)
    if features & FEATURE_E2E_CRC:
        checksum.checked(value)
    elif crc != _NO_CRC:
        raise DecodeError(f"a check sum where none is supported: {value.hex()}")
    return CgmFeature(features=features, type=nibbles & 0x0F, location=nibbles >> 4)


def decode_session_start(value: bytes) -> CgmSessionStart:
    """CGM Session Start Time, with or without check sum. Raises DecodeError."""
    rest = Fields(value)
    start, zone, summer = rest.date_time(), rest.signed(1), rest.number(1)
    crc = _checked(rest, value)
    if zone != _ZONE_UNKNOWN and zone not in _ZONES:
        raise DecodeError(f"not a time zone: {value.hex()}")
    if summer != _SUMMER_TIME_UNKNOWN and summer not in _SUMMER_TIMES:
        raise DecodeError(f"not a summer time: {value.hex()}")
    return CgmSessionStart(
        start=start,
        time_zone_min=None if zone == _ZONE_UNKNOWN else zone * _QUARTER_MIN,
        dst_min=None if summer == _SUMMER_TIME_UNKNOWN else summer * _QUARTER_MIN,
        e2e_crc=crc,
    )


def decode_session_run_time(value: bytes) -> CgmSessionRunTime:
    """CGM Session Run Time, with or without check sum. Raises DecodeError."""
    rest = Fields(value)
    hours = rest.number(2)
    return CgmSessionRunTime(run_time_h=hours, e2e_crc=_checked(rest, value))


def _checked(rest: Fields, value: bytes) -> int | None:
    if not rest.has_more():
        return None
    rest.take(checksum.SIZE)
    rest.end()
    return checksum.checked(value)
