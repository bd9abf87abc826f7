"""Who lives where and which box watches there: the homes of community.yaml, brought into the tables at start.

What was imported or corrected since in the register is the newer word: the file does not change it any more. Somebody
who was erased does not come back with the file.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from community.registry import ContactRow, ResidentRow
from community.settings import HomeEntry, ResidentEntry
from community.store import contact_keys, points, proposals, schema, stays
from community.store.people_register import filled, meet_gateway, settle_gateways
from community.store.people_rows import contact_in, values_of_contact, values_of_resident
from community.store.people_schema import home_register

__all__ = ["bring_in", "gateways", "meet_gateway"]


def bring_in(connection: sa.Connection, homes: Sequence[HomeEntry], at: datetime | None = None) -> None:
    """Make the directory say what the file says. Homes no longer in the file keep their history and lose their box.

    Homes that the register alone knows keep theirs. Of a box, the file has the last word. `at`: when who moved has
    moved; now, where nobody says.
    """
    at = at or datetime.now(UTC)
    residents = schema.residents
    on_file = connection.execute(sa.select(home_register)).all()
    registered = {row.home_id for row in on_file if row.is_registered}
    _let_go_of_boxes(connection, on_file, homes)
    people = connection.execute(
        sa.select(residents.c.resident_id, residents.c.erased_at).where(
            residents.c.is_registered | residents.c.erased_at.is_not(None)
        )
    ).all()
    kept, erased = {row.resident_id for row in people}, {row.resident_id for row in people if row.erased_at is not None}
    left = set(connection.scalars(sa.select(schema.homes.c.home_id).where(schema.homes.c.address == "")))
    for home in homes:
        is_of_nobody = home.id in left
        if (home.id not in registered or is_of_nobody) and not (is_of_nobody and home.resident.id in erased):
            _put(connection, schema.homes, {"home_id": home.id}, {"address": home.address})
            watch = {"offline_after": home.offline_after, "high_risk": home.high_risk}
            _put(connection, home_register, {"home_id": home.id}, watch)
            if home.lat is not None:
                points.put(connection, home.id, {"lat": home.lat, "lon": home.lon})
        _put(connection, home_register, {"home_id": home.id}, {"gateway_id": home.gateway})
        if home.resident.id not in kept:
            _bring_in_resident(connection, home.id, home.resident)
        meet_gateway(connection, home.gateway)
    settle_gateways(connection, at)
    stays.settle_residents(connection, at)


def _let_go_of_boxes(
    connection: sa.Connection, on_file: Sequence[sa.Row[tuple[object, ...]]], homes: Sequence[HomeEntry]
) -> None:
    """Whatever box the file puts elsewhere, or puts nowhere any more, is in no home before it is put there."""
    said = {home.id: home.gateway for home in homes}
    boxes = set(said.values())
    for row in on_file:
        is_gone = row.home_id not in said and not row.is_registered
        is_elsewhere = row.gateway_id in boxes and said.get(row.home_id) != row.gateway_id
        is_another = row.home_id in said and said[row.home_id] != row.gateway_id
        if row.gateway_id is not None and (is_gone or is_elsewhere or is_another):
            this = home_register.c.home_id == row.home_id
            connection.execute(sa.update(home_register).where(this).values(gateway_id=None))


def _bring_in_resident(connection: sa.Connection, home_id: str, entry: ResidentEntry) -> None:
    # not checked anew: what the file may say, it may say
    row = ResidentRow.model_construct(home=home_id, **entry.model_dump(exclude={"contacts"}))
    values = values_of_resident(row)
    stated = ("home_id", "name", "born", "living", "situation", "conditions", "allergies", "medicines", "notes")
    _put(connection, schema.residents, {"resident_id": entry.id}, {name: values[name] for name in stated})
    _bring_in_contacts(connection, entry)


def _bring_in_contacts(connection: sa.Connection, entry: ResidentEntry) -> None:
    """Whoever was on the list keeps his id, by which calls under way know him."""
    contacts = schema.contacts
    rows = [
        ContactRow.model_construct(
            resident=entry.id, order=order, id=None, name=one.name, relation=one.relation, phones=(one.phone,)
        ).model_copy(update={"has_key": one.has_key})
        for order, one in enumerate(entry.contacts)
    ]
    of_his = contacts.c.resident_id == entry.id
    before = [
        contact_in(row) for row in connection.execute(sa.select(contacts).where(of_his).order_by(contacts.c.place))
    ]
    ids = [one.id for one in filled(rows, before)]
    if list(enumerate(ids)) != [(one.order, one.id) for one in before]:
        contact_keys.settle(connection, [entry.id])
    proposals.keep_only(connection, entry.id, [his_id or "" for his_id in ids])
    connection.execute(contacts.delete().where(of_his))
    for row, his_id in zip(rows, ids, strict=True):
        values = values_of_contact(row.model_copy(update={"id": his_id}))
        connection.execute(contacts.insert().values(resident_id=entry.id, **values))


def _put(connection: sa.Connection, table: sa.Table, key: Mapping[str, str], values: Mapping[str, object]) -> None:
    where = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(table.update().where(where).values(values)).rowcount == 0:
        connection.execute(table.insert().values({**key, **values}))


def gateways(connection: sa.Connection) -> tuple[str, ...]:
    """All boxes that were ever heard of or are on file."""
    table = schema.gateways
    return tuple(connection.execute(sa.select(table.c.gateway_id).order_by(table.c.gateway_id)).scalars())
