"""The 60 GHz fall radar R60AFD1 of Andar, also sold by Seeed as MR60FDA1, on a serial line.

Frame: `53 59 | control | command | length u16 BE | data | sum of all before, low byte | 54 43`, at 115200 8N1.
Sources: Seeed's wiki page Radar_MR60FDA1 and its Arduino library (60ghzfalldetection.h in
limengdu/Seeed-Studio-MR60FDA1-Sersor). The later MR60FDA2 speaks another protocol.

Presence, motion and fall are reported on change only, so they are asked for at the start and in turn after that.
Setting frames are never sent: repeated ones jam the module (Seeed's wiki).
"""

import asyncio
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle
from typing import Annotated, ClassVar, Literal, Never

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from drivers.links import Links
from drivers.rejects import Rejects
from drivers.serial.framing import Framer
from drivers.serial.link import SerialLink, SerialPort
from shouwang.document import Duration, Id
from shouwang.driver import Alive, Driver, Emit, Said, Sample
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

log = logging.getLogger(__name__)

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
PARTIAL_S = 1.0
"""A frame is 1 ms on the line and adapters deliver in bursts of 16 ms: after this long its rest does not come."""

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


def _port(written: str) -> str:
    if not written.startswith("/"):
        raise ValueError(
            f'"{written[:60]}" is not the name of a port; it looks like /dev/serial/by-id/usb-... '
            "(see what is there: ls /dev/serial/by-id)"
        )
    return written


class FallRadarR60(BaseModel):
    """A fall radar R60AFD1 or MR60FDA1 on a serial port."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    emits: ClassVar[frozenset[Quantity]] = frozenset(_QUANTITIES.values())

    kind: Literal["fall_radar_r60"]
    id: Id = Field(description="name of this sensor in the home")
    port: Annotated[str, AfterValidator(_port)] = Field(
        description="serial port by a name that stays, e.g. /dev/serial/by-id/usb-... (ls /dev/serial/by-id)"
    )
    # One of three questions is asked every 10 s: 90 s are nine unanswered ones, three of each.
    max_silence: Duration = Field(
        default=timedelta(seconds=90),
        ge=timedelta(seconds=1),
        description="longest time without a word from the radar before it counts as silent, e.g. 90s",
    )

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        if re.fullmatch(r"/dev/tty(USB|ACM)[0-9]+", self.port):
            log.warning(
                "sensor %s: %s may name another adapter after a restart; write a name of /dev/serial/by-id/ instead",
                self.id,
                self.port,
            )
        return FallRadarR60Driver(self)


class FallRadarR60Driver:
    """Opens the port, asks for the state, and emits what `decode` makes of each frame."""

    def __init__(self, config: FallRadarR60) -> None:
        """Nothing is opened before `run`."""
        self._config = config
        self._link = SerialLink(config.port, baudrate=BAUDRATE)
        self._rejects = Rejects(config.id)
        self._framer = Framer(HEAD, size_of, decode, max_frame=OVERHEAD + MAX_DATA)

    @property
    def sensor_id(self) -> str:
        """The id given in the home's configuration."""
        return self._config.id

    @property
    def max_silence(self) -> timedelta:
        """As configured."""
        return self._config.max_silence

    @property
    def rejected(self) -> int:
        """How many frames could not be read since the start."""
        return self._rejects.count

    async def run(self, emit: Emit) -> Never:
        """Emit until cancelled; raises DeviceError where the port cannot be opened or is lost."""
        self._framer.forget()
        async with self._link.opened() as port:
            loop = asyncio.get_running_loop()
            questions = _questions()
            ask_at = heard_at = loop.time()
            while True:
                if loop.time() >= ask_at:
                    question, pause_s = next(questions)
                    await port.write(question)
                    ask_at = loop.time() + pause_s
                wait_until = min(ask_at, heard_at + PARTIAL_S) if self._framer.is_waiting else ask_at
                data = await _read(port, wait_until)
                if data:
                    heard_at = loop.time()
                    self._emit(self._framer.feed(data, self._rejects.add), emit)
                elif loop.time() >= heard_at + PARTIAL_S:
                    self._emit(self._framer.give_up(self._rejects.add), emit)

    def _emit(self, decoded: list[list[Said]], emit: Emit) -> None:
        for said in decoded:
            for one in said:
                emit(one)


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


async def _read(port: SerialPort, until: float) -> bytes:
    """What comes in until then (loop time), empty where nothing does."""
    try:
        async with asyncio.timeout_at(until):
            return await port.read()
    except TimeoutError:
        return b""
