"""User Control Point (0x2A9F) and User Index (0x2A9A): whose measurements a device for several people may tell.

Formats: User Data Service 1.1, the sections of these names. Registering and deleting users is left to the device.
"""

from enum import IntEnum

import msgspec

from drivers.ble.codec.fields import Fields, user_of
from shouwang.errors import DecodeError

CONSENT = 0x02
_RESPONSE = 0x20
MAX_CONSENT_CODE = 9999


class Code(IntEnum):
    """What a device answers to a request; other numbers are reserved."""

    SUCCESS = 1
    OPERATION_NOT_SUPPORTED = 2
    INVALID_PARAMETER = 3
    FAILED = 4
    NOT_AUTHORISED = 5


class UserControlResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How the operation `request` ended: `code` is a number of `Code`; `parameter` in hexadecimal, mostly empty."""

    request: int
    code: int
    parameter: str


class UserIndex(msgspec.Struct, frozen=True, kw_only=True):
    """The user whose data the device tells now; None for an unknown one."""

    user_index: int | None


def consent(user_index: int, code: int) -> bytes:
    """The request to be told the data of a user, with the code that the device showed or took."""
    if not 0 <= user_index < 0xFF or not 0 <= code <= MAX_CONSENT_CODE:
        raise ValueError(f"a user is 0 to 254 and a consent code 0 to {MAX_CONSENT_CODE}")
    return bytes((CONSENT, user_index)) + code.to_bytes(2, "little")


def decode_user_control(value: bytes) -> UserControlResponse:
    """What a device indicates on its control point. Raises DecodeError."""
    rest = Fields(value)
    operation, request, code = rest.number(1), rest.number(1), rest.number(1)
    if operation != _RESPONSE:
        raise DecodeError(f"not an answer of a user control point: {value[:20].hex()}")
    return UserControlResponse(request=request, code=code, parameter=value[3:].hex())


def decode_user_index(value: bytes) -> UserIndex:
    """User Index. Raises DecodeError."""
    rest = Fields(value)
    index = rest.number(1)
    rest.end()
    return UserIndex(user_index=user_of(index))
