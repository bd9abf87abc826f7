"""Record Access Control Point (0x2A52): how stored records are asked for, of glucose meters and sensors.

As the Glucose Service 1.0.1, section 3.4, and the Continuous Glucose Monitoring Service 1.0.2, section 3.10, tell it.
"""

import asyncio
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from bumble.att import ATT_Error
from bumble.device import Connection
from bumble.gatt_server import Server

from simulators.ble.attributes import INDICATE, WRITE, characteristic
from simulators.ble.numbers import u8, u16
from simulators.ble.peripheral import Peripheral

CONTROL_POINT = 0x2A52

IN_PROGRESS = 0xFE
NOT_CONFIGURED = 0xFD
"""Common profile and service error codes (Supplement to the Core specification, part B): procedure already in progress,
client characteristic configuration descriptor improperly configured."""


class Op(IntEnum):
    """What is asked, and how it is answered."""

    REPORT = 1
    DELETE = 2
    ABORT = 3
    COUNT = 4
    COUNT_RESPONSE = 5
    RESPONSE = 6


class Code(IntEnum):
    """How it went."""

    SUCCESS = 1
    OP_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS = 6
    ABORT_UNSUCCESSFUL = 7
    NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9


class _Refused(Exception):
    def __init__(self, code: Code) -> None:
        super().__init__(code.name)
        self.code = code


class Records(Protocol):
    """What a control point reaches; `key` is a sequence number or a time offset."""

    def keys(self) -> Sequence[int]:
        """The keys of all records, the oldest first."""
        ...

    async def report(self, keys: Sequence[int]) -> None:
        """Notify these records in this order."""
        ...

    def delete(self, keys: Sequence[int]) -> None:
        """Forget these records."""
        ...


class RecordAccess:
    """One control point. `orders` keeps what was written to it, for tests."""

    def __init__(self, device: Peripheral, records: Records, *, guard: Server | None) -> None:
        """`records` are what `device` keeps."""
        self.orders: list[bytes] = []
        self.stalls = 0
        """So many orders get no answer, whatever was reported."""
        self._device = device
        self._records = records
        self._running: asyncio.Task[None] | None = None
        self.control_point = characteristic(CONTROL_POINT, WRITE | INDICATE, write=self._written, guard=guard)

    @property
    def is_busy(self) -> bool:
        """Whether an order is being carried out."""
        return self._running is not None and not self._running.done()

    async def live(self) -> None:
        """Carry out orders while the device is switched on; one that is under way ends with its link."""
        try:
            while True:
                await self._device.until(lambda: not self._device.is_connected)
                await self._stop()
                await self._device.until(lambda: self._device.is_connected)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _written(self, _connection: Connection, value: bytes) -> None:
        self.orders.append(value)
        if not self._device.is_heard(self.control_point):
            raise ATT_Error(error_code=NOT_CONFIGURED)
        is_abort = value[:1] == u8(Op.ABORT)
        if self.is_busy and not is_abort:
            raise ATT_Error(error_code=IN_PROGRESS)
        if is_abort and self._running is not None:
            self._running.cancel()
        self._running = asyncio.create_task(self._carry_out(value), name="record access")

    async def _carry_out(self, order: bytes) -> None:
        op = order[0] if order else 0
        try:
            answer = await self._obey(op, order[1:])
        except _Refused as refused:
            answer = bytes((Op.RESPONSE, 0, op, refused.code))
        if self.stalls:
            self.stalls -= 1
            return
        await self._device.indicate(self.control_point, answer)

    async def _obey(self, op: int, rest: bytes) -> bytes:
        if op == Op.ABORT:
            return bytes((Op.RESPONSE, 0, op, Code.SUCCESS if rest == b"\0" else Code.INVALID_OPERATOR))
        if op not in (Op.REPORT, Op.DELETE, Op.COUNT):
            raise _Refused(Code.OP_NOT_SUPPORTED)
        keys = _chosen(self._records.keys(), rest)
        if op == Op.COUNT:
            return bytes((Op.COUNT_RESPONSE, 0)) + u16(len(keys))
        if not keys:
            raise _Refused(Code.NO_RECORDS)
        if op == Op.DELETE:
            self._records.delete(keys)
        else:
            await self._records.report(keys)
        return bytes((Op.RESPONSE, 0, op, Code.SUCCESS))


def _chosen(keys: Sequence[int], rest: bytes) -> Sequence[int]:
    """The records that operator and operand mean."""
    operator, operand = rest[0] if rest else 0, rest[1:]
    if operator == 0:
        raise _Refused(Code.INVALID_OPERATOR)
    whole = {1: keys, 5: keys[:1], 6: keys[-1:]}
    if operator in whole:
        if operand:
            raise _Refused(Code.INVALID_OPERAND)
        return whole[operator]
    if operator > 6:
        raise _Refused(Code.OPERATOR_NOT_SUPPORTED)
    bounds = _bounds(operand, count=2 if operator == 4 else 1)
    low = 0 if operator == 2 else bounds[0]
    high = 0xFFFF if operator == 3 else bounds[-1]
    return [key for key in keys if low <= key <= high]


def _bounds(operand: bytes, *, count: int) -> list[int]:
    if operand[:1] != b"\x01":  # the filter type: sequence number, or time offset
        raise _Refused(Code.OPERAND_NOT_SUPPORTED if operand else Code.INVALID_OPERAND)
    bounds = [int.from_bytes(operand[at : at + 2], "little") for at in range(1, len(operand), 2)]
    if len(operand) != 1 + 2 * count or bounds != sorted(bounds):
        raise _Refused(Code.INVALID_OPERAND)
    return bounds
