"""One RS-485 line with its Modbus units: one task that asks one question at a time, and hands each unit what it said.

Only this task writes to the line, and each of its waits has an end. It never writes to a register and never broadcasts.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.serial.codec import modbus
from drivers.serial.link import Line, SerialLink, SerialPort
from drivers.serial.modbus_block import BITS_PER_BYTE, Block
from drivers.serial.modbus_ear import Ear, Question
from drivers.serial.modbus_turns import PROBE_S, Outcome, Turn, Turns
from shouwang.bilingual import Bilingual, both, told_by
from shouwang.errors import DecodeError, DeviceError

log = logging.getLogger(__name__)

ANSWER_S = 0.4
"""Within which a unit must begin to answer (shared design of serial devices, 2.1: 0.3 to 0.5 s)."""
GARBLED_S = 0.1
"""After an answer with a wrong CRC, and this long nothing: no other one comes."""
GAP_CHARACTERS = 3.5
MIN_GAP_S = 0.005
"""Silence before a question: 3.5 characters (Modbus over Serial Line 1.02, 2.5.1.1), and what USB adapters blur."""
MAX_SETTLE_S = 0.1
"""A line that is never quiet is asked all the same: another master or noise must not stop the smoke detector."""
DEAF_S = 60.0
"""A line on which nobody answers for so long is closed and opened anew: some adapters hang without an error."""
STUCK_S = 4 * PROBE_S
STUCK_PERIODS = 3
"""A unit of which nothing is told for so long, and for so many of its slowest periods, is not asked at all: the task
that should is not running."""
NEWCOMER_S = 1.0
"""A unit that takes its seat while nothing is due is asked within this."""
_HEARD_CAPACITY = 32
_LINE_LOST = "RS-485 line {name}: {why}", "RS-485 线路 {name}：{why}"
_GARBLED = (
    (
        "unit {unit} on RS-485 line {name} answers with garbled bytes; do baud rate ({baudrate}) and parity fit, is "
        "the line terminated, has another unit the same address?"
    ),
    (
        "RS-485 线路 {name} 上的从机 {unit} 应答是乱码；波特率（{baudrate}）和校验对吗？线路两端接终端电阻了吗？"
        "有没有别的从机用了同一个地址？"
    ),
)
_MUTE = (
    (
        "unit {unit} on RS-485 line {name} does not answer; is it powered, are A and B the right way round, is {unit} "
        "its address and {baudrate} its baud rate?"
    ),
    ("RS-485 线路 {name} 上的从机 {unit} 没有应答；通电了吗？A、B 线接反了吗？地址是 {unit}、波特率是 {baudrate} 吗？"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An answer to the question of a block, on the wire's way, and when it came (loop time)."""

    block: Block
    frame: bytes
    at: float


class Seat:
    """What one unit said and what is wrong with it; kept while the unit's driver pauses."""

    def __init__(self, reject: Callable[[DecodeError], None], *, slowest_s: float) -> None:
        """Made by `ModbusLine.seat`; `reject` takes answers that came garbled; the slowest block's period."""
        self.reject = reject
        self._stuck_s = max(STUCK_S, STUCK_PERIODS * slowest_s)
        self._heard: deque[Heard] = deque(maxlen=_HEARD_CAPACITY)  # when full, the oldest goes: newer ones follow it
        self._changed = asyncio.Event()
        self._down = ""
        self._withheld: dict[Question, tuple[bool, str]] = {}  # whether a life may hang on it, and why
        self._is_told = False

    @property
    def complaint(self) -> str:
        """Why the unit cannot be trusted with a life now; empty where it can."""
        return self._down or next((why for is_urgent, why in self._withheld.values() if is_urgent), "")

    async def next(self) -> Heard:
        """The next answer. May be cancelled: nothing is lost.

        Raises DeviceError when the unit is silent, its line lost, or a register is refused on which a life may hang;
        once each time, after that it waits for the end of it, so that no pause delays what is said then.
        """
        while True:
            if self.complaint and not self._is_told:
                self._is_told = True
                raise DeviceError(self.complaint)
            if self._heard:
                return self._heard.popleft()
            await self._change()

    def hear(self, heard: Heard) -> None:
        """For the line: an answer."""
        self._down = ""
        self._withheld.pop(heard.block.question, None)
        self._is_told = bool(self.complaint) and self._is_told
        self._heard.append(heard)
        self._changed.set()

    def withhold(self, block: Block, why: str) -> None:
        """For the line: the unit answers, but not to this."""
        self._down = ""
        if block.question not in self._withheld:
            log.warning("%s", why)
        self._withheld[block.question] = (block.is_urgent, why)
        self._changed.set()

    def lose(self, why: str) -> None:
        """For the line: nothing comes from the unit at all."""
        self._down = why
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(self._stuck_s):
                await self._changed.wait()
        except TimeoutError as error:
            raise DeviceError(
                Bilingual(
                    f"nothing was asked of it for {self._stuck_s:.0f} s: restart the gateway",
                    zh=f"已有 {self._stuck_s:.0f} 秒没有询问它：请重启网关",
                )
            ) from error


