"""Modbus-RTU frames: unit, function, data, CRC. Reads what a master asks and what a unit answers, and says it in words.

Sources: Modbus Application Protocol 1.1b3 and Modbus over Serial Line 1.02 (modbus.org). The data of a frame is read by
pymodbus; that a frame is whole, sound and of a function that sensors have is judged here.
"""

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from drivers.later import Later
from drivers.rows import Found, Plain, Reader, Row, plain
from drivers.serial.codec.recorded import octets
from shouwang.errors import DecodeError

if TYPE_CHECKING:
    import pymodbus.framer
    import pymodbus.pdu
    from pymodbus.pdu import ModbusPDU
else:
    pymodbus = Later("pymodbus")

READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT_REGISTERS = 1, 2, 3, 4
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
OF_BITS = frozenset({READ_COILS, READ_INPUTS})
READS = frozenset({READ_COILS, READ_INPUTS, READ_HOLDING, READ_INPUT_REGISTERS})
FUNCTIONS = READS | {WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS}
FAILED = 0x80
"""Set in the function of an answer that is an exception."""
CRC_BYTES = 2
MIN_FRAME, MAX_FRAME = 4, 256
"""Modbus over Serial Line 1.02, 2.5.1: at most 256 bytes; unit, function and CRC are always there."""
EXCEPTION_FRAME = 5


