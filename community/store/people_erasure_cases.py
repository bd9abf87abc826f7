"""The cases of somebody who is erased: words, alerts, pictures, links, answers and calls; that they were, stays."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.store import case_schema, dispatch_schema, schema
from community.store.chain import bytes_digest
from community.store.people_left import GONE, left_of_alert, thinned
from community.store.people_schema import erased_alerts
from community.store.sealed_schema import case_holds
from community.store.stays import Stay, of_homes, of_person
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

ERASED = "erased"
_AT_ONCE = 400
THEIRS = ("family", "keyholder", "submitter")
"""Audiences of people whom only the resident's file knows."""


class Lived:
    """Who lived in a person's homes, and so whom an alert of such a home is about."""

    def __init__(self, connection: sa.Connection, resident_id: str) -> None:
        """Read once."""
        self._resident_id = resident_id
        self._stays = of_homes(connection, {stay.home_id for stay in of_person(connection, resident_id)})
        self.homes = sorted({stay.home_id for stay in self._stays})

    def is_his(self, home_id: str, about: Iterable[str], at: datetime) -> bool:
        """Whether what came at that moment is about him: it names him, or he was the first and it names no housemate.

        `about`: whom the alerts name.
        """
        named = set(about)
        if self._resident_id in named:
            return True
        there = [stay for stay in self._stays if stay.home_id == home_id and _holds(stay, at)]
        was_first = any(stay.is_first and stay.resident_id == self._resident_id for stay in there)
        return was_first and named.isdisjoint(stay.resident_id for stay in there)


def _holds(stay: Stay, at: datetime) -> bool:
    return stay.span.start <= at < stay.span.end


def cases_of(connection: sa.Connection, resident_id: str) -> frozenset[int]:
    """A person's cases, in whichever home he lived: those whose alerts name him, or nobody while he was the first."""
    alerts, incidents = schema.alerts, schema.incidents
    lived = Lived(connection, resident_id)
    named: dict[int, set[str]] = {}
    told = alerts.c.home_key.in_(lived.homes) & alerts.c.incident_id.is_not(None)
    for row in connection.execute(sa.select(alerts.c.incident_id, alerts.c.body).where(told)):
        named.setdefault(row.incident_id, set()).add(_names.decode(row.body).resident_id)
    rows = connection.execute(
        sa.select(incidents.c.incident_id, incidents.c.home_key, incidents.c.opened_at).where(
            incidents.c.home_key.in_(lived.homes)
        )
    )
    return frozenset(
        row.incident_id for row in rows if lived.is_his(row.home_key, named.get(row.incident_id, ()), row.opened_at)
    )


def refuse_open(connection: sa.Connection, cases: frozenset[int]) -> None:
    """Raises IllegalMove where one of them is not closed, or is held."""
    table = schema.incidents
    for part in _parts(cases):
        is_open = table.c.incident_id.in_(part) & (table.c.state != "CLOSED")
        found = connection.scalar(sa.select(table.c.incident_id).where(is_open).limit(1))
        if found is not None:
            raise IllegalMove(f"case {found} is open and needs what is on file; close it first")
        held = case_holds.c.incident_id.in_(part) & case_holds.c.ended_at.is_(None)
        found = connection.scalar(sa.select(case_holds.c.incident_id).where(held).limit(1))
        if found is not None:
            raise IllegalMove(f"case {found} is held back from ending; a supervisor must let it go first")


def forget_words(connection: sa.Connection, cases: frozenset[int]) -> int:
    """Notes of the cases; how many. What was written at hand-overs of them goes too."""
    notes = schema.notes
    gone = 0
    for part in _parts(cases):
        told = notes.c.incident_id.in_(part) & notes.c.words.is_not(None)
        gone += connection.execute(sa.update(notes).where(told).values(words=None, salt=None)).rowcount
    _forget_hand_overs(connection, cases)
    return gone


def forget_alerts(connection: sa.Connection, resident_id: str, cases: frozenset[int], access_id: int) -> int:
    """Also those that belong to no case. The digests of what they were stay in the chain, of what is left beside it."""
    alerts = schema.alerts
    lived = Lived(connection, resident_id)
    gone = forget_alerts_in(connection, cases, access_id)
    alone = alerts.c.home_key.in_(lived.homes) & alerts.c.incident_id.is_(None)
    for row in connection.execute(sa.select(alerts).where(alone)).all():
        if lived.is_his(row.home_key, [_names.decode(row.body).resident_id], row.received_at):
            gone += forget_alert(connection, row, access_id)
    return gone


