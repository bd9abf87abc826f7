"""What is told of a resident: values as the store knows them. The other modules of this folder say them in FHIR."""

from dataclasses import dataclass
from datetime import datetime

from community.consent import Consent
from community.desk import Timing
from community.measurements.port import SeriesKey, Span
from community.people import Left
from shouwang.alert import Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactPerson:
    """Somebody to call. `contact_id` stays his whatever order they are called in."""

    contact_id: str
    name: str
    relation: str
    phones: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A resident. `sex`, `living` and `flags` as the register has them; `is_erased`: only the id is left.

    `is_first`: of several in the home the one whom readings mean that name nobody. `left`: why he lives there no more.
    """

    resident_id: str
    home_id: str
    address: str
    name: str
    born: int | None
    sex: str
    living: str
    conditions: tuple[str, ...]
    allergies: tuple[str, ...]
    medicines: tuple[str, ...]
    flags: tuple[str, ...]
    contacts: tuple[ContactPerson, ...]
    consents: tuple[Consent, ...]
    is_erased: bool = False
    is_first: bool = True
    left: Left | None = None
    left_on: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Who asks for the record, for what, and when."""

    who: str
    why: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A gateway of the home. `is_here`: not in another one by now."""

    gateway_id: str
    is_online: bool
    version: str
    is_here: bool = True


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class OwnSeries(SeriesKey):
    """A series, and in which `spans` its values were those of the person told of: a box may have stood elsewhere."""

    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sensor:
    """A sensor of the home: its `kind` and `state` where they were told, and what it measures of a person."""

    gateway_id: str
    sensor_id: str
    kind: str = ""
    state: str = ""
    measures: frozenset[Quantity] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One stored value. `message_id` and `place`: which reading of which message, so that no two are the same."""

    gateway_id: str
    sensor_id: str
    quantity: Quantity
    at: datetime
    value: float
    quality: Quality
    timing: Timing
    is_late: bool
    received_at: datetime | None
    message_id: int
    place: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RollUp:
    """Many values between `start` and `end`; `doubtful`: how many more were not good, and do not count."""

    gateway_id: str
    sensor_id: str
    quantity: Quantity
    start: datetime
    end: datetime
    count: int
    low: float
    high: float
    mean: float
    doubtful: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Alarm:
    """One alarm from its beginning to its end (`ended_at` None: it goes on); `is_over`: its case is, too.

    `told_since`: its beginning as its home said, which names it; `since`: as it is known now.
    """

    gateway_id: str
    key: str
    since: datetime
    told_since: datetime
    ended_at: datetime | None
    hazard: str
    severity: Severity
    why: Sentence
    timing: Timing
    is_over: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFile:
    """A case. `offered`: who was asked to go; `responder`: who went; `ended_at`: None while it is open."""

    incident_id: int
    home_id: str
    workflow: str
    lane: str
    state: str
    priority: Severity
    opened_at: datetime
    changed_at: datetime
    hazard: str
    lead: tuple[str, str, datetime]
    is_ended: bool
    owner: str = ""
    responder: str = ""
    offered: tuple[str, ...] = ()
    disposition: str = ""
    previous: int | None = None
    merged_into: int | None = None
    helpers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """One entry of the sealed chain: who did what to a case; `seal` is its hash (hex)."""

    seq: int
    incident_id: int
    at: datetime
    actor: str
    role: str
    what: str
    state: str
    is_denied: bool
    seal: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One try to reach somebody about a case."""

    attempt_id: int
    incident_id: int
    audience: str
    person: str
    channel: str
    outcome: str
    code: str
    queued_at: datetime
    changed_at: datetime
