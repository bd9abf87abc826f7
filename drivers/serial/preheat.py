"""A sieve for sensors that mean nothing before they are warm. Pure; moments are the loop's, in seconds."""

import msgspec

from shouwang.driver import Alive, Said, Sample
from shouwang.reading import Quality


class Preheat:
    """Of one sensor on one connection. Only its first word is known, not when it got its power.

    So what may be real is kept, marked questionable, and a number that it says then whatever it measures (`fixed`) is a
    life sign. A gateway that is started again distrusts a warm sensor too: for `lasts_s` no rule uses what it says.
    After a silence of `pause_s` it may have lost its power, so it warms up again.
    """

    def __init__(self, *, lasts_s: float, pause_s: float, fixed: frozenset[float] = frozenset()) -> None:
        """Nothing was said yet."""
        self._lasts_s = lasts_s
        self._pause_s = pause_s
        self._fixed = fixed
        self._first_at: float | None = None
        self._last_at = 0.0

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """The same, as far as it may be trusted now."""
        if self._first_at is None or now - self._last_at > self._pause_s:
            self._first_at = now
        self._last_at = now
        if now - self._first_at >= self._lasts_s:
            return said
        return [self._cold(one) if isinstance(one, Sample) else one for one in said]

    def _cold(self, sample: Sample) -> Said:
        if sample.value in self._fixed:
            return Alive()
        return msgspec.structs.replace(sample, quality=Quality.QUESTIONABLE)
