"""The cases of somebody who is erased: words, alerts, pictures, links, answers and calls; that they were, stays."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community.store import case_schema, dispatch_schema, schema
from community.store.chain import bytes_digest
from community.store.people_left import GONE, thinned
from community.store.people_schema import access_log, erased_alerts
from community.store.sealed_schema import case_holds
from community.store.stays import Stay, of_homes, of_person
from shouwang.alert import Sentence
from shouwang.errors import IllegalMove

ERASED = "erased"
_AT_ONCE = 400
_CLOCKS = timedelta(days=1)
"""By how much the server's clock may have been set between a case and what was written of it. Set by this project."""
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
    gone = forget_notes(connection, cases)
    _forget_hand_overs(connection, cases)
    return gone


def forget_notes(connection: sa.Connection, cases: frozenset[int]) -> int:
    """Notes of the cases; how many."""
    notes = schema.notes
    gone = 0
    for part in _parts(cases):
        told = notes.c.incident_id.in_(part) & notes.c.words.is_not(None)
        gone += connection.execute(sa.update(notes).where(told).values(words=None, salt=None)).rowcount
    return gone


def forget_alerts(connection: sa.Connection, resident_id: str, cases: frozenset[int], access_id: int) -> int:
    """Also those that belong to no case. The digests of what they were stay in the chain, of what is left beside it."""
    alerts = schema.alerts
    lived = Lived(connection, resident_id)
    gone = forget_alerts_in(connection, cases, access_id)
    alone = alerts.c.home_key.in_(lived.homes) & alerts.c.incident_id.is_(None)
    his = [
        row
        for row in connection.execute(sa.select(alerts).where(alone, _is_whole()))
        if lived.is_his(row.home_key, [_names.decode(row.body).resident_id], row.received_at)
    ]
    return gone + forget_whole(connection, his, access_id)


def forget_alerts_in(connection: sa.Connection, cases: frozenset[int], access_id: int, why: Sentence = GONE) -> int:
    """Those of these cases; how many. `access_id`: of the erasure in the log of reads; `why` stands for their words."""
    alerts = schema.alerts
    gone = 0
    for part in _parts(cases):
        rows = connection.execute(sa.select(alerts).where(alerts.c.incident_id.in_(part), _is_whole())).all()
        gone += forget_whole(connection, rows, access_id, why)
    return gone


def forget_whole(
    connection: sa.Connection, rows: Sequence["sa.Row[tuple[object, ...]]"], access_id: int, why: Sentence = GONE
) -> int:
    """Alerts that were not erased before; how many."""
    if not rows:
        return 0
    left = [thinned(row.body, why) for row in rows]
    done = [
        {
            "gateway_id": row.gateway_id,
            "alert_id": row.alert_id,
            "digest": bytes_digest(row.body),
            "left_digest": bytes_digest(body),
            "access_id": access_id,
        }
        for row, body in zip(rows, left, strict=True)
    ]
    connection.execute(sa.insert(erased_alerts), done)
    values = [
        {"of_box": row.gateway_id, "of_alert": row.alert_id, "left": body} for row, body in zip(rows, left, strict=True)
    ]
    for table, column in ((schema.alerts, "body"), (schema.sms_copies, "whole")):
        this = (table.c.gateway_id == sa.bindparam("of_box")) & (table.c.alert_id == sa.bindparam("of_alert"))
        bare = sa.update(table).where(this, table.c[column].is_not(None)).values({column: sa.bindparam("left")})
        connection.execute(bare, values)
    return len(rows)


def _is_whole() -> "sa.ColumnElement[bool]":
    """Of `alerts`: those that no erasure stands for (community.store.people_left)."""
    done, alerts = erased_alerts, schema.alerts
    erased = (
        sa.select(done.c.alert_id)
        .join(access_log, access_log.c.access_id == done.c.access_id)
        .where(done.c.gateway_id == alerts.c.gateway_id, done.c.alert_id == alerts.c.alert_id)
    )
    return ~erased.where(access_log.c.act == "erasure").exists()


