"""What stands between a decoder and the readings where time counts: what the device says is held back or turned round.

Pure; moments are the loop's, in seconds.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from shouwang.driver import Alive, Said, Sample
from shouwang.quantities import Quantity


class Sieve(Protocol):
    """Gets all that the decoder says, frame by frame."""

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """What of this, and of what was said before, is to be said now."""
        ...


class Settle:
    """A state that falls is believed only after it has stayed down for so long; one that rises, at once.

    Radars take a person who holds still for a wall, a dozen times a minute.
    """

    def __init__(self, after_s: Mapping[Quantity, float]) -> None:
        """`after_s`: how long each state must stay down; the quantities that are not named pass."""
        self._after_s = after_s
        self._held: dict[Quantity, float] = {}
        self._down_since: dict[Quantity, float] = {}

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """As said, a state that fell too recently as it was before."""
        return [self._settled(one, now) if isinstance(one, Sample) else one for one in said]

    def _settled(self, sample: Sample, now: float) -> Sample:
        after_s = self._after_s.get(sample.quantity)
        if after_s is None:
            return sample
        held = self._held.get(sample.quantity)
        if held is None or sample.value >= held:
            self._down_since.pop(sample.quantity, None)
        elif now < self._down_since.setdefault(sample.quantity, now) + after_s:
            return msgspec.structs.replace(sample, value=held)
        self._down_since.pop(sample.quantity, None)
        self._held[sample.quantity] = sample.value
        return sample


class WarmUp:
    """The first values of a measurement that has just begun are life signs: the device is still finding it."""

    def __init__(self, lasts_s: float, gap_s: float, quantities: frozenset[Quantity]) -> None:
        """A measurement begins anew after `gap_s` without a value."""
        self._lasts_s = lasts_s
        self._gap_s = gap_s
        self._quantities = quantities
        self._began: dict[Quantity, float] = {}
        self._last: dict[Quantity, float] = {}

    def pick(self, said: list[Said], now: float) -> list[Said]:
        """As said, without the first values."""
        return [Alive() if isinstance(one, Sample) and self._is_early(one, now) else one for one in said]

    def _is_early(self, sample: Sample, now: float) -> bool:
        quantity = sample.quantity
        if quantity not in self._quantities:
            return False
        last = self._last.get(quantity)
        if last is None or now > last + self._gap_s:
            self._began[quantity] = now
        self._last[quantity] = now
        return now < self._began[quantity] + self._lasts_s
