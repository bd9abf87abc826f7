"""Small decision trees that were learned from recordings, asked in plain Python.

They stand in `*.json` beside this module, with how they were judged; `benchmarks/train_*.py` write them.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

Node = tuple[int, float, "Node | float", "Node | float"]
"""Which feature, the limit, what follows where the feature is at most the limit, what follows where it is more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forest:
    """Trees whose answers add up to the log odds of an event.

    A chance of `limit` or more is the event; one below `calm` is surely none.
    """

    trees: tuple[Node | float, ...]
    limit: float
    calm: float = 0.0

    def chance(self, features: Sequence[float]) -> float:
        """How likely the event is, 0 to 1."""
        odds = 0.0
        for tree in self.trees:
            node = tree
            while isinstance(node, tuple):
                node = node[2] if features[node[0]] <= node[1] else node[3]
            odds += node
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, odds))))


@cache
def forest(name: str) -> Forest:
    """The one in `<name>.json`: fall_waist, fall_wrist, bed_exit."""
    written = json.loads((files("rules.wearable") / f"{name}.json").read_text(encoding="utf-8"))
    return Forest(trees=grown(written["trees"]), limit=written["limit"], calm=written.get("calm", 0.0))


def grown(trees: list[Any]) -> tuple[Node | float, ...]:
    """Trees as JSON writes them: a leaf is a number, a node a list of four."""
    return tuple(_node(tree) for tree in trees)


def _node(written: Any) -> Node | float:  # noqa: ANN401 - JSON of our own, as deep as the tree
    if not isinstance(written, list):
        return float(written)
    feature, limit, low, high = written
    return int(feature), float(limit), _node(low), _node(high)
