"""Seeed's second 60 GHz fall radar, MR60FDA2, on a serial line. What frames mean is in codec.mr60.

It says whether somebody is there and has fallen all the time; its parameters are asked for as a life sign, never set.
"""

from itertools import cycle
from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.codec import mr60
from drivers.serial.instrument import Instrument, InstrumentDriver, Questions, SerialSensor
from drivers.serial.link import Line
from drivers.serial.mr60_ear import BAUDRATE, FALL_RADAR, framer
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

POLL_S = 30.0
EVERY_S = 10.0
"""For the pace, which lets a fall through at once and the same state once a minute; there are no numbers to thin."""


class FallRadarMr60fda2(SerialSensor):
    """A fall radar MR60FDA2 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.FALL, Quantity.PRESENCE})

    kind: Literal["fall_radar_mr60fda2"]

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return InstrumentDriver(self, INSTRUMENT)


def decode(frame: bytes) -> list[Said]:
    """What one whole frame means. Raises DecodeError."""
    return mr60.said(mr60.opened(frame), frame)


def _questions() -> Questions:
    return cycle([(mr60.question(mr60.PARAMETERS), POLL_S)])


INSTRUMENT = Instrument(
    kind=FALL_RADAR,
    zh="60 GHz 跌倒雷达（MR60FDA2）",
    en="60 GHz fall radar MR60FDA2",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: framer(FALL_RADAR),
    questions=_questions,
    every_s=EVERY_S,
)
