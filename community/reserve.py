"""How long a home's back-up battery will last: from the first level of its discharge and its newest. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SOONEST = timedelta(minutes=2)
"""Levels come in whole percents: over a shorter time they say nothing of the speed. Set by this project."""
_EMPTY = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserve:
    """The level (%) of a battery since it began to fall (`from_at`, `from_level`), and as heard last."""

    from_at: datetime
    from_level: float
    at: datetime
    level: float

    def then(self, level: float, at: datetime) -> "Reserve":
        """After another reading; one that was overtaken changes nothing. A level that rises begins anew."""
        if at <= self.at:
            return self
        if level > self.level:
            return first(level, at)
        if level == self.from_level:
            return replace(self, from_at=at, at=at)  # full, and not falling yet
        return replace(self, level=level, at=at)

    def minutes_left(self, now: datetime) -> float | None:
        """From `now`; None where it does not fall, or not long enough to say."""
        passed = (self.at - self.from_at).total_seconds() / 60
        fallen = self.from_level - self.level
        if fallen <= _EMPTY or passed < SOONEST.total_seconds() / 60:
            return None
        left = self.level * passed / fallen - (now - self.at).total_seconds() / 60
        return max(_EMPTY, left)


def first(level: float, at: datetime) -> Reserve:
    """Of a battery that is heard of for the first time."""
    return Reserve(from_at=at, from_level=level, at=at, level=level)
