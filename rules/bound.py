"""A rule tied to one sensor of one home: what the home tells, what every rule's configuration holds, what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rules.alarm import Alarm
from shouwang.alert import Severity
from shouwang.document import Id
from shouwang.quantities import Quantity
from shouwang.rule import Rule

Watch = tuple[str, Quantity]
"""Readings of this quantity from this sensor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeFacts:
    """What rules need to know of a home: who lives there, and what each sensor (all of them) can say."""

    resident_id: str
    emits: Mapping[str, frozenset[Quantity]]
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further residents whom a sensor tells apart, by sensor."""
    zone: tzinfo = UTC
    """Where the home's clocks on the wall are right."""

    def sensors_with(self, quantity: Quantity) -> tuple[str, ...]:
        """The sensors that can say this quantity, in the order of the home."""
        return tuple(sensor for sensor, quantities in self.emits.items() if quantity in quantities)


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundRule:
    """One rule instance, the readings that it wants, and the sensors whose status it wants.

    `person`: whose readings, as `Reading.resident_id` says it (empty: the home's resident).
    """

    rule: Rule[Any]
    person: str = ""
    readings: frozenset[Watch] = frozenset()
    statuses: frozenset[str] = frozenset()


def key_of(rule_id: str, sensor_id: str, person: str = "") -> str:
    """The identity of one rule on one sensor (and one further resident) and of its alerts; no id holds a colon."""
    return f"{rule_id}:{sensor_id}:{person}" if person else f"{rule_id}:{sensor_id}"


def rule_of(key: str) -> str:
    """The rule's id in a key."""
    return key.partition(":")[0]


def _each_once(sensors: tuple[str, ...]) -> tuple[str, ...]:
    for sensor in sensors:
        if sensors.count(sensor) > 1:
            raise ValueError(f'"{sensor}" stands in the list twice; keep one of the two')
    return sensors


SensorIds = Annotated[tuple[Id, ...], Field(min_length=1), AfterValidator(_each_once)]


class RuleModel(BaseModel):
    """What every rule's configuration holds."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    id: Id = Field(description="name of this rule, the same for ever: alarms are told apart by it")
    sensors: SensorIds | None = Field(
        default=None, description="ids of the sensors that it watches; left out: all that can say what it needs"
    )

    def alarm(self, home: HomeFacts, sensor_id: str, *, hazard: str, version: int, latching: bool) -> Alarm:
        """The alarm of its instance on this sensor; of priority P2 where the kind has no key `severity`."""
        return Alarm(
            key=key_of(self.id, sensor_id),
            rule_id=self.id,
            rule_version=version,
            hazard=hazard,
            severity=getattr(self, "severity", Severity.P2),
            resident_id=home.resident_id,
            sensor_id=sensor_id,
            latching=latching,
        )

    @property
    def needs(self) -> Quantity | None:
        """What a watched sensor must be able to say; None where any sensor will do."""
        return None

    def watched(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors named, else all of the home that can say what the rule needs."""
        if self.sensors is not None:
            return self.sensors
        return tuple(home.emits) if self.needs is None else home.sensors_with(self.needs)
