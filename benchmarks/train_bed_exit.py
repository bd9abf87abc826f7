"""Learns how a person who leaves the bed moves, writes `rules/wearable/bed_exit.json`; train_fall.py tells how to run.

Judged by cross-validation over trials, then learned again from all of them.
"""

import sys
from pathlib import Path

import lightgbm
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _beds import ON_CHAIR, WALKING, Tally, evenings
from train_fall import trees_of, write_folds, write_model

from rules.wearable.forest import Forest, grown
from rules.wearable.posture import Held, features, remembered

FOLDS = 8
LIMIT, CALM = 0.9, 0.6
SHAPE = {
    "n_estimators": 120,
    "num_leaves": 8,
    "learning_rate": 0.06,
    "min_child_samples": 20,
    "class_weight": "balanced",
    "random_state": 1,
    "n_jobs": 1,
    "deterministic": True,
    "verbose": -1,
}


class Heard:
    """Every sample of every evening that counts, as numbers, and what the person did then."""

    def __init__(self) -> None:
        """Read them."""
        self.evenings = list(evenings())
        rows, did, of = [], [], []
        for number, evening in enumerate(self.evenings):
            held: tuple[Held, ...] = ()
            for now, what in zip(evening.heard, evening.did, strict=True):
                longer = remembered(held, now)
                if longer is not held:
                    held = longer
                    rows.append(features(held))
                    did.append(what)
                    of.append(number)
        self.x, self.did, self.of = np.array(rows), np.array(did), np.array(of)
        self.fold = np.random.default_rng(0).permutation(len(self.evenings)) % FOLDS


def main() -> None:
    """Learn, judge, write."""
    heard = Heard()
    tally, models = Tally(), []
    for number in range(FOLDS):
        kept = heard.fold[heard.of] != number
        model = learned(heard.x[kept], heard.did[kept])
        unseen = [evening for evening, fold in zip(heard.evenings, heard.fold, strict=True) if fold == number]
        models.append(([evening.name for evening in unseen], model))
        judge = Forest(trees=grown(trees_of(model)), limit=LIMIT, calm=CALM)
        for evening in unseen:
            tally.add(evening, judge)
    write_folds("bed_exit", models)
    print(*tally.lines(), sep="\n")
    write_model("bed_exit", learned(heard.x, heard.did), tally.lines(), limit=LIMIT, calm=CALM)


def learned(x: np.ndarray, what: np.ndarray) -> lightgbm.LGBMClassifier:
    """Walking against lying and sitting on the bed; how people sit on chairs is nobody's business here."""
    kept = what != ON_CHAIR
    return lightgbm.LGBMClassifier(**SHAPE).fit(x[kept], what[kept] == WALKING)


if __name__ == "__main__":
    main()
