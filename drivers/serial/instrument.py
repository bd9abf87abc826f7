"""What all instruments on a serial line of their own share: configuration, questions, reading, pace.

An instrument's module says what its frames look like, what they mean and what to ask; the rest is here.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Never

from pydantic import BaseModel, ConfigDict, Field

from drivers.rejects import Rejects
from drivers.serial.framing import Framer
from drivers.serial.link import Line, SerialLink, SerialPort
from drivers.serial.pace import Pace
from drivers.serial.port_name import PortName, may_move
from drivers.serial.sieve import Sieve
from shouwang.document import Duration, Id
from shouwang.driver import Emit, Said

log = logging.getLogger(__name__)

PARTIAL_S = 1.0
"""A frame takes some milliseconds and adapters deliver in bursts of 16 ms: after this long its rest does not come."""

Questions = Iterator[tuple[bytes, float]]
"""What to write, and how long to wait before the next, in seconds; where it ends, nothing more is asked."""


def no_questions() -> Questions:
    """Of an instrument that speaks by itself."""
    return iter(())


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    """The protocol of one kind of instrument.

    `framer` makes a fresh one for each connection, so what it and its decoder remember ends with it. `questions` must
    be harmless to any other instrument: `shouwang gateway ports` asks them of whatever is plugged in. `every_s`: how
    often numbers are worth a reading at most, in seconds; None where the instrument is slow by itself (see Pace).
    `sieve` makes what stands before that, for each connection: where a state must last to be believed, for example.
    `part`: where it is no sensor but a receiver of many, the part of home.yaml that names its port. `keys`: lines that
    its entry in home.yaml needs besides kind, id and port.
    """

    kind: str
    zh: str
    en: str
    line: Line
    framer: Callable[[], Framer[list[Said]]]
    questions: Callable[[], Questions] = no_questions
    every_s: float | None = None
    sieve: Callable[[], Sieve] | None = None
    part: str = ""
    keys: tuple[str, ...] = ()


class SerialSensor(BaseModel):
    """The keys that every instrument on a serial line of its own has."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    id: Id = Field(description="name of this sensor in the home")
    port: PortName = Field(
        description="serial port by a name that stays, e.g. /dev/serial/by-id/usb-... (see: shouwang gateway ports)"
    )
    max_silence: Duration = Field(
        default=timedelta(seconds=90),
        ge=timedelta(seconds=1),
        description="longest time without a word before it counts as silent, e.g. 90s",
    )


class InstrumentDriver:
    """Opens the port, asks, and emits what the instrument's frames mean."""

    def __init__(self, config: SerialSensor, instrument: Instrument) -> None:
        """Nothing is opened before `run`."""
        self._config = config
        self._instrument = instrument
        self._link = SerialLink(config.port, instrument.line)
        self._rejects = Rejects(config.id)
        self._frames = 0
        self._is_foreign = False
        self._pace = None if instrument.every_s is None else Pace(instrument.every_s)
        self._sieve: Sieve | None = None
        if may_move(config.port):
            log.warning(
                "sensor %s: %s may name another adapter after a restart; write a name of /dev/serial/by-id/ instead",
                config.id,
                config.port,
            )

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
        framer = self._instrument.framer()
        self._sieve = None if self._instrument.sieve is None else self._instrument.sieve()
        if self._pace is not None:
            self._pace.forget()
        async with self._link.opened() as port:
            try:
                await self._converse(port, framer, emit)
            finally:
                self._tell(framer)

    async def _converse(self, port: SerialPort, framer: Framer[list[Said]], emit: Emit) -> Never:
        loop = asyncio.get_running_loop()
        questions = self._instrument.questions()
        ask_at: float | None = loop.time()
        heard_at = loop.time()
        while True:
            if ask_at is not None and loop.time() >= ask_at:
                ask_at = await _ask(port, questions)
            data = await port.read_until(_earliest(ask_at, heard_at + PARTIAL_S if framer.is_waiting else None))
            if data:
                heard_at = loop.time()
                self._emit(framer.feed(data, self._rejects.add), emit)
            elif framer.is_waiting and loop.time() >= heard_at + PARTIAL_S:
                self._emit(framer.give_up(self._rejects.add), emit)

    def _emit(self, decoded: list[list[Said]], emit: Emit) -> None:
        now = asyncio.get_running_loop().time()
        self._frames += len(decoded)
        for said in decoded:
            sifted = said if self._sieve is None else self._sieve.pick(said, now)
            for one in sifted if self._pace is None else self._pace.pick(sifted, now):
                emit(one)

    def _tell(self, framer: Framer[list[Said]]) -> None:
        """At the end of a connection, what it carried; of a device that is none of this kind, once."""
        if framer.taken:
            self._is_foreign = False
            log.info(
                "sensor %s: %s is closed; since the start opened %d times, %d bytes, %d frames, %d that cannot be read",
                self._config.id,
                self._config.port,
                self._link.traffic.opened,
                self._link.traffic.bytes_in,
                self._frames,
                self._rejects.count,
            )
        elif framer.skipped and not self._is_foreign:
            self._is_foreign = True
            log.warning(
                "sensor %s: %d bytes came in at %s, but no frame of a %s; is it the right device, and the right port "
                "(see: shouwang gateway ports)?",
                self._config.id,
                framer.skipped,
                self._config.port,
                self._instrument.en,
            )


async def _ask(port: SerialPort, questions: Questions) -> float | None:
    """Ask the next question; when to ask the one after it (loop time), None where there is none."""
    asked = next(questions, None)
    if asked is None:
        return None
    question, pause_s = asked
    await port.write(question)
    return asyncio.get_running_loop().time() + pause_s


def _earliest(*moments: float | None) -> float | None:
    return min((moment for moment in moments if moment is not None), default=None)
