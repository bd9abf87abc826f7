"""What stands around a case: other alarms of its home, earlier cases, open ones to merge it into. Values."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from community.activity import Activity
from community.casefile import Disposition
from community.rings import Heard
from shouwang.alert import Alert, Sentence, Severity

ALERTS_SINCE = timedelta(hours=24)
"""How far back other alarms of a home are shown: the night before often says what the alarm is about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherAlert:
    """An alarm of the same home; `incident_id`: of its case, None where it opened none."""

    alert: Alert
    incident_id: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierCase:
    """A case about the same people that is over."""

    incident_id: int
    hazard: str
    priority: Severity
    opened_at: datetime
    closed_at: datetime
    disposition: Disposition | None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenCase:
    """A case that this one may be merged into."""

    incident_id: int
    hazard: str
    priority: Severity
    opened_at: datetime
    why: Sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One rung of the ladder in words. `at`: after the case was opened; `says`: whom it calls and what it does."""

    at: timedelta
    says: Sentence
    is_climbed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """`activity`: None where it is not for whoever looks; `portrait_at`: of the photograph, where there is one.

    `heard`: what desks told of their sound, in short.
    """

    alerts: tuple[OtherAlert, ...]
    earlier: tuple[EarlierCase, ...]
    targets: tuple[OpenCase, ...]
    activity: Activity | None
    portrait_at: datetime | None = None
    heard: Heard | None = None
