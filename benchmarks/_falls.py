"""Recorded falls and daily activities of SisFall and UMAFall, as a sensor at waist or wrist says them."""

import csv
import gzip
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ELDER_FROM = 60
"""Years; SisFall's elders are 60 to 75."""

Sample = tuple[float, float, float, float]
"""Milliseconds from the beginning, and x, y, z in g."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One recording. `source`: `sisfall` or `umafall`; `place`: `waist` or `wrist`."""

    name: str
    source: str
    place: str
    subject: str
    activity: str
    is_fall: bool
    is_elder: bool
    samples: tuple[Sample, ...]


def trials() -> Iterator[Trial]:
    """All of them."""
    yield from _sisfall()
    yield from _umafall()


def _sisfall() -> Iterator[Trial]:
    known = {row["trial_id"]: row for row in _rows(DATA / "sisfall" / "trials.csv")}
    for file in sorted((DATA / "sisfall").glob("S*.csv.gz")):
        for name, rows in groupby(_rows(file), key=lambda row: row["trial_id"]):
            about = known[name]
            yield Trial(
                name=name,
                source="sisfall",
                place="waist",
                subject=about["subject"],
                activity=about["activity"],
                is_fall=about["label"] == "fall",
                is_elder=about["group"] == "elder",
                samples=_samples(rows),
            )


def _umafall() -> Iterator[Trial]:
    known = {row["trial_id"]: row for row in _rows(DATA / "umafall" / "trials.csv")}
    rows = _rows(DATA / "umafall" / "accel.csv.gz")
    for (name, place), group in groupby(rows, key=lambda row: (row["trial_id"], row["sensor"])):
        about = known[name]
        yield Trial(
            name=name,
            source="umafall",
            place=place,
            subject=about["subject"],
            activity=about["activity"],
            is_fall=about["label"] == "fall",
            is_elder=int(about["age"]) >= ELDER_FROM,
            samples=_samples(group),
        )


def resampled(
    samples: Sequence[Sample], *, rate: float | None, jitter_ms: float, loss: float, seed: int
) -> tuple[Sample, ...]:
    """As a sensor of this rate (Hz) would have said it, with late and lost samples."""
    chance = random.Random(seed)
    found = list(samples) if rate is None else list(_at(samples, 1000 / rate))
    found = [one for one in found if chance.random() >= loss]
    if jitter_ms:
        moments = sorted(one[0] + chance.gauss(0, jitter_ms) for one in found)
        found = [(moment, *one[1:]) for moment, one in zip(moments, found, strict=True)]
    return tuple(found)


def _at(samples: Sequence[Sample], step: float) -> Iterator[Sample]:
    index, moment = 0, samples[0][0]
    while moment <= samples[-1][0]:
        while index + 1 < len(samples) - 1 and samples[index + 1][0] < moment:
            index += 1
        one, other = samples[index], samples[index + 1]
        share = (moment - one[0]) / (other[0] - one[0]) if other[0] > one[0] else 0.0
        share = min(1.0, max(0.0, share))
        x, y, z = (a + share * (b - a) for a, b in zip(one[1:], other[1:], strict=True))
        yield moment, x, y, z
        moment += step


def _samples(rows: Iterable[dict[str, str]]) -> tuple[Sample, ...]:
    return tuple(
        (float(row["t_ms"]), float(row["ax_mg"]) / 1000, float(row["ay_mg"]) / 1000, float(row["az_mg"]) / 1000)
        for row in rows
    )


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        yield from csv.DictReader(lines)