def forget_answers(connection: sa.Connection, cases: frozenset[int], gone: dict[str, str]) -> None:
    """Answers to commands hold the row of the case with the person's name, for a command that comes twice.

    `gone`: what stands where the reason was.
    """
    done = schema.commands_done
    first = min((start for start, _ in _spans(connection, cases)), default=None)
    if first is None:
        return
    query = sa.select(done.c.command_id, done.c.answer).where(done.c.done_at >= first)
    theirs = [row for row in connection.execute(query) if answered(row.answer) in cases]
    for row in theirs:
        answer = json.loads(row.answer)
        case = answer["row"]
        case.update(address="", resident_name="", resident_age=None, **({"why": gone} if "why" in case else {}))
        this = done.c.command_id == row.command_id
        connection.execute(sa.update(done).where(this).values(answer=msgspec.json.encode(answer)))


def answered(answer: bytes) -> int | None:
    """The case that an answer to an order shows, where it shows one."""
    try:
        row = _answer.decode(answer).row
    except msgspec.DecodeError:
        return None
    return None if row is None else row.incident_id


def forget_calls(connection: sa.Connection, cases: frozenset[int]) -> None:
    """Whom of his people was called, by which number, and what they or their provider answered."""
    calls, attempts = case_schema.notices, case_schema.attempts
    for part in _parts(cases):
        theirs = calls.c.incident_id.in_(part) & is_theirs()
        his = sa.select(calls.c.notice_id).where(theirs)
        nobody = {"person": ERASED, "code": "", "key": sa.literal(f"{ERASED}-") + sa.cast(_ATTEMPT, sa.Text)}
        connection.execute(sa.update(attempts).where(attempts.c.notice_id.in_(his)).values(nobody))
        connection.execute(sa.update(calls).where(theirs).values(to_whom=""))


_ATTEMPT = case_schema.attempts.c.attempt_id


def is_theirs() -> "sa.ColumnElement[bool]":
    """Of `notices`: calls to his people. Stands beside a case, and leads no planner to the index of audiences."""
    return (case_schema.notices.c.audience + "").in_(THEIRS)


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
    """What two operators saw and wrote when such a case went from one to the other.

    Their words stay while another case that went with it is held; then they end as those of any hand-over
    (community.store.retention).
    """
    table = dispatch_schema.handovers
    for start, end in _spans(connection, cases):
        # What was seen is of the offer, or of the signature: one of both lies within the life of the case.
        then = sa.or_(table.c.begun_at.between(start, end), table.c.signed_at.between(start, end))
        query = sa.select(table.c.handover_id, table.c.words, table.c.body).where(then)
        for row in connection.execute(query.order_by(table.c.handover_id)).all():
            named = _seen.decode(row.body).cases()
            if named.isdisjoint(cases):
                continue
            body = json.loads(row.body)
            for one in body.get("notes", ()):
                one.update({"words": ""} if one.get("incident_id") in cases else {})
            words = row.words if _is_one_held(connection, named - cases) else ""
            values = {"words": words, "body": msgspec.json.encode(body)}
            connection.execute(sa.update(table).where(table.c.handover_id == row.handover_id).values(values))


def _is_one_held(connection: sa.Connection, cases: set[int]) -> bool:
    held = case_holds.c.incident_id.in_(sorted(cases)) & case_holds.c.ended_at.is_(None)
    return bool(cases) and connection.scalar(sa.select(case_holds.c.hold_id).where(held).limit(1)) is not None


def _spans(connection: sa.Connection, cases: frozenset[int]) -> Sequence[tuple[datetime, datetime]]:
    """When there was one of these cases, from the first opening on, with what clocks may differ."""
    table = schema.incidents
    found: list[tuple[datetime, datetime]] = []
    for part in _parts(cases):
        rows = connection.execute(sa.select(table.c.opened_at, table.c.changed_at).where(table.c.incident_id.in_(part)))
        for row in rows:
            first, last = sorted((row.opened_at, row.changed_at))
            found.append((first - _CLOCKS, last + _CLOCKS))
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _parts(cases: frozenset[int]) -> Iterator[list[int]]:
    ordered = sorted(cases)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))


class _Named(msgspec.Struct):
    resident_id: str = ""


_names = msgspec.json.Decoder(_Named)


class _Of(msgspec.Struct):
    incident_id: int | None = None


class _Answer(msgspec.Struct):
    row: _Of | None = None


class _Seen(msgspec.Struct):
    rows: tuple[_Of, ...] = ()
    notes: tuple[_Of, ...] = ()

    def cases(self) -> set[int]:
        return {one.incident_id for one in (*self.rows, *self.notes) if one.incident_id is not None}


_answer = msgspec.json.Decoder(_Answer)
_seen = msgspec.json.Decoder(_Seen)
