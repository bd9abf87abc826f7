"""Which Modbus-RTU units answer on an RS-485 line: a gentle scan that reads one register of each unit."""

import asyncio
from collections.abc import Iterator

from drivers.serial.codec.modbus import EXCEPTION_FRAME, FAILED, MAX_FRAME, READ_HOLDING, is_sound, question
from drivers.serial.link import Line, SerialLink, SerialPort

BAUDRATES = (9600, 4800)
"""What detectors and contacts leave the factory with (shared design of serial devices, 2.1)."""
UNITS = range(1, 17)
"""Units leave the factory as 1, an electrician counts on from there; boards with address switches have four of them."""
ANSWER_S = 0.2
"""A unit at 4800 baud has answered in 60 ms, a slow one in 150 ms."""
GAP_S = 0.02
"""Silence ends a frame: 3.5 characters, 8 ms at 4800 baud (Modbus over Serial Line 1.02, 2.5.1.1)."""
SCAN_S = len(BAUDRATES) * len(UNITS) * (ANSWER_S + GAP_S)
_OVERHEAD = 5
"""Of an answer with values: unit, function, count, CRC."""


async def ask_units(port: str) -> tuple[int, list[int]] | None:
    """The baud rate at which units answer, and which; None where none does. Raises DeviceError: an unusable port.

    All units of a line have one baud rate, so the search ends with the first that is answered.
    """
    for baudrate in BAUDRATES:
        async with SerialLink(port, Line(baudrate=baudrate)).opened() as opened:
            units = []
            for unit in UNITS:
                if await _answers(opened, unit):
                    units.append(unit)
                await asyncio.sleep(GAP_S)
        if units:
            return baudrate, units
    return None


async def _answers(port: SerialPort, unit: int) -> bool:
    asked = question(unit, READ_HOLDING, 0, 1)
    await port.write(asked)
    until = asyncio.get_running_loop().time() + ANSWER_S
    heard = b""
    while len(heard) < MAX_FRAME:
        more = await port.read_until(until)
        if not more:
            return False
        heard += more
        # An adapter may send our question back, and a line that turns round may add zeros in front.
        if any(_is_answer(piece, unit) for piece in _pieces(heard.removeprefix(asked))):
            return True
    return False


def _pieces(heard: bytes) -> Iterator[bytes]:
    for start in range(len(heard)):
        yield heard[start:]


def _is_answer(piece: bytes, unit: int) -> bool:
    """With the value, or with the exception that there is none: it is there either way."""
    if len(piece) < EXCEPTION_FRAME or piece[0] != unit:
        return False
    if piece[1] == READ_HOLDING | FAILED:
        return is_sound(piece[:EXCEPTION_FRAME])
    return piece[1] == READ_HOLDING and is_sound(piece[: _OVERHEAD + piece[2]])
