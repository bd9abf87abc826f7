"""What a console may ask of the centre and order there: values and one protocol. No SQL, no HTTP.

`community/store` answers it, `community/web` speaks it. Every order carries the version of the case that the operator
saw and a command id: a stale version changes nothing (StaleVersion), a repeated command id gives the first answer.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Protocol

from community.casefile import Card, Case, Colour, Disposition
from shouwang.alert import Alert, Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality
from shouwang.status import SensorState
from shouwang.wire import Path

CENTRE = "centre:storm"
"""Stands for the home of a case that is about many homes; no home id holds a colon."""
NOT_HEARD_YET = "not heard since the gateway started"
"""The reason of a sensor that a gateway has and has said nothing of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What somebody orders of a case; `community.workflow` says which commands a state allows to whom.

    `by`: a login, or the id of a responder; `version`: of the case as he saw it, where the command asks for it. `text`
    is kept with the case. `targets`: whom to send, or to whom it is handed over; `confirmed_by`: that he takes it.
    `second`: the colleague who confirms; `spoke`: with the person; `into`: the case that it is merged into.
    """

    incident_id: int
    command: str
    by: str
    role: str
    command_id: str
    version: int | None = None
    text: str = ""
    reason: str = ""
    targets: tuple[str, ...] = ()
    confirmed_by: str = ""
    eta_min: int | None = None
    disposition: Disposition | None = None
    second: str = ""
    spoke: bool = False
    score: int | None = None
    reference: str = ""
    into: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """A running clock of a case in wall time; `limit_s`: how long it gives, `is_yellow`, `is_red`: what it has drawn."""

    name: str
    started_at: datetime
    due_at: datetime
    limit_s: float
    is_yellow: bool
    is_red: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueRow:
    """One case in the queue.

    `alerts`: how often an alarm rang in it; `cleared`: the cause has ended at home (the case has not). A home that is
    not on file has no `address`, and its gateway in its `home_id`; without a resident on file `resident_name` is empty.
    `state`, `phase`, `state_title`: as its table (`workflow`) says. `rung` of `rungs`: how far the ladder has climbed;
    -1 before the first. `clock`: the one that turns red next. `must_call_120`: the ladder has come to its last word.
    """

    incident_id: int
    version: int
    workflow: str
    state: str
    phase: str
    state_title: Sentence
    priority: Severity
    hazard: str
    opened_at: datetime
    changed_at: datetime
    alerts: int
    cleared: bool
    why: Sentence
    home_id: str
    address: str
    resident_name: str
    resident_age: int | None
    owner: str | None
    responder: str | None = None
    card: Colour | None = None
    rung: int = -1
    rungs: int = 0
    clock: Due | None = None
    must_call_120: bool = False
    is_final: bool = False
    is_test: bool = False
    disposition: Disposition | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A person to call, in the order of the list."""

    name: str
    relation: str
    phone: str
    has_key: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentCard:
    """What an operator must know of a person in the first ten seconds."""

    resident_id: str
    name: str
    age: int | None
    living: str
    conditions: tuple[str, ...]
    allergies: tuple[str, ...]
    medicines: tuple[str, ...]
    notes: str
    contacts: tuple[Contact, ...]


