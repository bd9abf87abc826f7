"""How `attempts` names a contact: by his id, so that he stays who he is when the list is put in another order.

Keys of older servers name his place on the list. They hold as long as the list stays as it is: whoever changes a list
has them written anew first (`settle`).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from community.store.case_schema import attempts, notices
from community.store.people_rows import contact_in
from community.store.people_schema import register_changes, resident_stays
from community.store.schema import contacts, incidents, residents

_HEAD = "contact:"
_MARK = "="
"""Before an id of digits alone, which would read as a place; no id begins so (community.registry_fields.Id)."""
_AT_ONCE = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """Whom a key names: somebody of the resident's list, by his id, or by his place where that is None."""

    resident_id: str
    contact_id: str | None
    place: int = 0


class Left(msgspec.Struct, frozen=True):
    """What the list said last of somebody who was taken off it."""

    name: str
    id: str = ""
    relation: str = ""


def key_of(resident_id: str, contact_id: str) -> str:
    """The key of a contact."""
    return f"{_HEAD}{resident_id}:{_MARK if contact_id.isdecimal() else ''}{contact_id}"


def keys_of(resident_id: str, contact_id: str, place: int) -> tuple[str, str]:
    """Under which attempts know him: now, and as an older server wrote it."""
    return key_of(resident_id, contact_id), f"{_HEAD}{resident_id}:{place}"


def is_contact(key: str) -> bool:
    """Whether the key names somebody of a resident's list."""
    return key.startswith(_HEAD)


def named(key: str) -> Named | None:
    """Whom the key names; None for a key of somebody else."""
    resident_id, _, tail = key.removeprefix(_HEAD).rpartition(":")
    if not is_contact(key) or not resident_id or not tail:
        return None
    if tail.isdecimal():
        return Named(resident_id=resident_id, contact_id=None, place=int(tail))
    return Named(resident_id=resident_id, contact_id=tail.removeprefix(_MARK))


def row_of(connection: sa.Connection, whom: Named) -> "sa.Row[tuple[object, ...]] | None":
    """His row as it is now; None where he is on the list no more."""
    rows = connection.execute(sa.select(contacts).where(contacts.c.resident_id == whom.resident_id)).all()
    if whom.contact_id is None:
        return next((row for row in rows if row.place == whom.place), None)
    return next((row for row in rows if contact_in(row).id == whom.contact_id), None)


def left_of(connection: sa.Connection, whom: Named) -> Left | None:
    """What the history of the register keeps of somebody who is on the list no more."""
    if whom.contact_id is None:
        return None
    table = register_changes
    lists = (table.c.resident_id == whom.resident_id, table.c.subject == "contacts", table.c.field == "contacts")
    his = table.c.before.contains(f'"{whom.contact_id}"', autoescape=True)
    newest = sa.select(table.c.before).where(*lists, his).order_by(table.c.change_id.desc()).limit(1)
    said = connection.scalar(newest)
    return next((one for one in _lists.decode(said or "[]") if one.id == whom.contact_id), None)


def settle(connection: sa.Connection, resident_ids: Collection[str]) -> None:
    """Keys by place become keys by id, while the lists of these residents still say who was meant."""
    wanted = sorted(resident_ids)
    for part in (wanted[first : first + _AT_ONCE] for first in range(0, len(wanted), _AT_ONCE)):
        by_place = _by_place(connection, part)
        for attempt_id, key in _of_homes(connection, part):
            if key in by_place:
                this = attempts.c.attempt_id == attempt_id
                connection.execute(sa.update(attempts).where(this).values(person=by_place[key]))


def _by_place(connection: sa.Connection, resident_ids: Collection[str]) -> Mapping[str, str]:
    rows = connection.execute(sa.select(contacts).where(contacts.c.resident_id.in_(resident_ids)))
    people = (contact_in(row) for row in rows)
    keys = (keys_of(one.resident, one.id or "", one.order) for one in people)
    return {by_place: by_id for by_id, by_place in keys}


def _of_homes(connection: sa.Connection, resident_ids: Collection[str]) -> Iterator[tuple[int, str]]:
    """Attempts to reach contacts, of the cases of all homes in which these people live or lived."""
    homes: set[str] = set()
    for table in (residents, resident_stays):
        here = sa.select(table.c.home_id).where(table.c.resident_id.in_(resident_ids))
        homes.update(connection.scalars(here.distinct()))
    asked = (
        sa.select(attempts.c.attempt_id, attempts.c.person)
        .join_from(incidents, notices, notices.c.incident_id == incidents.c.incident_id)
        .join(attempts, attempts.c.notice_id == notices.c.notice_id)
        .where(incidents.c.home_key.in_(sorted(homes)), attempts.c.person.startswith(_HEAD))
    )
    for row in connection.execute(asked).all():
        yield row.attempt_id, row.person


_lists = msgspec.json.Decoder(list[Left])
