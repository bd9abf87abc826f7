"""A place in the story of what a home took in and did."""

from typing import NamedTuple


class Position(NamedTuple):
    """How far the home's story is told: the numbers of the last event and of the last deed."""

    events: int = 0
    deeds: int = 0

    def holds(self, other: "Position") -> bool:
        """Whether all up to `other` is in it."""
        return other.events <= self.events and other.deeds <= self.deeds

    def joined(self, other: "Position") -> "Position":
        """As far as either."""
        return Position(max(self.events, other.events), max(self.deeds, other.deeds))