class Exchange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands in a frame, or in a question and its answer; None where there is no such thing."""

    unit: int
    function: int
    address: int | None = None
    count: int | None = None
    registers: tuple[int, ...] | None = None
    bits: tuple[int, ...] | None = None
    written: int | None = None
    exception: int | None = None


def crc(data: bytes) -> bytes:
    """The two check bytes that follow these on the wire."""
    return pymodbus.framer.FramerRTU.compute_CRC(data).to_bytes(CRC_BYTES, "big")


def is_sound(frame: bytes) -> bool:
    """Whether its last two bytes are the CRC of the others."""
    return len(frame) >= MIN_FRAME and crc(frame[:-CRC_BYTES]) == frame[-CRC_BYTES:]


def question(unit: int, function: int, address: int, count: int) -> bytes:
    """The frame that asks a unit for `count` registers or bits from `address` on."""
    frame = bytes((unit, function)) + address.to_bytes(2, "big") + count.to_bytes(2, "big")
    return frame + crc(frame)


def data_bytes(function: int, count: int) -> int:
    """How many bytes of values an answer with `count` registers or bits has."""
    return -(-count // 8) if function in OF_BITS else 2 * count


def read_question(frame: bytes) -> Exchange:
    """What a master asks; raises DecodeError."""
    pdu = _pdu(frame, is_answer=False)
    count, written = _asked(frame[1], pdu)
    return Exchange(unit=frame[0], function=frame[1], address=pdu.address, count=count, written=written)


def read_answer(frame: bytes) -> Exchange:
    """What a unit answers; raises DecodeError. Of bits, all that its bytes hold: how many were asked is not in it."""
    pdu = _pdu(frame, is_answer=True)
    unit, function = frame[0], frame[1] & ~FAILED
    if frame[1] & FAILED:
        return Exchange(unit=unit, function=function, exception=pdu.exception_code)
    if function in OF_BITS:
        return Exchange(unit=unit, function=function, bits=tuple(int(bit) for bit in pdu.bits))
    if function in READS:
        return Exchange(unit=unit, function=function, registers=tuple(pdu.registers))
    count, written = _asked(function, pdu)
    return Exchange(unit=unit, function=function, address=pdu.address, count=count, written=written)


def read_exchange(asked: bytes, answered: bytes) -> Exchange:
    """What was asked and answered, as one; raises DecodeError where the answer is one to something else."""
    question_, answer = read_question(asked), read_answer(answered)
    if (answer.unit, answer.function) != (question_.unit, question_.function):
        raise DecodeError(
            f"unit {answer.unit}, function {answer.function} answers what unit {question_.unit}, function "
            f"{question_.function} was asked"
        )
    if answer.exception is not None:
        return msgspec.structs.replace(question_, exception=answer.exception)
    if question_.function not in READS:
        if answer != question_:
            raise DecodeError(f"the answer confirms another value or address: {answered.hex()}")
        return question_
    count = question_.count or 0
    if answered[2] != data_bytes(question_.function, count):
        raise DecodeError(f"{count} were asked for, and the answer has {answered[2]} bytes of them")
    bits = None if answer.bits is None else answer.bits[:count]
    return msgspec.structs.replace(question_, registers=answer.registers, bits=bits)


def explained(code: int, *, function: int, address: int | None = None, count: int | None = None) -> str:
    """What an exception means, and what to do, in one sentence for an installer."""
    first = "of that number" if address is None else f"{address}"
    last = "" if address is None or count is None or count == 1 else f" to {address + count - 1}"
    what = "input" if function in OF_BITS else "register"
    words = {
        1: f"this unit does not know function {function}: is the map right?",
        2: f"this unit has no {what} {first}{last}: is the map right?",
        3: f"this unit does not give so many at once ({count or '?'}): write merge: false in the map",
        4: "this unit has failed inside: switch it off and on, then replace it",
        5: "this unit needs longer for it: poll it less often",
        6: "this unit is busy: poll it less often",
        8: "this unit has a memory error: replace it",
        10: "the converter before this unit has no way to it: is the converter set up for this address?",
        11: "the converter before this unit gets no answer from it: is the unit powered and wired?",
    }
    return f"exception {code:02d}, {words.get(code, 'which only its maker can explain: see its manual')}"


def _asked(function: int, pdu: "ModbusPDU") -> tuple[int | None, int | None]:
    """Count and written value of a question, or of the answer that confirms one that writes."""
    if function == WRITE_COIL:
        return None, int(pdu.bits[0])
    if function == WRITE_REGISTER:
        return None, pdu.registers[0]
    return pdu.count, None


def _pdu(frame: bytes, *, is_answer: bool) -> "ModbusPDU":
    if not MIN_FRAME <= len(frame) <= MAX_FRAME:
        raise DecodeError(f"{len(frame)} bytes; a frame has {MIN_FRAME} to {MAX_FRAME}")
    if not is_sound(frame):
        wanted = crc(frame[:-CRC_BYTES]).hex()
        raise DecodeError(f"wrong CRC: {frame[-CRC_BYTES:].hex()} instead of {wanted} at the end of {frame.hex()}")
    function = frame[1]
    known = function & ~FAILED if is_answer else function
    if known not in FUNCTIONS:
        raise DecodeError(f"function {function} is none that sensors have; known are {_listed(FUNCTIONS)}")
    if len(frame) != _size(frame, is_answer=is_answer):
        raise DecodeError(f"{len(frame)} bytes do not make a frame of function {function}: {frame.hex()}")
    if not is_answer and function in READS and frame[4:6] == b"\0\0":
        raise DecodeError(f"a question for nothing: {frame.hex()}")
    pdu = _decoder(is_answer=is_answer).decode(frame[1:-CRC_BYTES])
    if pdu is None:
        raise DecodeError(f"not a frame of function {function}: {frame.hex()}")
    return pdu


@cache
def _decoder(*, is_answer: bool) -> "pymodbus.pdu.DecodePDU":
    return pymodbus.pdu.DecodePDU(is_server=not is_answer)


def _size(frame: bytes, *, is_answer: bool) -> int:
    found = _decoder(is_answer=is_answer).lookupPduClass(frame)
    return 0 if found is None else found.calculateRtuFrameSize(frame)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))


def _fields(found: Exchange, **more: Plain) -> dict[str, Plain]:
    told: dict[str, Plain] = {
        name: plain(value) for name in found.__struct_fields__ if (value := getattr(found, name)) is not None
    }
    if found.exception is not None:
        told["meaning"] = explained(found.exception, function=found.function, address=found.address, count=found.count)
    return told | more


def _read_rtu(row: Row) -> Found:
    frame = octets(row.get("hex"), "hex")
    read = {"request": read_question, "response": read_answer}.get(str(row.get("direction", "response")))
    if read is None:
        raise DecodeError('direction is "request" (from the master) or "response" (from the unit)')
    return _fields(read(frame), pdu=frame[1:-CRC_BYTES].hex()), []


def _read_exchange(row: Row) -> Found:
    return _fields(read_exchange(octets(row.get("request"), "request"), octets(row.get("response"), "response"))), []


READERS: dict[str, Reader] = {"modbus-rtu": _read_rtu, "modbus-rtu-exchange": _read_exchange}
"""For `shouwang decode`. Registers without a map have no quantity, so there are fields and no readings."""
