"""Somebody is erased from the record: identity, contacts, words and measurements go; the audit chain stays whole.

What stays: that there were cases, when, of which kind, and who worked on them, under ids that say nothing of him; and
the record of consent without names, which must be shown for three years (PIPL art. 56). See docs/people.md.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.store import case_schema, measurement_schema, schema
from community.store.chain import bytes_digest
from community.store.people_access import Act, forget_reasons, note
from community.store.people_left import left_of_alert
from community.store.people_schema import consents, devices, erased_alerts, home_register, key_safes, register_changes
from shouwang.alert import Alert, Sentence
from shouwang.errors import IllegalMove

GONE = Sentence(zh="已应本人要求删除", en="erased on request")
"""Stands where the words of an alert were."""
_ERASED = "erased"
_AT_ONCE = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What went. `series`: measurements that go now, one `forget_series` after the other."""

    resident_id: str
    contacts: int
    notes: int
    alerts: int
    series: tuple[int, ...]
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
    cases = cases_of(connection, row.home_id, resident_id)
    _refuse_open(connection, cases)
    said = {"resident_id": resident_id, "home_id": row.home_id, "reason": reason}
    access_id = note(connection, Act.ERASURE, actor=by, at=at, **said)
    notes = _forget_words(connection, cases)
    alerts = _forget_alerts(connection, cases, access_id)
    _forget_answers(connection, cases)
    contacts = schema.contacts
    gone = connection.execute(sa.delete(contacts).where(contacts.c.resident_id == resident_id)).rowcount
    _forget_person(connection, resident_id, at)
    was_last = here == [resident_id]
    if was_last:
        _forget_home(connection, row.home_id)
    named = [resident_id, *([""] if here[0] == resident_id else [])]
    series = tuple(_series_of(connection, row.home_id, named))
    return Erased(
        resident_id=resident_id,
        contacts=gone,
        notes=notes,
        alerts=alerts,
        series=series,
        was_last=here == [resident_id],
    )


def cases_of(connection: sa.Connection, home_id: str, resident_id: str) -> frozenset[int]:
    """A resident's cases: those whose alerts name him, or nobody who is on file there while he is the home's first.

    All of a home in which he lives alone, and those that name him in homes where he lived before.
    """
    alerts, incidents = schema.alerts, schema.incidents
    here = _people_of(connection, home_id)
    if here == [resident_id]:
        mine = set(connection.scalars(sa.select(incidents.c.incident_id).where(incidents.c.home_key == home_id)))
    else:
        mine = set()
    homes = sorted({home_id, *_homes_before(connection, resident_id)})
    told = alerts.c.home_key.in_(homes) & alerts.c.incident_id.is_not(None)
    named: dict[tuple[str, int], set[str]] = {}
    for row in connection.execute(sa.select(alerts.c.incident_id, alerts.c.home_key, alerts.c.body).where(told)):
        named.setdefault((row.home_key, row.incident_id), set()).add(_names.decode(row.body).resident_id)
    is_first = here[:1] == [resident_id]
    for (home_key, number), who in named.items():
        if resident_id in who or (is_first and home_key == home_id and who.isdisjoint(here)):
            mine.add(number)
    return frozenset(mine)


def forget_series(connection: sa.Connection, series_id: int, limit: int = 50_000) -> bool:
    """Whether all samples of a series are gone; else there are more: a transaction must not keep alarms waiting."""
    samples = schema.samples
    his = samples.c.series_id == series_id
    ordered = sa.select(samples.c.at).where(his).order_by(samples.c.at)
    last = connection.scalar(ordered.offset(limit).limit(1))
    connection.execute(sa.delete(samples).where(his if last is None else his & (samples.c.at <= last)))
    sums = (measurement_schema.rollups, measurement_schema.dirty_quarters, measurement_schema.raw_since)
    for table in (schema.doubtful_samples, *sums):
        connection.execute(sa.delete(table).where(table.c.series_id == series_id))
    return last is None


def _people_of(connection: sa.Connection, home_id: str) -> list[str]:
    """Who lives there, in order."""
    table = schema.residents
    here = (table.c.home_id == home_id) & table.c.erased_at.is_(None)
    order = (table.c.place, table.c.resident_id)
    return list(connection.scalars(sa.select(table.c.resident_id).where(here).order_by(*order)))


def _homes_before(connection: sa.Connection, resident_id: str) -> Iterable[str]:
    table = register_changes
    moved = (table.c.resident_id == resident_id) & (table.c.field == "home_id") & (table.c.before != "")
    return connection.scalars(sa.select(table.c.before).where(moved))


def _refuse_open(connection: sa.Connection, cases: frozenset[int]) -> None:
    table = schema.incidents
    for part in _parts(cases):
        is_open = table.c.incident_id.in_(part) & (table.c.state != "CLOSED")
        found = connection.scalar(sa.select(table.c.incident_id).where(is_open).limit(1))
        if found is not None:
            raise IllegalMove(f"case {found} is open and needs what is on file; close it first")


