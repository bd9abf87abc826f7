"""The cases of a home for an export, page by page: alarms, entries of the chain, attempts to reach people."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from community.casefile import Answered, Disposition
from community.desk import Timing
from community.fhir.record import Alarm, CaseFile, Deed, Try
from community.measurements.port import Span
from community.store import case_schema, schema
from community.store.cases import CLOSED, as_it_came
from community.store.sms_copies import came_by_sms, whole_or_body
from community.store.stays import Stay
from community.store.times import boot_in, told_of, with_boots
from shouwang.alert import Alert, AlertState, Severity
from shouwang.reading import Moment

_EpisodeKey = tuple[str, str, datetime]


class FoundAlarm(NamedTuple):
    """An alarm, after which place the next stands, and whom it is about as its home says."""

    place: tuple[str, str]
    about: str
    alarm: Alarm


class _Lead(msgspec.Struct, frozen=True, kw_only=True):
    gateway_id: str
    key: str
    since: Moment
    hazard: str


class _Offer(msgspec.Struct, frozen=True, kw_only=True):
    to: str
    answer: Answered = Answered.ASKED


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """What an export tells of a case, whichever version of the program wrote it."""

    lead: _Lead
    disposition: Disposition | None = None
    offers: tuple[_Offer, ...] = ()
    helpers: tuple[str, ...] = ()
    previous: int | None = None
    merged_into: int | None = None


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    command: str = ""
    role: str = ""


class _Event(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    name: str = ""
    role: str = ""
    order: _Order | None = None


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Of an entry of the chain, whichever version of the program sealed it."""

    seq: int
    incident_id: int
    at: Moment
    actor: str
    state: str
    event: _Event


def cases(connection: sa.Connection, lived: Sequence[Stay], span: Span, after: int, limit: int) -> tuple[CaseFile, ...]:
    """Cases of his homes, opened while he lived there, that were open at some time of the span, by number.

    The next `limit` after one.
    """
    table = schema.incidents
    his = (
        sa.and_(table.c.home_key == one.home_id, table.c.opened_at >= one.span.start, table.c.opened_at < one.span.end)
        for one in lived
    )
    rows = connection.execute(
        sa.select(table)
        .where(
            sa.or_(sa.false(), *his),
            table.c.incident_id > after,
            table.c.opened_at < span.end,
            sa.or_(table.c.changed_at >= span.start, table.c.state != CLOSED),
        )
        .order_by(table.c.incident_id)
        .limit(limit)
    )
    return tuple(_case(row) for row in rows)


