"""Small decision trees that were learned elsewhere, asked in plain Python. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Node = tuple[int, float, "Node | float", "Node | float"]
"""Which feature, the limit, what follows where the feature is at most the limit, what follows where it is more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forest:
    """Trees whose answers add up to the log odds of an event."""

    base: float
    trees: tuple[Node | float, ...]

    def chance(self, features: Sequence[float]) -> float:
        """How likely the event is, 0 to 1."""
        odds = self.base
        for tree in self.trees:
            node = tree
            while isinstance(node, tuple):
                node = node[2] if features[node[0]] <= node[1] else node[3]
            odds += node
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, odds))))
