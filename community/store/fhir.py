"""What is on file of one resident, and what was measured of him, for an export: read page by page, never as a whole."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from community.desk import Timing
from community.fhir.codes import CODED
from community.fhir.record import Box, ContactPerson, OwnSeries, Person, Sample, Sensor
from community.lanes import is_late
from community.measurements.port import SeriesKey, Span
from community.people import Left
from community.store import people, schema, stays
from community.store.living import living
from community.store.people_rows import contact_in
from community.store.stays import ALWAYS, Claim, Stay
from shouwang.quantities import Quantity
from shouwang.reading import Quality


class Place(NamedTuple):
    """After which sample the next page begins."""

    at: datetime
    message_id: int
    place: int


def person(connection: sa.Connection, resident_id: str) -> Person | None:
    """The resident; None for an unknown id."""
    table, homes = schema.residents, schema.homes
    row = connection.execute(
        sa.select(table, homes.c.address)
        .join_from(table, homes, table.c.home_id == homes.c.home_id)
        .where(table.c.resident_id == resident_id)
    ).first()
    if row is None:
        return None
    return Person(
        resident_id=row.resident_id,
        home_id=row.home_id,
        address=row.address,
        name=row.name,
        born=row.born,
        sex=row.sex,
        living=row.living,
        conditions=_lines.decode(row.conditions),
        allergies=_lines.decode(row.allergies),
        medicines=_lines.decode(row.medicines),
        flags=_lines.decode(row.flags or "[]"),
        contacts=_contacts(connection, resident_id),
        consents=people.consents_of(connection, resident_id),
        is_erased=row.erased_at is not None,
        left=Left(row.left_why) if row.left_why else None,
        left_on=row.left_on,
        is_first=_living_there(connection, row.home_id)[:1] == [resident_id],
    )


def housemates(connection: sa.Connection, who: Person, lived: Sequence[Stay]) -> frozenset[str]:
    """Who else is on file in the homes where he lived, or was."""
    return stays.housemates(connection, who.resident_id, {who.home_id, *(stay.home_id for stay in lived)})


def boxes(connection: sa.Connection, home_id: str, claims: Sequence[Claim]) -> tuple[Box, ...]:
    """The gateways of the home; those that measured him before and stand elsewhere, without how they are now."""
    table = schema.gateways
    rows = connection.execute(sa.select(table).where(table.c.home_id == home_id))
    here = {row.gateway_id: Box(gateway_id=row.gateway_id, is_online=row.online, version=row.version) for row in rows}
    before = {one.gateway_id for one in claims} - here.keys()
    gone = {one: Box(gateway_id=one, is_online=False, version="", is_here=False) for one in before}
    return tuple(box for _, box in sorted({**here, **gone}.items()))


def sensors(connection: sa.Connection, gateways: Sequence[str], series: Sequence[SeriesKey]) -> tuple[Sensor, ...]:
    """The sensors of these gateways, and of any that measured the person whose `series` these are."""
    table = schema.sensor_status
    rows = connection.execute(sa.select(table).where(table.c.gateway_id.in_(gateways)))
    told = {(row.gateway_id, row.sensor_id): (row.kind, row.state) for row in rows}
    measures: dict[tuple[str, str], set[Quantity]] = {}
    for one in series:
        measures.setdefault((one.gateway_id, one.sensor_id), set()).add(one.quantity)
    return tuple(
        Sensor(
            gateway_id=gateway_id,
            sensor_id=sensor_id,
            kind=told.get((gateway_id, sensor_id), ("", ""))[0],
            state=told.get((gateway_id, sensor_id), ("", ""))[1],
            measures=frozenset(measures.get((gateway_id, sensor_id), ())),
        )
        for gateway_id, sensor_id in sorted({*told, *measures})
    )


def series_of(connection: sa.Connection, claims: Sequence[Claim]) -> tuple[OwnSeries, ...]:
    """What was measured of a person, and from when to when it was him."""
    table = schema.series
    spans: dict[tuple[str, str], tuple[Span, ...]] = {}
    for one in claims:
        spans[one.gateway_id, one.name] = (*spans.get((one.gateway_id, one.name), ()), one.span)
    rows = connection.execute(
        sa.select(table)
        .where(
            table.c.gateway_id.in_({one.gateway_id for one in claims}),
            table.c.quantity.in_([quantity.value for quantity in CODED]),
        )
        .order_by(table.c.gateway_id, table.c.sensor_id, table.c.quantity, table.c.resident_id)
    )
    return tuple(
        OwnSeries(
            gateway_id=row.gateway_id,
            sensor_id=row.sensor_id,
            quantity=Quantity(row.quantity),
            resident_id=row.resident_id,
            spans=spans[row.gateway_id, row.resident_id],
        )
        for row in rows
        if (row.gateway_id, row.resident_id) in spans
    )


def named_in_readings(connection: sa.Connection, gateways: Sequence[str]) -> frozenset[str]:
    """Everybody whom readings of these gateways name."""
    table = schema.series
    rows = connection.execute(sa.select(table.c.resident_id).where(table.c.gateway_id.in_(gateways)).distinct())
    return frozenset(rows.scalars()) - {""}


def samples(
    connection: sa.Connection, series: Sequence[OwnSeries], span: Span, after: Place | None, limit: int
) -> tuple[Sample, ...]:
    """Samples of these series while they were of the person, in the order of time, the next `limit` after a place."""
    table, messages = schema.samples, schema.messages
    at, message_id, place = table.c.at, table.c.message_id, table.c.place
    numbers = _numbers(connection, series)
    chosen = (
        sa.select(table, messages.c.received_at)
        .join_from(table, messages, table.c.message_id == messages.c.message_id, isouter=True)
        .where(sa.or_(sa.false(), *map(_his, numbers.items())), at >= span.start, at < span.end)
        .order_by(at, message_id, place)
        .limit(limit)
    )
    if after is not None:
        later = sa.or_(message_id > after.message_id, sa.and_(message_id == after.message_id, place > after.place))
        chosen = chosen.where(at >= after.at, sa.or_(at > after.at, later))
    rows = connection.execute(chosen)
    return tuple(_sample(row, numbers[row.series_id]) for row in rows)


def _his(numbered: tuple[int, OwnSeries]) -> sa.ColumnElement[bool]:
    number, series = numbered
    table = schema.samples
    bound = [sa.and_(table.c.at >= span.start, table.c.at < span.end) for span in series.spans if span != ALWAYS]
    is_bound = ALWAYS not in series.spans
    return sa.and_(table.c.series_id == number, sa.or_(*bound) if is_bound else sa.true())


def _sample(row: sa.Row[tuple[object, ...]], of: SeriesKey) -> Sample:
    return Sample(
        gateway_id=of.gateway_id,
        sensor_id=of.sensor_id,
        quantity=of.quantity,
        at=row.at,
        value=row.value,
        quality=Quality(row.quality),
        timing=Timing(row.timing),
        is_late=row.is_late or (row.received_at is not None and is_late(row.at, row.received_at)),
        received_at=row.received_at,
        message_id=row.message_id,
        place=row.place,
    )


def _numbers(connection: sa.Connection, series: Sequence[OwnSeries]) -> dict[int, OwnSeries]:
    table = schema.series
    wanted = {(one.gateway_id, one.sensor_id, one.quantity.value, one.resident_id): one for one in series}
    rows = connection.execute(
        sa.select(table).where(
            table.c.gateway_id.in_({one.gateway_id for one in series}),
            table.c.sensor_id.in_({one.sensor_id for one in series}),
        )
    )
    found = {row.series_id: (row.gateway_id, row.sensor_id, row.quantity, row.resident_id) for row in rows}
    return {number: wanted[key] for number, key in found.items() if key in wanted}


def _living_there(connection: sa.Connection, home_id: str) -> list[str]:
    """First to last, without those who were erased."""
    table = schema.residents
    rows = connection.execute(
        sa.select(table.c.resident_id)
        .where(table.c.home_id == home_id, living())
        .order_by(table.c.place, table.c.resident_id)
    )
    return list(rows.scalars())


def _contacts(connection: sa.Connection, resident_id: str) -> tuple[ContactPerson, ...]:
    table = schema.contacts
    rows = connection.execute(sa.select(table).where(table.c.resident_id == resident_id).order_by(table.c.place))
    return tuple(
        ContactPerson(
            contact_id=contact_in(row).id or "",
            name=row.name,
            relation=row.relation,
            phones=tuple(phone for phone in (row.phone, *_lines.decode(row.more_phones or "[]")) if phone),
        )
        for row in rows
    )


_lines = msgspec.json.Decoder(tuple[str, ...])
