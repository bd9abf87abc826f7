"""Hi-Link's 24 GHz presence radars LD2410 and LD2412 on a serial line. What reports mean is in codec.ld2410.

They report ten times a second by themselves. A radar that was left in configuration mode is mute for ever, so that mode
is ended at the start; nothing is set.
"""

from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.serial.codec import ld24xx, ld2410
from drivers.serial.instrument import Instrument, InstrumentDriver, Questions, SerialSensor
from drivers.serial.ld24_ear import PRESENCE_RADAR, Ld24Framer
from drivers.serial.link import Line
from drivers.serial.sieve import Settle
from shouwang.document import Duration
from shouwang.driver import Driver, Said
from shouwang.errors import DecodeError
from shouwang.quantities import Quantity

EVERY_S = 10.0
"""A distance that is worth a reading: people cross a room in this time."""
STILL_AFTER_S = 5.0
"""Who was seen moving this recently is not still: single reports go to and fro. The radar itself holds a presence as
long after its end, unless it was set otherwise (aio-ld2410: presence_timeout 5 s in a captured reply)."""


LD2412_BAUDRATE = 115200
"""As it is shipped (ESPHome's page on the component ld2412); the LD2410 is shipped with 256000."""


class Model(StrEnum):
    """What is printed on the module."""

    LD2410 = "ld2410"
    LD2412 = "ld2412"


class PresenceRadarLd2410(SerialSensor):
    """A presence radar LD2410 or LD2412 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = frozenset({Quantity.PRESENCE, Quantity.MOTION, Quantity.DISTANCE})

    kind: Literal["presence_radar_ld2410"]
    model: Model = Field(default=Model.LD2410, description="what is printed on the module: ld2410 or ld2412")
    max_silence: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        description="longest time without a word before it counts as silent, e.g. 30s",
    )

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        if self.model is Model.LD2412:
            return InstrumentDriver(self, replace(INSTRUMENT, line=Line(baudrate=LD2412_BAUDRATE)))
        return InstrumentDriver(self, INSTRUMENT)


def decode(frame: bytes) -> list[Said]:
    """What one whole report means. Raises DecodeError."""
    return ld2410.said(ld2410.read_report(frame), frame)


def _decode_ld2412(frame: bytes) -> list[Said]:
    report = ld2410.read_report(frame)
    if report.detection_distance_cm is not None:
        raise DecodeError(f"a report of an LD2410: {frame.hex()}")
    return ld2410.said(report, frame)


def _questions() -> Questions:
    return iter([(ld24xx.command(ld24xx.Code.CONFIG_DISABLE), 0.0)])


INSTRUMENT = Instrument(
    kind=PRESENCE_RADAR,
    zh="24 GHz 人体存在雷达",
    en="24 GHz presence radar",
    line=Line(baudrate=ld24xx.BAUDRATE),
    framer=lambda: Ld24Framer(PRESENCE_RADAR, decode),
    questions=_questions,
    every_s=EVERY_S,
    sieve=lambda: Settle({Quantity.MOTION: STILL_AFTER_S}),
)
LD2412 = replace(
    INSTRUMENT,
    zh="24 GHz 人体存在雷达 LD2412",
    en="24 GHz presence radar LD2412",
    line=Line(baudrate=LD2412_BAUDRATE),
    framer=lambda: Ld24Framer(PRESENCE_RADAR, _decode_ld2412),
    keys=(f"model: {Model.LD2412}",),
)
"""For `shouwang gateway ports`: hears nothing but the LD2412, whose reports lack the detection distance."""
