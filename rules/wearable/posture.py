"""How a person with a sensor on the chest holds and moves the trunk: what tells walking from sitting on the bed. Pure.

Battery-less tags are heard about twice a second, with gaps of many seconds; faster sensors are thinned to that.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

THIN_MS = 200
"""Of faster sensors one sample in 200 ms counts: tags give at most about that."""
REMEMBERED = 40
SPAN_MS = 15_000
"""What is older says nothing of now."""
UPRIGHT_COSINE = 0.65
"""Of the trunk to the vertical, about 50 degrees: people who sit or walk have more (median 0.92), those who lie less,
also on the side with raised shoulders (up to 0.58; Torres et al. 2016)."""

NAMES = (
    "front",
    "up",
    "side",
    "gap_s",
    "heard_5s",
    "front_change",
    "up_change",
    "side_change",
    "unrest",
    "jump",
    "lean",
    "length",
    "lowest",
)


class Held(NamedTuple):
    """One sample: the engine millisecond, and g to the front, along the trunk (up) and to the side."""

    mono: int
    front: float
    up: float
    side: float


def is_upright(held: Held) -> bool:
    """Whether the trunk is upright."""
    return held.up > UPRIGHT_COSINE * math.hypot(held.front, held.up, held.side)


def remembered(past: tuple[Held, ...], now: Held) -> tuple[Held, ...]:
    """The samples that still say something, with this one; the same tuple where it comes too soon to count."""
    if past and now.mono - past[-1].mono < THIN_MS:
        return past
    return tuple(one for one in (*past[-REMEMBERED:], now) if now.mono - one.mono <= SPAN_MS)


def features(held: Sequence[Held]) -> tuple[float, ...]:
    """The numbers of NAMES for the last sample."""
    now, past = held[-1], held[:-1]
    usual = past[-10:] or held
    last = held[-6:]
    jumps = [
        max(abs(b.front - a.front), abs(b.up - a.up), abs(b.side - a.side)) for a, b in itertools.pairwise(held[-5:])
    ]
    return (
        now.front,
        now.up,
        now.side,
        (now.mono - past[-1].mono) / 1000 if past else 0.0,
        sum(now.mono - one.mono <= 5000 for one in past),
        now.front - _median([one.front for one in usual]),
        now.up - _median([one.up for one in usual]),
        now.side - _median([one.side for one in usual]),
        math.sqrt(sum(_variance([one[axis] for one in last]) for axis in (1, 2, 3))),
        max(jumps, default=0.0),
        sum(one.front for one in held[-3:]) / len(held[-3:]),
        math.sqrt(now.front**2 + now.up**2 + now.side**2),
        min((one.up for one in past), default=now.up),
    )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _variance(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return sum((one - mean) ** 2 for one in values) / len(values)
