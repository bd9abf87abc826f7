"""How often somebody may ask: a bucket each, refilled at a steady rate; the number of buckets is bounded."""

from collections import OrderedDict
from dataclasses import dataclass

REMEMBERED = 4096
"""Who asked last is remembered; a crowd larger than this loses its oldest, whose bucket would be full by then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """So many a minute on average, so many at once."""

    a_minute: float
    at_once: int


class Limits:
    """Buckets by key. The caller says what time it is, in seconds of a clock that never steps back."""

    def __init__(self, rate: Rate, *, remembered: int = REMEMBERED) -> None:
        """`rate` where `wait_s` is told no other."""
        self._rate = rate
        self._remembered = remembered
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, now_s: float, *, rate: Rate | None = None, cost: float = 1.0) -> float:
        """0.0 where this one may ask now (and it is counted), else how long to wait (and it is not)."""
        rate = rate or self._rate
        left, since = self._buckets.pop(key, (float(rate.at_once), now_s))
        a_second = rate.a_minute / 60
        left = min(float(rate.at_once), left + max(0.0, now_s - since) * a_second)
        is_free = left >= cost
        self._buckets[key] = (left - cost if is_free else left, now_s)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return 0.0 if is_free else (cost - left) / a_second

    def give_back(self, key: str, *, cost: float = 1.0) -> None:
        """What was counted counts no more; the bucket holds no more than ever."""
        if key in self._buckets:  # who asked so long ago that he is forgotten has a full one
            left, since = self._buckets[key]
            self._buckets[key] = (left + cost, since)
