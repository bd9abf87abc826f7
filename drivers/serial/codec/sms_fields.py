"""Fields that all SMS messages share: digits, addresses, time stamps, headers (3GPP TS 23.040, 9.1 and 9.2.3). Pure."""

import re
from datetime import datetime, timedelta, timezone

import msgspec

from drivers.serial.codec.gsm7 import from_septets, unpack
from shouwang.errors import DecodeError

INTERNATIONAL = 0x91
NATIONAL = 0x81
"""Type of number unknown, ISDN numbering plan: what a number without + is sent as."""
_ALPHANUMERIC = 5
_DIGITS = "0123456789*#abc"
_FILL = 0xF
MAX_DIGITS = 20
"""23.040, 9.1.2.5: an address has at most 10 octets of digits."""
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")

_CONCAT_8, _CONCAT_16 = 0x00, 0x08
_SINGLE_SHIFT, _LOCKING_SHIFT = 0x24, 0x25


class Cursor:
    """Takes octets from the front; raises DecodeError where there are not enough."""

    def __init__(self, octets: bytes) -> None:
        """At the first octet."""
        self._octets = octets
        self._at = 0

    def take(self, count: int, what: str) -> bytes:
        """The next octets; `what` names them in the complaint."""
        if self._at + count > len(self._octets):
            raise DecodeError(f"cut off in the {what}: {len(self._octets) - self._at} of {count} octets")
        self._at += count
        return self._octets[self._at - count : self._at]

    def octet(self, what: str) -> int:
        """The next octet."""
        return self.take(1, what)[0]

    @property
    def rest(self) -> bytes:
        """All that is left; the cursor stays."""
        return self._octets[self._at :]