def forget_alerts_in(connection: sa.Connection, cases: frozenset[int], access_id: int, why: Sentence = GONE) -> int:
    """Those of these cases; how many. `access_id`: of the erasure in the log of reads; `why` stands for their words."""
    alerts = schema.alerts
    gone = 0
    for part in _parts(cases):
        for row in connection.execute(sa.select(alerts).where(alerts.c.incident_id.in_(part))).all():
            gone += forget_alert(connection, row, access_id, why)
    return gone


def forget_alert(
    connection: sa.Connection, row: "sa.Row[tuple[object, ...]]", access_id: int, why: Sentence = GONE
) -> int:
    """1 where it was whole."""
    which = {"gateway_id": row.gateway_id, "alert_id": row.alert_id}
    if left_of_alert(connection, **which) is not None:
        return 0
    left = thinned(row.body, why)
    digests = {"digest": bytes_digest(row.body), "left_digest": bytes_digest(left)}
    connection.execute(sa.insert(erased_alerts).values(**which, **digests, access_id=access_id))
    for table, column in ((schema.alerts, "body"), (schema.sms_copies, "whole")):
        this = (table.c.gateway_id == row.gateway_id) & (table.c.alert_id == row.alert_id)
        connection.execute(sa.update(table).where(this, table.c[column].is_not(None)).values({column: left}))
    return 1


def forget_answers(connection: sa.Connection, cases: frozenset[int], gone: dict[str, str]) -> None:
    """Answers to commands hold the row of the case with the person's name, for a command that comes twice.

    `gone`: what stands where the reason was.
    """
    done = schema.commands_done
    for row in connection.execute(sa.select(done.c.command_id, done.c.answer)).all():
        answer = json.loads(row.answer)
        case = answer.get("row") if isinstance(answer, dict) else None
        if not isinstance(case, dict) or case.get("incident_id") not in cases:
            continue
        case.update(address="", resident_name="", resident_age=None, **({"why": gone} if "why" in case else {}))
        this = done.c.command_id == row.command_id
        connection.execute(sa.update(done).where(this).values(answer=msgspec.json.encode(answer)))


def forget_calls(connection: sa.Connection, cases: frozenset[int]) -> None:
    """Whom of his people was called, by which number, and what they or their provider answered."""
    calls, attempts = case_schema.notices, case_schema.attempts
    for part in _parts(cases):
        theirs = calls.c.incident_id.in_(part) & calls.c.audience.in_(THEIRS)
        his = sa.select(calls.c.notice_id).where(theirs)
        nobody = {"person": ERASED, "code": "", "key": sa.literal(f"{ERASED}-") + sa.cast(_ATTEMPT, sa.Text)}
        connection.execute(sa.update(attempts).where(attempts.c.notice_id.in_(his)).values(nobody))
        connection.execute(sa.update(calls).where(theirs).values(to_whom=""))


_ATTEMPT = case_schema.attempts.c.attempt_id


def forget_visits(connection: sa.Connection, cases: frozenset[int]) -> int:
    """Pictures of his home; how many. Links of responders to his cases lead nowhere."""
    photos, links = dispatch_schema.case_photos, dispatch_schema.responder_links
    gone = 0
    for part in _parts(cases):
        shown = photos.c.incident_id.in_(part) & photos.c.body.is_not(None)
        gone += connection.execute(sa.update(photos).where(shown).values(body=None)).rowcount
        connection.execute(sa.delete(links).where(links.c.incident_id.in_(part)))
    return gone


def _forget_hand_overs(connection: sa.Connection, cases: frozenset[int]) -> None:
    """What two operators saw and wrote when such a case went from one to the other."""
    table = dispatch_schema.handovers
    for row in connection.execute(sa.select(table.c.handover_id, table.c.body)).all():
        seen = json.loads(row.body)
        notes = [one for one in seen.get("notes", ()) if one.get("incident_id") in cases]
        if not notes and all(one.get("incident_id") not in cases for one in seen.get("rows", ())):
            continue
        for one in notes:
            one["words"] = ""
        values = {"words": "", "body": msgspec.json.encode(seen)}
        connection.execute(sa.update(table).where(table.c.handover_id == row.handover_id).values(values))


def _parts(cases: frozenset[int]) -> Iterator[list[int]]:
    ordered = sorted(cases)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


class _Named(msgspec.Struct):
    resident_id: str = ""


_names = msgspec.json.Decoder(_Named)
