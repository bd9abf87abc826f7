"""What happens to a case: a pure reducer. An order and a case give one event; a case is the fold of its events.

No clock, no SQL, no loop: `at` arrives as data. The transitions are rows of one table, so that the later states of the
engine (dispatch, on scene, feedback, call-back) come as rows. Anything not listed raises IllegalMove, changes nothing.

Cases are kept apart by home and lane. The lane `life` takes every P1 and P2, so that a second life alarm of a home
raises the case that is being worked on; technical and care alerts have a lane for each hazard and never swallow it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from community.alert_refs import Alarm, AlertRef, Episode, firing, newest
from community.desk import Action, Disposition, StaleVersion, State
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove
from shouwang.reading import Moment

LATE_AFTER = timedelta(minutes=10)
"""An alert seen longer ago than this at home is marked LATE: the home was cut off, and help goes out on old news."""

LIFE_LANE = "life"
SYSTEM = "system"
"""The actor of what no person did."""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened", tag_field="kind"):
    """The first alert opened the case; then earlier steps of the same alarm."""

    home_key: str
    lane: str
    alerts: tuple[AlertRef, ...]


class AlertJoined(msgspec.Struct, frozen=True, kw_only=True, tag="alert", tag_field="kind"):
    """One more alarm in the case; then earlier steps of the same alarm."""

    alerts: tuple[AlertRef, ...]


class StepJoined(msgspec.Struct, frozen=True, kw_only=True, tag="step", tag_field="kind"):
    """An alarm of this case went on at home without ringing, mostly: it ended."""

    alerts: tuple[AlertRef, ...]


class Acked(msgspec.Struct, frozen=True, kw_only=True, tag="acked", tag_field="kind"):
    """The actor owns the case."""


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag="noted", tag_field="kind"):
    """Words were added; they are kept aside, `digest` (salted SHA-256, hex) proves them while they are there."""

    note_id: str
    digest: str


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed", tag_field="kind"):
    """The end of the case, with a note as in `Noted`."""

    disposition: Disposition
    note_id: str
    digest: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused", tag_field="kind"):
    """An order that was not carried out: for the audit only, the case is as it was."""

    action: Action
    reason: str


Event = Opened | AlertJoined | StepJoined | Acked | Noted | Closed | Refused


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands.

    `lead` is the alert that names the case: its most urgent one. `alerts` counts how often an alarm rang. `active` are
    the alarms that have not ended at home, at most one episode of each; `alarms` are all that ever rang in it.
    `version` counts the events, but for refusals.
    """

    home_key: str
    lane: str
    state: State
    priority: Severity
    version: int
    lead: AlertRef
    alerts: int
    active: tuple[Episode, ...]
    alarms: tuple[Alarm, ...]
    opened_at: Moment
    changed_at: Moment
    is_late: bool
    owner: str | None = None
    disposition: Disposition | None = None

    @property
    def is_cleared(self) -> bool:
        """Whether every cause has ended at home. The case has not: a person ends it."""
        return not self.active


class Ingest(msgspec.Struct, frozen=True, kw_only=True):
    """An alert for this case; `earlier` are unlinked steps of the same alarm, which came before it or overtook it."""

    home_key: str
    alert: AlertRef
    earlier: tuple[AlertRef, ...] = ()


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Take the case."""

    by: str
    version: int


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """End the case."""

    by: str
    version: int
    disposition: Disposition
    note_id: str
    digest: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Add words."""

    by: str
    note_id: str
    digest: str


Order = Ingest | Ack | Close | Note


def lane_of(severity: Severity, hazard: str) -> str:
    """The lane of an alert: `life`, `tech:<hazard>` or `care:<hazard>`."""
    if severity.rank <= Severity.P2.rank:
        return LIFE_LANE
    return f"{'tech' if severity is Severity.P3 else 'care'}:{hazard}"


def is_late(seen_at: datetime, received_at: datetime) -> bool:
    """Whether the alert took longer than LATE_AFTER to reach the centre."""
    return received_at - seen_at > LATE_AFTER


def decide(incident: Incident | None, order: Order) -> tuple[Event, State]:
    """The event that the order makes of the case, and the state after it.

    Raises StaleVersion where the case has moved on since the person saw it, IllegalMove where no row allows it.
    """
    seen = order.version if isinstance(order, Ack | Close) else None
    if incident is not None and seen is not None and seen != incident.version:
        raise StaleVersion(
            f"the case is at version {incident.version} ({incident.state}, owner {incident.owner or 'nobody'}), "
            f"not at {seen}: look again"
        )
    state = incident.state if incident else None
    for row in TRANSITIONS:
        if row.source == state and isinstance(order, row.order):
            return row.event(incident, order), row.target
    raise IllegalMove(f"{type(order).__name__.lower()} is not possible in state {state or 'none'}")


