"""Residents with whom the service ended long ago: they moved away or died, and nobody erased them by hand.

Of whom the register says since when he lives there no more, the clock runs from that day: since then nothing of his own
was written, agreed to or looked at; who lives on in the home does not keep him. Where it says nothing all of this must
be so: a box stood in his home, the last one left long ago, and since then there was no case of the home, no change on
file, no consent, and nobody looked at him.
"""

import math
from datetime import datetime

import sqlalchemy as sa

from community.store import leaving, people_erasure, people_forgetting, retention_cases, schema
from community.store.people_erasure_cases import cases_of, refuse_open
from community.store.people_schema import access_log, box_stays, consents, register_changes, resident_stays, to_forget
from community.store.retention import Key, end_of_slice
from community.store.retention_days import in_time, note
from community.store.stays import Claim
from shouwang.errors import IllegalMove

NAME = "people"
AT_ONCE = 20
"""In one night: each is a transaction of its own, and his measurements are looked for in every file."""
REASON = "nothing was heard, asked or written of him for as long as community.yaml says (retention: person_days)"


def over(connection: sa.Connection, before: datetime, *, until_s: float = math.inf) -> tuple[str, ...]:
    """Whose whole file may end, by id; whoever a case keeps that is open or held elsewhere stands in nobody's way.

    Raises TryLater where it has not come to an end by then, of time.monotonic().
    """
    found: list[str] = []
    last: Key | None = ("",)
    while last is not None and len(found) < AT_ONCE:
        in_time(NAME, until_s)
        ids, last = _page(connection, before, last)
        found += [one for one in ids if not _is_kept(connection, one)]
    return tuple(found[:AT_ONCE])


def end(connection: sa.Connection, resident_id: str, before: datetime, day: str, now: datetime) -> int:
    """Erase him, if it is still so; how many. His measurements are noted to be forgotten. A case held keeps him."""
    people = schema.residents
    this = sa.select(people.c.resident_id).where(
        people.c.resident_id == resident_id, people.c.erased_at.is_(None), *_is_long_gone(before)
    )
    if connection.execute(this).first() is None:
        return 0
    try:
        people_erasure.erase(connection, resident_id, by=retention_cases.BY, at=now, reason=REASON)
    except IllegalMove:
        return 0  # a case elsewhere that is open or held
    note(connection, day, NAME, 1, now)
    return 1


def claims(connection: sa.Connection) -> tuple[tuple[str, tuple[Claim, ...]], ...]:
    """Of whom measurements are still to be forgotten, by an erasure of any kind."""
    who = connection.scalars(sa.select(to_forget.c.resident_id).distinct().order_by(to_forget.c.resident_id)).all()
    return tuple((one, people_forgetting.claims_of(connection, one)) for one in who)


def forgotten(connection: sa.Connection, resident_id: str) -> None:
    """All of it is."""
    people_forgetting.drop_claims(connection, resident_id)


def _page(connection: sa.Connection, before: datetime, after: Key) -> tuple[list[str], Key | None]:
    """Of the next slice of residents; and the key to go on after."""
    people, key = schema.residents, schema.residents.c.resident_id
    until = end_of_slice(connection, (key,), after)
    query = sa.select(key).where(key > after[0], people.c.erased_at.is_(None), *_is_long_gone(before))
    if until is not None:
        query = query.where(key <= until[0])
    ids = list(connection.scalars(query.order_by(key).limit(AT_ONCE)))
    return ids, (ids[-1],) if len(ids) == AT_ONCE else until


def _is_kept(connection: sa.Connection, resident_id: str) -> bool:
    try:
        refuse_open(connection, cases_of(connection, resident_id))
    except IllegalMove:
        return True
    return False


def _is_long_gone(before: datetime) -> tuple["sa.ColumnElement[bool]", ...]:
    left = sa.and_(leaving.has_left_before(before), ~_of_himself(before))
    stood = sa.select(box_stays.c.stay_id).where(box_stays.c.home_id == schema.residents.c.home_id)
    unsaid = sa.and_(schema.residents.c.left_why == "", stood.exists(), ~_of_himself(before), ~_of_his_home(before))
    return (sa.or_(left, unsaid),)


def _of_himself(before: datetime) -> "sa.ColumnElement[bool]":
    """Whether anything of his own is younger."""
    people = schema.residents
    lately = (
        sa.select(register_changes.c.change_id).where(
            register_changes.c.at >= before, register_changes.c.resident_id == people.c.resident_id
        ),
        sa.select(consents.c.consent_id).where(
            consents.c.resident_id == people.c.resident_id, consents.c.recorded_at >= before
        ),
        sa.select(access_log.c.access_id).where(
            access_log.c.resident_id == people.c.resident_id, access_log.c.at >= before
        ),
        sa.select(resident_stays.c.stay_id).where(
            resident_stays.c.resident_id == people.c.resident_id, resident_stays.c.since >= before
        ),
    )
    return sa.or_(*(one.exists() for one in lately))


def _of_his_home(before: datetime) -> "sa.ColumnElement[bool]":
    """Whether anything of the home is: its box, its cases, its entry, its key."""
    people, boxes, cases = schema.residents, schema.gateways, schema.incidents
    stood = sa.select(box_stays.c.stay_id).where(box_stays.c.home_id == people.c.home_id)
    lately = (
        stood.where(sa.or_(box_stays.c.until.is_(None), box_stays.c.until >= before)),
        sa.select(boxes.c.gateway_id).where(boxes.c.home_id == people.c.home_id),
        sa.select(cases.c.incident_id).where(
            cases.c.home_key == people.c.home_id, sa.or_(cases.c.state != "CLOSED", cases.c.changed_at >= before)
        ),
        sa.select(register_changes.c.change_id).where(
            register_changes.c.at >= before, register_changes.c.home_id == people.c.home_id
        ),
        sa.select(access_log.c.access_id).where(  # at what is the home's: its key
            access_log.c.home_id == people.c.home_id, access_log.c.resident_id.is_(None), access_log.c.at >= before
        ),
    )
    return sa.or_(*(one.exists() for one in lately))
