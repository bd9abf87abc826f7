"""What an impact looks like, in numbers that do not depend on how the sensor sits on the person. Pure.

Free fall and turning before it, its hardness, movement and posture after it; the names stand in NAMES, in the order of
the values. After the features that the surveys of fall detection name (Casilari et al., Sensors 2015, 15(8):17827).
"""

import itertools
import math
from collections.abc import Sequence

from rules.wearable.window import BEFORE, IMPACT_G, SPAN, Bin

_P = BEFORE
_SEGMENTS = ((-40, -20), (-20, -8), (-8, 0), (1, 8), (8, 20), (20, 40), (40, 61))
"""Steps around the peak, of 50 ms: from 2 s before to 3 s after it."""

NAMES = (
    "peak",
    "mean_peak",
    "least_before",
    "free_fall",
    "push",
    *(f"{what}_{number}" for number in range(len(_SEGMENTS)) for what in ("spread", "turning", "most", "unrest")),
    "turned",
    "turned_soon",
    "turned_before",
    "turned_from_before",
    "turned_late",
    "turned_at_end",
    "peaks",
    "peaks_before",
    "contrast",
    "jerk_most",
    "jerk",
    "jerk_before",
    "restless",
    "restless_median",
)


def features(bins: Sequence[Bin]) -> tuple[float, ...]:
    """The numbers of NAMES for SPAN steps around a peak."""
    length = [math.sqrt(x * x + y * y + z * z) for x, y, z, _ in bins]
    most = [step.most for step in bins]
    jerk = [math.dist(one[:3], other[:3]) for one, other in itertools.pairwise(bins)]
    peak = most[_P]
    found: list[float] = [
        peak,
        max(length[_P - 1 : _P + 2]),
        min(length[_P - 16 : _P]),
        sum(max(0.0, 0.8 - one) for one in length[_P - 20 : _P + 1]),
        sum(max(0.0, one - 1.0) for one in length[_P - 2 : _P + 8]),
    ]
    for begin, end in _SEGMENTS:
        part = slice(_P + begin, _P + end)
        found += (_spread(length[part]), _turning(bins[part]), max(most[part]), _unrest(length[part]))
    before, late, soon = _mean(bins[0 : _P - 16]), _mean(bins[_P + 20 :]), _mean(bins[_P + 8 : _P + 24])
    just, end_ = _mean(bins[_P - 16 : _P - 4]), _mean(bins[_P + 40 :])
    found += (
        _angle(before, late),
        _angle(before, soon),
        _angle(before, just),
        _angle(just, late),
        _angle(soon, end_),
        _angle(before, end_),
        _peaks(most),
        _peaks(most[: _P - 5]),
        peak / max(1.0, *most[: _P - 10], *most[_P + 11 :]),
        max(jerk[_P - 3 : _P + 4]),
        sum(jerk[_P - 10 : _P + 11]),
        sum(jerk[_P - 20 : _P - 2]),
    )
    after = sorted(jerk[_P + 20 : SPAN - 1])
    found += (sum(after[-8:]) / 8, after[len(after) // 2])
    return tuple(found)


def _spread(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((one - mean) ** 2 for one in values) / len(values))


def _turning(bins: Sequence[Bin]) -> float:
    x, y, z = _mean(bins)
    return math.sqrt(sum((one.x - x) ** 2 + (one.y - y) ** 2 + (one.z - z) ** 2 for one in bins) / len(bins))


def _unrest(values: Sequence[float]) -> float:
    return sum(abs(one - 1.0) for one in values) / len(values)


def _mean(bins: Sequence[Bin]) -> tuple[float, float, float]:
    count = len(bins)
    return sum(one[0] for one in bins) / count, sum(one[1] for one in bins) / count, sum(one[2] for one in bins) / count


def _angle(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Degrees between two directions; 0 where one has none."""
    lengths = math.hypot(*one) * math.hypot(*other)
    if lengths == 0:
        return 0.0
    cosine = (one[0] * other[0] + one[1] * other[1] + one[2] * other[2]) / lengths
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def _peaks(most: Sequence[float]) -> int:
    return sum(
        1
        for before, here, after in zip(most[:-2], most[1:-1], most[2:], strict=True)
        if here > IMPACT_G and here >= before and here > after
    )