def alarms(
    connection: sa.Connection, incident_id: int, after: tuple[str, str] | None, limit: int
) -> tuple[FoundAlarm, ...]:
    """The alarms of a case, the next `limit` after a place."""
    table = schema.alerts
    order = (table.c.gateway_id, table.c.alert_id)
    chosen = (
        with_boots(sa.select(table.c.gateway_id, whole_or_body(), came_by_sms(), table.c.received_at, table.c.key))
        .add_columns(table.c.alert_id, table.c.since, schema.incidents.c.state.label("case_state"))
        .join(schema.incidents, table.c.incident_id == schema.incidents.c.incident_id)
        .where(table.c.incident_id == incident_id, table.c.state == AlertState.FIRING.value)
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        chosen = chosen.where(sa.tuple_(*order) > sa.tuple_(*after))
    rows = connection.execute(chosen).all()
    ends = _ends(connection, [(row.gateway_id, row.key, row.since) for row in rows])
    return tuple(
        _alarm(
            row,
            told_of(as_it_came(row), row.received_at, boot_in(row)),
            ends.get((row.gateway_id, row.key, row.since)),
        )
        for row in rows
    )


def deeds(connection: sa.Connection, incident_id: int, after: int, limit: int) -> tuple[Deed, ...]:
    """The entries of a case in the sealed chain, the next `limit` after a number."""
    table = schema.incident_events
    rows = connection.execute(
        sa.select(table.c.seq, table.c.kind, table.c.body, table.c.hash)
        .where(table.c.incident_id == incident_id, table.c.seq > after)
        .order_by(table.c.seq)
        .limit(limit)
    )
    return tuple(_deed(row) for row in rows)


def tries(connection: sa.Connection, incident_id: int, after: int, limit: int) -> tuple[Try, ...]:
    """The attempts to reach people about a case, the next `limit` after a number."""
    table, notices = case_schema.attempts, case_schema.notices
    rows = connection.execute(
        sa.select(table, notices.c.incident_id, notices.c.audience)
        .join_from(table, notices, table.c.notice_id == notices.c.notice_id)
        .where(notices.c.incident_id == incident_id, table.c.attempt_id > after)
        .order_by(table.c.attempt_id)
        .limit(limit)
    )
    return tuple(
        Try(
            attempt_id=row.attempt_id,
            incident_id=row.incident_id,
            audience=row.audience,
            person=row.person,
            channel=row.channel,
            outcome=row.outcome,
            code=row.code,
            queued_at=row.queued_at,
            changed_at=row.changed_at,
        )
        for row in rows
    )


def _case(row: sa.Row[*tuple[object, ...]]) -> CaseFile:
    body = _case_decoder.decode(row.body)
    return CaseFile(
        incident_id=row.incident_id,
        home_id=row.home_key,
        workflow=row.workflow,
        lane=row.lane,
        state=row.state,
        priority=Severity(row.priority),
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        hazard=body.lead.hazard,
        lead=(body.lead.gateway_id, body.lead.key, body.lead.since),
        is_ended=row.state == CLOSED,
        owner=row.owner or "",
        responder=row.responder or "",
        offered=tuple(dict.fromkeys(offer.to for offer in body.offers)),
        disposition="" if body.disposition is None else body.disposition.value,
        previous=body.previous,
        merged_into=body.merged_into,
        helpers=body.helpers,
    )


def _ends(connection: sa.Connection, episodes: Sequence[_EpisodeKey]) -> dict[_EpisodeKey, datetime]:
    """When alarms ended at home."""
    if not episodes:
        return {}
    table = schema.alerts
    rows = connection.execute(
        with_boots(sa.select(table.c.gateway_id, whole_or_body(), came_by_sms(), table.c.received_at, table.c.key))
        .add_columns(table.c.since)
        .where(
            table.c.state == AlertState.RESOLVED.value,
            table.c.gateway_id.in_({gateway_id for gateway_id, _, _ in episodes}),
            table.c.key.in_({key for _, key, _ in episodes}),
            table.c.since.in_({since for _, _, since in episodes}),
        )
    )
    found = {}
    for row in rows:
        alert, _ = told_of(as_it_came(row), row.received_at, boot_in(row))
        found[row.gateway_id, row.key, row.since] = alert.at
    return found


def _alarm(row: sa.Row[*tuple[object, ...]], known_now: tuple[Alert, Timing], ended_at: datetime | None) -> FoundAlarm:
    alert, timing = known_now
    alarm = Alarm(
        gateway_id=row.gateway_id,
        key=row.key,
        since=alert.since,
        told_since=row.since,
        ended_at=ended_at,
        hazard=alert.hazard,
        severity=alert.severity,
        why=alert.why,
        timing=timing,
        is_over=row.case_state == CLOSED,
    )
    return FoundAlarm((row.gateway_id, row.alert_id), alert.resident_id, alarm)


def _deed(row: sa.Row[*tuple[object, ...]]) -> Deed:
    entry = _entry_decoder.decode(row.body)
    event = entry.event
    return Deed(
        seq=entry.seq,
        incident_id=entry.incident_id,
        at=entry.at,
        actor=entry.actor,
        role=event.role or (event.order.role if event.order is not None else ""),
        what=event.name or (event.order.command if event.order is not None else "") or row.kind,
        state=entry.state,
        is_denied=event.kind in _DENIED,
        seal=row.hash.hex(),
    )


_DENIED = frozenset({"denied", "refused"})
_case_decoder = msgspec.json.Decoder(_Body)
_entry_decoder = msgspec.json.Decoder(_Entry)
