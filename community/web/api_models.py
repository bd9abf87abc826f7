"""What programs send and get, as the OpenAPI document says it. Every length is bounded."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from community.casefile import Disposition
from community.desk import Due, GatewayRow, IncidentPage, QueueRow
from community.kpi import Figure
from community.people import Left
from community.reasons import told
from community.store.api_reads import NoticeRow, TimelineRow
from community.tokens import Field as Agreed

MAX_PAGE = 200
MAX_SEQ = 2**53
"""What every JSON reader holds exactly."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Words = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00]*$")]
Line = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(_Model):
    """A failure (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = ""


class DueOut(_Model):
    """A clock that runs: when it turns red."""

    name: str
    due_at: datetime
    is_yellow: bool
    is_red: bool

    @classmethod
    def of(cls, due: Due) -> "DueOut":
        """From the desk."""
        return cls(name=due.name, due_at=due.due_at, is_yellow=due.is_yellow, is_red=due.is_red)


class CaseOut(_Model):
    """A case as it stands. Of the person only what the token's agreement covers; else it is null."""

    id: int
    version: Annotated[int, Field(description="send it back as If-Match with an order")]
    workflow: str
    state: str
    phase: Annotated[str, Field(description="one of the six steps: found, reported, assigned, handled, ...")]
    priority: str
    hazard: str
    opened_at: datetime
    changed_at: datetime
    alerts: int
    cleared: bool
    owner: str | None
    responder: str | None
    card: str | None
    rung: int
    is_test: bool
    disposition: str | None
    home_id: str
    address: str | None = None
    name: str | None = None
    age: int | None = None

    @classmethod
    def of(cls, row: QueueRow, covered: frozenset[Agreed]) -> "CaseOut":
        """From the desk, with what may be told of the person."""
        return cls(
            id=row.incident_id,
            version=row.version,
            workflow=row.workflow,
            state=row.state,
            phase=row.phase,
            priority=row.priority.value,
            hazard=row.hazard,
            opened_at=row.opened_at,
            changed_at=row.changed_at,
            alerts=row.alerts,
            cleared=row.cleared,
            owner=row.owner,
            responder=row.responder,
            card=row.card.value if row.card else None,
            rung=row.rung,
            is_test=row.is_test,
            disposition=row.disposition.value if row.disposition else None,
            home_id=row.home_id,
            address=row.address if Agreed.ADDRESS in covered else None,
            name=row.resident_name if Agreed.NAME in covered else None,
            age=row.resident_age if Agreed.BORN in covered else None,
        )


class CasesOut(_Model):
    """A page. Ask again with `after` = `next_after`; where `is_last`, later."""

    cases: list[CaseOut]
    next_after: int
    is_last: bool


class CaseWhole(_Model):
    """A case with its clocks, its cards, and what may be ordered now."""

    case: CaseOut
    commands: list[str]
    clocks: list[DueOut]
    cards: list[str]
    offered: list[str]
    helpers: Annotated[list[str], Field(description="120, 119, 110, where they were called")]

    @classmethod
    def of(cls, page: IncidentPage, covered: frozenset[Agreed]) -> "CaseWhole":
        """From the desk."""
        return cls(
            case=CaseOut.of(page.row, covered),
            commands=list(page.actions),
            clocks=[DueOut.of(due) for due in page.clocks],
            cards=[f"{card.step}.{card.colour.value}" for card in page.cards],
            offered=[offer.to for offer in page.case.offers],
            helpers=list(page.case.helpers),
        )


class EntryOut(_Model):
    """One entry of the sealed record, without people's words."""

    seq: int
    at: datetime
    kind: str
    actor: str
    version: int
    state: str

    @classmethod
    def of(cls, row: TimelineRow) -> "EntryOut":
        """From the record."""
        return cls(seq=row.seq, at=row.at, kind=row.kind, actor=row.actor, version=row.version, state=row.state)


class TimelineOut(_Model):
    """A page of a case's record."""

    entries: list[EntryOut]
    next_after: int


class TriedOut(_Model):
    """One try to reach somebody."""

    channel: str
    person: str
    outcome: str
    code: str
    tries: int
    changed_at: datetime


class NoticeOut(_Model):
    """Somebody is to be reached, and what was tried."""

    id: int
    step: str
    audience: str
    to: str
    rung: int
    state: str
    created_at: datetime
    tried: list[TriedOut]

    @classmethod
    def of(cls, row: NoticeRow) -> "NoticeOut":
        """From the record."""
        tried = [
            TriedOut(
                channel=one.channel,
                person=one.person,
                outcome=one.outcome,
                code=one.code,
                tries=one.tries,
                changed_at=one.changed_at,
            )
            for one in row.tried
        ]
        return cls(
            id=row.notice_id,
            step=row.step,
            audience=row.audience,
            to=row.to_whom,
            rung=row.rung,
            state=row.state,
            created_at=row.created_at,
            tried=tried,
        )


