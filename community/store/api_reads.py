"""What programs read, page by page, kept to the rights of whoever asks: cases, timelines, calls, residents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.consent import Purpose
from community.desk import Bell, QueueRow
from community.people import Item, Left
from community.registry import ResidentRow
from community.rights import Ground, Refused, Right, holds, is_allowed
from community.store import cases, chain, people, rights, schema
from community.store.case_schema import attempts, notices
from community.store.living import living
from community.store.people_access import Act
from community.store.views import rows_of
from community.tokens import MEDICAL, Caller, Field
from community.users import Role, User

SCANNED = 500
"""Entries of the chain that one page looks through at most, however few of them are for whoever asks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CasesPage:
    """Cases as they stand now. `next_after`: where the next page begins; `is_last`: nothing newer is there now."""

    rows: tuple[QueueRow, ...]
    next_after: int
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class BellsPage:
    """What happened, oldest first."""

    bells: tuple[Bell, ...]
    next_after: int
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineRow:
    """One entry of a case, without words of people: those are personal, and may be erased."""

    seq: int
    at: datetime
    kind: str
    actor: str
    version: int
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TriedRow:
    """One try to reach somebody."""

    channel: str
    person: str
    outcome: str
    code: str
    tries: int
    changed_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticeRow:
    """Somebody is to be reached, and what was tried."""

    notice_id: int
    step: str
    audience: str
    to_whom: str
    rung: int
    state: str
    created_at: datetime
    tried: tuple[TriedRow, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentTold:
    """What may be told of a resident. `left`, `left_on`: how and since which day; None and empty: he lives there."""

    home_id: str
    said: dict[Field, object]
    left: Left | None
    left_on: str


def cases_page(
    connection: sa.Connection, user: User, after: int, limit: int, now: datetime, *, only_open: bool
) -> CasesPage:
    """Cases that have changed after this sequence, in the order of their changes, each as it stands now."""
    numbers, next_after, is_last = _changed(connection, user, after, limit, now)
    found = [(number, case) for number in numbers if (case := cases.load(connection, number)) is not None]
    wanted = [(number, case) for number, case in found if not only_open or case.state != cases.CLOSED]
    return CasesPage(rows=rows_of(connection, wanted, now), next_after=next_after, is_last=is_last)


def bells_page(connection: sa.Connection, user: User, after: int, limit: int, now: datetime) -> BellsPage:
    """What consoles hear of the cases that this one may read."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.seq, events.c.incident_id, events.c.body)
        .where(events.c.seq > after)
        .order_by(events.c.seq)
        .limit(SCANNED)
    ).all()
    seen = _readable(connection, user, {int(row.incident_id) for row in rows}, now)
    bells: list[Bell] = []
    last = after
    for row in rows:
        if len(bells) == limit:
            return BellsPage(bells=tuple(bells), next_after=last, is_last=False)
        last = int(row.seq)
        bell = cases.bell_of(chain.decode_entry(row.body)) if row.incident_id in seen else None
        if bell is not None:
            bells.append(bell)
    return BellsPage(bells=tuple(bells), next_after=last, is_last=len(rows) < SCANNED)


def timeline(connection: sa.Connection, incident_id: int, after: int, limit: int) -> tuple[TimelineRow, ...]:
    """The entries of a case after this sequence, oldest first."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.body)
        .where(events.c.incident_id == incident_id, events.c.seq > after)
        .order_by(events.c.seq)
        .limit(limit)
    )
    entries = (chain.decode_entry(row.body) for row in rows)
    return tuple(
        TimelineRow(
            seq=entry.seq,
            at=entry.at,
            kind=entry.kind,
            actor=entry.actor,
            version=entry.version,
            state=str(entry.state),
        )
        for entry in entries
    )


def notices_of(connection: sa.Connection, incident_id: int, after: int, limit: int) -> tuple[NoticeRow, ...]:
    """The calls of a case after this number, oldest first, with every try."""
    mine = sa.select(notices).where(notices.c.incident_id == incident_id, notices.c.notice_id > after)
    rows = connection.execute(mine.order_by(notices.c.notice_id).limit(limit)).all()
    tried = _tried(connection, [int(row.notice_id) for row in rows])
    return tuple(
        NoticeRow(
            notice_id=row.notice_id,
            step=row.step,
            audience=row.audience,
            to_whom=row.to_whom,
            rung=row.rung,
            state=row.state,
            created_at=row.created_at,
            tried=tuple(tried.get(row.notice_id, ())),
        )
        for row in rows
    )


def homes_seen(connection: sa.Connection, user: User, home_ids: Iterable[str], now: datetime) -> frozenset[str]:
    """Those of these homes whose boxes he may see."""
    return rights.visible(connection, user, Right.READ_HOMES, home_ids, now)


def resident_ids(connection: sa.Connection, user: User, after: str, limit: int, now: datetime) -> tuple[str, ...]:
    """Residents after this id, in the order of ids: those who live in their homes, and whom he may read."""
    table = schema.residents
    found: list[str] = []
    while len(found) < limit:
        listed = sa.select(table.c.resident_id, table.c.home_id).where(table.c.resident_id > after, living())
        rows = connection.execute(listed.order_by(table.c.resident_id).limit(SCANNED)).all()
        if not rows:
            break
        found += _residents_seen(connection, user, [(row.resident_id, row.home_id) for row in rows], now)
        after = rows[-1].resident_id
    return tuple(found[:limit])


