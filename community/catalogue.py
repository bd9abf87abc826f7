"""What the product knows by name: dangers, quantities, devices. Pure; words are the pages'."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from community.call_scripts import script_of
from community.lanes import lane_of, table_of
from shouwang.alert import Sentence, Severity
from shouwang.quantities import QUANTITIES, Quantity, QuantityInfo


class Part(StrEnum):
    """Of the catalogues."""

    HAZARDS = "hazards"
    QUANTITIES = "quantities"
    DEVICES = "devices"


USUAL: Mapping[str, Severity] = {
    "sos": Severity.P1,
    "fall": Severity.P1,
    "carbon-monoxide": Severity.P1,
    "vital": Severity.P2,
    "inactivity": Severity.P2,
    "bed-exit": Severity.P2,
    "away-activity": Severity.P3,
    "sensor-silent": Severity.P3,
    "storm": Severity.P2,
    "gateways-silent": Severity.P2,
    "gateway-silent": Severity.P3,
    "gateway-never-heard": Severity.P3,
    "path-lost": Severity.P3,
    "test-missing": Severity.P3,
    "channel-down": Severity.P3,
    "desks-silent": Severity.P3,
    "unreadable": Severity.P3,
}
"""As the rules at home and the centre raise it, unless a home's own table of rules says otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hazard:
    """A danger. `usual` None: each home's rule says how urgent it is. `lane`: which alarms are one case with it."""

    name: str
    usual: Severity | None
    lane: str
    workflow: str
    script: Sentence | None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceKind:
    """Devices of one kind as homes tell them, or as the register has them (then with maker and model)."""

    kind: str
    maker: str = ""
    model: str = ""
    sensors: int = 0
    boxes: int = 0
    on_file: int = 0


def hazards(names: Iterable[str]) -> tuple[Hazard, ...]:
    """These, by name."""
    return tuple(_hazard(name) for name in names)


def quantities() -> tuple[tuple[Quantity, QuantityInfo], ...]:
    """All, in their order."""
    return tuple((one, QUANTITIES[one]) for one in Quantity)


def fits(find: str, *words: str) -> bool:
    """Whether each word that is looked for stands in one of these."""
    there = " ".join(words).casefold()
    return all(word in there for word in find.casefold().split())


def _hazard(name: str) -> Hazard:
    usual = USUAL.get(name)
    if usual is None:
        return Hazard(name=name, usual=None, lane="", workflow="", script=None)
    lane = lane_of(usual, name)
    workflow = table_of(lane).workflow
    script = script_of(name, workflow).title.sentence
    return Hazard(name=name, usual=usual, lane=lane.partition(":")[0], workflow=workflow, script=script)
