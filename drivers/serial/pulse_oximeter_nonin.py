"""Nonin's oximeters with a serial output of text: 8500, 8600, 2500, 9600, 9847, Avant 4000, BT4000 and the like.

What a line means is in `codec.nonin`. Their ninth bit is always set, so eight bits without parity read it (manuals).
"""

from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.codec.nonin import EMITS, END, HEAD, MAX_LINE, decode_line, samples
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, SerialSensor
from drivers.serial.link import Line
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

BAUDRATE = 9600


class PulseOximeterNonin(SerialSensor):
    """A Nonin oximeter that sends a line of text once a second."""

    emits: ClassVar[frozenset[Quantity]] = EMITS

    kind: Literal["pulse_oximeter_nonin"]

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        return InstrumentDriver(self, INSTRUMENT)


def decode(frame: bytes) -> list[Said]:
    """What one line means. Raises DecodeError."""
    return samples(decode_line(frame), frame)


def size_of(beginning: bytes) -> int | None:
    """The size of the line that begins so, None where its end is not in yet."""
    end = beginning.find(END)
    return end + len(END) if end >= 0 else None


INSTRUMENT = Instrument(
    kind="pulse_oximeter_nonin",
    zh="Nonin 血氧仪",
    en="Nonin oximeter",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: Framer(HEAD, size_of, decode, max_frame=MAX_LINE),
)
