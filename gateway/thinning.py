"""Telemetry made smaller where it must be: of each minute the lowest, the mean and the highest value stay."""

from collections.abc import Iterable, Sequence

import msgspec

from shouwang.quantities import QUANTITIES
from shouwang.reading import Quality, Reading

_MINUTE_S = 60
_STAY = 3  # lowest, mean, highest: so many values of a minute are not made fewer
_YES_OR_NO = "1"


def thinned(readings: Iterable[Reading]) -> list[Reading]:
    """What stays, in order of time. Events and all that concerns life stay whole; of levels (a door) each change."""
    minutes: dict[tuple[object, ...], list[Reading]] = {}
    last: dict[tuple[object, ...], float] = {}
    kept: list[Reading] = []
    for reading in readings:
        info = QUANTITIES[reading.quantity]
        who = (reading.sensor_id, reading.quantity, reading.resident_id, reading.quality, reading.is_late)
        if info.life_safety or info.event or reading.quality is Quality.THINNED:
            kept.append(reading)
        elif info.unit == _YES_OR_NO:
            if last.get(who) != reading.value:
                kept.append(reading)
            last[who] = reading.value
        else:
            minutes.setdefault((*who, int(reading.at.timestamp()) // _MINUTE_S), []).append(reading)
    for group in minutes.values():
        kept += _summary(group)
    return sorted(kept, key=lambda reading: (reading.at, reading.mono))


def _summary(group: Sequence[Reading]) -> list[Reading]:
    if len(group) <= _STAY:
        return list(group)
    low = min(group, key=lambda reading: reading.value)
    high = max(group, key=lambda reading: reading.value)
    middle = group[len(group) // 2]
    mean = sum(reading.value for reading in group) / len(group)
    summary = msgspec.structs.replace(middle, value=mean, quality=Quality.THINNED)
    return [summary] if low.value == high.value else [low, summary, high]
