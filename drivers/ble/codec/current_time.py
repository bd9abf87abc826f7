"""Current Time (0x2A2B), read, served and written: Current Time Service 1.1, section 3.1."""

from datetime import datetime
from enum import IntFlag

import msgspec

from drivers.ble.codec.date_time import DateTime, encode_date_time
from drivers.ble.codec.fields import Fields
from shouwang.errors import DecodeError

_FRACTIONS = 256


class Adjusted(IntFlag):
    """Why the time was set; the other bits are reserved."""

    NONE = 0
    MANUAL = 1 << 0
    EXTERNAL_REFERENCE = 1 << 1
    TIME_ZONE = 1 << 2
    SUMMER_TIME = 1 << 3


class CurrentTime(msgspec.Struct, frozen=True, kw_only=True):
    """A clock: time, day of the week (1 Monday to 7 Sunday, 0 not known), 256ths of a second, why it was set."""

    datetime: DateTime
    day_of_week: int
    fractions_256: int
    adjust_reason: int


def decode_current_time(value: bytes) -> CurrentTime:
    """Current Time. Raises DecodeError."""
    rest = Fields(value)
    moment, weekday, fractions, reason = rest.date_time(), rest.number(1), rest.number(1), rest.number(1)
    rest.end()
    if weekday > 7:
        raise DecodeError(f"not a day of the week: {value.hex()}")
    return CurrentTime(datetime=moment, day_of_week=weekday, fractions_256=fractions, adjust_reason=reason)


def encode_current_time(local: datetime, *, adjusted: Adjusted) -> bytes:
    """The value for a naive moment on the wall clock of the home."""
    fractions = local.microsecond * _FRACTIONS // 1_000_000
    return encode_date_time(local) + bytes((local.isoweekday(), fractions, adjusted))
