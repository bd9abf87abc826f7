"""What a console may ask of the centre and order there: values and one protocol. No SQL, no HTTP.

`community/store` answers it, `community/web` speaks it. Every order carries the version of the case that the operator
saw and a command id: a stale version changes nothing (StaleVersion), a repeated command id gives the first answer.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from community.casefile import Card, Case, Colour, Disposition
from community.homes_at_desk import (
    LONGEST_MODE_H,
    ArrivedTest,
    Gap,
    GatewayRow,
    Health,
    HomeMode,
    HomePage,
    ModeOrder,
    PathRow,
    WishedTest,
)
from community.people import CareLevel, Circle, Eligibility, Flag, Gone, Hearing, Sex, Situation
from community.series import Point, Series, Timing
from shouwang.alert import Alert, Sentence, Severity

__all__ = [
    "LONGEST_MODE_H",
    "ArrivedTest",
    "Gap",
    "GatewayRow",
    "Health",
    "HomeMode",
    "HomePage",
    "ModeOrder",
    "PathRow",
    "Point",
    "Series",
    "Timing",
    "WishedTest",
]

CENTRE = "centre:storm"
"""Stands for the home of a case that is about many homes; no home id holds a colon."""
NOT_HEARD_YET = "not heard since the gateway started"
"""The reason of a sensor that a gateway has and has said nothing of."""
BY_HOME, BY_CENTRE = "gateway", "system"
"""Who did what no person did: the gateway of the home, or the centre by its own rules."""


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
    """A running clock of a case in wall time; `limit_s`: how long it gives; `is_yellow`, `is_red`: what it drew."""

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
    `is_flapping`: its alarm comes and goes. `battery_min`: so long the home's battery lasts, where that is known.
    `handled_by`: of a closed case, who told how it ended; `BY_HOME`, `BY_CENTRE`: no person did.
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
    is_flapping: bool = False
    battery_min: float | None = None
    handled_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class StormRow:
    """A storm as the queue shows it. `incident_id`: its own case. `area`: its name, empty for all homes.

    `held`: cases that wait; `low`: homes not yet recovered whose battery lasts less than an hour; `urgent`: homes in
    which it is about a life (they depend on electricity, and have cases of their own). `is_ours`: look at our own line
    first, and do not call the homes. `spark`: how many homes told of it in equal parts of its time, oldest first.
    """

    storm_id: int
    incident_id: int | None
    kind: str
    area: str
    since: datetime
    homes: int
    recovered: int
    held: int
    low: int
    urgent: int
    is_ours: bool
    is_released: bool
    spark: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One try to reach somebody. `channel`, `outcome` and `code` are those of `attempts`; the code is the far end's.

    `since`: when it began; `at`: when it came so far; `has_left`: the person was taken off the list since.
    """

    person: str
    channel: str
    outcome: str
    code: str
    tries: int
    at: datetime
    is_of_home: bool = False
    since: datetime | None = None
    has_left: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """Somebody was to be reached: which rung wanted whom, and what became of it. `audience`: in words, or a name."""

    at: datetime
    rung: int
    audience: Sentence
    state: str
    is_prompt_120: bool
    tries: tuple[Try, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A person to call, in the order of the list. `is_in_hours`: it is a time at which he wants to be called."""

    name: str
    relation: str
    phone: str
    has_key: bool = False
    more_phones: tuple[str, ...] = ()
    circle: Circle = Circle.FAMILY
    languages: tuple[str, ...] = ()
    hours: str = ""
    is_in_hours: bool = True
    tested_on: str = ""
    contact_id: str = ""
    resident_id: str = ""
    silent: frozenset[str] = frozenset()
    """Of his numbers those that were tried in vain, and not tested since."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentCard:
    """What an operator must know of a person in the first ten seconds.

    `is_withheld`: the person does not want health to be shown in emergencies; `photo` says where it is kept;
    `key_safe`: where it hangs, None where there is none.
    """

    resident_id: str
    name: str
    age: int | None
    living: str
    conditions: tuple[str, ...]
    allergies: tuple[str, ...]
    medicines: tuple[str, ...]
    notes: str
    contacts: tuple[Contact, ...]
    flags: tuple[Flag, ...] = ()
    sex: Sex = Sex.UNKNOWN
    phone: str = ""
    language: str = ""
    hearing: Hearing = Hearing.UNKNOWN
    care_level: CareLevel = CareLevel.UNKNOWN
    photo: str = ""
    route: str = ""
    is_withheld: bool = False
    eligibility: tuple[Eligibility, ...] = ()
    situation: Situation = Situation.UNKNOWN
    key_safe: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineEntry:
    """One event of the case, in words; `seq` is its place in the audit chain. `bare`: without what people wrote."""

    seq: int
    at: datetime
    kind: str
    actor: str
    text: Sentence
    bare: Sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class IncidentPage:
    """All that the incident page shows; its alerts with the times that are known now, `timings` by alert id.

    `others`: whom its alerts are about besides the home's resident; `gaps`: what was not measured or is lost around
    them. `actions`: what its table lets a person order now. `clocks`: all that run, the next one first.
    `is_card_hidden`: the resident's health is not for whoever looks; `may_ask`: unless he has a reason. `is_foreign`:
    the home is outside his area, only his reason opened it.
    `answers`: what was ticked of its call script, by step. `called`: names of whom it was offered to.
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
    is_card_hidden: bool = False
    may_ask: bool = False
    is_foreign: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[Called, ...] = ()
    gone: tuple[Gone, ...] = ()


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """The open cases of one moment: `rows` as the queue has them, `seq`: of the audit at that moment."""

    seq: int
    rows: tuple[QueueRow, ...]


class Desk(Protocol):
    """The operator's desk."""

    async def board(self) -> Board:
        """The queue, and the audit sequence of the same moment: what comes after it is yet to be told."""
        ...

    async def strip(self) -> Board:
        """The same cases in the same order, for what every page says of them: see community/strip.py."""
        ...

    async def queue(self) -> tuple[QueueRow, ...]:
        """Open cases: a red card first, then the most urgent, then what turns red next."""
        ...

    async def storms(self) -> tuple[StormRow, ...]:
        """Those that are on, the oldest first."""
        ...

    async def held(self, storm_id: int) -> tuple[QueueRow, ...]:
        """The cases that this storm holds back: the shortest battery first, then the oldest."""
        ...

    async def release_storm(self, storm_id: int, *, by: str) -> bool:
        """End the waiting: its cases come into the queue as there is room. False where it is over, or was released."""
        ...

    async def calls(self, incident_id: int) -> tuple[Called, ...]:
        """Whom this case called by which channel, and what became of it, newest first."""
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
