"""Lanes: which alarms of a home are one case, by which table it is worked on, and when an alarm is old news."""

from datetime import datetime, timedelta

from community.workflow import Workflow, workflow
from shouwang.alert import Severity

LATE_AFTER = timedelta(minutes=10)
"""An alert seen longer ago than this at home is marked LATE: the home was cut off, and help goes out on old news."""
HISTORY_AFTER = timedelta(hours=1)
"""Technical and care news that are older than this when they come are kept with the home and open no case."""
_NEVER_OLD = "clock-error"
"""A home whose clock is wrong says so with a wrong time."""
LIFE_LANE = "life"
_TABLES = {LIFE_LANE: "emergency", "tech": "technical", "care": "care", "request": "request"}

WORKFLOWS = tuple(_TABLES.values())
"""The tables by which cases are worked on."""


def lane_of(severity: Severity, hazard: str) -> str:
    """The lane of an alert: `life`, `tech:<hazard>` or `care:<hazard>`.

    `life` takes every P1 and P2, so that a second life alarm of a home raises the case that is being worked on;
    technical and care alerts have a lane for each hazard and never swallow it.
    """
    if severity.rank <= Severity.P2.rank:
        return LIFE_LANE
    return f"{'tech' if severity is Severity.P3 else 'care'}:{hazard}"


def table_of(lane: str) -> Workflow:
    """The table by which cases of this lane are worked on."""
    return workflow(_TABLES[lane.partition(":")[0]])


def is_late(seen_at: datetime, received_at: datetime) -> bool:
    """Whether the alert took longer than LATE_AFTER to reach the centre."""
    return received_at - seen_at > LATE_AFTER


def is_old_news(severity: Severity, hazard: str, seen_at: datetime, received_at: datetime) -> bool:
    """Whether the alert is kept with the home alone. A life alarm never is, however late."""
    is_life = severity.rank <= Severity.P2.rank
    return not is_life and hazard != _NEVER_OLD and received_at - seen_at > HISTORY_AFTER
