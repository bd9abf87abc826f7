"""Contec's finger oximeters CMS50D+ and CMS50E on their USB cable, which is a serial adapter.

What frames mean is in `codec.cms50`. Two firmwares speak at two speeds; which one it is, is found out by itself,
safely: the new one is tried first, since its frames cannot be mistaken and it says nothing that is not asked for.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Literal, Never

from pydantic import Field

from drivers.links import Links
from drivers.serial.codec.cms50 import (
    EMITS,
    KEEP_ALIVE,
    LIVE5_SIZE,
    LIVE9_HEAD,
    LIVE9_SIZE,
    START,
    Live5,
    Live9,
    decode_live5,
    decode_live9,
    samples,
)
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from shouwang.driver import Driver, Emit, Emitted, Said
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

BAUDRATE_OLD, BAUDRATE_V46 = 19200, 115200
EVERY_S = 1.0
"""Of 60 frames a second, one is a reading: the display changes once a second."""
KEEP_S = 2.0
"""Between two keep-alives (the maker's program: 100 frames, 1.7 s)."""
KEEPS = 4
"""Keep-alives between two starts: an oximeter that was switched off and on begins again within 10 s."""
FIND_S = 3.0
"""So long the new firmware is given to speak: it was asked, and would say 60 frames a second."""
ALIKE = 3
"""Frames in a row that say the same are believed. They carry no check sum, so a flipped bit would be a false alarm; the
same numbers come 60 times, so it costs 50 ms."""


class PulseOximeterCms50(SerialSensor):
    """A Contec CMS50D+, CMS50E or a clone of theirs on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = EMITS

    kind: Literal["pulse_oximeter_cms50"]
    protocol: Literal["auto", "live5", "v46"] = Field(
        default="auto",
        description="auto finds it out; live5: old firmware, 19200 bits/s, speaks by itself; v46: firmware 4.6, 115200",
    )
    parity: Literal["none", "odd"] = Field(
        default="none",
        description="parity of the old firmware; odd for some CMS50E and clones that say nothing legible without it",
    )

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return Cms50Driver(self)


def decode(frame: bytes) -> list[Said]:
    """What one frame of either firmware means. Raises DecodeError."""
    return samples(_read(frame), frame)


class Cms50Driver:
    """The oximeter, whichever firmware it has."""

    def __init__(self, config: PulseOximeterCms50) -> None:
        """Nothing is opened before `run`."""
        old = replace(OLD, line=replace(OLD.line, parity="O")) if config.parity == "odd" else OLD
        candidates = {"live5": (old,), "v46": (V46,), "auto": (V46, old)}[config.protocol]
        self._config = config
        *tried, last = candidates
        self._drivers = [*(_Trial(config, instrument) for instrument in tried), InstrumentDriver(config, last)]

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
        return sum(driver.rejected for driver in self._drivers)

    async def run(self, emit: Emit) -> Never:
        """Emit until cancelled; raises DeviceError where the port cannot be opened or is lost."""
        for driver in self._drivers[:-1]:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIND_S) as finding:
                    await driver.run(_at_first_word(emit, finding))
        await self._drivers[-1].run(emit)


class _Trial(InstrumentDriver):
    """Of a firmware that it may not be: then that is no news."""

    def _tell(self, framer: Framer[list[Said]]) -> None:
        if framer.taken:
            super()._tell(framer)


def _at_first_word(emit: Emit, finding: asyncio.Timeout) -> Emit:
    """Pass on what is said; the first word ends the search."""

    def heard(said: Emitted) -> None:
        if not finding.expired():
            finding.reschedule(None)
        emit(said)

    return heard


class Steady:
    """Believes what several frames in a row have said. One for each connection."""

    def __init__(self) -> None:
        """Nothing was said."""
        self._said: tuple[int, int, bool] | None = None
        self._times = 0

    def decode5(self, frame: bytes) -> list[Said]:
        """As `decode`, of the old firmware; nothing before it was said often enough. Raises DecodeError."""
        return self._believed(decode_live5(frame), frame)

    def decode9(self, frame: bytes) -> list[Said]:
        """As `decode5`, of firmware 4.6. Raises DecodeError."""
        return self._believed(decode_live9(frame), frame)

    def _believed(self, live: Live5 | Live9, frame: bytes) -> list[Said]:
        said = (live.spo2_pct, live.pulse_bpm, live.is_measuring)
        self._times = self._times + 1 if said == self._said else 1
        self._said = said
        return samples(live, frame) if self._times >= ALIKE else []


def _read(frame: bytes) -> Live5 | Live9:
    return decode_live9(frame) if frame.startswith(LIVE9_HEAD) else decode_live5(frame)


def _size_old(beginning: bytes) -> int | None:
    if beginning and not beginning[0] & 0x80:
        raise DecodeError(f"not the first byte of a frame: {beginning[:1].hex()}")
    if any(byte & 0x80 for byte in beginning[1:LIVE5_SIZE]):  # a frame was cut off, and the next begins here
        raise DecodeError(f"a frame that was cut off: {beginning[:LIVE5_SIZE].hex()}")
    return LIVE5_SIZE if beginning else None


def _questions() -> Iterator[tuple[bytes, float]]:
    while True:
        yield START, KEEP_S
        for _ in range(KEEPS):
            yield KEEP_ALIVE, KEEP_S


V46 = Instrument(
    kind="pulse_oximeter_cms50",
    zh="康泰 CMS50 指夹血氧仪（4.6 版固件）",
    en="Contec CMS50 oximeter (firmware 4.6)",
    line=Line(baudrate=BAUDRATE_V46),
    framer=lambda: Framer(LIVE9_HEAD, lambda _: LIVE9_SIZE, Steady().decode9, max_frame=LIVE9_SIZE),
    questions=_questions,
    every_s=EVERY_S,
)
OLD = Instrument(
    kind="pulse_oximeter_cms50",
    zh="康泰 CMS50 指夹血氧仪（旧固件）",
    en="Contec CMS50 oximeter (old firmware)",
    line=Line(baudrate=BAUDRATE_OLD),
    framer=lambda: Framer(b"", _size_old, Steady().decode5, max_frame=LIVE5_SIZE),
    every_s=EVERY_S,
)
