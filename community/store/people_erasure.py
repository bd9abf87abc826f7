"""Somebody is erased from the record: identity, contacts, words and measurements go; the audit chain stays whole.

What stays: that there were cases, when, of which kind, and who worked on them, under ids that say nothing of him; and
the record of consent without names, which must be shown for three years (PIPL art. 56). See docs/people.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.measurements.port import Span
from community.store import care_rows, points, proposals, resident_photos, schema, stays
from community.store.dispatch_schema import home_spots
from community.store.passkey_schema import passkeys
from community.store.people_access import Act, forget_reasons, note
from community.store.people_erasure_cases import (
    ERASED,
    cases_of,
    forget_alerts,
    forget_answers,
    forget_calls,
    forget_visits,
    forget_words,
    refuse_open,
)
from community.store.people_forgetting import note_claims
from community.store.people_left import GONE
from community.store.people_schema import consents, devices, home_register, key_safes, register_changes
from community.store.stays import Claim
from shouwang.errors import IllegalMove


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What went. `claims`: measurements that go now, wherever they lie (community.measurements.forgetting)."""

    resident_id: str
    contacts: int
    notes: int
    alerts: int
    photos: int
    letters: int
    claims: tuple[Claim, ...]
    was_last: bool


def erase(connection: sa.Connection, resident_id: str, *, by: str, at: datetime, reason: str) -> Erased:
    """Erase a resident; logged. Raises IllegalMove where he is unknown, or a case of his is open: it needs the words.

    In the home of somebody else too, what names nobody is the first resident's.
    """
    residents = schema.residents
    row = connection.execute(
        sa.select(residents).where(residents.c.resident_id == resident_id, residents.c.erased_at.is_(None))
    ).first()
    if row is None:
        raise IllegalMove(f"the resident {resident_id} is not on file (any more)")
    here = _people_of(connection, row.home_id)
    was_last = here == [resident_id]
    cases = cases_of(connection, resident_id)
    refuse_open(connection, cases)
    said = {"resident_id": resident_id, "home_id": row.home_id, "reason": reason}
    access_id = note(connection, Act.ERASURE, actor=by, at=at, **said)
    claims = stays.claims(connection, resident_id)
    note_claims(connection, resident_id, claims)
    gone = {
        "notes": forget_words(connection, cases),
        "alerts": forget_alerts(connection, resident_id, cases, access_id),
        "photos": forget_visits(connection, cases) + resident_photos.forget(connection, resident_id),
        "letters": forget_letters(connection, {(one.gateway_id, one.span) for one in claims}),
    }
    forget_answers(connection, cases, {"zh": GONE.zh, "en": GONE.en})
    forget_calls(connection, cases)
    contacts = _forget_contacts(connection, resident_id, at)
    _forget_person(connection, resident_id, at)
    if was_last:
        _forget_home(connection, row.home_id)
    stays.settle_residents(connection, at, [row.home_id])
    return Erased(resident_id=resident_id, contacts=contacts, claims=claims, was_last=was_last, **gone)


def forget_letters(connection: sa.Connection, boxes: Iterable[tuple[str, Span]]) -> int:
    """Messages of his box that nobody could read, from while it was his; how many."""
    table = schema.dead_letters
    gone = 0
    for gateway_id, span in boxes:
        rows = connection.execute(
            sa.select(table.c.letter_id, table.c.topic, table.c.payload).where(
                table.c.received_at >= span.start, table.c.received_at < span.end
            )
        )
        his = [
            row.letter_id for row in rows if gateway_id in row.topic.split("/") or gateway_id.encode() in row.payload
        ]
        for letter_id in his:
            gone += connection.execute(sa.delete(table).where(table.c.letter_id == letter_id)).rowcount
    return gone


def _people_of(connection: sa.Connection, home_id: str) -> list[str]:
    """Who lives there, in order."""
    table = schema.residents
    here = (table.c.home_id == home_id) & table.c.erased_at.is_(None)
    order = (table.c.place, table.c.resident_id)
    return list(connection.scalars(sa.select(table.c.resident_id).where(here).order_by(*order)))


def _forget_contacts(connection: sa.Connection, resident_id: str, at: datetime) -> int:
    """Whom to call; how many. Whoever signed in as one of them does so no more."""
    contacts, users, sessions = schema.contacts, schema.users, schema.login_sessions
    theirs = sa.select(contacts.c.contact_id).where(contacts.c.resident_id == resident_id)
    logins = sa.and_(users.c.role == "family", users.c.person != "", users.c.person.in_(theirs))
    of_them = sa.select(users.c.user_id).where(logins)
    for table in (sessions, schema.login_links, passkeys):
        connection.execute(sa.delete(table).where(table.c.user_id.in_(of_them)))
    on = sa.and_(logins, users.c.disabled_at.is_(None))
    connection.execute(sa.update(users).where(on).values(disabled_at=at))
    proposals.forget(connection, resident_id)
    nobody = {"name": "", "person": "", "password_hash": None, "totp_secret": None}
    connection.execute(sa.update(users).where(logins).values(nobody))
    return connection.execute(sa.delete(contacts).where(contacts.c.resident_id == resident_id)).rowcount


def _forget_person(connection: sa.Connection, resident_id: str, at: datetime) -> None:
    residents, changes = schema.residents, register_changes
    words = ("name", "sex", "phone", "language", "hearing", "living", "situation", "care_level", "notes", "photo")
    lists = dict.fromkeys(("conditions", "allergies", "medicines"), b"[]")
    connection.execute(
        sa.update(residents)
        .where(residents.c.resident_id == resident_id)
        .values(
            **dict.fromkeys((*words, "reviewed_on", "left_why", "left_on"), ""),
            **lists,
            eligibility="[]",
            flags="[]",
            born=None,
            erased_at=at,
        )
    )
    care_rows.forget(connection, resident_id)
    his = changes.c.resident_id == resident_id
    connection.execute(sa.update(changes).where(his).values(before=None, after=None, reason=None))
    said = consents.c.resident_id == resident_id
    connection.execute(sa.update(consents).where(said).values(given_by=ERASED))
    forget_reasons(connection, resident_id)


def _forget_home(connection: sa.Connection, home_id: str) -> None:
    """Nobody lives there any more. The box stays in its home, so that what it says is not a stranger's."""
    points.forget(connection, home_id)
    connection.execute(sa.update(schema.homes).where(schema.homes.c.home_id == home_id).values(address=""))
    register = {"place_id": None, "route": ""}
    connection.execute(sa.update(home_register).where(home_register.c.home_id == home_id).values(register))
    connection.execute(sa.delete(home_spots).where(home_spots.c.home_id == home_id))
    connection.execute(sa.delete(key_safes).where(key_safes.c.home_id == home_id))
    connection.execute(sa.update(devices).where(devices.c.home_id == home_id).values(home_id=None, room=""))
    of_home = register_changes.c.home_id == home_id
    connection.execute(sa.update(register_changes).where(of_home).values(before=None, after=None, reason=None))
