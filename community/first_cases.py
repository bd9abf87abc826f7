"""Cases as they were kept before the engine had tables: their sealed events can be read and checked for ever.

Nothing writes them any more. A server that starts on such a database carries each case over (store/adoption.py).
"""

from datetime import datetime
from enum import StrEnum

import msgspec

from community.alert_refs import Alarm, AlertRef, Episode, firing, newest
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove
from shouwang.reading import Moment


class FirstState(StrEnum):
    """Where such a case stood."""

    OPEN = "OPEN"
    ACKED = "ACKED"
    CLOSED = "CLOSED"


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

    disposition: str
    note_id: str
    digest: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused", tag_field="kind"):
    """An order that was not carried out: for the audit only, the case is as it was."""

    action: str
    reason: str


FirstEvent = Opened | AlertJoined | StepJoined | Acked | Noted | Closed | Refused


class FirstCase(msgspec.Struct, frozen=True, kw_only=True):
    """A case as it stands.

    `lead` is the alert that names the case: its most urgent one. `alerts` counts how often an alarm rang. `active` are
    the alarms that have not ended at home, at most one episode of each; `alarms` are all that ever rang in it.
    `version` counts the events, but for refusals.
    """

    home_key: str
    lane: str
    state: FirstState
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
    disposition: str | None = None


def evolve(case: FirstCase | None, event: FirstEvent, state: FirstState, *, at: datetime, actor: str) -> FirstCase:
    """The case after an event. Raises IllegalMove where a log begins in its middle."""
    if isinstance(event, Opened):
        return _born(event, state, at)
    if case is None:
        raise IllegalMove(f"a case cannot begin with {event.__struct_config__.tag}")
    if isinstance(event, Refused):
        return case
    moved = msgspec.structs.replace(case, state=state, version=case.version + 1, changed_at=at)
    match event:
        case AlertJoined() | StepJoined():
            return _with_alerts(moved, event.alerts)
        case Acked():
            return msgspec.structs.replace(moved, owner=actor)
        case Closed():
            return msgspec.structs.replace(moved, disposition=event.disposition)
        case _:
            return moved


def _born(event: Opened, state: FirstState, at: datetime) -> FirstCase:
    lead = event.alerts[0]
    empty = FirstCase(
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


def _with_alerts(case: FirstCase, alerts: tuple[AlertRef, ...]) -> FirstCase:
    fired = [ref.episode for ref in firing(alerts)]
    ended = {ref.episode for ref in alerts if ref.state is AlertState.RESOLVED}
    # the first of the most urgent stays: the case keeps the name that the operator saw
    lead = min((case.lead, *firing(alerts)), key=lambda ref: ref.severity.rank)
    return msgspec.structs.replace(
        case,
        priority=lead.severity,
        lead=lead,
        alerts=case.alerts + len(fired),
        active=tuple(sorted(set(newest((*case.active, *fired)).values()) - ended)),
        alarms=tuple(sorted({*case.alarms, *newest(fired)})),
    )
