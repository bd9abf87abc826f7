"""Alarms that come and go: four times in half an hour, and the device wants mending. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

HAZARD = "flapping"
TIMES, WITHIN = 4, timedelta(minutes=30)
"""So many episodes of one alarm within that time are flapping (the project's incident model; ISA-18.2 calls it
chattering and fleeting alarms)."""
CALM_AFTER = timedelta(hours=2)
"""It flaps no more once it has not begun anew for so long: four times the time in which it was judged. Set by us."""


def flaps(begun: Iterable[datetime], now: datetime) -> bool:
    """Whether an alarm flaps whose episodes began at these moments."""
    lately = {moment for moment in begun if timedelta(0) <= now - moment <= WITHIN}
    return len(lately) >= TIMES


def is_calm(last_at: datetime, now: datetime) -> bool:
    """Whether one that flapped and began last at this moment has calmed down."""
    return now - last_at >= CALM_AFTER