class NoticesOut(_Model):
    """A page of a case's calls."""

    notices: list[NoticeOut]
    next_after: int


class OrderIn(_Model):
    """What is ordered of a case; `commands` of the case says what its table allows now.

    What needs a second person's word (hand_over, a remote result without a voice contact) is given at a console.
    """

    command: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
    text: Annotated[Words, Field(description="kept with the case; can be erased")] = ""
    reason: Words = ""
    targets: Annotated[list[Name], Field(max_length=20, description="responders to be sent")] = []
    eta_min: Annotated[int, Field(ge=0, le=1440)] | None = None
    disposition: Disposition | None = None
    spoke: Annotated[bool, Field(description="with the person, by voice")] = False
    score: Annotated[int, Field(ge=1, le=5)] | None = None
    reference: Line = ""
    into: Annotated[int, Field(ge=1, le=MAX_SEQ)] | None = None


class SensorOut(_Model):
    """A sensor as its box sees it."""

    sensor_id: str
    state: str
    reason: str


class GatewayOut(_Model):
    """A home's box."""

    gateway_id: str
    home_id: str
    address: str | None
    online: bool
    last_seen: datetime | None
    offline_since: datetime | None
    backlog: int
    sensors: list[SensorOut]

    @classmethod
    def of(cls, row: GatewayRow, covered: frozenset[Agreed]) -> "GatewayOut":
        """From the desk."""
        return cls(
            gateway_id=row.gateway_id,
            home_id=row.home_id,
            address=row.address if Agreed.ADDRESS in covered else None,
            online=row.online,
            last_seen=row.last_seen,
            offline_since=row.offline_since,
            backlog=row.backlog,
            sensors=[
                SensorOut(sensor_id=name, state=str(state), reason=told(why).en) for name, state, why in row.sensors
            ],
        )


class GatewaysOut(_Model):
    """A page of boxes; the next begins after the last id."""

    gateways: list[GatewayOut]


class ContactOut(_Model):
    """Somebody to call."""

    name: str
    relation: str
    phone: str
    has_key: bool


class LeftOut(_Model):
    """Somebody lives there no more: how, and since which day (ISO 8601)."""

    why: Left
    since: str


class ResidentOut(_Model):
    """What the agreement covers of a resident; the other fields are not there. `left`: of who lives there no more."""

    resident_id: str
    home_id: str | None = None
    left: LeftOut | None = None
    name: str | None = None
    address: str | None = None
    born: int | None = None
    living: str | None = None
    contacts: list[ContactOut] | None = None
    conditions: list[str] | None = None
    allergies: list[str] | None = None
    medicines: list[str] | None = None
    notes: str | None = None


class ResidentsOut(_Model):
    """A page of residents; the next begins after the last id."""

    residents: list[ResidentOut]


class FigureOut(_Model):
    """One number: `numerator / denominator`; `of`: a rule or a device, where there is one for each."""

    name: str
    of: str
    numerator: int
    denominator: int
    value: float | None
    target: float | None
    misses_target: bool

    @classmethod
    def of_figure(cls, one: Figure) -> "FigureOut":
        """From the desk of figures."""
        return cls(
            name=one.kpi.value,
            of=one.of,
            numerator=one.numerator,
            denominator=one.denominator,
            value=None if one.value is None else float(one.value),
            target=None if one.target is None else float(one.target.share),
            misses_target=one.is_red,
        )


class FiguresOut(_Model):
    """The figures of a month, as they stood at `as_of`. No personal data."""

    month: str
    as_of: datetime
    figures: list[FigureOut]


class RequestIn(_Model):
    """What somebody asks for (诉求). A life in danger is no request: press the button, or call."""

    home_id: Name
    category: Literal["help", "service", "repair", "complaint", "question"]
    text: Annotated[Words, Field(min_length=1)]
    is_urgent: bool = False


class RatingIn(_Model):
    """What the result was worth to whoever asked: 1 (not settled) to 5."""

    score: Annotated[int, Field(ge=1, le=5)]
    text: Words = ""


class RequestOut(_Model):
    """The tracking number, and how it stands."""

    tracking: str
    state: str
    phase: str
    filed_at: datetime
    changed_at: datetime
    outcome: Disposition | None = None


class ChangeOut(_Model):
    """Something happened to a case."""

    seq: int
    kind: Literal["opened", "alert", "changed", "closed"]
    case: int
    priority: str
    state: str


class ChangesOut(_Model):
    """What happened, oldest first. Ask again with `after` = `next_after`."""

    changes: list[ChangeOut]
    next_after: int
    is_last: bool
