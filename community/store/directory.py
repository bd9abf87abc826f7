"""Who lives where and which box watches there: the homes of community.yaml, brought into the tables at start."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from community.settings import HomeEntry, ResidentEntry
from community.store import schema


def bring_in(connection: sa.Connection, homes: Sequence[HomeEntry]) -> None:
    """Make the directory say what the file says. Homes no longer in the file keep their history and lose their box."""
    gateways = schema.gateways
    connection.execute(gateways.update().values(home_id=None))
    for home in homes:
        _put(connection, schema.homes, {"home_id": home.id}, {"address": home.address})
        _bring_in_resident(connection, home.id, home.resident)
        meet_gateway(connection, home.gateway)
        connection.execute(gateways.update().where(gateways.c.gateway_id == home.gateway).values(home_id=home.id))


def meet_gateway(connection: sa.Connection, gateway_id: str) -> None:
    """A row for a box that speaks, or is spoken of, for the first time; also one that nobody told us about."""
    gateways = schema.gateways
    if connection.execute(sa.select(gateways.c.gateway_id).where(gateways.c.gateway_id == gateway_id)).first() is None:
        connection.execute(
            gateways.insert().values(gateway_id=gateway_id, online=False, backlog=0, rejected=0, version="")
        )


def _bring_in_resident(connection: sa.Connection, home_id: str, resident: ResidentEntry) -> None:
    _put(
        connection,
        schema.residents,
        {"resident_id": resident.id},
        {
            "home_id": home_id,
            "name": resident.name,
            "born": resident.born,
            "living": resident.living,
            "conditions": msgspec.json.encode(resident.conditions),
            "allergies": msgspec.json.encode(resident.allergies),
            "medicines": msgspec.json.encode(resident.medicines),
            "notes": resident.notes,
        },
    )
    contacts = schema.contacts
    connection.execute(contacts.delete().where(contacts.c.resident_id == resident.id))
    for place, contact in enumerate(resident.contacts):
        connection.execute(
            contacts.insert().values(
                resident_id=resident.id,
                place=place,
                name=contact.name,
                relation=contact.relation,
                phone=contact.phone,
                has_key=contact.has_key,
            )
        )


def _put(connection: sa.Connection, table: sa.Table, key: dict[str, str], values: dict[str, object]) -> None:
    where = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(table.update().where(where).values(values)).rowcount == 0:
        connection.execute(table.insert().values({**key, **values}))
