"""The last seconds of an accelerometer in equal steps of 50 ms, whatever its rate. Pure; moments are engine
milliseconds.

Sensors say 20 to 200 samples a second, late, in bursts and with gaps; what a fall looks like must not depend on that.
"""

import math
from typing import NamedTuple

import msgspec

BIN_MS = 50
"""The slowest sensors served (20 Hz) fill each step with one sample."""
BEFORE, AFTER = 40, 60
"""Steps that are looked at before and after an impact: 2 s and 3 s."""
SPAN = BEFORE + 1 + AFTER
IMPACT_G = 1.4
"""Less is no impact: no fall of SisFall and UMAFall had a lower peak at the waist or the wrist."""
_NEAR = 20
"""Of peaks within 1 s only the highest is an impact."""
_GAP = 20
"""After 1 s without a sample, what went before is another story."""


class Bin(NamedTuple):
    """The mean acceleration in 50 ms (g), and its largest length."""

    x: float
    y: float
    z: float
    most: float


class Filling(NamedTuple):
    """The step that is still open: how many samples, their sums (g), the largest length."""

    samples: int
    x: float
    y: float
    z: float
    most: float


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The closed steps, oldest first; the open one has the number `at` (moment // 50 ms).

    `heard`: the number of the step with the last sample.
    `due`: the engine millisecond by which an impact is judged though nothing more comes; None where there is none.
    """

    bins: tuple[Bin, ...] = ()
    at: int = 0
    heard: int = 0
    filling: Filling | None = None
    due: int | None = None


class Impact(NamedTuple):
    """A peak, the steps around it (SPAN of them, the peak is number BEFORE), and the moment of it."""

    bins: tuple[Bin, ...]
    mono: int


def add(window: Window, mono: int, x: float, y: float, z: float) -> tuple[Window, tuple[Impact, ...]]:
    """Take in a sample (g); the impacts whose aftermath is complete with it."""
    length = math.sqrt(x * x + y * y + z * z)
    impacts: tuple[Impact, ...] = ()
    at = mono // BIN_MS
    if at > window.at:
        window, impacts = close(window, mono, toward=(x, y, z))
    filling = window.filling
    if filling is None:
        filled = Filling(1, x, y, z, length)
    else:
        samples, sum_x, sum_y, sum_z, most = filling
        filled = Filling(samples + 1, sum_x + x, sum_y + y, sum_z + z, length if length > most else most)
    at, due = max(at, window.at), window.due
    if due is None and filled.most >= IMPACT_G:  # also where nothing comes after it: a sensor may break at an impact
        due = (at + AFTER + 1) * BIN_MS
    return Window(bins=window.bins, at=at, heard=at, filling=filled, due=due), impacts


def close(
    window: Window, mono: int, *, toward: tuple[float, float, float] | None = None
) -> tuple[Window, tuple[Impact, ...]]:
    """Go on to this moment. Missing steps lead `toward` the sample that comes now; without one they stand still."""
    missed = mono // BIN_MS - window.at
    if missed <= 0 or (window.filling is None and not window.bins):
        return window, ()
    if window.due is None and missed > _GAP and (window.filling is None or window.filling.most < IMPACT_G):
        return Window(), ()
    bins, impacts = list(window.bins), list[Impact]()
    last = _held(window)
    for count in range(min(missed, AFTER + 1)):
        bins.append(last if count == 0 else _between(last, toward, count / missed))
        if len(bins) > AFTER and _is_impact(bins, len(bins) - 1 - AFTER):
            impacts.append(Impact(_around(bins), (window.at + count - AFTER) * BIN_MS))
    at = window.at + missed
    if (at - window.heard > AFTER and toward is None) or missed > AFTER:
        return Window(), tuple(impacts)  # all that was heard is judged
    kept = tuple(bins[-SPAN:])
    due = window.due
    if due is None or due <= at * BIN_MS:
        due = _due(kept, at)
    return Window(bins=kept, at=at, heard=window.heard, due=due), tuple(impacts)


def _held(window: Window) -> Bin:
    if window.filling is None:
        last = window.bins[-1]
        return last._replace(most=_length(last))
    samples, x, y, z, most = window.filling
    return Bin(x / samples, y / samples, z / samples, most)


def _between(last: Bin, toward: tuple[float, float, float] | None, share: float) -> Bin:
    x, y, z = last.x, last.y, last.z
    if toward is not None:
        x, y, z = x + share * (toward[0] - x), y + share * (toward[1] - y), z + share * (toward[2] - z)
    return Bin(x, y, z, math.sqrt(x * x + y * y + z * z))


def _due(bins: tuple[Bin, ...], at: int) -> int | None:
    """When the oldest of the steps that may be an impact and are not judged yet will be."""
    recent = bins[-AFTER:]
    for index, step in enumerate(recent):
        if step.most >= IMPACT_G:
            return (at - len(recent) + index + AFTER + 1) * BIN_MS
    return None


def _is_impact(bins: list[Bin], at: int) -> bool:
    most = bins[at].most
    if most < IMPACT_G:
        return False
    before, after = bins[max(0, at - _NEAR) : at], bins[at + 1 : at + 1 + _NEAR]
    return all(step.most < most for step in before) and all(step.most <= most for step in after)


def _around(bins: list[Bin]) -> tuple[Bin, ...]:
    found = bins[-SPAN:]
    return (*(found[:1] * (SPAN - len(found))), *found)


def _length(step: Bin) -> float:
    return math.sqrt(step.x * step.x + step.y * step.y + step.z * step.z)
