"""The moment that a device writes: Date Time (0x2A08), GATT Specification Supplement, section Date Time.

It is the wall clock of the device, without a zone. Year, month and day may be 0: not known.
"""

from datetime import datetime
from struct import Struct

import msgspec

from shouwang.errors import DecodeError

SIZE = 7

_LAYOUT = Struct("<HBBBBB")
_FIRST_YEAR, _LAST_YEAR = 1582, 9999  # the Gregorian calendar


class DateTime(msgspec.Struct, frozen=True, kw_only=True):
    """A device's wall clock; 0 stands for a year, month or day that it does not know."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int

    def isoformat(self) -> str:
        """As ISO 8601 without a zone; what is not known is written as zeros."""
        date = f"{self.year:04}-{self.month:02}-{self.day:02}"
        return f"{date}T{self.hour:02}:{self.minute:02}:{self.second:02}"

    def local(self) -> datetime | None:
        """The naive moment on the device's clock; None where the date is not known or does not exist."""
        try:
            # The zone is the home's, and only the driver knows whether anybody has set this clock.
            return datetime(self.year, self.month, self.day, self.hour, self.minute, self.second)  # noqa: DTZ001
        except ValueError:
            return None


class ClockReading(msgspec.Struct, frozen=True, kw_only=True):
    """The characteristic Date Time: where a device's clock stands."""

    datetime: DateTime


def decode_date_time(value: bytes) -> DateTime:
    """The seven bytes of a Date Time, alone or inside of a measurement. Raises DecodeError."""
    if len(value) != SIZE:
        raise DecodeError(f"not a date and time of {SIZE} bytes: {value[:20].hex()}")
    year, month, day, hour, minute, second = _LAYOUT.unpack(value)
    has_year = year == 0 or _FIRST_YEAR <= year <= _LAST_YEAR
    if not has_year or month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59:
        raise DecodeError(f"not a date and time: {value.hex()}")
    return DateTime(year=year, month=month, day=day, hour=hour, minute=minute, second=second)


def decode_clock(value: bytes) -> ClockReading:
    """The characteristic 0x2A08 as such. Raises DecodeError."""
    return ClockReading(datetime=decode_date_time(value))


def encode_date_time(local: datetime) -> bytes:
    """The seven bytes for a naive moment on the wall clock of the home."""
    if local.tzinfo is not None:
        raise ValueError("a device's clock has no zone: give the naive local time")
    return _LAYOUT.pack(local.year, local.month, local.day, local.hour, local.minute, local.second)
