"""How sirens sound and lamps flash, by how urgent it is. Pure.

The idea of IEC 60601-1-8: high red, flashing at 1.4 to 2.8 Hz, bursts of ten pulses; medium yellow, 0.4 to 0.8 Hz,
three pulses; low yellow without flashing, one or two pulses. No conformity is claimed. A relay of 100,000 cycles or a
plug behind a radio cannot follow that: what is `slow` gets one long tone for each burst, and lamps that do not flash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gateway.annunciators.signal import Signal, Standing
from shouwang.alert import Severity

AGAIN_S = 60.0
"""What stays on is switched on again this often: a plug that was unplugged meanwhile comes back off."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Beat:
    """On or off for a while."""

    on: bool
    seconds: float


Rhythm = tuple[Beat, ...]
"""Played from its beginning again and again."""


class Lamp(Enum):
    """The colours."""

    RED = auto()
    YELLOW = auto()


def _burst(pulses: int, pulse_s: float, gap_s: float, pause_s: float) -> Rhythm:
    beats: list[Beat] = []
    for _ in range(pulses):
        beats += [Beat(on=True, seconds=pulse_s), Beat(on=False, seconds=gap_s)]
    return (*beats[:-1], Beat(on=False, seconds=pause_s))


OFF: Rhythm = tuple(Beat(on=False, seconds=seconds) for seconds in (5.0, 60.0, 600.0, 3600.0))
"""Said again, at last each hour: the stop of a radio siren may be lost, and a plug may come back on."""
ON: Rhythm = (Beat(on=True, seconds=AGAIN_S),)
_FIVE = _burst(5, 0.2, 0.2, 0.6)
HIGH: Rhythm = (*_FIVE, *_burst(5, 0.2, 0.2, 5.0))
"""Two sets of five pulses, then 5 s (the idea allows 2.5 to 15 s)."""
HIGH_SELDOM: Rhythm = (*_FIVE, *_burst(5, 0.2, 0.2, 55.0))
"""Once a minute."""
MEDIUM: Rhythm = _burst(3, 0.25, 0.25, 10.0)
LOW: Rhythm = _burst(2, 0.25, 0.25, 15.0)
SLOW_HIGH: Rhythm = (Beat(on=True, seconds=10.0), Beat(on=False, seconds=5.0))
SLOW_HIGH_SELDOM: Rhythm = (Beat(on=True, seconds=10.0), Beat(on=False, seconds=50.0))
SLOW_MEDIUM: Rhythm = (Beat(on=True, seconds=3.0), Beat(on=False, seconds=15.0))
SLOW_LOW: Rhythm = (Beat(on=True, seconds=1.0), Beat(on=False, seconds=15.0))
FLASH_HIGH: Rhythm = (Beat(on=True, seconds=0.25), Beat(on=False, seconds=0.25))
"""2 Hz."""
FLASH_MEDIUM: Rhythm = (Beat(on=True, seconds=1.0), Beat(on=False, seconds=1.0))
"""0.5 Hz."""


def siren_rhythm(signals: Sequence[Signal], ages_s: Mapping[str, float], loud_s: float, *, is_slow: bool) -> Rhythm:
    """How the siren sounds: for `loud_s` as urgent as it is, then a P1 once a minute until somebody answers."""
    audible = [one for one in signals if not one.is_answered and not one.is_paused]
    alarms = [one for one in audible if one.standing is Standing.ALARM]
    young = [one for one in alarms if ages_s.get(one.key, 0.0) < loud_s]
    if any(one.severity is Severity.P1 for one in young):
        return SLOW_HIGH if is_slow else HIGH
    if young:
        return SLOW_MEDIUM if is_slow else MEDIUM
    if any(one.severity is Severity.P1 for one in alarms):
        return SLOW_HIGH_SELDOM if is_slow else HIGH_SELDOM
    if any(one.standing is Standing.QUESTION for one in audible):
        return SLOW_LOW if is_slow else LOW
    return OFF


def lamp_rhythm(signals: Sequence[Signal], *, is_slow: bool) -> tuple[Lamp, Rhythm]:
    """Which lamp shines how: it flashes until somebody answers, then it shines until the alarm ends."""
    alarms = [one for one in signals if one.standing is Standing.ALARM]
    life = [one for one in alarms if one.severity is Severity.P1]
    if life:
        return Lamp.RED, FLASH_HIGH if _waits(life) and not is_slow else ON
    questions = [one for one in signals if one.standing is Standing.QUESTION]
    if _waits(alarms) or questions:
        return Lamp.YELLOW, ON if is_slow else FLASH_MEDIUM
    return Lamp.YELLOW, ON if signals else OFF


def _waits(alarms: Sequence[Signal]) -> bool:
    return any(not one.is_answered for one in alarms)
