"""The 60 GHz fall radar R60AFD1 of Andar, also sold by Seeed as MR60FDA1, on a serial line.

Frame: `53 59 | control | command | length u16 BE | data | sum of all before, low byte | 54 43`, at 115200 8N1.
Sources: Seeed's wiki page Radar_MR60FDA1 and its Arduino library (60ghzfalldetection.h in
limengdu/Seeed-Studio-MR60FDA1-Sersor). The later MR60FDA2 speaks another protocol.

Presence, motion and fall are reported on change only, so they are asked for at the start and in turn after that.
Setting frames are never sent: repeated ones jam the module (Seeed's wiki).
"""

from collections.abc import Iterator
from itertools import cycle
from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from shouwang.driver import Alive, Driver, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

BAUDRATE = 115200
HEAD, TAIL = b"\x53\x59", b"\x54\x43"
QUERY = 0x80
"""Set in the command of a question; its answer may carry it or not."""
ASKING = b"\x0f"
OVERHEAD = 9
MAX_DATA = 32
"""No report or product text of the module is longer; a garbled length waits for no more than this."""

POLL_S = 30.0
"""Each state is asked for this often: it is reported on change only, and the report may have been garbled."""
START_GAP_S = 0.1
"""Between the first questions, so that the module need not hold two."""
PRESENCE = (0x80, 0x01)
MOTION = (0x80, 0x02)
BODY_MOVEMENT = (0x80, 0x03)
FALL = (0x83, 0x01)
_QUANTITIES = {
    PRESENCE: Quantity.PRESENCE,
    MOTION: Quantity.MOTION,
    BODY_MOVEMENT: Quantity.BODY_MOVEMENT,
    FALL: Quantity.FALL,
}
_ASKED = (FALL, PRESENCE, MOTION)


class FallRadarR60(SerialSensor):
    """A fall radar R60AFD1 or MR60FDA1 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = frozenset(_QUANTITIES.values())

    kind: Literal["fall_radar_r60"]
    # Of the 90 s of `max_silence`: one of three questions is asked every 10 s, so these are nine unanswered ones.

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return InstrumentDriver(self, INSTRUMENT)


def decode(frame: bytes) -> list[Said]:
    """What one whole frame means. Raises DecodeError.

    A sound frame of another meaning is a life sign. Our own question, sent back by an adapter that echoes, is nothing:
    it must not make a dead radar look alive.
    """
    control, command, data = _opened(frame)
    quantity = _QUANTITIES.get((control, command & ~QUERY))
    if quantity is None:
        return [Alive()]
    if command & QUERY and data == ASKING and quantity is not Quantity.BODY_MOVEMENT:
        return []
    if len(data) != 1:
        raise DecodeError(f"{quantity} in {len(data)} bytes instead of one: {frame[:40].hex()}")
    return [Sample(quantity=quantity, value=float(data[0]), frame=frame)]


def size_of(beginning: bytes) -> int | None:
    """The size of the frame that begins so, None where its length is not in yet; raises DecodeError."""
    if len(beginning) < 6:
        return None
    length = int.from_bytes(beginning[4:6], "big")
    if length > MAX_DATA:
        raise DecodeError(f"a frame of {length} bytes of data: {beginning[:6].hex()}")
    return OVERHEAD + length


def question(control: int, command: int) -> bytes:
    """The frame that asks for this state."""
    body = HEAD + bytes((control, command | QUERY, 0, len(ASKING))) + ASKING
    return body + bytes((sum(body) & 0xFF,)) + TAIL


def _opened(frame: bytes) -> tuple[int, int, bytes]:
    if not frame.startswith(HEAD) or size_of(frame) != len(frame):
        raise DecodeError(f"not a frame: {frame[:40].hex()}")
    body, check, tail = frame[:-3], frame[-3], frame[-2:]
    if tail != TAIL:
        raise DecodeError(f"not the end of a frame: {frame.hex()}")
    if sum(body) & 0xFF != check:
        raise DecodeError(f"wrong sum: {frame.hex()}")
    return frame[2], frame[3], frame[6:-3]


def _questions() -> Iterator[tuple[bytes, float]]:
    """What to ask, and how long to wait before the next question: all states at once, then in turn."""
    for state in _ASKED:
        yield question(*state), START_GAP_S if state != _ASKED[-1] else POLL_S / len(_ASKED)
    for state in cycle(_ASKED):
        yield question(*state), POLL_S / len(_ASKED)


INSTRUMENT = Instrument(
    kind="fall_radar_r60",
    zh="60 GHz 跌倒雷达",
    en="60 GHz fall radar",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: Framer(HEAD, size_of, decode, max_frame=OVERHEAD + MAX_DATA),
    questions=_questions,
)