class Timing(IntEnum):
    """How the moment of a reading or an alert is known; the numbers are stored."""

    RIGHT = 0
    """As its home told it, by a clock that was right."""
    MENDED = 1
    """The home's clock was wrong; the moment follows from what it showed later."""
    ESTIMATED = 2
    """The same, and nobody has set it since: the moment follows from the arrival."""
    AHEAD = 3
    """The home told a moment in the future: it was at the latest when it came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One stored reading; `is_late`: it came long after `at`: a device kept it, or its home was cut off."""

    at: datetime
    value: float
    quality: Quality
    is_late: bool = False
    timing: Timing = Timing.RIGHT


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Readings of one quantity of one sensor and person around the alarm, oldest first.

    `resident_id` is empty for the home's resident.
    """

    sensor_id: str
    quantity: Quantity
    points: tuple[Point, ...]
    resident_id: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """One event of the case, in words; `seq` is its place in the audit chain."""

    seq: int
    at: datetime
    kind: str
    actor: str
    text: Sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentPage:
    """All that the incident page shows; its alerts with the times that are known now, `timings` by alert id.

    `others`: whom its alerts are about besides the home's resident; `gaps`: what was not measured or is lost around
    them. `actions`: what its table lets a person order now. `clocks`: all that run, the next one first.
    """

    row: QueueRow
    case: Case
    resident: ResidentCard | None
    alerts: tuple[Alert, ...]
    evidence: tuple[Series, ...]
    timeline: tuple[TimelineEntry, ...]
    actions: tuple[str, ...]
    others: frozenset[str]
    timings: Mapping[str, Timing] = field(default_factory=dict)
    gaps: "tuple[Gap, ...]" = ()
    clocks: tuple[Due, ...] = ()
    cards: tuple[Card, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRow:
    """One home's box: is it heard, how much waits there, which sensors are not up.

    `online`: as its connection says; `offline_since`: its last word before an outage that the centre has told.
    """

    gateway_id: str
    home_id: str
    address: str
    online: bool
    last_seen: datetime | None
    backlog: int
    sensors: tuple[tuple[str, SensorState, str], ...]
    offline_since: datetime | None = None


class HomeMode(StrEnum):
    """Whether the people of a home are there."""

    HOME = "home"
    AWAY = "away"
    HOSPITAL = "hospital"
    VISITOR = "visitor"


LONGEST_MODE_H = 14 * 24
"""No home lets a mode last longer (decision 014)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModeOrder:
    """What an operator said of a home; `hours` 0: as long as the home allows. `outcome` is that of the command."""

    mode: HomeMode
    hours: int
    by: str
    at: datetime
    outcome: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PathRow:
    """A way from a home to the centre, since when it is so, and when it last carried something that was answered."""

    path: Path
    is_up: bool
    since: datetime
    tested_at: datetime | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ArrivedTest:
    """A test alarm that has arrived. `took_s`: from the raise at home to the commit here, where its clock was right."""

    raised_at: datetime
    received_at: datetime
    took_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WishedTest:
    """Somebody here asked for a test alarm; `outcome` is that of the command."""

    by: str
    at: datetime
    outcome: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Data that will never come: `count` readings or messages, and why; `code` where the home named the reason."""

    first_at: datetime
    last_at: datetime
    count: int
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How a box is: its connection, its starts, its ways to the centre, its test alarms, and what it has lost.

    `starts`: within the day before `born_at`, its last start; 0 where it does not count. `test_due_at` None: it sends
    no test alarms by itself. `missing`: messages that it numbered and that neither came nor are told to be lost.
    """

    online: bool
    last_seen: datetime | None
    offline_since: datetime | None
    version: str
    backlog: int
    born_at: datetime | None
    starts: int
    paths: tuple[PathRow, ...]
    tests: tuple[ArrivedTest, ...]
    wishes: tuple[WishedTest, ...]
    test_due_at: datetime | None
    is_test_missing: bool
    gaps: tuple[Gap, ...]
    missing: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class HomePage:
    """A home without a case: how its box is, the mode that it said last (`said_at` None: none), and the last orders."""

    gateway_id: str
    home_id: str
    address: str
    mode: HomeMode
    said_at: datetime | None
    orders: tuple[ModeOrder, ...]
    health: Health


@dataclass(frozen=True, kw_only=True, slots=True)
class Bell:
    """Something the queue must show or sound. `seq` is the audit sequence: the id of the SSE event.

    kind: `opened` (ring), `alert` (one more alarm, or a rung: ring again while it waits), `changed`, `closed`.
    """

    seq: int
    kind: str
    incident_id: int
    priority: Severity
    state: str


class Desk(Protocol):
    """The operator's desk."""

    async def queue(self) -> tuple[QueueRow, ...]:
        """Open cases: most urgent first, then oldest."""
        ...

    async def closed(self, limit: int = 50) -> tuple[QueueRow, ...]:
        """The cases closed last, newest first."""
        ...

    async def incident(self, incident_id: int) -> IncidentPage | None:
        """One case whole; None where there is none."""
        ...

    async def order(self, wish: Wish) -> QueueRow:
        """Carry it out, once for each command id; the home hears of what concerns it.

        Raises StaleVersion where the case has moved on, IllegalMove where its table or a guard does not allow it.
        """
        ...

    async def gateways(self) -> tuple[GatewayRow, ...]:
        """All boxes, those not heard first."""
        ...

    async def home(self, gateway_id: str) -> HomePage | None:
        """The home behind this gateway; None where there is none."""
        ...

    async def set_mode(self, gateway_id: str, *, mode: HomeMode, hours: int, by: str, command_id: str) -> None:
        """Tell the home whether its people are there; kept with name and time. Raises IllegalMove."""
        ...

    async def request_test(self, gateway_id: str, *, by: str, command_id: str) -> None:
        """Ask the home for a test alarm, now. Raises IllegalMove."""
        ...

    async def bells_after(self, seq: int, limit: int) -> tuple[Bell, ...]:
        """What happened after `seq`, oldest first, at most `limit`."""
        ...

    async def last_seq(self) -> int:
        """The newest audit sequence; 0 in an empty house."""
        ...

    def bells(self) -> AbstractAsyncContextManager[AsyncIterator[Bell]]:
        """New bells from now on; a listener that falls too far behind gets StopAsyncIteration and re-reads."""
        ...
