"""The 60 GHz bed radar R60ABD1, also sold by Seeed as MR60BHA1 and by DFRobot as C1001, on a serial line.

What 81/xx means depends on the module: the early MR60BHA1 has the heart rate where the others have the breathing rate.
So nothing of it is a reading before the module has told its model, and none while its frames contradict that.
Sources: see codec.r60. The later MR60BHA2 speaks another protocol: see bed_radar_mr60bha2.
"""

from dataclasses import replace
from typing import ClassVar, Literal

from drivers.links import Links
from drivers.serial.codec import r60, r60_fields
from drivers.serial.codec.r60 import R60Frame, Table
from drivers.serial.framing import Framer
from drivers.serial.instrument import Instrument, InstrumentDriver, Questions, SerialSensor
from drivers.serial.link import Line
from drivers.serial.r60_talk import BAUDRATE, START_GAP_S, Talk
from drivers.serial.sieve import WarmUp
from shouwang.driver import Alive, Driver, Said, Sample
from shouwang.quantities import Quantity

EVERY_S = 10.0
"""Rates come every one to three seconds and change slowly: a rule's hold time is 30 s and more."""
WARM_UP_S = 20.0
"""The module needs this long to find a chest (Seeed's data sheet of the MR60BHA1: observation set-up time 20 s)."""
GAP_S = 60.0
"""A rate that has not come for this long begins anew: the module repeats it every 30 s at the latest (refresh time)."""

_KIND = "bed_radar_r60"
_RATES = frozenset({Quantity.HEART_RATE, Quantity.RESPIRATORY_RATE})
_SAYS = _RATES | {Quantity.PRESENCE, Quantity.MOTION, Quantity.BODY_MOVEMENT, Quantity.DISTANCE, Quantity.BED}
_ASKED = (r60.PRESENCE, r60.BED, r60.MOTION)
_ASKED_FOR_NUMBERS = (r60.HEART_RATE, r60.BREATH, r60.DISTANCE)


class BedRadarR60(SerialSensor):
    """A bed radar R60ABD1, MR60BHA1 or C1001 on a serial port."""

    emits: ClassVar[frozenset[Quantity]] = _SAYS

    kind: Literal["bed_radar_r60"]

    def build(self, links: Links) -> Driver:  # noqa: ARG002 - a serial port is shared with nobody
        """The driver of this sensor."""
        talk = BedTalk()
        talking = replace(INSTRUMENT, framer=talk.framer, questions=talk.questions, sieve=talk.sieve)
        return InstrumentDriver(self, talking)


class BedTalk(Talk):
    """A conversation with one bed radar, which decides on the table that its frames are read by."""

    def __init__(self) -> None:
        """Nothing is known of it yet."""
        super().__init__(_KIND, _SAYS, _ASKED)
        self._shown: set[Table] = set()
        self._warm_up = _warm_up()

    def framer(self) -> Framer[list[Said]]:
        """Of a connection that begins."""
        self._shown.clear()
        self._warm_up = _warm_up()
        return super().framer()

    @property
    def table(self) -> Table | None:
        """What the module says it is, where its frames bear it out.

        An MR60BHA1 may have the firmware of the R60ABD1: there the frames decide. A module that shows both is neither.
        """
        of_model = None if self.model is None else r60.table_of_model(self.model)
        if of_model is None or len(self._shown) > 1:
            return None
        if of_model is Table.MR60BHA1:
            return next(iter(self._shown), None)
        return of_model if self._shown <= {of_model} else None

    def meaning(self, opened: R60Frame, frame: bytes) -> list[Said]:
        """What a sound frame measures, as far as the table is known."""
        shown = r60.table_shown_by(opened)
        if shown is not None:
            self._shown.add(shown)
        said = r60_fields.said(opened, self.table, frame)
        return [Alive() if self._is_not_known(one) else one for one in said]

    def questions(self) -> Questions:
        """As of every radar of the family; rates and distance too, where it is known how to ask for them."""
        for question, pause_s in super().questions():
            yield question, pause_s
            if self.table is Table.R60ABD1 and pause_s > START_GAP_S:
                yield from ((r60.question(what), START_GAP_S) for what in _ASKED_FOR_NUMBERS)

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """As of every radar of the family, without the first values of a rate."""
        return self._warm_up.pick(super().pick(said, now), now)

    def _is_not_known(self, one: Said) -> bool:
        """Whether it is a motion that may be a direction."""
        return isinstance(one, Sample) and one.quantity is Quantity.MOTION and self.table is None


def decode(frame: bytes, table: Table | None = None) -> list[Said]:
    """What one whole frame means, 81/xx by this table. Raises DecodeError."""
    return r60_fields.said(r60.opened(frame), table, frame)


def _warm_up() -> WarmUp:
    return WarmUp(WARM_UP_S, GAP_S, _RATES)


INSTRUMENT = Instrument(
    kind=_KIND,
    zh="60 GHz 床旁雷达",
    en="60 GHz bed radar",
    line=Line(baudrate=BAUDRATE),
    framer=lambda: BedTalk().framer(),
    questions=lambda: BedTalk().questions(),
    every_s=EVERY_S,
)
