"""How often the values of a streaming instrument are worth a reading. Pure; moments are the loop's, in seconds."""

from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality

REPEAT_S = 60.0
"""A state that lasts is said again this often: who missed its beginning learns of it."""
_STATE = "1"


class Pace:
    """Lets events and changes of state through at once, and numbers at most every `every_s`.

    What is held back is a life sign still. A number is never averaged: each reading is one that the device said.
    """

    def __init__(self, every_s: float) -> None:
        """Nothing was said yet."""
        self._every_s = every_s
        self._told: dict[Quantity, tuple[float, float, Quality]] = {}

    def forget(self) -> None:
        """The line was lost: whatever comes next is new."""
        self._told.clear()

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """What of this is worth a reading; a life sign where nothing is."""
        picked = [one for one in said if not isinstance(one, Sample) or self._is_due(one, now)]
        return picked or ([Alive()] if said else [])

    def _is_due(self, sample: Sample, now: float) -> bool:
        info = QUANTITIES[sample.quantity]
        if info.event:
            return True
        before = self._told.get(sample.quantity)
        if before is not None and now < before[0] + self._wait_s(sample, before):
            return False
        self._told[sample.quantity] = (now, sample.value, sample.quality)
        return True

    def _wait_s(self, sample: Sample, before: tuple[float, float, Quality]) -> float:
        if QUANTITIES[sample.quantity].unit != _STATE:
            return self._every_s  # also for the same number: it is a measurement of its own
        return REPEAT_S if before[1:] == (sample.value, sample.quality) else 0.0