class Concat(msgspec.Struct, frozen=True, kw_only=True):
    """Part `seq` (from 1) of `total`, of the message that the sender numbers `ref`."""

    ref: int
    total: int
    seq: int
    is_16_bit: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a user data header says that matters here. `single_shift` and `locking_shift` are national tables."""

    concat: Concat | None = None
    single_shift: int = 0
    locking_shift: int = 0


def is_e164(number: str) -> bool:
    """Whether this is a telephone number as the whole world writes it: `+`, country code, no spaces."""
    return _E164.fullmatch(number) is not None


def digits_from(octets: bytes) -> str:
    """Digits in swapped half octets. Raises DecodeError for a half octet that is no digit."""
    digits = ""
    for half in (half for octet in octets for half in (octet & 0xF, octet >> 4)):
        if half == _FILL:
            continue
        digits += _DIGITS[half]
    return digits


def digits_to(digits: str) -> bytes:
    """The digits in swapped half octets, filled up with F."""
    halves = [_digit(char) for char in digits]
    if len(halves) % 2:
        halves.append(_FILL)
    return bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))


def _digit(char: str) -> int:
    at = _DIGITS.find(char)
    if at < 0:
        raise DecodeError(f"{char!r} is no digit of a telephone number")
    return at


def take_address(cursor: Cursor) -> str:
    """An address as in a message (length in digits): `+` and digits, digits, or a name."""
    length = cursor.octet("length of the number")
    kind = cursor.octet("type of the number")
    if length > MAX_DIGITS + 2:  # an alphanumeric one of 11 characters says 20 or 22, by who wrote it
        raise DecodeError(f"a telephone number of {length} digits")
    octets = cursor.take((length + 1) // 2, "telephone number")
    if kind >> 4 & 7 == _ALPHANUMERIC:
        return from_septets(unpack(octets, length * 4 // 7))
    return _signed(kind, digits_from(octets)[:length])


def take_centre(cursor: Cursor) -> str | None:
    """The service centre's address (length in octets); None where the modem's own is meant."""
    length = cursor.octet("length of the service centre's number")
    if length == 0:
        return None
    octets = cursor.take(length, "service centre's number")
    if length > 1 + MAX_DIGITS // 2:
        raise DecodeError(f"a service centre's number of {length} octets")
    return _signed(octets[0], digits_from(octets[1:]))


def _signed(kind: int, digits: str) -> str:
    return f"+{digits}" if kind & 0x70 == INTERNATIONAL & 0x70 else digits


def address(number: str) -> bytes:
    """A number as in a message; raises DecodeError where it is none."""
    digits = number.removeprefix("+")
    if not 1 <= len(digits) <= MAX_DIGITS:
        raise DecodeError(f"a telephone number of {len(digits)} digits")
    return bytes((len(digits), _kind(number))) + digits_to(digits)


def centre_address(number: str | None) -> bytes:
    """The service centre's number before a message; None for the modem's own."""
    if number is None:
        return b"\0"
    octets = bytes((_kind(number),)) + digits_to(number.removeprefix("+"))
    if not 2 <= len(octets) <= 1 + MAX_DIGITS // 2:
        raise DecodeError(f"a service centre's number of {len(number)} characters")
    return bytes((len(octets),)) + octets


def _kind(number: str) -> int:
    return INTERNATIONAL if number.startswith("+") else NATIONAL


def take_moment(cursor: Cursor, what: str) -> datetime | None:
    """A service centre time stamp with its zone; None where it is all zeroes, which senders use for "not known".

    Years 90 to 99 are of the last century (GSM began then), all others of this one. Raises DecodeError.
    """
    octets = cursor.take(7, what)
    if not any(octets[:6]):
        return None
    year, month, day, hour, minute, second = (_two_digits(octet, what) for octet in octets[:6])
    zone = octets[6]
    quarters = _two_digits(zone & ~0x08, what)
    offset = timedelta(minutes=15 * quarters) * (-1 if zone & 0x08 else 1)
    try:
        return datetime(
            year + (1900 if year >= 90 else 2000),
            month,
            day,
            hour,
            minute,
            second,
            tzinfo=timezone(offset),
        )
    except ValueError as error:
        raise DecodeError(f"the {what} is no moment: {octets.hex()} ({error})") from None


def moment(at: datetime) -> bytes:
    """A time stamp; `at` is aware."""
    offset = at.utcoffset() or timedelta()
    quarters = abs(offset) // timedelta(minutes=15)
    numbers = (at.year % 100, at.month, at.day, at.hour, at.minute, at.second, quarters)
    octets = bytearray(number // 10 | number % 10 << 4 for number in numbers)
    octets[6] |= 0x08 if offset < timedelta() else 0
    return bytes(octets)


def _two_digits(octet: int, what: str) -> int:
    tens, ones = octet & 0xF, octet >> 4
    if tens > 9 or ones > 9:
        raise DecodeError(f"the {what} holds {octet:02x}, which is not two digits")
    return 10 * tens + ones


def header_from(octets: bytes) -> Header:
    """What a user data header (without its length) says; unknown elements are skipped. Raises DecodeError."""
    cursor = Cursor(octets)
    found = Header()
    while cursor.rest:
        element, length = cursor.octet("header"), cursor.octet("header")
        value = cursor.take(length, "header")
        if element == _CONCAT_8 and length == 3:
            found = msgspec.structs.replace(found, concat=_concat(value[0], value[1], value[2]))
        elif element == _CONCAT_16 and length == 4:
            ref = int.from_bytes(value[:2], "big")
            found = msgspec.structs.replace(found, concat=_concat(ref, value[2], value[3], is_16_bit=True))
        elif element == _SINGLE_SHIFT and length == 1:
            found = msgspec.structs.replace(found, single_shift=value[0])
        elif element == _LOCKING_SHIFT and length == 1:
            found = msgspec.structs.replace(found, locking_shift=value[0])
    return found


def _concat(ref: int, total: int, seq: int, *, is_16_bit: bool = False) -> Concat | None:
    # 23.040, 9.2.3.24.1: an element with such numbers is to be ignored
    return Concat(ref=ref, total=total, seq=seq, is_16_bit=is_16_bit) if 1 <= seq <= total else None


def header(concat: Concat) -> bytes:
    """The user data header of a part, with its length in front."""
    if concat.is_16_bit:
        return bytes((6, _CONCAT_16, 4)) + concat.ref.to_bytes(2, "big") + bytes((concat.total, concat.seq))
    return bytes((5, _CONCAT_8, 3, concat.ref, concat.total, concat.seq))