def resident(
    connection: sa.Connection, caller: Caller, resident_id: str, fields: frozenset[Field], now: datetime
) -> ResidentTold | None:
    """What the agreement covers of one resident, and written down that it was read; None for an unknown id.

    Raises Refused. Medical fields need a right of their own, and the person's word, or an open case of who lives there.
    """
    row = people.on_file(connection, resident_id)
    if row is None:
        return None
    user, home_id = caller.user, row.home
    for right_act, item, wanted in (
        (Act.CONTACTS, Item.STATUS, fields - MEDICAL),
        (Act.CARD, Item.CARD, fields & MEDICAL),
    ):
        if not wanted:
            continue
        subject = rights.subject_of_home(connection, user, home_id, now, item=item, resident_id=resident_id)
        is_said = subject.is_open and row.left is None  # who left is not the one that the home's case is about
        is_said = is_said or people.is_agreed(connection, Purpose.SHARING_WITH_CLINICS, resident_id, now)
        if right_act is Act.CARD and user.role is not Role.FAMILY and not is_said:
            raise Refused(Ground.NOT_SHARED)
        rights.look(connection, user, right_act, subject, home_id=home_id, resident_id=resident_id)
    said = _written(connection, row, home_id, fields)
    return ResidentTold(home_id=home_id, said=said, left=row.left, left_on=row.left_on)


def _changed(
    connection: sa.Connection, user: User, after: int, limit: int, now: datetime
) -> tuple[Sequence[int], int, bool]:
    """Cases that changed after this sequence and that he may read; where to go on; whether that was all."""
    events = schema.incident_events
    rows = connection.execute(
        sa.select(events.c.seq, events.c.incident_id).where(events.c.seq > after).order_by(events.c.seq).limit(SCANNED)
    ).all()
    seen = _readable(connection, user, {int(row.incident_id) for row in rows}, now)
    found: dict[int, None] = {}
    last = after
    for row in rows:
        if len(found) == limit and row.incident_id not in found:
            return tuple(found), last, False
        last = int(row.seq)
        if row.incident_id in seen:
            found[int(row.incident_id)] = None
    return tuple(found), last, len(rows) < SCANNED


def _readable(connection: sa.Connection, user: User, numbers: set[int], now: datetime) -> set[int]:
    """Those of these cases that he may read: by place, or because they are his."""
    keys = rights.homes_of(connection, numbers)
    if holds(user, Right.READ_QUEUE):
        homes = rights.visible(connection, user, Right.READ_QUEUE, keys.values(), now)
        return {number for number, home in keys.items() if home in homes}
    subjects = {number: rights.subject_of_case(connection, user, number, now) for number in keys}
    return {
        number
        for number, subject in subjects.items()
        if subject is not None and is_allowed(user, Right.READ_CASE, subject)
    }


def _residents_seen(
    connection: sa.Connection, user: User, listed: Sequence[tuple[str, str]], now: datetime
) -> list[str]:
    """Those of these residents, each with his home, whom he may read."""
    if user.role not in {Role.RESPONDER, Role.FAMILY}:
        homes = rights.visible(connection, user, Right.READ_RESIDENTS, {home for _, home in listed}, now)
        return [one for one, home in listed if home in homes]
    judged = ((one, rights.subject_of_home(connection, user, home, now, resident_id=one)) for one, home in listed)
    return [one for one, subject in judged if is_allowed(user, Right.READ_RESIDENTS, subject)]


def _written(
    connection: sa.Connection, row: ResidentRow, home_id: str, fields: frozenset[Field]
) -> dict[Field, object]:
    homes, contacts = schema.homes, schema.contacts
    address = connection.scalar(sa.select(homes.c.address).where(homes.c.home_id == home_id))
    calls = connection.execute(sa.select(contacts).where(contacts.c.resident_id == row.id).order_by(contacts.c.place))
    everything: dict[Field, object] = {
        Field.NAME: row.name,
        Field.ADDRESS: address,
        Field.BORN: row.born,
        Field.LIVING: row.living,
        Field.CONTACTS: [
            {"name": one.name, "relation": one.relation, "phone": one.phone, "has_key": one.has_key} for one in calls
        ],
        Field.CONDITIONS: list(row.conditions),
        Field.ALLERGIES: list(row.allergies),
        Field.MEDICINES: list(row.medicines),
        Field.NOTES: row.notes,
    }
    return {field: everything[field] for field in Field if field in fields}


def _tried(connection: sa.Connection, notice_ids: Sequence[int]) -> dict[int, list[TriedRow]]:
    found: dict[int, list[TriedRow]] = {}
    rows = connection.execute(
        sa.select(attempts).where(attempts.c.notice_id.in_(notice_ids)).order_by(attempts.c.attempt_id)
    )
    for row in rows:
        found.setdefault(row.notice_id, []).append(
            TriedRow(
                channel=row.channel,
                person=row.person,
                outcome=row.outcome,
                code=row.code,
                tries=row.tries,
                changed_at=row.changed_at,
            )
        )
    return found
