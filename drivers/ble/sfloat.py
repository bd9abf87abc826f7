"""SFLOAT, the 16-bit number of medical devices (IEEE 11073-20601, annex F.7): mantissa times a power of ten."""

SIZE = 2

_SPECIALS = frozenset(
    {
        0x07FF,  # NaN: no measurement
        0x0800,  # NRes: not at this resolution
        0x07FE,  # + infinity
        0x0802,  # - infinity
        0x0801,  # reserved
    }
)


def sfloat(two_bytes: bytes) -> float | None:
    """The number in two little-endian bytes; None for each special value: no measurement is never 0 or 2047."""
    word = int.from_bytes(two_bytes, "little")
    if word in _SPECIALS:
        return None
    mantissa, exponent = word & 0x0FFF, word >> 12
    if mantissa >= 0x0800:
        mantissa -= 0x1000
    if exponent >= 0x8:
        return mantissa / 10.0 ** (0x10 - exponent)  # divided, so that 87 * 10^-1 is 8.7 and not its neighbour
    return float(mantissa * 10**exponent)
