"""Modbus-RTU units on one pseudo terminal: answers, exceptions, and what goes wrong on real RS-485 lines.

Encoded from Modbus Application Protocol 1.1b3 and Modbus over Serial Line 1.02, CRC included. As on a real line, an
address that nobody has stays silent, so does every unit to a broadcast, and a unit answers late even while another is
asked.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulators.serial.ptypair import PtyPair

ANY_UNIT = 254
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
BITS_PER_BYTE = 11
MAX_REGISTERS, MAX_BITS = 125, 2000
_REQUEST_BYTES = 8
_PENDING_MAX = 256
_COILS, _INPUTS, _HOLDING, _INPUT_REGISTERS = 1, 2, 3, 4
_FAILED = 0x80


def crc(data: bytes) -> bytes:
    """CRC-16 of the specification (polynomial A001, begun with FFFF), low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


@dataclass(kw_only=True)
class ModbusSlave:
    """One unit: what its tables hold, and what is wrong with it.

    `is_silent`; `after_s`: seconds until it answers; `corrupt_next` answers have a flipped bit, `cut_next` break off;
    `before` and `behind` each answer noise; `raises`: an exception for every question; `hides`: the addresses that it
    does not even answer to. `asked` counts the questions that were meant for it.
    """

    unit: int
    coils: dict[int, int] = field(default_factory=dict)
    inputs: dict[int, int] = field(default_factory=dict)
    holding: dict[int, int] = field(default_factory=dict)
    input_registers: dict[int, int] = field(default_factory=dict)
    is_silent: bool = False
    after_s: float = 0.0
    corrupt_next: int = 0
    cut_next: int = 0
    before: bytes = b""
    behind: bytes = b""
    raises: int | None = None
    hides: frozenset[int] = frozenset()
    asked: int = 0

    def answer(self, function: int, address: int, count: int, *, as_unit: int) -> bytes | None:
        """The bytes that it puts on the wire; None where it says nothing."""
        self.asked += 1
        if self.is_silent or address in self.hides:
            return None
        pdu = self._pdu(function, address, count)
        frame = bytes((as_unit,)) + pdu
        return self.before + self._spoilt(frame + crc(frame)) + self.behind

    def _pdu(self, function: int, address: int, count: int) -> bytes:
        tables = {
            _COILS: self.coils,
            _INPUTS: self.inputs,
            _HOLDING: self.holding,
            _INPUT_REGISTERS: self.input_registers,
        }
        failed = bytes((function | _FAILED,))
        if self.raises is not None:
            return failed + bytes((self.raises,))
        if function not in tables:
            return failed + bytes((ILLEGAL_FUNCTION,))
        is_bits, table = function in (_COILS, _INPUTS), tables[function]
        if not 1 <= count <= (MAX_BITS if is_bits else MAX_REGISTERS):
            return failed + bytes((ILLEGAL_VALUE,))
        wanted = range(address, address + count)
        if any(number not in table for number in wanted):
            return failed + bytes((ILLEGAL_ADDRESS,))
        values = [table[number] for number in wanted]
        data = _packed(values) if is_bits else b"".join((value & 0xFFFF).to_bytes(2, "big") for value in values)
        return bytes((function, len(data))) + data

    def _spoilt(self, frame: bytes) -> bytes:
        if self.corrupt_next:
            self.corrupt_next -= 1
            frame = frame[:-3] + bytes((frame[-3] ^ 0x10,)) + frame[-2:]
        if self.cut_next:
            self.cut_next -= 1
            frame = frame[: len(frame) // 2]
        return frame


class ModbusSlaves:
    """A line with its units. `line` has the faults of its cable.

    With `baudrate` bytes take as long as on a wire, and come in one burst at their end, as USB adapters deliver them.
    With `echoes` the adapter gives back what is written. `heard`, if given, is told of every question and its unit.
    """

    def __init__(
        self,
        link: Path,
        units: Iterable[ModbusSlave],
        *,
        baudrate: int | None = None,
        turn_s: float = 0.0,
        echoes: bool = False,
        heard: Callable[[int], None] | None = None,
    ) -> None:
        """Unplugged until `running`; `turn_s`: what each unit takes to think."""
        self.line = PtyPair(link, self._hear)
        self.units = {unit.unit: unit for unit in units}
        self.broadcasts = 0
        """Questions to all at once; nobody answers them."""
        self.writes = 0
        """Questions that would have changed something."""
        self._baudrate = baudrate
        self._turn_s = turn_s
        self._echoes = echoes
        self._told = heard
        self._pending = bytearray()
        self._answers: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["ModbusSlaves"]:
        """Powered and plugged in."""
        self.line.plug()
        try:
            yield self
        finally:
            answers = tuple(self._answers)
            for answer in answers:
                answer.cancel()
            await asyncio.gather(*answers, return_exceptions=True)
            self.line.unplug()

    def _hear(self, data: bytes) -> None:
        if self._echoes:
            self._say_later(data, 0.0)
        self._pending += data
        while len(self._pending) >= _REQUEST_BYTES:
            frame = bytes(self._pending[:_REQUEST_BYTES])
            if crc(frame[:-2]) != frame[-2:]:
                del self._pending[0]
                continue
            del self._pending[:_REQUEST_BYTES]
            self._ask(frame)
        del self._pending[:-_PENDING_MAX]

    def _ask(self, frame: bytes) -> None:
        unit, function = frame[0], frame[1]
        address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
        self.broadcasts += unit == 0
        self.writes += function not in (_COILS, _INPUTS, _HOLDING, _INPUT_REGISTERS)
        if self._told is not None:
            self._told(unit)
        for slave in self.units.values():
            if slave.unit == unit or (unit and ANY_UNIT in (unit, slave.unit)):
                answer = slave.answer(function, address, count, as_unit=unit)
                if answer is not None:
                    self._say_later(answer, slave.after_s + self._turn_s + self._wire_s(_REQUEST_BYTES + len(answer)))

    def _say_later(self, data: bytes, after_s: float) -> None:
        task = asyncio.create_task(self._say(data, after_s), name="answer of a Modbus unit")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _say(self, data: bytes, after_s: float) -> None:
        if after_s > 0:
            await asyncio.sleep(after_s)
        await self.line.say(data)

    def _wire_s(self, size: int) -> float:
        return 0.0 if self._baudrate is None else size * BITS_PER_BYTE / self._baudrate


def _packed(bits: list[int]) -> bytes:
    data = bytearray(-(-len(bits) // 8))
    for index, bit in enumerate(bits):
        data[index // 8] |= (bit & 1) << index % 8
    return bytes(data)
