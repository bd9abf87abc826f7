"""What the rules find in recorded lives: `./dev bench detection [--json FILE]`. Exits 1 where a target is missed.

What was learned is judged on people who were not in training: the models of each fold lie in `folds`. Needs
`../shared/data`. The anchors are what others reach on the same data (shared design, anchors).
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import _beds
import _falls
import _homes
import _vitals
from _figures import Figure, options_of, report

from rules.wearable.features import features
from rules.wearable.forest import Forest, forest, grown
from rules.wearable.window import AFTER, BIN_MS, Window, add, close

FOLDS = Path(__file__).parent / "folds"
AS_RECORDED = (None, 0.0, 0.0)
HARD = tuple((rate, 5.0, 0.05) for rate in (20.0, 50.0, 100.0, 200.0))
"""Rate (Hz), jitter (ms) and loss."""
MAY_DROP = 0.03
_PLACES = ("waist", "wrist")
_TARGETS = {
    ("sisfall", "waist"): (0.985, 0.985),
    ("umafall", "waist"): (0.93, 0.97),
    ("umafall", "wrist"): (0.95, 0.90),
}
"""Sensitivity and specificity."""


def forests(name: str) -> dict[str, Forest]:
    """By person or trial, the model that never saw them."""
    folds = json.loads((FOLDS / f"{name}.json").read_text(encoding="utf-8"))
    shipped = forest(name)
    found = {}
    for fold in folds:
        learned = Forest(trees=grown(fold["trees"]), limit=shipped.limit, calm=shipped.calm)
        found |= dict.fromkeys(fold["unseen"], learned)
    return found


def is_fall(trial: _falls.Trial, learned: Forest, way: tuple[float | None, float, float], seed: int) -> bool:
    """Whether the rule would have called this recording a fall."""
    rate, jitter_ms, loss = way
    window, impacts = Window(), []
    for at, x, y, z in _falls.resampled(trial.samples, rate=rate, jitter_ms=jitter_ms, loss=loss, seed=seed):
        window, found = add(window, round(at) + 100_000, x, y, z)
        impacts += found
    _, found = close(window, (window.at + AFTER + 1) * BIN_MS)
    impacts += found
    return any(learned.chance(features(impact.bins)) >= learned.limit for impact in impacts)


def falls() -> Iterator[Figure]:
    """Sensitivity and specificity by source, place and way of hearing."""
    models = {place: forests(f"fall_{place}") for place in _PLACES}
    said: dict[tuple[str, str, object], list[tuple[bool, bool, bool]]] = defaultdict(list)
    for number, trial in enumerate(_falls.trials()):
        for way in (AS_RECORDED, *HARD):
            heard = is_fall(trial, models[trial.place][trial.subject], way, seed=number)
            said[trial.source, trial.place, way].append((trial.is_fall, heard, trial.is_elder))
    for (source, place), targets in _TARGETS.items():
        plain = _rates(said[source, place, AS_RECORDED])
        for what, value, target in zip(("sensitivity", "specificity"), plain, targets, strict=True):
            yield Figure(name=f"falls {source} {place}: {what}", value=value, target=target, at_least=True)
        if source == "sisfall":
            elders = [one for one in said[source, place, AS_RECORDED] if one[2]]
            yield Figure(
                name=f"falls {source} {place}: specificity, elders", value=_rates(elders)[1], target=0.99, at_least=True
            )
        for way in HARD:
            for what, value, before in zip(
                ("sensitivity", "specificity"), _rates(said[source, place, way]), plain, strict=True
            ):
                yield Figure(
                    name=f"falls {source} {place}: {what} at {way[0]:.0f} Hz, 5 ms jitter, 5 % lost",
                    value=value,
                    target=before - MAY_DROP,
                    at_least=True,
                )


def _rates(said: list[tuple[bool, bool, bool]]) -> tuple[float, float]:
    falls_ = [heard for fell, heard, _ in said if fell]
    calm = [not heard for fell, heard, _ in said if not fell]
    return sum(falls_) / max(1, len(falls_)), sum(calm) / max(1, len(calm))


def beds() -> Iterator[Figure]:
    """Exits from the bed."""
    tally, models = _beds.Tally(), forests("bed_exit")
    for evening in _beds.evenings():
        tally.add(evening, models[evening.name])
    yield Figure(name="bed exits told within 10 s", value=tally.near / tally.exits, target=0.95, at_least=True)
    yield Figure(name="bed exits called by 10 s after", value=tally.called / tally.exits, target=0.95, at_least=True)
    yield Figure(name="alerts while lying", value=tally.lying, target=0)


def vitals() -> Iterator[Figure]:
    """Homes of people with dementia, one man's cuff, people with a glucose sensor, the air of a town."""
    anchors = {"Blood pressure": (0.87, 0.87), "Pulse": (1.0, 0.90)}
    for label, values in _vitals.tihm_vitals().items():
        for what, value, anchor in zip(("recall", "precision"), values, anchors[label], strict=True):
            yield Figure(
                name=f"tihm {label}: {what} (anchor {anchor})",
                value=round(value, 2),
                target=anchor - 0.005,
                at_least=True,
            )
    for home, told in _homes.homes():
        right = told.out - told.alarmed_out + told.alarmed_still
        yield Figure(
            name=f"smarthome {home}: out or still, told apart (of {told.out + told.still})",
            value=right / (told.out + told.still),
            target=0.9,
            at_least=True,
        )
        yield Figure(
            name=f"smarthome {home}: long stillness at home that is no alarm (of {told.still})",
            value=told.still - told.alarmed_still,
            target=1,
        )
    alarms, days = _vitals.tihm_inactivity()
    yield Figure(
        name="tihm inactivity: person-days for one alarm", value=days / max(1, alarms), target=14, at_least=True
    )
    yield Figure(name="air_co: carbon monoxide alarms in clean air", value=_vitals.clean_air(), target=0)
    yield Figure(name="smoke_iot: alarms of heat and CO2 where nothing burnt", value=_vitals.clean_rooms(), target=0)
    for name, (said, counted) in (
        ("smarthome mit_1: burners that nobody watched", _homes.stoves()),
        ("smarthome kasteren_A: nights with two flushes", _homes.toilets()),
        ("cgm: very low episodes", _vitals.glucose_episodes()),
        ("bp_home: high systolic episodes", _vitals.pressure_episodes()),
    ):
        yield Figure(name=f"{name}, told less counted (of {counted})", value=abs(said - counted), target=0)


def main() -> int:
    """Measure, print, write."""
    options = options_of(__doc__).parse_args()
    if not _falls.DATA.is_dir():
        print("the recorded data are not here (../shared/data): nothing can be measured", file=sys.stderr)
        return 1
    return report([*vitals(), *beds(), *falls()], options.json)


if __name__ == "__main__":
    sys.exit(main())
