"""All that is on file of one person, for himself (PIPL art. 45): values for JSON, pages for people, samples apart.

Without key-safe codes, and without what is another's: of a shared home only what names this person, or nobody where he
is its first resident.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.measurements.port import Span
from community.points import Point
from community.register_history import Change
from community.registry import ConsentRow, DeviceRow, ResidentRow
from community.store import care_rows, people_access, points, schema, stays
from community.store.care_rows import CareRow
from community.store.people_access import Access, Act
from community.store.people_demands import history
from community.store.people_erasure_cases import cases_of
from community.store.people_rows import consent_in, contact_in, device_in, resident_in
from community.store.people_schema import consents, devices, home_register
from community.store.places import area_of, name_of
from community.store.stays import Claim
from shouwang.errors import IllegalMove

Sample = tuple[datetime, int, int, float, str]
"""Moment, message, place in it, value, quality."""
_READ_AT_ONCE = 10_000
_ALL = 100_000
"""Entries of the access log: some thirty a day over ten years."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFiled:
    """A case of his, with the words that were written about it."""

    incident_id: int
    lane: str
    priority: str
    state: str
    opened_at: datetime
    changed_at: datetime
    alerts: tuple[dict[str, object], ...]
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesFiled:
    """What was measured of him, and while it was him; its samples come apart (`samples_of`)."""

    series_id: int
    gateway_id: str
    sensor_id: str
    quantity: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """Everything on file of one person."""

    made_at: datetime
    resident: ResidentRow
    address: str
    place: str
    route: str
    point: Point | None
    contacts: tuple[dict[str, object], ...]
    consents: tuple[ConsentRow, ...]
    devices: tuple[DeviceRow, ...]
    cases: tuple[CaseFiled, ...]
    changes: tuple[Change, ...]
    looked: tuple[Access, ...]
    claims: tuple[Claim, ...]
    care: tuple[CareRow, ...]


def dossier(connection: sa.Connection, resident_id: str, *, by: str, at: datetime, reason: str) -> Dossier:
    """Everything on file; that it was asked for is logged first. Raises IllegalMove for an unknown person."""
    table = schema.residents
    row = connection.execute(
        sa.select(table).where(table.c.resident_id == resident_id, table.c.erased_at.is_(None))
    ).first()
    if row is None:
        raise IllegalMove(f"the resident {resident_id} is not on file")
    resident, home_id = resident_in(row), row.home_id
    people_access.note(
        connection, Act.DOSSIER, actor=by, at=at, resident_id=resident_id, home_id=home_id, reason=reason
    )
    homes, register = schema.homes, home_register
    home = connection.execute(
        sa.select(homes.c.address, register.c.route)
        .join_from(homes, register, register.c.home_id == homes.c.home_id, isouter=True)
        .where(homes.c.home_id == home_id)
    ).one()
    path = area_of(connection, home_id)
    return Dossier(
        made_at=at,
        resident=resident,
        address=home.address,
        place=name_of(connection, path[-1]) if path else "",
        route=home.route or "",
        point=points.point_of(connection, home_id),
        contacts=tuple(_contacts(connection, resident_id)),
        consents=tuple(_consents(connection, resident_id)),
        devices=tuple(_devices(connection, home_id)),
        cases=tuple(_cases(connection, resident_id)),
        changes=history(connection, resident_id),
        looked=people_access.of_resident(connection, resident_id, limit=_ALL),
        claims=stays.claims(connection, resident_id),
        care=care_rows.of_person(connection, resident_id),
    )


def series_of(connection: sa.Connection, claims: Sequence[Claim]) -> tuple[SeriesFiled, ...]:
    """What was measured, where this connection leads: to the file of measurements, or the community database."""
    spans: dict[tuple[str, str], tuple[Span, ...]] = {}
    for one in claims:
        spans[one.gateway_id, one.name] = (*spans.get((one.gateway_id, one.name), ()), one.span)
    table = schema.series
    boxes = table.c.gateway_id.in_({one.gateway_id for one in claims})
    return tuple(
        SeriesFiled(
            series_id=row.series_id,
            gateway_id=row.gateway_id,
            sensor_id=row.sensor_id,
            quantity=row.quantity,
            spans=spans[row.gateway_id, row.resident_id],
        )
        for row in connection.execute(sa.select(table).where(boxes).order_by(table.c.series_id))
        if (row.gateway_id, row.resident_id) in spans
    )


def samples_of(connection: sa.Connection, series: SeriesFiled, after: tuple[datetime, int, int] | None) -> list[Sample]:
    """The next samples of a series, his only: moment, message, place, value, quality; empty at the end."""
    table = schema.samples
    key = sa.tuple_(table.c.at, table.c.message_id, table.c.place)
    query = sa.select(table.c.at, table.c.message_id, table.c.place, table.c.value, table.c.quality)
    his = (sa.and_(table.c.at >= span.start, table.c.at < span.end) for span in series.spans)
    query = query.where(table.c.series_id == series.series_id, sa.or_(*his))
    if after is not None:
        at, message, place = after
        later = (table.c.at == at) & (
            (table.c.message_id > message) | ((table.c.message_id == message) & (table.c.place > place))
        )
        query = query.where((table.c.at > at) | later)
    rows = connection.execute(query.order_by(*key).limit(_READ_AT_ONCE))
    return [(row.at, row.message_id, row.place, row.value, row.quality) for row in rows]


def _contacts(connection: sa.Connection, resident_id: str) -> Iterator[dict[str, object]]:
    table = schema.contacts
    for row in connection.execute(sa.select(table).where(table.c.resident_id == resident_id).order_by(table.c.place)):
        yield contact_in(row).model_dump(mode="json")


def _consents(connection: sa.Connection, resident_id: str) -> Iterator[ConsentRow]:
    query = sa.select(consents).where(consents.c.resident_id == resident_id)
    for row in connection.execute(query.order_by(consents.c.at, consents.c.consent_id)):
        yield consent_in(row)


def _devices(connection: sa.Connection, home_id: str) -> Iterator[DeviceRow]:
    query = sa.select(devices).where(devices.c.home_id == home_id).order_by(devices.c.device_id)
    for row in connection.execute(query):
        yield device_in(row).model_copy(update={"key_ref": ""})


def _cases(connection: sa.Connection, resident_id: str) -> Iterator[CaseFiled]:
    cases, alerts, notes = schema.incidents, schema.alerts, schema.notes
    for number in sorted(cases_of(connection, resident_id)):
        row = connection.execute(sa.select(cases).where(cases.c.incident_id == number)).one()
        told = sa.select(alerts.c.body).where(alerts.c.incident_id == number).order_by(alerts.c.received_at)
        words = sa.select(notes.c.words).where(notes.c.incident_id == number, notes.c.words.is_not(None))
        yield CaseFiled(
            incident_id=number,
            lane=row.lane,
            priority=row.priority,
            state=row.state,
            opened_at=row.opened_at,
            changed_at=row.changed_at,
            alerts=tuple(_alert.decode(body) for body in connection.scalars(told)),
            words=tuple(str(one) for one in connection.scalars(words.order_by(notes.c.note_id))),
        )


_alert = msgspec.json.Decoder(dict[str, object])
