"""A case as it stands, what may be asked of it, and the steps of which it is made. Values only; community.engine acts.

Moments `..._e` are engine time in ms (CLOCK_BOOTTIME carried on over restarts): no step of a wall clock moves them.
"""

from collections.abc import Container, Iterable
from enum import StrEnum

import msgspec

from community.alert_refs import Alarm, AlertRef, Episode
from shouwang.alert import Sentence, Severity
from shouwang.errors import IllegalMove
from shouwang.reading import Moment

SYSTEM = "system"
"""Who did what no person did."""


class NotNow(IllegalMove):
    """An order that the case does not allow, with the reason in the languages of the house; as text it is English."""

    def __init__(self, said: Sentence) -> None:
        """`said`: why, to whoever ordered."""
        super().__init__(said.en)
        self.said = said


class StaleVersion(NotNow):
    """Somebody else was faster: the case is not as the person saw it. Look again, then decide."""


class Disposition(StrEnum):
    """How a case ended."""

    HELPED = "helped"
    FALSE_ALARM = "false_alarm"
    TEST = "test"
    TECHNICAL_FIXED = "technical_fixed"
    HOSPITAL = "hospital"
    DECEASED = "deceased"
    UNREACHABLE = "unreachable_handed_to_police"
    AUTO_CLEARED = "auto_cleared"
    MERGED = "merged"
    SUPERSEDED = "superseded"


class Clock(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A running (or, while its states are left, standing) clock of a case.

    `yellow_e`: when its yellow card is drawn, None where it was, or is not. `due_e`: when it goes red, or red again;
    `reds`: how often it did.
    """

    name: str
    started_e: int
    limit_ms: int
    due_e: int
    yellow_e: int | None = None
    reds: int = 0
    stands: bool = False

    @property
    def next_e(self) -> int:
        """When it wants attention."""
        return self.due_e if self.yellow_e is None else min(self.yellow_e, self.due_e)


class Colour(StrEnum):
    """Of a card."""

    YELLOW = "yellow"
    RED = "red"


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step took too long. Drawn by a clock only, never changed; `level`: how often it was told before.

    `responsible`: who owned the case (or had accepted it) at that moment; empty where nobody did: the whole shift.
    `organisation`: whose he was then, as the store knows it (community.store.belonging); empty where nobody has said.
    """

    step: str
    colour: Colour
    responsible: str
    limit_ms: int
    actual_ms: int
    level: int = 0
    organisation: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody is to be reached. `to`: one of them by name, where the audience alone does not tell.

    `is_missed`: nobody of this audience can be reached; the ladder went on at once.
    """

    audience: str
    rung: int
    to: str = ""
    prompt: str = ""
    is_missed: bool = False


class Answered(StrEnum):
    """What became of an offer."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    TAKEN = "taken"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A responder was asked."""

    to: str
    at_e: int
    answer: Answered = Answered.ASKED


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands.

    `lead` is the alert that names the case: its most urgent one. `alerts` counts how often an alarm rang. `active` are
    the alarms that have not ended at home, at most one episode of each; `alarms` are all that ever rang in it.
    `version` counts the steps, but for refusals. `handlers`: whoever owned it, went there or reported:
    none of them calls back. `rung` never falls; -1 before the first.
    `tasks`: units that were called in beside whoever goes; each answers for itself.
    """

    home_key: str
    lane: str
    workflow: str
    policy: int
    state: str
    priority: Severity
    version: int
    lead: AlertRef
    alerts: int
    active: tuple[Episode, ...]
    alarms: tuple[Alarm, ...]
    opened_at: Moment
    opened_e: int
    changed_at: Moment
    entered_e: int
    is_late: bool
    is_test: bool = False
    owner: str | None = None
    responder: str | None = None
    reporter: str | None = None
    handlers: tuple[str, ...] = ()
    offers: tuple[Offer, ...] = ()
    clocks: tuple[Clock, ...] = ()
    tasks: tuple[Offer, ...] = ()
    rung: int = -1
    card: Colour | None = None
    has_acted: bool = False
    has_spoken: bool = False
    has_visited: bool = False
    helpers: tuple[str, ...] = ()
    complaints: int = 0
    tries: int = 0
    tried_e: int | None = None
    disposition: Disposition | None = None
    previous: int | None = None
    merged_into: int | None = None
    storm: int | None = None

    @property
    def is_cleared(self) -> bool:
        """Whether every cause has ended at home. The case has not: a person ends it."""
        return not self.active

    @property
    def next_e(self) -> int | None:
        """When the next of its clocks wants attention; None: it has ended."""
        return min((clock.next_e for clock in self.clocks if not clock.stands), default=None)

    def clock(self, name: str) -> Clock | None:
        """The clock of this name."""
        return next((clock for clock in self.clocks if clock.name == name), None)


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody asks of a case. `by` and `role`: who; `version`: of the case as he saw it."""

    command: str
    by: str
    role: str
    version: int | None = None
    reason: str = ""
    targets: tuple[str, ...] = ()
    confirmed_by: str = ""
    eta_ms: int | None = None
    disposition: Disposition | None = None
    note_id: str = ""
    digest: str = ""
    second: str = ""
    spoke: bool = False
    score: int | None = None
    reference: str = ""
    into: int | None = None
    into_home: str = ""
    into_lane: str = ""
    into_priority: Severity | None = None


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine needs to know of the world at this moment.

    `candidates`: responders to be offered the case, the best first. `reachable`: audiences in which somebody can be
    reached now. Few steps ask for either, so both may be read when one does. `live_p1`: how many P1 the person who
    orders works on already.
    """

    now_e: int
    candidates: Iterable[str] = ()
    reachable: Container[str] = frozenset()
    live_p1: int = 0


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="move", tag_field="kind"):
    """One step of a case: what was ordered (or which clock it was), and what it changed.

    The case is the fold of its steps: `after` holds every field that changed, so that a later table reads old logs as
    they were meant.
    """

    name: str
    role: str
    order: Order | None = None
    alerts: tuple[AlertRef, ...] = ()
    cards: tuple[Card, ...] = ()
    calls: tuple[Call, ...] = ()
    after: dict[str, msgspec.Raw] = {}


class Denied(msgspec.Struct, frozen=True, kw_only=True, tag="denied", tag_field="kind"):
    """An order that was not carried out: for the audit only, the case is as it was."""

    order: Order
    reason: str
    zh: str = ""
    """The reason in Chinese; logs from before it was written have none."""


class Excused(msgspec.Struct, frozen=True, kw_only=True, tag="excused", tag_field="kind"):
    """A supervisor took a card out of the score, with a reason code: the card stays, the case is as it was.

    `version`, `step`, `colour`: which card of the case.
    """

    by: str
    code: str
    version: int
    step: str
    colour: Colour


class Reviewed(msgspec.Struct, frozen=True, kw_only=True, tag="reviewed", tag_field="kind"):
    """A supervisor looked over how `handler` worked on the case (a drawn sample); the case is as it was.

    `marks`: points by criterion (community.call_review); the words stand with the notes.
    """

    by: str
    handler: str
    month: str
    marks: dict[str, int]
    note_id: str
    digest: str


class Directed(msgspec.Struct, frozen=True, kw_only=True, tag="directed", tag_field="kind"):
    """The joint meeting (督办) decided what is to be done, or saw that it was (`is_settled`); the case is as it was.

    `decision`: its number; `owner`: who answers for it; `due_on`: until when. The words stand with the notes.
    """

    by: str
    decision: int
    note_id: str
    digest: str
    is_settled: bool = False
    owner: str = ""
    due_on: str = ""