def evolve(incident: Incident | None, event: Event, state: State, *, at: datetime, actor: str) -> Incident:
    """The case after an event that `decide` gave, or that was read back from the log."""
    if isinstance(event, Opened):
        return _born(event, state, at)
    if incident is None:
        raise IllegalMove(f"a case cannot begin with {event.__struct_config__.tag}")
    if isinstance(event, Refused):
        return incident
    moved = msgspec.structs.replace(incident, state=state, version=incident.version + 1, changed_at=at)
    match event:
        case AlertJoined() | StepJoined():
            return _with_alerts(moved, event.alerts)
        case Acked():
            return msgspec.structs.replace(moved, owner=actor)
        case Closed():
            return msgspec.structs.replace(moved, disposition=event.disposition)
        case _:
            return moved


def actions(state: State) -> tuple[Action, ...]:
    """What a person may order in this state, in the order of the buttons."""
    return tuple(row.action for row in TRANSITIONS if row.source == state and row.action is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    """A row: in state `source` (None: no case yet) an `order` leads to `target`.

    `event` is the guard as well: it raises IllegalMove where the order lacks what the row asks for.
    """

    source: State | None
    order: type[Order]
    target: State
    event: Callable[[Incident | None, Any], Event]
    action: Action | None = None


def _opened(_: Incident | None, order: Ingest) -> Event:
    if order.alert.state is not AlertState.FIRING:
        raise IllegalMove(f"an alert that is {order.alert.state} opens no case")
    lane = lane_of(order.alert.severity, order.alert.hazard)
    return Opened(home_key=order.home_key, lane=lane, alerts=(order.alert, *order.earlier))


def _joined(_: Incident | None, order: Ingest) -> Event:
    alerts = (order.alert, *order.earlier)
    return AlertJoined(alerts=alerts) if order.alert.state is AlertState.FIRING else StepJoined(alerts=alerts)


def _acked(_: Incident | None, __: Ack) -> Event:
    return Acked()


def _noted(_: Incident | None, order: Note) -> Event:
    return Noted(note_id=order.note_id, digest=order.digest)


def _closed(incident: Incident | None, order: Close) -> Event:
    if incident is None or incident.owner != order.by:
        raise IllegalMove(f"only its owner may close the case, and that is {incident.owner if incident else 'nobody'}")
    return Closed(disposition=order.disposition, note_id=order.note_id, digest=order.digest)


TRANSITIONS: tuple[Transition, ...] = (
    Transition(source=None, order=Ingest, target=State.OPEN, event=_opened),
    Transition(source=State.OPEN, order=Ingest, target=State.OPEN, event=_joined),
    Transition(source=State.ACKED, order=Ingest, target=State.ACKED, event=_joined),
    Transition(source=State.OPEN, order=Ack, target=State.ACKED, event=_acked, action=Action.ACK),
    # one step, until feedback and call-back stand between them
    Transition(source=State.ACKED, order=Close, target=State.CLOSED, event=_closed, action=Action.CLOSE),
    Transition(source=State.OPEN, order=Note, target=State.OPEN, event=_noted, action=Action.NOTE),
    Transition(source=State.ACKED, order=Note, target=State.ACKED, event=_noted, action=Action.NOTE),
)


def _born(event: Opened, state: State, at: datetime) -> Incident:
    lead = event.alerts[0]
    empty = Incident(
        home_key=event.home_key,
        lane=event.lane,
        state=state,
        priority=lead.severity,
        version=1,
        lead=lead,
        alerts=0,
        active=(),
        alarms=(),
        opened_at=at,
        changed_at=at,
        is_late=lead.is_late,
    )
    return _with_alerts(empty, event.alerts)


def _with_alerts(incident: Incident, alerts: tuple[AlertRef, ...]) -> Incident:
    fired = [ref.episode for ref in firing(alerts)]
    ended = {ref.episode for ref in alerts if ref.state is AlertState.RESOLVED}
    # the first of the most urgent stays: the case keeps the name that the operator saw
    lead = min((incident.lead, *firing(alerts)), key=lambda ref: ref.severity.rank)
    return msgspec.structs.replace(
        incident,
        priority=lead.severity,
        lead=lead,
        alerts=incident.alerts + len(fired),
        active=tuple(sorted(set(newest((*incident.active, *fired)).values()) - ended)),
        alarms=tuple(sorted({*incident.alarms, *newest(fired)})),
    )
