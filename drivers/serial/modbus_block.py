"""What is read from a unit with one question, and what the answer says. Pure."""

import math
import struct
from collections.abc import Callable, Iterable
from datetime import timedelta

import msgspec

from drivers.serial.codec import modbus
from drivers.serial.modbus_ear import Question
from drivers.serial.modbus_map import NUMBER_POLL, STATE_POLL, URGENT_POLL, Register, RegisterMap
from shouwang.driver import Alive, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

MAX_REGISTERS, MAX_BITS = 125, 2000
"""In one question (Modbus Application Protocol 1.1b3, 6.1 to 6.4)."""
TURN_S = 0.03
"""What a unit takes to answer and the adapter to hand it over, for estimates: 5 to 30 ms, and 1 to 16 ms over USB."""
BITS_PER_BYTE = 11
"""On the wire, with start, parity and stop bits (Modbus over Serial Line 1.02, 2.5.1)."""

Reject = Callable[[DecodeError], None]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Registers that one question reads, how often, and whether a life may hang on them."""

    question: Question
    registers: tuple[Register, ...]
    poll: timedelta
    is_urgent: bool

    def line_s(self, baudrate: int) -> float:
        """Roughly how long question and answer hold the line, in seconds."""
        on_wire = len(self.question.frame) + self.question.answer_bytes
        return on_wire * BITS_PER_BYTE / baudrate + TURN_S


def blocks_of(register_map: RegisterMap, unit: int, *, poll: timedelta | None = None) -> tuple[Block, ...]:
    """How the registers of a map are read; what lies side by side is read at once, if the map allows it.

    `poll`: how often all of it is read, instead of what the map says.
    """
    groups: list[list[Register]] = []
    for register in sorted(register_map.registers, key=lambda one: (one.function, one.address)):
        # bits of one register are read at once in any case
        if groups and (
            _is_same(groups[-1], register) or (register_map.merge and _touches(groups[-1], register, register_map.gap))
        ):
            groups[-1].append(register)
        else:
            groups.append([register])
    return tuple(_block(unit, group, poll or register_map.poll) for group in groups)


def read_block(block: Block, frame: bytes, reject: Reject) -> list[Said]:
    """What an answer to the question of this block says; a value that the map does not name goes to `reject`.

    Raises DecodeError where the frame is no answer to it, or is an exception.
    """
    found = modbus.read_exchange(block.question.frame, frame)
    if found.exception is not None:
        asked = block.question
        raise DecodeError(
            modbus.explained(found.exception, function=asked.function, address=asked.address, count=asked.count)
        )
    raw = found.registers if found.bits is None else found.bits
    said: list[Said] = []
    problems: list[bool] = []
    is_doubtful = False
    for register in block.registers:
        value, is_fault = _read(register, _words(block, register, raw or ()), reject)
        is_doubtful |= register.doubts and value == 1
        if Quantity.PROBLEM in register.can_say:
            problems.append(is_fault or (register.quantity is Quantity.PROBLEM and value == 1))
        if value is not None and register.quantity is not Quantity.PROBLEM:
            said.append(Sample(quantity=register.quantity, value=value, frame=frame))
    if is_doubtful:
        said = [_doubted(one) for one in said]
    if problems:
        said.append(Sample(quantity=Quantity.PROBLEM, value=float(any(problems)), frame=frame))
    return said or [Alive()]


def _doubted(said: Said) -> Said:
    """As it is, but for numbers: an alarm of a unit that is not well is an alarm."""
    if isinstance(said, Sample) and QUANTITIES[said.quantity].unit != "1":
        return msgspec.structs.replace(said, quality=Quality.QUESTIONABLE)
    return said


def _touches(group: list[Register], register: Register, gap: int) -> bool:
    first, end = group[0], max(one.address + one.registers for one in group)
    most = MAX_BITS if first.function in modbus.OF_BITS else MAX_REGISTERS
    whole = register.address + register.registers - first.address
    return register.function == first.function and register.address <= end + gap and whole <= most


def _is_same(group: list[Register], register: Register) -> bool:
    return (register.function, register.address) == (group[-1].function, group[-1].address)


def _block(unit: int, group: list[Register], poll: timedelta | None) -> Block:
    first = group[0]
    count = max(one.address + one.registers for one in group) - first.address
    return Block(
        question=Question(unit=unit, function=first.function, address=first.address, count=count),
        registers=tuple(group),
        poll=poll or min(_period(one) for one in group),
        is_urgent=any(one.is_urgent for one in group),
    )


def _period(register: Register) -> timedelta:
    if register.poll is not None:
        return register.poll
    if register.is_urgent:
        return URGENT_POLL
    return STATE_POLL if register.is_state else NUMBER_POLL


def _words(block: Block, register: Register, raw: Iterable[int]) -> tuple[int, ...]:
    at = register.address - block.question.address
    return tuple(raw)[at : at + register.registers]


def _read(register: Register, words: tuple[int, ...], reject: Reject) -> tuple[float | None, bool]:
    """The value, None where there is none; and whether it shows a fault of the unit."""
    raw = _raw(register, words)
    if raw in register.invalid or (isinstance(raw, float) and not math.isfinite(raw)):
        return None, False
    if not register.is_state:
        return register.value_of(raw), False
    word = register.word_of(int(raw))
    if word is None:
        reject(
            DecodeError(
                f"register {register.address} says {raw:g} of {register.quantity}, which the map does not name: "
                "is the map right?"
            )
        )
        return None, True
    return {"no": 0.0, "yes": 1.0}.get(word), word == "fault"


def _raw(register: Register, words: tuple[int, ...]) -> int | float:
    if register.type == "flags":
        return int(words[0] & (register.mask or 0xFFFF) != 0)
    if register.type == "bit":
        return words[0] if register.bit is None else words[0] >> register.bit & 1
    data = b"".join(word.to_bytes(2, "big") for word in words)
    if register.registers == 2:
        data = bytes(data["ABCD".index(letter)] for letter in register.order)
    unpacked: int | float = struct.unpack(_FORMATS[register.type], data)[0]
    return unpacked


_FORMATS = {"u16": ">H", "s16": ">h", "u32": ">I", "s32": ">i", "f32": ">f"}
