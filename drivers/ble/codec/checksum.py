"""The E2E-CRC that guards values of continuous glucose monitors: CRC-16/MCRF4XX."""

from shouwang.errors import DecodeError

SIZE = 2

# Continuous Glucose Monitoring Service 1.0.2, E2E-CRC: polynomial x16 + x12 + x5 + 1, least significant bit first,
# all ones at the start.
_START, _POLYNOMIAL = 0xFFFF, 0x8408


def mcrf4xx(data: bytes) -> int:
    """The check sum over all of `data`."""
    crc = _START
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _POLYNOMIAL if crc & 1 else crc >> 1
    return crc


def checked(value: bytes) -> int:
    """The check sum in the last two bytes. Raises DecodeError where it is not that of the bytes before."""
    crc = int.from_bytes(value[-SIZE:], "little")
    if len(value) < SIZE or crc != mcrf4xx(value[:-SIZE]):
        raise DecodeError(f"the check sum is wrong: {value[:40].hex()}")
    return crc
