"""The 60 GHz fall radar R60AFD1 of Andar, also sold by Seeed as MR60FDA1, on a serial line.

Sources: Seeed's wiki page Radar_MR60FDA1 and its Arduino library (60ghzfalldetection.h in
limengdu/Seeed-Studio-MR60FDA1-Sersor). The later MR60FDA2 speaks another protocol: see fall_radar_mr60fda2.
"""

from dataclasses import replace
from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.codec import r60, r60_fields
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from drivers.serial.r60_talk import BAUDRATE, Talk, meant
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

_KIND = "fall_radar_r60"
_SAYS = frozenset({Quantity.FALL, Quantity.PRESENCE, Quantity.MOTION, Quantity.BODY_MOVEMENT})
_ASKED = (r60.FALL, r60.PRESENCE, r60.MOTION)


class FallRadarR60(SerialSensor):
    """A fall radar R60AFD1 or MR60FDA1 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = _SAYS

    kind: Literal["fall_radar_r60"]
    # Of the 90 s of `max_silence`: one of three questions is asked every 10 s, so these are nine unanswered ones.

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        talk = _talk()
        talking = replace(INSTRUMENT, framer=talk.framer, questions=talk.questions, sieve=talk.sieve)
        return InstrumentDriver(self, talking)


def decode(frame: bytes) -> list[Said]:
    """What one whole frame means. Raises DecodeError.

    A sound frame of another meaning is a life sign. Our own question, sent back by an adapter that echoes, is nothing:
    it must not make a dead radar look alive.
    """
    return meant(r60_fields.said(r60.opened(frame), None, frame), _SAYS)


def _talk() -> Talk:
    return Talk(_KIND, _SAYS, _ASKED)


INSTRUMENT = Instrument(
    kind=_KIND,
    zh="60 GHz 跌倒雷达",
    en="60 GHz fall radar",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: _talk().framer(),
    questions=lambda: _talk().questions(),
)
