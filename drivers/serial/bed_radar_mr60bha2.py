"""Seeed's second 60 GHz bed radar, MR60BHA2, on a serial line. What frames mean is in codec.mr60.

It says all that it measures by itself, some eight times a second, and cannot be asked.
"""

from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.codec import mr60
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from drivers.serial.mr60_ear import BAUDRATE, BED_RADAR, framer
from drivers.serial.sieve import WarmUp
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

EVERY_S = 10.0
"""Rates change slowly: a rule's hold time is 30 s and more."""
WARM_UP_S = 20.0
"""To find a chest (Seeed's data sheet of the MR60BHA1, its forerunner: observation set-up time 20 s)."""
GAP_S = 60.0

_RATES = frozenset({Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE})


class BedRadarMr60bha2(SerialSensor):
    """A bed radar MR60BHA2 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = _RATES | {Quantity.PRESENCE, Quantity.DISTANCE}

    kind: Literal["bed_radar_mr60bha2"]

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return InstrumentDriver(self, INSTRUMENT)


def decode(frame: bytes) -> list[Said]:
    """What one whole frame means. Raises DecodeError."""
    return mr60.said(mr60.opened(frame), frame)


INSTRUMENT = Instrument(
    kind=BED_RADAR,
    zh="60 GHz 床旁雷达（MR60BHA2）",
    en="60 GHz bed radar MR60BHA2",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: framer(BED_RADAR),
    every_s=EVERY_S,
    sieve=lambda: WarmUp(WARM_UP_S, GAP_S, _RATES),
)
