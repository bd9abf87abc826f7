"""What answers on a serial port: every kind of instrument is asked, those that share line settings together.

Asks only what is harmless to all of them, and only where no other program holds the port (see SerialLink).
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument
from drivers.serial.link import Line, SerialLink, SerialPort
from shouwang.driver import Said, Sample
from shouwang.errors import DecodeError, DeviceError

LISTEN_S = 3.0
"""A PMS5003 in still air speaks every 2.3 s (its data sheet), an oximeter each second, all others more often."""
QUESTION_GAP_S = 0.15
"""A question of ten bytes and its answer take 20 ms at 9600 baud; modules need not hold two."""
OTHER_GAP_S = 0.5
"""Before questions of another kind: whoever got bytes that it does not know has given up on them by then."""
_QUESTIONS = 4
"""So many of each device: the first ones ask for its states."""
_ENOUGH_FRAMES = 3
_MOSTLY = 0.5
"""A line of which less makes frames is something else that looks like one now and then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a port said: the instruments that fit best (several only where nothing tells them apart), and all bytes.

    Without those that an adapter sent back.
    """

    fits: tuple[Instrument, ...] = ()
    bytes_in: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Match:
    instrument: Instrument
    values: int
    share: float


def lines_of(instruments: Sequence[Instrument]) -> tuple[Line, ...]:
    """Their line settings, each once."""
    return tuple(dict.fromkeys(instrument.line for instrument in instruments))


def seconds_for(instruments: Sequence[Instrument]) -> float:
    """How long `ask` takes at most, but for a port that is slow to open."""
    ears = [_Ear(instrument) for instrument in instruments]
    asking_s = sum(gap_s for line in lines_of(instruments) for _, gap_s in _questions(ears, line))
    return asking_s + len(lines_of(instruments)) * LISTEN_S


async def ask(port: str, instruments: Sequence[Instrument]) -> Answer:
    """Ask until something answers; raises DeviceError where the port cannot be used."""
    bytes_in = 0
    for line in lines_of(instruments):
        ears = [_Ear(instrument) for instrument in instruments if instrument.line == line]
        async with SerialLink(port, line).opened() as opened:
            bytes_in += await _listen(opened, ears, _questions(ears, line))
        if fits := _best([match for ear in ears if (match := ear.match()) is not None]):
            return Answer(fits=fits, bytes_in=bytes_in)
    return Answer(bytes_in=bytes_in)


class _Ear:
    """Reads the bytes of a line as one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.line = instrument.line
        self._instrument = instrument
        self._framer: Framer[list[Said]] = instrument.framer()
        self._frames = 0
        self._values = 0
        self._is_out = False

    @property
    def is_sure(self) -> bool:
        return not self._is_out and self._frames >= _ENOUGH_FRAMES and self._share() > _MOSTLY

    def questions(self) -> Iterator[bytes]:
        return (question for question, _ in islice(self._instrument.questions(), _QUESTIONS))

    def hear(self, data: bytes) -> None:
        if self._is_out:
            return
        try:
            heard = self._framer.feed(data, _ignore)
        except DeviceError:  # it says itself that it is of another kind
            self._is_out = True
            return
        for said in heard:
            self._frames += bool(said)
            self._values += sum(isinstance(one, Sample) for one in said)

    def match(self) -> _Match | None:
        if self._is_out or not self._frames or self._share() <= _MOSTLY:
            return None
        return _Match(instrument=self._instrument, values=self._values, share=self._share())

    def _share(self) -> float:
        return self._framer.taken / max(1, self._framer.taken + self._framer.skipped)


class Echo:
    """Takes our own questions out of what comes in: some adapters send them back. `passed` counts the other bytes."""

    def __init__(self) -> None:
        """Nothing was asked."""
        self.passed = 0
        self._awaited = self._held = b""

    def asked(self, question: bytes) -> None:
        """This may come back."""
        self._awaited += question

    def heard(self, data: bytes) -> bytes:
        """Without what was asked, as long as nothing else comes before it."""
        data = self._held + data
        self._held = b""
        if self._awaited.startswith(data):
            self._held = data
            return b""
        rest = data.removeprefix(self._awaited)
        self._awaited = b""
        self.passed += len(rest)
        return rest


def _questions(ears: Sequence[_Ear], line: Line) -> list[tuple[bytes, float]]:
    """What to ask on this line, each once, and the pause after it."""
    asked: dict[bytes, float] = {}
    for ear in ears:
        fresh = [question for question in ear.questions() if question not in asked] if ear.line == line else []
        asked |= dict.fromkeys(fresh, QUESTION_GAP_S)
        if fresh:
            asked[fresh[-1]] = OTHER_GAP_S
    return [*asked.items()]


async def _listen(port: SerialPort, ears: Sequence[_Ear], questions: Sequence[tuple[bytes, float]]) -> int:
    """How many bytes came in."""
    loop, echo = asyncio.get_running_loop(), Echo()
    for question, gap_s in questions:
        await port.write(question)
        echo.asked(question)
        await _hear(port, ears, echo, loop.time() + gap_s)
    ends_at = loop.time() + LISTEN_S
    while loop.time() < ends_at and not any(ear.is_sure for ear in ears):
        await _hear(port, ears, echo, min(ends_at, loop.time() + QUESTION_GAP_S))
    return echo.passed


async def _hear(port: SerialPort, ears: Sequence[_Ear], echo: Echo, until: float) -> None:
    loop = asyncio.get_running_loop()
    while loop.time() < until and (data := await port.read_until(until)):  # a line that never pauses ends here too
        heard = echo.heard(data)
        for ear in ears:
            ear.hear(heard)


def _best(matches: Sequence[_Match]) -> tuple[Instrument, ...]:
    """Those of which the most bytes make sense, and of these the ones that say the most."""
    if not matches:
        return ()

    def worth(match: _Match) -> tuple[float, int]:
        return round(match.share, 1), match.values

    best = max(worth(match) for match in matches)
    return tuple(match.instrument for match in matches if worth(match) == best)


def _ignore(_error: DecodeError) -> None:
    """Noise is expected here."""
