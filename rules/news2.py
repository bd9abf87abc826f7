"""NEWS2, the National Early Warning Score 2 (Royal College of Physicians, 2017, chart 1). Pure.

Meant for acutely ill adults in hospital; at home a set is rarely complete, and a missing value is never scored as 0.
"""

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import lru_cache

import msgspec


class Consciousness(StrEnum):
    """ACVPU: alert, new confusion, responds to voice, to pain, unresponsive."""

    ALERT = "A"
    CONFUSION = "C"
    VOICE = "V"
    PAIN = "P"
    UNRESPONSIVE = "U"


class Risk(StrEnum):
    """Clinical risk: 0 to 4 low, a single 3 low-medium, 5 to 6 medium, 7 and more high."""

    LOW = "low"
    LOW_MEDIUM = "low-medium"
    MEDIUM = "medium"
    HIGH = "high"


RANK = {risk: rank for rank, risk in enumerate(Risk)}
"""0 for the lowest."""
PARAMETERS = (
    "respiratory_rate",
    "spo2",
    "on_oxygen",
    "systolic",
    "heart_rate",
    "consciousness",
    "temperature",
)


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The points of what is known. Where something is `missing`, `total` and `risk` are the least that they can be."""

    total: int
    risk: Risk
    parameters: Mapping[str, int]
    missing: tuple[str, ...]
    complete: bool


def score(
    *,
    respiratory_rate: float | None,
    spo2: float | None,
    spo2_scale: int = 1,
    on_oxygen: bool | None,
    systolic: float | None,
    heart_rate: float | None,
    consciousness: Consciousness | str | None,
    temperature: float | None,
) -> Score:
    """The score of one set: rates per minute, `spo2` in %, `systolic` in mmHg, `temperature` in Cel, None for unknown.

    `spo2_scale` 2 only where a clinician has prescribed 88 to 92 % (hypercapnic failure). Raises ValueError for a scale
    or a consciousness that does not exist. A number that is not finite is unknown.
    """
    if spo2_scale not in (1, 2):
        raise ValueError(f"there is no SpO2 scale {spo2_scale}; write 1, or 2 where a clinician prescribed 88 to 92 %")
    points = {
        "respiratory_rate": _banded(respiratory_rate, _RESPIRATION),
        "spo2": _banded(spo2, _SPO2_1) if spo2_scale == 1 else _scale_2(spo2, on_oxygen=on_oxygen),
        "on_oxygen": None if on_oxygen is None else 2 if on_oxygen else 0,
        "systolic": _banded(systolic, _SYSTOLIC),
        "heart_rate": _banded(heart_rate, _PULSE),
        "consciousness": _awake(consciousness),
        "temperature": _banded(temperature, _TEMPERATURE, digits=1),
    }
    known = {name: point for name, point in points.items() if point is not None}
    missing = tuple(name for name in PARAMETERS if name not in known)
    total = sum(known.values())
    return Score(
        total=total, risk=_risk(total, known.values()), parameters=known, missing=missing, complete=not missing
    )


@lru_cache(maxsize=4096)
def points_alone(parameter: str, value: float) -> int | None:
    """The points of a parameter that depend on nothing but its value; None for the others."""
    bands = _ALONE.get(parameter)
    return None if bands is None else _banded(value, bands[0], digits=bands[1])


_Bands = tuple[tuple[float, ...], tuple[int, ...]]
"""The upper ends of all bands but the last, and the points of each."""
_RESPIRATION: _Bands = ((8, 11, 20, 24), (3, 1, 0, 2, 3))
_SPO2_1: _Bands = ((91, 93, 95), (3, 2, 1, 0))
_SPO2_2_USUAL_UP_TO = 92
_SPO2_2_LOW: _Bands = ((83, 85, 87), (3, 2, 1, 0))
_SPO2_2_ON_OXYGEN: _Bands = ((94, 96), (1, 2, 3))
_SYSTOLIC: _Bands = ((90, 100, 110, 219), (3, 2, 1, 0, 3))
_PULSE: _Bands = ((40, 50, 90, 110, 130), (3, 1, 0, 1, 2, 3))
_TEMPERATURE: _Bands = ((35.0, 36.0, 38.0, 39.0), (3, 1, 0, 1, 2))


_ALONE: Mapping[str, tuple[_Bands, int]] = {
    "respiratory_rate": (_RESPIRATION, 0),
    "systolic": (_SYSTOLIC, 0),
    "heart_rate": (_PULSE, 0),
    "temperature": (_TEMPERATURE, 1),
}


def _banded(value: float | None, bands: _Bands, *, digits: int = 0) -> int | None:
    if value is None or not math.isfinite(value):
        return None
    ends, points = bands
    return points[bisect_left(ends, _as_charted(value, digits))]


def _scale_2(spo2: float | None, *, on_oxygen: bool | None) -> int | None:
    if spo2 is None or not math.isfinite(spo2):
        return None
    if _as_charted(spo2, 0) <= _SPO2_2_USUAL_UP_TO:
        return _banded(spo2, _SPO2_2_LOW)
    if on_oxygen is None:
        return None  # from 93 % on, the points depend on it
    return _banded(spo2, _SPO2_2_ON_OXYGEN) if on_oxygen else 0


def _as_charted(value: float, digits: int) -> float:
    """The chart has whole numbers, and tenths of a degree: a value between two is the nearest, half upwards."""
    scale = 10.0**digits
    return math.floor(round(value * scale, 6) + 0.5) / scale


def _awake(consciousness: Consciousness | str | None) -> int | None:
    if consciousness is None:
        return None
    try:
        return 0 if Consciousness(consciousness) is Consciousness.ALERT else 3
    except ValueError:
        raise ValueError(f'"{consciousness}" is no level of consciousness; write A, C, V, P or U') from None


def _risk(total: int, points: Collection[int]) -> Risk:
    if total >= 7:
        return Risk.HIGH
    if total >= 5:
        return Risk.MEDIUM
    return Risk.LOW_MEDIUM if 3 in points else Risk.LOW