class ModbusLine:
    """One line and who sits on it. `run` holds it; who runs it tries again when it ends."""

    def __init__(self, name: str, port: str, line: Line, *, has_echo: bool = False, answer_s: float = ANSWER_S) -> None:
        """Nothing is opened before `run`. `has_echo`: the adapter gives back what it sends."""
        self._name = name
        self._line = line
        self._link = SerialLink(port, line)
        self._has_echo = has_echo
        self._answer_s = answer_s
        self._gap_s = max(MIN_GAP_S, self._wire_s(1) * GAP_CHARACTERS)
        self._seats: dict[int, Seat] = {}
        self._is_taken = asyncio.Event()
        self._turns = Turns({})
        self._is_deaf = False

    def seat(self, unit: int, blocks: Sequence[Block], reject: Callable[[DecodeError], None]) -> Seat:
        """A place for one unit, of which these blocks are read; also while the others are asked."""
        self._seats[unit] = Seat(reject, slowest_s=max(block.poll.total_seconds() for block in blocks))
        self._turns.join(unit, blocks)
        self._is_taken.set()
        return self._seats[unit]

    def leave(self, unit: int, seat: Seat) -> None:
        """Its sensor is another one from now on, or none: the unit is not asked for this seat any more."""
        if self._seats.get(unit) is seat:
            del self._seats[unit]
            self._turns.leave(unit)
        if not self._seats:
            self._is_taken.clear()

    async def run(self) -> None:
        """Ask in turn until cancelled; raises DeviceError where the line cannot be opened or is lost."""
        try:
            while True:
                await self._is_taken.wait()  # while nobody sits here the port is left alone
                async with self._link.opened() as port:
                    await self._serve(port)
                if not self._is_deaf and self._seats:
                    log.warning("RS-485 line %s: nobody answers; its port is opened anew each minute", self._name)
                self._is_deaf = True
        except DeviceError as error:
            for seat in self._seats.values():
                seat.lose(both(*_LINE_LOST, name=self._name, why=told_by(error)))
            raise

    async def _serve(self, port: SerialPort) -> None:
        """Return when nobody has answered for long, or nobody sits here any more."""
        loop = asyncio.get_running_loop()
        self._turns.begin(loop.time())
        heard_at = loop.time()
        while self._seats and (loop.time() < heard_at + DEAF_S or not self._turns.are_all_silent):
            turn = self._turns.next(loop.time())
            if turn is None:
                await _idle(port, min(self._turns.next_at(), loop.time() + NEWCOMER_S))
            elif await self._take(port, turn):
                heard_at = loop.time()
                self._is_deaf = False

    async def _take(self, port: SerialPort, turn: Turn) -> bool:
        """One question; whether its unit answered anything."""
        loop = asyncio.get_running_loop()
        seat = self._seats[turn.unit]
        await _settle(port, self._gap_s)
        asked_at = loop.time()
        ear = Ear(turn.block.question, has_echo=self._has_echo)
        frame = await self._ask(port, turn, ear)
        if self._seats.get(turn.unit) is not seat:  # its sensor was taken out meanwhile
            return frame is not None
        if frame is None:
            if ear.is_garbled:
                seat.reject(DecodeError(f"unit {turn.unit} on line {self._name}: an answer with a wrong CRC"))
            self._miss(turn, seat, is_garbled=ear.is_garbled)
            return False
        if not frame[1] & modbus.FAILED:
            for other in self._turns.answered(turn, asked_at):
                seat.withhold(other.block, self._missing(other))
            seat.hear(Heard(block=turn.block, frame=frame, at=loop.time()))
        elif self._turns.refused(turn, loop.time()) is Outcome.WITHHELD:
            seat.withhold(turn.block, self._explained(turn, exception=frame[2]))
        return True

    async def _ask(self, port: SerialPort, turn: Turn, ear: Ear) -> bytes | None:
        loop = asyncio.get_running_loop()
        question = turn.block.question
        await port.write(question.frame)
        until = loop.time() + self._wire_s(len(question.frame) + question.answer_bytes) + self._answer_s
        while data := await port.read_until(until):
            frame = ear.feed(data)
            if frame is not None:
                return frame
            if ear.is_garbled:
                until = min(until, loop.time() + GARBLED_S)
        return None

    def _miss(self, turn: Turn, seat: Seat, *, is_garbled: bool) -> None:
        now = asyncio.get_running_loop().time()
        outcome = self._turns.missed(turn, now, may_come_late=not is_garbled)
        if outcome is Outcome.SILENT:
            words = _GARBLED if is_garbled else _MUTE
            seat.lose(both(*words, unit=turn.unit, name=self._name, baudrate=self._line.baudrate))

    def _missing(self, turn: Turn) -> str:
        asked = turn.block.question
        return (
            f"unit {turn.unit} on RS-485 line {self._name} answers, but not when asked for {asked.count} from "
            f"{asked.address} on with function {asked.function}: is the map right?"
        )

    def _explained(self, turn: Turn, *, exception: int) -> str:
        asked = turn.block.question
        words = modbus.explained(exception, function=asked.function, address=asked.address, count=asked.count)
        return f"unit {turn.unit} on RS-485 line {self._name}: {words}"

    def _wire_s(self, size: int) -> float:
        return size * BITS_PER_BYTE / self._line.baudrate


async def _settle(port: SerialPort, gap_s: float) -> None:
    """Wait until the line is quiet; what still comes in is no answer to what is asked next."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + MAX_SETTLE_S
    while loop.time() < give_up_at and await port.read_until(loop.time() + gap_s):
        pass


async def _idle(port: SerialPort, until: float) -> None:
    """Wait until then. Reading shows at once that the port is lost; late answers are thrown away."""
    while await port.read_until(until):
        pass
