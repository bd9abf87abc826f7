"""Hi-Link's 24 GHz tracking radar LD2450 on a serial line: who is in the room, and in and out of bed.

What reports mean is in codec.ld2450. The radar follows what moves and loses who holds still, sleepers first
(TillFleisch/ESPHome-HLK-LD2450 issue 14, esphome/esphome issue 14450, everything-presence-lite issue 284). So whoever
was last seen in bed, and is seen nowhere, is in bed; out of bed is who is seen elsewhere. See Occupancy.
"""

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar, Literal

from pydantic import Field

from drivers.links import Links
from drivers.serial.codec import ld24xx, ld2450
from drivers.serial.codec.ld2450 import Target
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, Questions, SerialSensor
from drivers.serial.ld24_ear import TRACKING_RADAR, Ld24Framer
from drivers.serial.link import Line
from drivers.serial.occupancy import Occupancy
from drivers.serial.zone import Zone
from shouwang.document import Duration
from shouwang.driver import Driver, Said
from shouwang.quantities import Quantity

EVERY_S = 10.0
"""A distance that is worth a reading: people cross a room in this time."""
LEFT_AFTER = timedelta(seconds=5)
"""Zones of this radar are cleared after 5 s in TillFleisch/ESPHome-HLK-LD2450 (target_timeout) and in ESPHome."""
EMPTY_AFTER = timedelta(seconds=60)
"""Who sits still is lost after some 30 s, and owners set a minute (everything-presence-lite, issue 293)."""
LOST_AFTER = timedelta(minutes=30)
"""Sleepers turn over several times an hour and are seen again then: an assumption of ours, to be tried in the home."""
_CM_PER_MM = 0.1


class TrackingRadarLd2450(SerialSensor):
    """A tracking radar LD2450 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = frozenset(
        {Quantity.PRESENCE, Quantity.MOTION, Quantity.DISTANCE, Quantity.BED}
    )

    kind: Literal["tracking_radar_ld2450"]
    bed: Zone | None = Field(default=None, description="where the bed stands; left out: nothing is said of a bed")
    room: Zone | None = Field(
        default=None,
        description="the room itself, where the radar sees beyond its walls or door; left out: all it sees",
    )
    ignore: tuple[Zone, ...] = Field(
        default=(), max_length=8, description="places where things move that are nobody, e.g. a curtain or a fan"
    )
    left_after: Duration = Field(
        default=LEFT_AFTER,
        ge=timedelta(seconds=1),
        le=timedelta(minutes=5),
        description="how long somebody must be seen elsewhere to be out of bed, e.g. 5s",
    )
    empty_after: Duration = Field(
        default=EMPTY_AFTER,
        ge=timedelta(seconds=1),
        le=timedelta(hours=1),
        description="how long nobody may be seen in the room before it counts as empty, e.g. 60s",
    )
    lost_after: Duration = Field(
        default=LOST_AFTER,
        ge=timedelta(minutes=1),
        le=timedelta(hours=12),
        description="how long who was last seen in bed counts as in bed while not seen at all; after that it is marked "
        "as doubtful and no rule uses it, e.g. 30m",
    )
    max_silence: Duration = Field(
        default=timedelta(seconds=30),
        ge=timedelta(seconds=1),
        description="longest time without a word before it counts as silent, e.g. 30s",
    )

    @property
    def can_say(self) -> frozenset[Quantity]:
        """What rules may watch: nothing of a bed where none is drawn."""
        return self.emits if self.bed is not None else self.emits - {Quantity.BED}

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        # Of the driver, not of a connection: who sleeps is not to be out of bed because the cable was moved.
        occupancy = Occupancy(
            left_after_s=self.left_after.total_seconds(),
            empty_after_s=self.empty_after.total_seconds(),
            lost_after_s=self.lost_after.total_seconds(),
        )
        seen = replace(INSTRUMENT, framer=lambda: _framer(self), sieve=lambda: occupancy)
        return InstrumentDriver(self, seen)

    def counts(self, target: Target) -> bool:
        """Whether a target is somebody in this room."""
        at = _at(target)
        return (self.room is None or self.room.has(*at)) and not any(zone.has(*at) for zone in self.ignore)

    def is_in_bed(self, target: Target) -> bool:
        """Whether a target is in the bed."""
        return self.bed is not None and self.bed.has(*_at(target))


def decode(frame: bytes, layout: TrackingRadarLd2450 | None = None) -> list[Said]:
    """What one whole report says of this moment, in a room that is laid out so. Raises DecodeError."""
    targets = ld2450.read_targets(frame)
    if layout is None:
        return ld2450.said(targets, None, frame)
    there = [target for target in targets if layout.counts(target)]
    return ld2450.said(there, layout.is_in_bed if layout.bed is not None else None, frame)


def _at(target: Target) -> tuple[float, float]:
    return target.x_mm * _CM_PER_MM, target.y_mm * _CM_PER_MM


def _framer(layout: TrackingRadarLd2450 | None) -> Framer[list[Said]]:
    return Ld24Framer(TRACKING_RADAR, lambda frame: decode(frame, layout))


def _questions() -> Questions:
    """End the configuration mode, in which the radar is mute for ever; nothing is set."""
    return iter([(ld24xx.command(ld24xx.Code.CONFIG_DISABLE), 0.0)])


INSTRUMENT = Instrument(
    kind=TRACKING_RADAR,
    zh="24 GHz 轨迹跟踪雷达",
    en="24 GHz tracking radar",
    line=Line(baudrate=ld24xx.BAUDRATE),
    framer=lambda: _framer(None),
    questions=_questions,
    every_s=EVERY_S,
)
