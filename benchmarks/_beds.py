"""Recorded evenings of people with a sensor on the chest: lying, sitting, walking (Torres 2016)."""

import csv
import gzip
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

from rules.bed_exit_wearable import BedExitWearable, BedExitWearableRule
from rules.bound import BoundRule, HomeFacts
from rules.engine import Engine
from rules.wearable.forest import Forest
from rules.wearable.posture import Held
from shouwang.alert import Alert, AlertState
from shouwang.quantities import Quantity
from shouwang.reading import Reading

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "bed_exit_rfid" / "readings.csv.gz"
ON_BED, ON_CHAIR, LYING, WALKING = 1, 2, 3, 4
IN_BED = (ON_BED, LYING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evening:
    """One trial: what was heard, and what the person did then."""

    name: str
    heard: tuple[Held, ...]
    did: tuple[int, ...]

    def exits(self) -> list[tuple[int, int]]:
        """When the person left the bed: the millisecond of the first sample out of it, and of the last lying one."""
        found, lay = [], -1
        for index, (before, after) in enumerate(zip(self.did[:-1], self.did[1:], strict=True)):
            if before == LYING:
                lay = self.heard[index].mono
            if before in IN_BED and after not in IN_BED:
                found.append((self.heard[index + 1].mono, lay))
        return found


def evenings() -> Iterator[Evening]:
    """All of them."""
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        for name, group in groupby(csv.DictReader(lines), key=lambda row: row["trial_id"]):
            rows = list(group)
            yield Evening(
                name=name,
                heard=tuple(
                    Held(
                        round(float(row["t_s"]) * 1000),
                        float(row["a_front_g"]),
                        float(row["a_vert_g"]),
                        float(row["a_lat_g"]),
                    )
                    for row in rows
                ),
                did=tuple(int(row["label"]) for row in rows),
            )


@dataclass(kw_only=True, slots=True)
class Tally:
    """What the rule said in these evenings."""

    exits: int = 0
    near: int = 0
    """Exits with an alert at most 10 s away."""
    told: int = 0
    """Exits with an alert between the last time of lying and 10 s after."""
    called: int = 0
    """The same, with a call for help."""
    lying: int = 0
    """Alerts that began while the person lay."""
    calls: int = 0
    hours: float = 0.0
    missed: list[str] = field(default_factory=list)

    def add(self, evening: Evening, learned: Forest) -> None:
        """Count one, judged by what was `learned` from others."""
        alerts = [one for one in _alerts(evening, learned) if one.state in (AlertState.PREALARM, AlertState.FIRING)]
        self.calls += sum(one.state is AlertState.FIRING for one in alerts)
        self.hours += evening.heard[-1].mono / 3_600_000
        did = {one.mono: what for one, what in zip(evening.heard, evening.did, strict=True)}
        self.lying += sum(did.get(one.mono) == LYING for one in alerts)
        for at, lay in evening.exits():
            self.exits += 1
            within = [one for one in alerts if lay < one.mono <= at + _NEAR_MS]
            self.near += any(abs(one.mono - at) <= _NEAR_MS for one in alerts)
            self.told += bool(within)
            self.called += any(one.state is AlertState.FIRING for one in within)

    def lines(self) -> list[str]:
        """In words."""
        return [
            f"exits with an alert within 10 s of them     {self.near / self.exits:.3f} of {self.exits}",
            f"told from the last lying to 10 s after      {self.told / self.exits:.3f}",
            f"called from the last lying to 10 s after    {self.called / self.exits:.3f}",
            f"alerts while lying                          {self.lying}",
            f"calls                                       {self.calls} in {self.hours:.1f} h of the trials",
        ]


_NEAR_MS = 10_000
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _alerts(evening: Evening, learned: Forest) -> list[Alert]:
    facts = HomeFacts(resident_id="r", emits={"tag": frozenset({Quantity.ACCELERATION})})
    rule = BedExitWearableRule(BedExitWearable(kind="bed_exit_wearable", id="bed-exit"), facts, "tag", learned)
    engine = Engine([BoundRule(rule=rule, readings=frozenset({("tag", Quantity.ACCELERATION)}))], {})
    found: list[Alert] = []
    for held in evening.heard:
        at = _START + timedelta(milliseconds=held.mono)
        axes = (held.front, held.up, held.side)
        reading = Reading(
            sensor_id="tag", quantity=Quantity.ACCELERATION, value=math.hypot(*axes), at=at, mono=held.mono, axes=axes
        )
        found += engine.feed(reading).alerts
    end = evening.heard[-1].mono + 60_000
    return found + list(engine.advance(_START + timedelta(milliseconds=end), end).alerts)
