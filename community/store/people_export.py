"""What is on file, for checks of rows that lean on it, and the whole register as it may be taken in again."""

from collections.abc import Iterator

import sqlalchemy as sa

from community.people import Level
from community.registry import PlaceRow, Register, Row, Written
from community.registry_checks import Known, Seat
from community.store import care_rows, schema
from community.store.dispatch_schema import home_spots
from community.store.people_rows import consent_in, contact_in, device_in, home_in, resident_in
from community.store.people_schema import consents, devices, home_register, places


def known(connection: sa.Connection) -> Known:
    """What is on file, as far as rows lean on it."""
    residents = schema.residents
    return Known(
        places={row.place_id: (Level(row.level), row.parent_id) for row in connection.execute(sa.select(places))},
        homes=frozenset(connection.scalars(sa.select(schema.homes.c.home_id))),
        residents={
            row.resident_id: Seat(home=row.home_id, order=row.place, is_erased=row.erased_at is not None)
            for row in connection.execute(
                sa.select(residents.c.resident_id, residents.c.home_id, residents.c.place, residents.c.erased_at)
            )
        },
        gateways={
            row.gateway_id: row.home_id
            for row in connection.execute(
                sa.select(schema.gateways.c.gateway_id, schema.gateways.c.home_id).where(
                    schema.gateways.c.home_id.is_not(None)
                )
            )
        },
    )


def given_out(connection: sa.Connection) -> Register:
    """The whole register, as it may be taken in again; no key-safe codes, nobody who was erased."""
    alive = schema.residents.c.erased_at.is_(None)
    register = sa.outerjoin(schema.homes, home_register, home_register.c.home_id == schema.homes.c.home_id)
    register = register.outerjoin(home_spots, home_spots.c.home_id == schema.homes.c.home_id)
    columns = (schema.homes.c.address, *(column for column in home_register.c if column.name != "home_id"))
    columns = (*columns, home_spots.c.lat, home_spots.c.lon)
    tree = list(connection.execute(sa.select(places).order_by(places.c.place_id)))
    tree.sort(key=lambda row: (list(Level).index(Level(row.level)), row.place_id))
    rows: list[Row] = [
        PlaceRow(
            id=row.place_id,
            level=row.level,
            within=row.parent_id,
            code=row.code,
            name=row.name,
            lat=row.lat,
            lon=row.lon,
        )
        for row in tree
    ]
    query = sa.select(schema.homes.c.home_id, *columns).select_from(register).order_by(schema.homes.c.home_id)
    rows += [home_in(row) for row in connection.execute(query) if row.address]
    people, contacts = schema.residents, schema.contacts
    for query, made in (
        (sa.select(people).where(alive).order_by(people.c.home_id, people.c.place), resident_in),
        (sa.select(contacts).order_by(contacts.c.resident_id, contacts.c.place), contact_in),
        (_consents_of_the_living(), consent_in),
        (sa.select(devices).order_by(devices.c.device_id), device_in),
    ):
        rows += [made(row) for row in connection.execute(query)]
    rows += [one for model in care_rows.TABLES for one in _care_of_the_living(connection, model)]
    return Register(entries=tuple(Written(row=row, where="the register") for row in rows))


def _care_of_the_living(connection: sa.Connection, model: type[Row]) -> Iterator[Row]:
    table, people = care_rows.TABLES[model], schema.residents
    living = sa.join(table, people, people.c.resident_id == table.c.resident_id)
    order = (column for column in table.primary_key.columns)
    query = sa.select(table).select_from(living).where(people.c.erased_at.is_(None)).order_by(*order)
    return (care_rows.row_in(model, row) for row in connection.execute(query))


def _consents_of_the_living() -> "sa.Select[tuple[object, ...]]":
    people = schema.residents
    living = sa.join(consents, people, people.c.resident_id == consents.c.resident_id)
    return (
        sa.select(consents)
        .select_from(living)
        .where(people.c.erased_at.is_(None))
        .order_by(consents.c.resident_id, consents.c.at, consents.c.consent_id)
    )
