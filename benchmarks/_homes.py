"""Recorded homes of people who live alone: is nobody in, or does nobody move?"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from _vitals import moment, reading, rows

from config.replay import Replay
from rules.bound import HomeFacts
from rules.inactivity import Inactivity
from shouwang.alert import AlertState
from shouwang.quantities import Quantity

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
