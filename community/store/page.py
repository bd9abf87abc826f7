"""The whole of one case: resident, alerts, readings around the alarm (`evidence`), timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.casefile import SYSTEM, Card, Colour
from community.desk import Contact, IncidentPage, ResidentCard, TimelineEntry, Timing
from community.step_words import told_in_timeline
from community.store import case_schema, chain, schema
from community.store.cases import as_it_came, load
from community.store.evidence import further_residents, measured_around
from community.store.gaps import gaps_around
from community.store.lease import engine_now
from community.store.sms_copies import came_by_sms, whole_or_body
from community.store.times import boot_in, told_of, with_boots
from community.store.views import age_in, dues_of, row_of
from community.workflow import workflow
from shouwang.alert import Alert

SHOWN = 500
"""Alerts and events of one case on its page, the newest: a sensor that flaps for weeks must not make it unreadable."""


def page(connection: sa.Connection, incident_id: int, now: datetime) -> IncidentPage | None:
    """The case whole, or None."""
    case = load(connection, incident_id)
    if case is None:
        return None
    told = _alerts(connection, incident_id)
    alerts = [(gateway_id, alert) for gateway_id, alert, _ in told]
    others = further_residents(connection, alerts)
    return IncidentPage(
        row=row_of(connection, incident_id, case, now),
        resident=_resident(connection, case.home_key, now),
        alerts=tuple(alert for _, alert in alerts),
        evidence=measured_around(connection, alerts, others),
        timeline=_timeline(connection, incident_id, alerts),
        case=case,
        actions=workflow(case.workflow).commands(case.state),
        others=others,
        timings={alert.alert_id: timing for _, alert, timing in told},
        gaps=gaps_around(connection, alerts),
        clocks=dues_of(case, (now, engine_now(connection))),
        cards=_cards(connection, incident_id),
    )


def _cards(connection: sa.Connection, incident_id: int) -> tuple[Card, ...]:
    table = case_schema.cards
    rows = connection.execute(
        sa.select(table).where(table.c.incident_id == incident_id).order_by(table.c.card_id).limit(SHOWN)
    )
    return tuple(
        Card(
            step=row.step,
            colour=Colour(row.colour),
            responsible=row.responsible,
            limit_ms=row.limit_ms,
            actual_ms=row.actual_ms,
            level=row.level,
        )
        for row in rows
    )


def _alerts(connection: sa.Connection, incident_id: int) -> list[tuple[str, Alert, Timing]]:
    """Each with its gateway and how far its times, which are those known now, may be trusted."""
    table = schema.alerts
    rows = connection.execute(
        with_boots(sa.select(table.c.gateway_id, whole_or_body(), came_by_sms(), table.c.received_at))
        .where(table.c.incident_id == incident_id)
        .order_by(table.c.received_at.desc(), table.c.alert_id)
        .limit(SHOWN)
    )
    found = ((row.gateway_id, *told_of(as_it_came(row), row.received_at, boot_in(row))) for row in rows)
    return sorted(found, key=lambda one: one[1].at)


def _resident(connection: sa.Connection, home_key: str, now: datetime) -> ResidentCard | None:
    residents, contacts = schema.residents, schema.contacts
    row = connection.execute(sa.select(residents).where(residents.c.home_id == home_key)).first()
    if row is None:
        return None
    people = connection.execute(
        sa.select(contacts).where(contacts.c.resident_id == row.resident_id).order_by(contacts.c.place)
    )
    return ResidentCard(
        resident_id=row.resident_id,
        name=row.name,
        age=age_in(now.year, row.born),
        living=row.living,
        conditions=_lines.decode(row.conditions),
        allergies=_lines.decode(row.allergies),
        medicines=_lines.decode(row.medicines),
        notes=row.notes,
        contacts=tuple(
            Contact(name=one.name, relation=one.relation, phone=one.phone, has_key=one.has_key) for one in people
        ),
    )


def _timeline(
    connection: sa.Connection, incident_id: int, alerts: Sequence[tuple[str, Alert]]
) -> tuple[TimelineEntry, ...]:
    events, notes, users = schema.incident_events, schema.notes, schema.users
    words = {
        row.note_id: row.words
        for row in connection.execute(sa.select(notes).where(notes.c.incident_id == incident_id))
        if row.words is not None
    }
    rows = connection.execute(
        sa.select(events.c.body).where(events.c.incident_id == incident_id).order_by(events.c.seq.desc()).limit(SHOWN)
    ).all()
    entries = [chain.decode_entry(row.body) for row in reversed(rows)]
    actors = {entry.actor for entry in entries} - {SYSTEM}
    names: Mapping[str, str] = {
        row.login: row.name
        for row in connection.execute(sa.select(users.c.login, users.c.name).where(users.c.login.in_(sorted(actors))))
    }
    by_id = {alert.alert_id: alert for _, alert in alerts}
    return tuple(
        TimelineEntry(
            seq=entry.seq,
            at=entry.at,
            kind=entry.kind,
            actor=entry.actor,
            text=told_in_timeline(entry.event, names.get(entry.actor, entry.actor), by_id, words),
        )
        for entry in entries
    )


_lines = msgspec.json.Decoder(tuple[str, ...])
