"""Winsen's CO2 sensor MH-Z19B (also MH-Z19 and MH-Z19C).

What the answer means is in `codec.mhz19`. It is asked for its value and for nothing else.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.codec.mhz19 import EMITS, HEAD, QUESTION, SIZE, decode_answer, samples
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from drivers.serial.preheat import Preheat
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

BAUDRATE = 9600
ASK_S = 5.0
"""It measures each 5 s or so and takes a minute to follow the air (T90, manual)."""
EVERY_S = 30.0
WARM_UP_S = 180.0
"""Pre-heating time of the manual."""
PAUSE_S = 20.0
"""Three answers missed: it may have lost its power."""
FIXED_PPM = frozenset({388.0, 400.0, 410.0, 500.0, 505.0, 555.0})
"""What it says while it warms up, whatever the air: 400 (WifWaf/MH-Z19#6), 388 and then 555 (WifWaf/MH-Z19#21), 500 or
505 (owners of the MH-Z19C), 410 (of the first MH-Z19B)."""


class Co2Mhz19(SerialSensor):
    """A Winsen MH-Z19B on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = EMITS

    kind: Literal["co2_mhz19"]

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return InstrumentDriver(self, INSTRUMENT)


def decode(frame: bytes) -> list[Said]:
    """What one answer means. Raises DecodeError."""
    return samples(decode_answer(frame), frame)


def _questions() -> Iterator[tuple[bytes, float]]:
    return repeat((QUESTION, ASK_S))


INSTRUMENT = Instrument(
    kind="co2_mhz19",
    zh="MH-Z19B 二氧化碳传感器",
    en="MH-Z19B CO2 sensor",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: Framer(HEAD, lambda _: SIZE, decode, max_frame=SIZE),
    questions=_questions,
    every_s=EVERY_S,
    sieve=lambda: Preheat(lasts_s=WARM_UP_S, pause_s=PAUSE_S, fixed=FIXED_PPM),
)
