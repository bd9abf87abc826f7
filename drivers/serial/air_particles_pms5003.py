"""Plantower's particle sensors PMS5003 and PMS5003T: smoke and dust in the air of a room.

What frames mean is in `codec.pms5003`. It reports by itself, more often when the air changes. Its mode is left alone:
one that somebody set to answer questions only is silent, and said to be.
"""

from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.serial.codec.pms5003 import EMITS, EMITS_T, HEAD, SIZE, decode_report, samples, size_of
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from drivers.serial.preheat import Preheat
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

BAUDRATE = 9600
EVERY_S = 5.0
"""It reports each 0.2 to 2.3 s; smoke spreads slower."""
WARM_UP_S = 30.0
"""Stable values 30 s after its fan has started (Plantower's data manual)."""
PAUSE_S = 10.0
"""More than four of its slowest reports."""

Model = Literal["pms5003", "pms5003t"]


class AirParticlesPms5003(SerialSensor):
    """A Plantower PMS5003 or PMS5003T on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = EMITS_T

    kind: Literal["air_particles_pms5003"]
    model: Model = Field(
        default="pms5003", description="pms5003, or pms5003t, which measures temperature and humidity too"
    )

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What rules may watch."""
        return EMITS_T if self.model == "pms5003t" else EMITS

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return InstrumentDriver(self, replace(INSTRUMENT, framer=partial(_framer, self.model)))


def decode(frame: bytes, model: Model = "pms5003") -> list[Said]:
    """What one frame means; the frames of the two models look alike. Raises DecodeError."""
    return samples(decode_report(frame), frame, is_t=model == "pms5003t")


def _framer(model: Model) -> Framer[list[Said]]:
    return Framer(HEAD, size_of, partial(decode, model=model), max_frame=SIZE)


INSTRUMENT = Instrument(
    kind="air_particles_pms5003",
    zh="PMS5003 颗粒物传感器",
    en="PMS5003 particle sensor",
    line=Line(baudrate=BAUDRATE),
    framer=partial(_framer, "pms5003"),
    every_s=EVERY_S,
    sieve=lambda: Preheat(lasts_s=WARM_UP_S, pause_s=PAUSE_S),
)
