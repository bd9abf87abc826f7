"""Recorded homes of people who live alone: is nobody in, or does nobody move?"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from _vitals import moment, reading, rows
from pydantic import TypeAdapter

from config.presets import preset
from config.replay import Replay
from rules import AnyRule
from rules.bound import HomeFacts
from rules.inactivity import Inactivity
from rules.preset import Use, rules_of
from shouwang.alert import AlertState
from shouwang.quantities import Quantity
from shouwang.reading import Reading

EXITS = {"kasteren_A": "Front door", "ordonez_A": "Maindoor", "ordonez_B": "Maindoor", "mit_1": "Foyer:Door#140"}
"""The contact at the door that leads out, by home: configuration, nothing else differs."""
LEAVING = ("leave-house", "Leaving", "Going-out-to-work", "Going-out-for-shopping", "Going-out-for-entertainment")
QUIET = timedelta(hours=3)
"""A rule that waits so short is alarmed at every absence and at every night, if it cannot tell them apart."""
NEAR = timedelta(minutes=15)


@dataclass(kw_only=True, slots=True)
class Told:
    """Stretches of 3 h and more without an event: those labelled as out and those not, and how many were alarms."""

    out: int = 0
    alarmed_out: int = 0
    still: int = 0
    alarmed_still: int = 0


def homes() -> Iterator[tuple[str, Told]]:
    """Each home that has labels of leaving."""
    for home, exit_ in EXITS.items():
        events = sorted(
            {(moment(row["start"]), row["sensor"]) for row in rows("smarthome/events.csv.gz") if row["home"] == home}
            | {(moment(row["end"]), row["sensor"]) for row in rows("smarthome/events.csv.gz") if row["home"] == home}
        )
        if events:
            yield home, _told(home, exit_, events)


def _told(home: str, exit_: str, events: list[tuple[datetime, str]]) -> Told:
    names = {sensor: f"s{number}" for number, sensor in enumerate(sorted({sensor for _, sensor in events}))}
    emits = {name: frozenset({_quantity(sensor, exit_)}) for sensor, name in names.items()}
    rule = Inactivity(kind="inactivity", id="inactivity", after=QUIET, warn=timedelta(0), exits=(names[exit_],))
    bound = tuple(rule.bind(HomeFacts(resident_id=home, emits=emits)))
    readings = [reading(names[sensor], at, _quantity(sensor, exit_), 1.0) for at, sensor in events]
    alarms = [
        alert.at
        for alert in Replay(lambda _: bound, by_sensor=False).alerts(readings)
        if alert.state is AlertState.FIRING
    ]
    leaves = [
        (moment(row["start"]), moment(row["end"]))
        for row in rows("smarthome/activities.csv")
        if row["home"] == home and row["activity"] in LEAVING
    ]
    told = Told()
    for (begin, _), (end, _) in itertools.pairwise(events):
        if end - begin <= QUIET:
            continue
        is_out = any(left - NEAR <= begin <= back + NEAR for left, back in leaves)
        is_alarm = any(begin < at <= end for at in alarms)
        told.out += is_out
        told.alarmed_out += is_out and is_alarm
        told.still += not is_out
        told.alarmed_still += (not is_out) and is_alarm
    return told


def _quantity(sensor: str, exit_: str) -> Quantity:
    return Quantity.DOOR if sensor == exit_ else Quantity.MOTION


UNWATCHED = timedelta(minutes=15)
"""Of the preset stove: written once more, so that the count does not come from the rule itself."""


def stoves(home: str = "mit_1") -> tuple[int, int]:
    """Alarms of burners that nobody watched for 15 min, and those counted by hand."""
    events = [row for row in rows("smarthome/events.csv.gz") if row["home"] == home]
    burners = sorted({(moment(r["start"]), moment(r["end"]), r["sensor"]) for r in events if "Burner" in r["sensor"]})
    kitchen = sorted({moment(r["start"]) for r in events if r["place"] == "Kitchen" and "Burner" not in r["sensor"]})
    names = {sensor: f"b{number}" for number, sensor in enumerate(sorted({sensor for *_, sensor in burners}))}
    readings = [reading("kitchen", at, Quantity.MOTION, 1.0) for at in kitchen]
    counted = 0
    for begin, end, sensor in burners:
        readings += [
            reading(names[sensor], begin, Quantity.POWER, 1500.0),
            reading(names[sensor], end, Quantity.POWER, 0.0),
        ]
        seen = [begin, *(at for at in kitchen if begin < at < end), end]
        counted += any(after - before >= UNWATCHED for before, after in itertools.pairwise(seen))
    emits = {name: frozenset({Quantity.POWER}) for name in names.values()} | {"kitchen": frozenset({Quantity.MOTION})}
    rules = rules_of(preset("stove"), Use(use="stove", rules={"stove-unattended": {"cancel_window": "0s"}}))
    return _fired(rules, emits, readings), counted


NIGHT, TIMES, WITHIN = "22:00-06:00", 2, timedelta(hours=8)


def toilets(home: str = "kasteren_A") -> tuple[int, int]:
    """Alarms of two flushes in a night, and those counted by hand."""
    flushes = sorted(
        {
            moment(r["start"])
            for r in rows("smarthome/events.csv.gz")
            if (r["home"], r["sensor"]) == (home, "Toilet Flush")
        }
    )
    rule = TypeAdapter(AnyRule).validate_python(
        {
            "kind": "count",
            "id": "toilet",
            "quantity": "button",
            "above": 1.0,
            "times": TIMES,
            "within": WITHIN,
            "between": NIGHT,
        }
    )
    said = _fired(
        (rule,), {"flush": frozenset({Quantity.BUTTON})}, [reading("flush", at, Quantity.BUTTON, 1.0) for at in flushes]
    )
    counted, recent, is_on = 0, list[datetime](), False
    for at in (one for one in flushes if one.hour >= 22 or one.hour < 6):
        recent = [one for one in recent if at - one < WITHIN]
        is_on = is_on and len(recent) >= TIMES
        recent.append(at)
        if len(recent) >= TIMES and not is_on:
            counted, is_on = counted + 1, True
    return said, counted


def _fired(rules: Iterable[AnyRule], emits: Mapping[str, frozenset[Quantity]], readings: list[Reading]) -> int:
    facts = HomeFacts(resident_id="r", emits=emits)
    bound = tuple(one for rule in rules for one in rule.bind(facts))
    ordered = sorted(readings, key=lambda one: one.mono)
    alerts = Replay(lambda _: bound, by_sensor=False).alerts(ordered)
    return sum(alert.state is AlertState.FIRING for alert in alerts)
