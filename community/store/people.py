"""Who lives in a home, whom to call about them, what they have agreed to, and how much of them is on file."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

import sqlalchemy as sa

from community import people
from community.consent import Consent, How, Purpose, may
from community.desk import Contact, ResidentCard
from community.people import Callee, CareLevel, Circle, Completeness, Filed, Flag, Item, age_in
from community.register_forms import with_marks
from community.registry import ContactRow, ResidentRow
from community.store import register_tries, resident_schema, schema  # noqa: F401 - its tables belong to the shape of the database
from community.store.centre_zone import here
from community.store.living import living
from community.store.people_rows import contact_in, resident_in, unlisted
from community.store.people_schema import consents, home_register, key_safes


def residents_of(connection: sa.Connection, home_key: str) -> tuple[ResidentRow, ...]:
    """Who lives there, in order: the first is whom readings mean that name nobody. Nobody who left or was erased."""
    table = schema.residents
    here = (table.c.home_id == home_key) & living()
    rows = connection.execute(sa.select(table).where(here).order_by(table.c.place, table.c.resident_id))
    return tuple(resident_in(row) for row in rows)


def on_file(connection: sa.Connection, resident_id: str) -> ResidentRow | None:
    """Somebody of the register, also who lives there no more; None for a stranger, or who was erased."""
    table = schema.residents
    row = connection.execute(
        sa.select(table).where(table.c.resident_id == resident_id, table.c.erased_at.is_(None))
    ).first()
    return None if row is None else resident_in(row)


def card(connection: sa.Connection, home_key: str, now: datetime, *, resident_id: str = "") -> ResidentCard | None:
    """What an operator must know of the resident (the first of the home, or the one named) in the first ten seconds.

    Health is left out where it was said not to be used in emergencies. The reading itself is to be logged
    (`people_access.note`) by whoever shows it.
    """
    here = residents_of(connection, home_key)
    row = next((one for one in here if one.id == resident_id), here[0] if here else None)
    if row is None:
        return None
    is_shown = may(Purpose.EMERGENCY, consents_of(connection, row.id), now)
    route = connection.scalar(sa.select(home_register.c.route).where(home_register.c.home_id == home_key))
    hint = connection.scalar(sa.select(key_safes.c.hint).where(key_safes.c.home_id == home_key))
    return ResidentCard(
        resident_id=row.id,
        name=row.name,
        age=age_in(now.year, row.born),
        living=row.living,
        conditions=row.conditions if is_shown else (),
        allergies=row.allergies if is_shown else (),
        medicines=row.medicines if is_shown else (),
        notes=row.notes if is_shown else "",
        contacts=tuple(_shown(one) for one in circle(connection, home_key, now)),
        flags=row.flags if is_shown else (),
        sex=row.sex,
        phone=row.phone,
        language=row.language,
        hearing=row.hearing,
        care_level=row.care_level if is_shown else CareLevel.UNKNOWN,
        photo=row.photo,
        route=route or "",
        is_withheld=not is_shown,
        eligibility=row.eligibility,
        situation=row.situation,
        key_safe=hint,
    )


def circle(connection: sa.Connection, home_key: str, now: datetime) -> tuple[Callee, ...]:
    """Whom to call about a home, in order: family, neighbours, professionals (people.keyholders: who has the key).

    All of them, also outside the hours at which they want to be called: an alarm's caller decides by `is_in_hours`.
    """
    table, residents = schema.contacts, schema.residents
    lives = (residents.c.home_id == home_key) & living()
    rows = connection.execute(
        sa.select(table)
        .join(residents, residents.c.resident_id == table.c.resident_id)
        .where(lives)
        .order_by(residents.c.place, residents.c.resident_id, table.c.place)
    )
    local = here(connection, now)
    found = [callee(contact_in(row), local) for row in rows]
    marks = register_tries.silent(connection, {one.resident_id for one in found})
    return people.in_circles(with_marks(one, marks.get(one.resident_id, {})) for one in found)


def contact(connection: sa.Connection, resident_id: str, contact_id: str, now: datetime) -> Callee | None:
    """One of those to call about a resident; None where he is not on file any more."""
    return next((one for one in _contacts_of(connection, resident_id, now) if one.contact_id == contact_id), None)


def flags(connection: sa.Connection, home_key: str) -> frozenset[Flag]:
    """The risks of all who live there (people.is_power_dependent: whose alarms no storm holds back)."""
    return flags_of_homes(connection, [home_key]).get(home_key, frozenset())


def flags_of_homes(connection: sa.Connection, home_keys: Sequence[str]) -> Mapping[str, frozenset[Flag]]:
    """As `flags`, of many homes at once; homes without any are left out."""
    table, wanted = schema.residents, set(home_keys)
    rows = connection.execute(sa.select(table.c.home_id, table.c.flags).where(table.c.flags != "[]", living()))
    found: dict[str, frozenset[Flag]] = {}
    for row in rows:
        if row.home_id in wanted:
            found[row.home_id] = found.get(row.home_id, frozenset()) | {Flag(one) for one in unlisted(row.flags)}
    return found


def consents_of(connection: sa.Connection, resident_id: str) -> tuple[Consent, ...]:
    """All that was said of consent, oldest first."""
    rows = connection.execute(
        sa.select(consents).where(consents.c.resident_id == resident_id).order_by(consents.c.at, consents.c.consent_id)
    )
    return tuple(
        Consent(
            purpose=Purpose(row.purpose),
            is_given=row.is_given,
            given_by=row.given_by,
            relation=row.relation,
            at=row.at,
            text_version=row.text_version,
            how=How(row.how),
            recorded_by=row.recorded_by,
            recorded_at=row.recorded_at,
        )
        for row in rows
    )


def is_agreed(connection: sa.Connection, purpose: Purpose, resident_id: str, now: datetime) -> bool:
    """Whether what is known of the resident may be used so now. Nothing of whoever is unknown or erased."""
    table = schema.residents
    lives = (table.c.resident_id == resident_id) & table.c.erased_at.is_(None)
    is_known = connection.execute(sa.select(table.c.resident_id).where(lives)).first() is not None
    return is_known and may(purpose, consents_of(connection, resident_id), now)


def items_for(connection: sa.Connection, resident_id: str, contact_id: str, now: datetime) -> frozenset[Item]:
    """What of the resident this contact may see now; nothing where consent is missing or was withdrawn, or he left."""
    one = contact(connection, resident_id, contact_id, now)
    if one is None or not _lives(connection, resident_id):
        return frozenset()
    return one.may_see if is_agreed(connection, Purpose.FAMILY_VIEW, resident_id, now) else frozenset()


def _lives(connection: sa.Connection, resident_id: str) -> bool:
    asked = sa.select(schema.residents.c.resident_id).where(schema.residents.c.resident_id == resident_id, living())
    return connection.execute(asked).first() is not None


def filed(connection: sa.Connection, now: datetime) -> Mapping[str, Filed]:
    """What is on file of each resident, as far as completeness asks."""
    table, register = schema.residents, home_register
    homes = {row.home_id: row for row in connection.execute(sa.select(register))}
    safes = set(connection.scalars(sa.select(key_safes.c.home_id)))
    lists: dict[str, list[Callee]] = {}
    local = here(connection, now)
    for row in connection.execute(sa.select(schema.contacts).order_by(schema.contacts.c.place)):
        lists.setdefault(row.resident_id, []).append(callee(contact_in(row), local))
    said: dict[str, set[str]] = {}
    for row in connection.execute(sa.select(consents.c.resident_id, consents.c.purpose)):
        said.setdefault(row.resident_id, set()).add(row.purpose)
    found = {}
    for row in connection.execute(sa.select(table).where(living()).order_by(table.c.resident_id)):
        home = homes.get(row.home_id)
        resident, contacts = resident_in(row), lists.get(row.resident_id, [])
        found[resident.id] = Filed(
            born=resident.born,
            phone=resident.phone,
            has_place=home is not None and home.place_id is not None,
            situation=resident.situation,
            care_level=resident.care_level,
            hearing=resident.hearing,
            language=resident.language,
            has_health=bool(resident.conditions or resident.flags or resident.medicines or resident.allergies),
            contacts=contacts,
            has_way_in=row.home_id in safes or bool(people.keyholders(contacts)),
            consents=len(said.get(resident.id, ())),
            has_gateway=home is not None and home.gateway_id is not None,
            reviewed_on=people.day_of(resident.reviewed_on),
        )
    return found


def completeness(connection: sa.Connection, now: datetime) -> Mapping[str, Completeness]:
    """How much of each resident is on file."""
    today: date = here(connection, now).date()
    return {name: people.completeness(one, today) for name, one in filed(connection, now).items()}


def _contacts_of(connection: sa.Connection, resident_id: str, now: datetime) -> tuple[Callee, ...]:
    table = schema.contacts
    rows = connection.execute(sa.select(table).where(table.c.resident_id == resident_id).order_by(table.c.place))
    local = here(connection, now)
    return tuple(callee(contact_in(row), local) for row in rows)


def _shown(one: Callee) -> Contact:
    return Contact(
        name=one.name,
        relation=one.relation,
        phone=one.phones[0],
        has_key=one.has_key,
        more_phones=one.phones[1:],
        circle=one.circle,
        languages=one.languages,
        hours=one.hours,
        is_in_hours=one.is_in_hours,
        tested_on=one.tested_on.isoformat() if one.tested_on else "",
        contact_id=one.contact_id,
        resident_id=one.resident_id,
        silent=one.silent,
    )


def callee(row: ContactRow, now: datetime) -> Callee:
    """A contact of the register as somebody to call; `now` by the centre's clock (community.store.centre_zone)."""
    return Callee(
        contact_id=row.id or "",
        resident_id=row.resident,
        name=row.name,
        relation=row.relation,
        circle=Circle(row.circle),
        phones=row.phones,
        has_key=row.has_key,
        languages=row.languages,
        hours=row.hours,
        may_see=frozenset(row.may_see),
        tested_on=people.day_of(row.tested_on),
        is_in_hours=people.in_hours(row.hours, now.time()),
    )
