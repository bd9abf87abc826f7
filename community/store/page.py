"""The whole of one case: resident, alerts, readings around the alarm, timeline."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community import incidents
from community.desk import Contact, IncidentPage, Point, ResidentCard, Series, TimelineEntry
from community.incidents import SYSTEM
from community.store import chain, schema
from community.store.cases import decode_alert, load
from community.store.views import age_in, row_of
from community.wording import told_in_timeline
from shouwang.alert import Alert
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

BEFORE_ALARM = timedelta(minutes=15)
AFTER_ALARM = timedelta(minutes=15)
"""What the plot shows around the alarms of a case: enough to tell a slide from a dropped probe."""
POINTS_PER_SERIES = 2000
SHOWN = 500
"""Alerts and events of one case on its page, the newest: a sensor that flaps for weeks must not make it unreadable."""
VITALS = (Quantity.SPO2, Quantity.HEART_RATE)
"""Shown with every alarm, whatever rang."""


def page(connection: sa.Connection, incident_id: int, now: datetime) -> IncidentPage | None:
    """The case whole, or None."""
    case = load(connection, incident_id)
    if case is None:
        return None
    alerts = _alerts(connection, incident_id)
    return IncidentPage(
        row=row_of(connection, incident_id, case, now),
        resident=_resident(connection, case.home_key, now),
        alerts=tuple(alert for _, alert in alerts),
        evidence=_evidence(connection, alerts),
        timeline=_timeline(connection, incident_id, alerts),
        actions=incidents.actions(case.state),
    )


def _alerts(connection: sa.Connection, incident_id: int) -> list[tuple[str, Alert]]:
    table = schema.alerts
    rows = connection.execute(
        sa.select(table.c.gateway_id, table.c.body)
        .where(table.c.incident_id == incident_id)
        .order_by(table.c.received_at.desc(), table.c.alert_id)
        .limit(SHOWN)
    )
    return sorted(((row.gateway_id, decode_alert(row.body)) for row in rows), key=lambda pair: pair[1].at)


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


def _evidence(connection: sa.Connection, alerts: Sequence[tuple[str, Alert]]) -> tuple[Series, ...]:
    if not alerts:
        return ()
    start = min(alert.since for _, alert in alerts) - BEFORE_ALARM
    end = max(alert.at for _, alert in alerts) + AFTER_ALARM
    points: dict[tuple[str, Quantity], dict[datetime, Point]] = {}
    for gateway_id in sorted({gateway_id for gateway_id, _ in alerts}):
        sensors = {alert.sensor_id for _, alert in alerts}
        for key, series_id in _series_of(connection, gateway_id, sensors):
            points.setdefault(key, {}).update((point.at, point) for point in _points(connection, series_id, start, end))
    for _, alert in alerts:  # telemetry comes behind the alert: until it is here, the alert's own readings show why
        for reading in alert.evidence:
            key = (reading.sensor_id, reading.quantity)
            points.setdefault(key, {}).setdefault(reading.at, _point(reading))
    return tuple(
        Series(sensor_id=sensor, quantity=quantity, points=tuple(found[at] for at in sorted(found)))
        for (sensor, quantity), found in sorted(points.items())
        if found
    )


def _series_of(connection: sa.Connection, gateway_id: str, sensors: set[str]) -> list[tuple[tuple[str, Quantity], int]]:
    table = schema.series
    rows = connection.execute(
        sa.select(table).where(
            table.c.gateway_id == gateway_id,
            sa.or_(table.c.sensor_id.in_(sorted(sensors)), table.c.quantity.in_([one.value for one in VITALS])),
            table.c.quantity != Quantity.BATTERY.value,
        )
    )
    return [((row.sensor_id, Quantity(row.quantity)), row.series_id) for row in rows]


def _points(connection: sa.Connection, series_id: int, start: datetime, end: datetime) -> list[Point]:
    table = schema.samples
    rows = connection.execute(
        sa.select(table.c.at, table.c.value, table.c.quality)
        .where(table.c.series_id == series_id, table.c.at.between(start, end))
        .order_by(table.c.at.desc())
        .limit(POINTS_PER_SERIES)
    )
    return [Point(at=row.at, value=row.value, quality=Quality(row.quality)) for row in rows]


def _point(reading: Reading) -> Point:
    return Point(at=reading.at, value=reading.value, quality=reading.quality)


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
            text=told_in_timeline(entry.event, entry.state, names.get(entry.actor, entry.actor), by_id, words),
        )
        for entry in entries
    )


_lines = msgspec.json.Decoder(tuple[str, ...])
