"""The two decimal numbers of medical devices: SFLOAT (16 bit) and FLOAT (32 bit).

Format: IEEE 11073-20601, annex F.7 and F.6, as in Bluetooth's Personal Health Devices Transcoding White Paper, 2.2: a
signed mantissa times ten to a signed exponent, and five words that are no number.
"""

from enum import StrEnum


class Special(StrEnum):
    """What a device sends in a number's place. It is no float: comparing it with a limit is an error, not False."""

    NAN = "NaN"
    NRES = "NRes"
    POSITIVE_INFINITY = "+INF"
    NEGATIVE_INFINITY = "-INF"
    RESERVED = "Reserved"


Number = float | Special
"""A field of a measurement; None beside it means that the field is absent."""

_SFLOAT_SPECIALS = {
    0x07FF: Special.NAN,
    0x0800: Special.NRES,
    0x07FE: Special.POSITIVE_INFINITY,
    0x0802: Special.NEGATIVE_INFINITY,
    0x0801: Special.RESERVED,
}
_FLOAT_SPECIALS = {
    0x007FFFFF: Special.NAN,
    0x00800000: Special.NRES,
    0x007FFFFE: Special.POSITIVE_INFINITY,
    0x00800002: Special.NEGATIVE_INFINITY,
    0x00800001: Special.RESERVED,
}


def sfloat(word: int) -> Number:
    """The number in a 16-bit word."""
    if word in _SFLOAT_SPECIALS:
        return _SFLOAT_SPECIALS[word]
    mantissa, exponent = word & 0x0FFF, word >> 12
    if mantissa >= 0x0800:
        mantissa -= 0x1000
    if exponent >= 0x8:
        return _power_of_ten(mantissa, exponent - 0x10)
    return _power_of_ten(mantissa, exponent)


def float32(word: int) -> Number:
    """The number in a 32-bit word."""
    if word in _FLOAT_SPECIALS:
        return _FLOAT_SPECIALS[word]
    mantissa, exponent = word & 0x00FFFFFF, word >> 24
    if mantissa >= 0x00800000:
        mantissa -= 0x01000000
    if exponent >= 0x80:
        return _power_of_ten(mantissa, exponent - 0x100)
    return _power_of_ten(mantissa, exponent)


def measured(number: Number | None) -> float | None:
    """The number itself; None where the field is absent or holds no number."""
    return number if isinstance(number, float) else None


def _power_of_ten(mantissa: int, exponent: int) -> float:
    # Whole numbers are divided, so that 87 * 10^-1 is the float 8.7 and not its neighbour.
    return mantissa / 10**-exponent if exponent < 0 else float(mantissa * 10**exponent)
