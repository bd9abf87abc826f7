"""Learns what a fall looks like from recordings, and writes `rules/wearable/fall_{waist,wrist}.json`.

    .venv/bin/python -m venv .cache/train && .cache/train/bin/pip install numpy lightgbm scikit-learn msgspec pydantic
    .cache/train/bin/python benchmarks/train_fall.py

Judged by cross-validation over people: nobody is in training and test at once. At the end it is learned again
from all of them. A recording with a fall in it says not when: its impact that looks most like one is taken.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import lightgbm
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _falls import Trial, resampled, trials

from rules.wearable.features import NAMES, features
from rules.wearable.window import AFTER, BIN_MS, Impact, Window, add, close

FOLDS = 8
FOLDS_AT = Path(__file__).parent / "folds"
ROUNDS = 3
"""How often the impact of each fall is chosen anew."""
WAYS: tuple[tuple[float | None, float, float], ...] = (
    (None, 0.0, 0.0),
    (20.0, 8.0, 0.03),
    (33.0, 5.0, 0.03),
    (50.0, 4.0, 0.03),
    (100.0, 3.0, 0.03),
)
"""Rate (Hz), jitter (ms) and loss at which each recording is heard in training."""
SHAPE = {
    "n_estimators": 150,
    "num_leaves": 8,
    "learning_rate": 0.06,
    "min_child_samples": 15,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.5,
    "reg_lambda": 3.0,
    "random_state": 1,
    "n_jobs": 1,
    "deterministic": True,
    "verbose": -1,
}
LIMITS = {"waist": 0.4, "wrist": 0.1}


def impacts_of(trial: Trial, way: tuple[float | None, float, float], seed: int) -> list[Impact]:
    """The impacts in one recording, heard in this way."""
    rate, jitter_ms, loss = way
    window, found = Window(), list[Impact]()
    offset = seed * 7 % BIN_MS
    for moment, x, y, z in resampled(trial.samples, rate=rate, jitter_ms=jitter_ms, loss=loss, seed=seed):
        window, impacts = add(window, int(moment) + 100_000 + offset, x, y, z)
        found += impacts
    _, impacts = close(window, (window.at + AFTER + 1) * BIN_MS)
    return [*found, *impacts]


class Heard:
    """The impacts of all recordings of one place, heard in all ways."""

    def __init__(self, place: str) -> None:
        """Read and hear them."""
        self.trials = [trial for trial in trials() if trial.place == place]
        rows, of_trial, of_way = [], [], []
        for number, trial in enumerate(self.trials):
            for way, how in enumerate(WAYS):
                for impact in impacts_of(trial, how, seed=number * 10 + way):
                    rows.append(features(impact.bins))
                    of_trial.append(number)
                    of_way.append(way)
        self.x = np.array(rows)
        self.trial = np.array(of_trial)
        self.way = np.array(of_way)
        self.is_fall = np.array([self.trials[number].is_fall for number in of_trial])
        people = sorted({trial.subject for trial in self.trials})
        np.random.default_rng(0).shuffle(people)
        fold = {person: number % FOLDS for number, person in enumerate(people)}
        self.fold = np.array([fold[self.trials[number].subject] for number in of_trial])


def learned(heard: Heard, rows: np.ndarray) -> lightgbm.LGBMClassifier:
    """A model of these rows. Of a fall only the impact counts that looks most like one; at first, the hardest."""
    x, is_fall = heard.x[rows], heard.is_fall[rows]
    recording = heard.trial[rows] * len(WAYS) + heard.way[rows]
    likeness = x[:, NAMES.index("peak")]
    model = lightgbm.LGBMClassifier(**SHAPE)
    for _ in range(ROUNDS):
        best = {number: index for index, number in sorted(enumerate(recording), key=lambda one: likeness[one[0]])}
        kept = ~is_fall
        kept[list(best.values())] = True
        model.fit(x[kept], is_fall[kept])
        likeness = model.predict_proba(x)[:, 1]
    return model


def crossed(heard: Heard, place: str) -> np.ndarray:
    """The chance of each impact, by a model that has never seen its person; the models go to `folds`."""
    chance, models = np.zeros(len(heard.x)), []
    for fold in range(FOLDS):
        tested = heard.fold == fold
        model = learned(heard, np.flatnonzero(~tested))
        chance[tested] = model.predict_proba(heard.x[tested])[:, 1]
        people = {heard.trials[number].subject for number in heard.trial[tested]}
        models.append((sorted(people), model))
    write_folds(f"fall_{place}", models)
    return chance


def write_folds(name: str, models: list[tuple[list[str], lightgbm.LGBMClassifier]]) -> None:
    """For `./dev bench detection`: the models that never saw these people (or trials)."""
    FOLDS_AT.mkdir(exist_ok=True)
    folds = [{"unseen": unseen, "trees": trees_of(model)} for unseen, model in models]
    (FOLDS_AT / f"{name}.json").write_text(json.dumps(folds, separators=(",", ":")) + "\n", encoding="utf-8")


def _listed(node: dict) -> list | float:
    if "leaf_value" in node:
        return float(f"{node['leaf_value']:.5g}")
    threshold = float(f"{node['threshold']:.6g}")
    return [node["split_feature"], threshold, _listed(node["left_child"]), _listed(node["right_child"])]


def report(heard: Heard, chance: np.ndarray, limit: float) -> list[str]:
    """Sensitivity and specificity by source and way of hearing."""
    lines = []
    for source in sorted({trial.source for trial in heard.trials}):
        chosen = [number for number, trial in enumerate(heard.trials) if trial.source == source]
        for way, (rate, jitter_ms, loss) in enumerate(WAYS):
            rows = heard.way == way
            said = np.zeros(len(heard.trials))
            np.maximum.at(said, heard.trial[rows], chance[rows])
            falls = [said[number] >= limit for number in chosen if heard.trials[number].is_fall]
            calm = [said[number] < limit for number in chosen if not heard.trials[number].is_fall]
            elders = [
                said[number] < limit
                for number in chosen
                if heard.trials[number].is_elder and not heard.trials[number].is_fall
            ]
            heard_at = "as recorded" if rate is None else f"{rate:.0f} Hz, {jitter_ms:.0f} ms jitter, {loss:.0%} lost"
            lines.append(
                f"{source:8} {heard_at:32} sensitivity {np.mean(falls):.4f} of {len(falls):3d}, "
                f"specificity {np.mean(calm):.4f} of {len(calm):3d}, elders {np.mean(elders):.4f} of {len(elders)}"
            )
    return lines


def write_model(name: str, model: lightgbm.LGBMClassifier, judged: list[str], **limits: float) -> None:
    """Beside the code that asks it: what it was judged by, its limits, its trees, a line each."""
    about = {"about": f"{name}: learned by benchmarks/, not written", "judged": judged, **limits}
    trees = ",\n".join(f"  {json.dumps(tree, separators=(',', ':'))}" for tree in trees_of(model))
    text = f'{json.dumps(about, indent=1)[:-2]},\n "trees": [\n{trees}\n ]\n}}\n'
    (Path(__file__).resolve().parents[1] / "rules" / "wearable" / f"{name}.json").write_text(text, encoding="utf-8")


def trees_of(model: lightgbm.LGBMClassifier) -> list[list | float]:
    """As JSON writes them: a leaf is a number, a node a list of four."""
    return [_listed(tree["tree_structure"]) for tree in model.booster_.dump_model()["tree_info"]]


def main(places: Sequence[str]) -> None:
    """Learn, judge, write."""
    for place in places:
        heard = Heard(place)
        lines = report(heard, crossed(heard, place), LIMITS[place])
        print(place, len(heard.x), "impacts", *lines, sep="\n  ")
        write_model(f"fall_{place}", learned(heard, np.arange(len(heard.x))), lines, limit=LIMITS[place])


if __name__ == "__main__":
    main(sys.argv[1:] or tuple(LIMITS))