def _forget_words(connection: sa.Connection, cases: frozenset[int]) -> int:
    notes, calls, attempts = schema.notes, case_schema.notices, case_schema.attempts
    gone = 0
    for part in _parts(cases):
        told = notes.c.incident_id.in_(part) & notes.c.words.is_not(None)
        gone += connection.execute(sa.update(notes).where(told).values(words=None, salt=None)).rowcount
        his = sa.select(calls.c.notice_id).where(
            calls.c.incident_id.in_(part), calls.c.audience.in_(("family", "keyholder"))
        )
        connection.execute(sa.update(attempts).where(attempts.c.notice_id.in_(his)).values(person=_ERASED))
    return gone


def _forget_alerts(connection: sa.Connection, cases: frozenset[int], access_id: int) -> int:
    """The digests of what they were stay in the chain; those of what is left stand beside, under the logged erasure."""
    alerts, copies = schema.alerts, schema.sms_copies
    gone = 0
    for part in _parts(cases):
        for row in connection.execute(sa.select(alerts).where(alerts.c.incident_id.in_(part))).all():
            which = {"gateway_id": row.gateway_id, "alert_id": row.alert_id}
            if left_of_alert(connection, **which) is not None:
                continue
            whole = _alerts.decode(row.body)
            left = msgspec.json.encode(msgspec.structs.replace(whole, evidence=(), resident_id=_ERASED, why=GONE))
            digests = {"digest": bytes_digest(row.body), "left_digest": bytes_digest(left)}
            connection.execute(sa.insert(erased_alerts).values(**which, **digests, access_id=access_id))
            for table, column in ((alerts, "body"), (copies, "whole")):
                this = (table.c.gateway_id == row.gateway_id) & (table.c.alert_id == row.alert_id)
                connection.execute(sa.update(table).where(this, table.c[column].is_not(None)).values({column: left}))
            gone += 1
    return gone


def _forget_answers(connection: sa.Connection, cases: frozenset[int]) -> None:
    """Answers to commands hold the row of the case with the person's name, for a command that comes twice."""
    done = schema.commands_done
    for row in connection.execute(sa.select(done.c.command_id, done.c.answer)).all():
        answer = json.loads(row.answer)
        case = answer.get("row") if isinstance(answer, dict) else None
        if not isinstance(case, dict) or case.get("incident_id") not in cases:
            continue
        why = {"zh": GONE.zh, "en": GONE.en}
        case.update(address="", resident_name="", resident_age=None, **({"why": why} if "why" in case else {}))
        this = done.c.command_id == row.command_id
        connection.execute(sa.update(done).where(this).values(answer=msgspec.json.encode(answer)))


def _forget_person(connection: sa.Connection, resident_id: str, at: datetime) -> None:
    residents, changes = schema.residents, register_changes
    words = ("name", "sex", "phone", "language", "hearing", "living", "situation", "care_level", "notes", "photo")
    lists = dict.fromkeys(("conditions", "allergies", "medicines"), b"[]")
    connection.execute(
        sa.update(residents)
        .where(residents.c.resident_id == resident_id)
        .values(
            **dict.fromkeys((*words, "reviewed_on"), ""),
            **lists,
            eligibility="[]",
            flags="[]",
            born=None,
            erased_at=at,
        )
    )
    his = changes.c.resident_id == resident_id
    connection.execute(sa.update(changes).where(his).values(before=None, after=None, reason=None))
    said = consents.c.resident_id == resident_id
    connection.execute(sa.update(consents).where(said).values(given_by=_ERASED))
    forget_reasons(connection, resident_id)


def _forget_home(connection: sa.Connection, home_id: str) -> None:
    """Nobody lives there any more. The box stays in its home, so that what it says is not a stranger's."""
    connection.execute(sa.update(schema.homes).where(schema.homes.c.home_id == home_id).values(address=""))
    register = {"place_id": None, "route": ""}
    connection.execute(sa.update(home_register).where(home_register.c.home_id == home_id).values(register))
    connection.execute(sa.delete(key_safes).where(key_safes.c.home_id == home_id))
    connection.execute(sa.update(devices).where(devices.c.home_id == home_id).values(home_id=None, room=""))
    of_home = register_changes.c.home_id == home_id
    connection.execute(sa.update(register_changes).where(of_home).values(before=None, after=None, reason=None))


def _series_of(connection: sa.Connection, home_id: str, named: list[str]) -> Iterator[int]:
    series, gateways = schema.series, schema.gateways
    rows = connection.execute(
        sa.select(series.c.series_id)
        .join(gateways, gateways.c.gateway_id == series.c.gateway_id)
        .where(gateways.c.home_id == home_id, series.c.resident_id.in_(named))
        .order_by(series.c.series_id)
    )
    yield from rows.scalars()


def _parts(cases: frozenset[int]) -> Iterator[list[int]]:
    ordered = sorted(cases)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


class _Named(msgspec.Struct):
    resident_id: str = ""


_names = msgspec.json.Decoder(_Named)
_alerts = msgspec.json.Decoder(Alert)
