"""Storms: one cause, and many homes tell of it at once. A pure judgement: no clock, no SQL.

A storm is of one technical kind and one area. While it is on, the cases of its homes wait (HELD) behind one row of the
queue: nobody can read a thousand. Never held back are life alarms, homes where somebody depends on electricity, and
homes whose back-up battery is nearly empty. After half an hour the cases come into the queue by and by, in the order
of risk; what has recovered meanwhile has ended by itself.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shouwang.alert import Severity

WITHIN = timedelta(seconds=120)
"""Homes that tell within this time of each other tell of one cause (the project's incident model, Storm)."""
HOMES, SHARE, AT_LEAST = 20, 0.1, 3
"""So many homes, or a tenth of an area (but at least three: a small building is no storm), are one (the same model)."""
OURS_SHARE, OURS_AT_LEAST = 0.3, 3
"""Where so many of all gateways are silent, our own line or broker is the first suspect (the same model)."""
HOLDS = timedelta(minutes=30)
"""After this a case of a storm comes into the queue, as soon as there is room (the same model, timer `hold`)."""
ROOM, ROOM_WITHIN = 10, timedelta(minutes=10)
"""So many new rows can an operator read in that time (ISA-18.2)."""
ENDS_AFTER = timedelta(minutes=10)
"""Nobody waits any more, and for so long nothing was new: it is over. As long as a cleared case waits for its end."""
LOW_MINUTES = 60.0
"""A battery that lasts less than this is told at once (the project's incident model, Storm)."""
NEARLY_ALL = 0.9
"""A smaller area that holds so many of the homes names the cause better than the larger one. Set by this project."""

SILENT = "gateway-silent"
POWER = "mains"
MANY_SILENT, MANY_TELL = "gateways-silent", "storm"
"""Hazards of the rows of storms."""
_ALIASES = {"power-cut": POWER}
"""The box and a sensor tell the same power cut by different names."""
LOW_BATTERY = "backup-battery"
KINDS: frozenset[str] = frozenset(
    {
        SILENT,
        POWER,
        LOW_BATTERY,
        "path-lost",
        "sensor-silent",
        "test-missing",
        "under-voltage",
        "clock-error",
        "queue-age",
    }
)
"""What a storm may be of: things that one cause outside does to many homes. A kind that is not named here is never
held back, whatever its priority: so no danger can be by a new name."""
NEED_POWER: frozenset[str] = frozenset({SILENT, POWER, LOW_BATTERY})
"""What is urgent where somebody depends on electricity, storm or not."""
_OF_HIGH_RISK, _OF_ALONE = 8, 2
"""Against one for each risk on file. Set by this project."""
EVERYWHERE = ""
"""The area of all homes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a home tells. `needs_power`: somebody there depends on electricity; `battery_min`: as far as is known."""

    severity: Severity
    hazard: str
    needs_power: bool = False
    battery_min: float | None = None

    @property
    def kind(self) -> str:
        """Its kind, by the name that all sources of it share."""
        return kind_of(self.hazard)


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A case that a storm holds back. `risk`: the greater, the sooner."""

    incident_id: int
    since: datetime
    risk: int = 0
    needs_power: bool = False
    battery_min: float | None = None


def kind_of(hazard: str) -> str:
    """The kind of a hazard."""
    return _ALIASES.get(hazard, hazard)


def row_hazard(kind: str) -> str:
    """The hazard of the storm's own row in the queue."""
    return MANY_SILENT if kind == SILENT else MANY_TELL


def may_be_held(told: Told) -> bool:
    """Whether a storm may hold this back at all."""
    is_life = told.severity.rank <= Severity.P2.rank
    if is_life or told.kind not in KINDS or told.needs_power:
        return False
    if told.battery_min is None:
        return told.kind != LOW_BATTERY  # a battery that is called low, and nobody knows for how long it lasts
    return told.battery_min >= LOW_MINUTES


def severity_of(told: Told, *, in_storm: bool) -> Severity:
    """As urgent as its home makes it: without electricity, whoever depends on it is in danger."""
    is_urgent = told.needs_power and told.kind in KINDS and (in_storm or told.kind in NEED_POWER)
    if not is_urgent:
        return told.severity
    return min(told.severity, Severity.P2, key=lambda severity: severity.rank)


def is_many(homes: int, of: int) -> bool:
    """Whether so many homes of an area of that size are a storm."""
    return homes >= HOMES or (homes >= AT_LEAST and homes >= SHARE * of)


def is_ours(silent: int, of: int) -> bool:
    """Whether so many silent gateways make our own line the first suspect."""
    return silent >= OURS_AT_LEAST and silent >= OURS_SHARE * of


def area_of(homes: Iterable[Sequence[str]], sizes: Mapping[str, int]) -> str | None:
    """The area in which these homes are a storm; None where they are none. Each is given as the areas that it lies in.

    The smallest one that holds nearly all of them: who lies outside has another trouble.
    """
    counts: dict[str, int] = {EVERYWHERE: 0}
    for areas in homes:
        for area in {*areas, EVERYWHERE}:
            counts[area] = counts.get(area, 0) + 1
    many = {area: count for area, count in counts.items() if is_many(count, sizes.get(area, count))}
    if not many:
        return None
    most = max(many.values())
    fitting = [area for area, count in many.items() if count >= NEARLY_ALL * most]
    return min(fitting, key=lambda area: (sizes.get(area, many[area]), area == EVERYWHERE, area))


def risk_of(*, flags: int, is_high_risk: bool, is_alone: bool) -> int:
    """How much a home is in danger while nobody looks after it: the watch that was ordered for it counts most."""
    return flags + _OF_HIGH_RISK * is_high_risk + _OF_ALONE * is_alone


def belongs(began_at: datetime, last_at: datetime, *moments: datetime) -> bool:
    """Whether what a home tells of one of these moments belongs to the storm that grew from the one to the other."""
    return any(began_at - WITHIN <= moment <= last_at + WITHIN for moment in moments)


def at_once(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Those that must not wait any longer, whatever room there is: the shortest battery first."""
    urgent = [one for one in waiting if one.needs_power or _is_low(one)]
    return sorted(urgent, key=lambda one: (_or_most(one.battery_min), one.since, one.incident_id))


def let_go(waiting: Iterable[Waiting], *, room: int, now: datetime, released: Collection[int] = ()) -> list[Waiting]:
    """Those that come into the queue now: by risk, then by age, as many as there is room for.

    `released`: cases for which a supervisor has ended the waiting.
    """
    ripe = [one for one in waiting if one.incident_id in released or now - one.since >= HOLDS]
    return sorted(ripe, key=lambda one: (-one.risk, one.since, one.incident_id))[: max(0, room)]


def room(operators: int, *, lately: int) -> int:
    """For how many new rows there is room, where so many came `lately` (within `ROOM_WITHIN`). One is always here."""
    return max(0, ROOM * max(1, operators) - lately)


def is_over(*, waiting: int, last_at: datetime, now: datetime) -> bool:
    """Whether the storm is."""
    return waiting == 0 and now - last_at >= ENDS_AFTER


def _is_low(one: Waiting) -> bool:
    return one.battery_min is not None and one.battery_min < LOW_MINUTES


def _or_most(minutes: float | None) -> float:
    return float("inf") if minutes is None else minutes
