"""Record Access Control Point (0x2A52): asking a glucose meter or sensor for its stored records.

Formats: Glucose Service 1.0.1, section 3.4, and the section of the same name in the Continuous Glucose Monitoring
Service 1.0.2. The filter is the sequence number of a meter, and the time offset of a continuous monitor (both 16 bit,
filter type 1). Deleting is not here, and must not be: a device's memory is the person's.
"""

from enum import IntEnum
from typing import Literal

import msgspec

from drivers.ble.codec.fields import Fields
from shouwang.errors import DecodeError

_COUNT_REPLY, _RESPONSE = 5, 6
_NULL, _ALL, _FROM_ON, _LAST = 0, 1, 3, 6
_BY_NUMBER = 1


class Operation(IntEnum):
    """What can be asked for."""

    REPORT = 1
    ABORT = 3
    COUNT = 4


class Code(IntEnum):
    """What a device answers to a request; other numbers are reserved."""

    SUCCESS = 1
    OPERATION_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS = 6
    ABORT_FAILED = 7
    NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9


class RecordResponse(msgspec.Struct, frozen=True, kw_only=True):
    """How the operation `request` ended: `code` is a number of `Code`."""

    op: Literal["response"] = "response"
    request: int
    code: int


class RecordCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many records there are."""

    op: Literal["number"] = "number"
    count: int


def report_all() -> bytes:
    """The request for all records."""
    return bytes((Operation.REPORT, _ALL))


def report_from(number: int) -> bytes:
    """The request for the records from this sequence number (or time offset) on, itself included."""
    return bytes((Operation.REPORT, _FROM_ON, _BY_NUMBER)) + number.to_bytes(2, "little")


def report_last() -> bytes:
    """The request for the newest record alone."""
    return bytes((Operation.REPORT, _LAST))


def count_all() -> bytes:
    """The question how many records there are."""
    return bytes((Operation.COUNT, _ALL))


def count_from(number: int) -> bytes:
    """The question how many records there are from this number on, itself included."""
    return bytes((Operation.COUNT, _FROM_ON, _BY_NUMBER)) + number.to_bytes(2, "little")


def abort() -> bytes:
    """The request to stop reporting."""
    return bytes((Operation.ABORT, _NULL))


def decode_record_access(value: bytes) -> RecordResponse | RecordCount:
    """What a device indicates on its control point. Raises DecodeError, also for what only a client may say."""
    rest = Fields(value)
    operation, operator = rest.number(1), rest.number(1)
    if operation not in (_COUNT_REPLY, _RESPONSE) or operator != _NULL:
        raise DecodeError(f"not an answer of a record access control point: {value[:20].hex()}")
    answer: RecordResponse | RecordCount
    if operation == _COUNT_REPLY:
        answer = RecordCount(count=rest.number(2))
    else:
        answer = RecordResponse(request=rest.number(1), code=rest.number(1))
    rest.end()
    return answer
