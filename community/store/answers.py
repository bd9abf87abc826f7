"""What comes back from people and providers: an attempt is answered, delivered or has failed after all."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from community.channels.port import Outcome
from community.notice_rules import LATE_ANSWER
from community.store import notices as work
from community.store.case_schema import attempts, notices
from community.store.cases import load
from community.store.lease import engine_now
from community.store.reach import Known

_AFTER_CALLS = 1200
"""The place of such a word among the calls of a step: no step calls so many (community.store.no_shows: 1100)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Somebody pressed a key. `person` as in `attempts`; `name`, `relation`: of a contact or responder."""

    key: str
    incident_id: int
    audience: str
    person: str
    name: str
    relation: str
    digit: str


def reply_of(connection: sa.Connection, key: str, digit: str, now: datetime) -> Reply | None:
    """Who answers by this key; None for a key of no attempt."""
    row = connection.execute(
        sa.select(attempts.c.person, notices.c.incident_id, notices.c.audience)
        .join(notices, notices.c.notice_id == attempts.c.notice_id)
        .where(attempts.c.key == key)
    ).first()
    if row is None:
        return None
    person = Known(connection, now).person(row.person)
    return Reply(
        key=key,
        incident_id=row.incident_id,
        audience=row.audience,
        person=row.person,
        name=person.name if person else row.person,
        relation=person.relation if person else "",
        digit=digit,
    )


def came(
    connection: sa.Connection,
    key: str,
    outcome: Outcome,
    code: str,
    now: datetime,
    *,
    rung_failed: work.RungFailed,
) -> bool:
    """Keep what became of the attempt; False for a key of no attempt. A repeat changes nothing."""
    attempt_id = connection.execute(sa.select(attempts.c.attempt_id).where(attempts.c.key == key)).scalar()
    if attempt_id is None:
        return False
    work.finish(connection, int(attempt_id), (outcome, code), now, rung_failed)
    return True


def came_too_late(connection: sa.Connection, incident_id: int, responder_id: str, now: datetime) -> None:
    """Whoever accepted what is not his any more is told so, once; nothing where the case is his after all."""
    case = load(connection, incident_id)
    if case is None or case.responder == responder_id:
        return
    of_now = (notices.c.incident_id == incident_id, notices.c.version == case.version)
    late = (notices.c.step == LATE_ANSWER, notices.c.to_whom == responder_id)
    if connection.execute(sa.select(notices.c.notice_id).where(*of_now, *late)).first() is not None:
        return
    last = connection.execute(sa.select(sa.func.max(notices.c.place)).where(*of_now)).scalar()
    connection.execute(
        notices.insert().values(
            incident_id=incident_id,
            version=case.version,
            place=max(_AFTER_CALLS, (last or 0) + 1),
            step=LATE_ANSWER,
            audience="responders",
            to_whom=responder_id,
            rung=-1,
            prompt="withdrawn",
            created_at=now,
            created_e=engine_now(connection),
            state="waiting",
        )
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptRow:
    """One try to reach somebody, for the timeline of a case."""

    at: datetime
    changed_at: datetime
    audience: str
    rung: int
    channel: str
    person: str
    name: str
    outcome: Outcome
    code: str
    tries: int


def attempts_of(connection: sa.Connection, incident_id: int, now: datetime) -> tuple[AttemptRow, ...]:
    """All attempts of a case, oldest first."""
    known = Known(connection, now)
    rows = connection.execute(
        sa.select(attempts, notices.c.audience, notices.c.rung)
        .join(notices, notices.c.notice_id == attempts.c.notice_id)
        .where(notices.c.incident_id == incident_id)
        .order_by(attempts.c.attempt_id)
    ).all()
    names = {row.person: known.person(row.person) for row in rows}
    return tuple(
        AttemptRow(
            at=row.queued_at,
            changed_at=row.changed_at,
            audience=row.audience,
            rung=row.rung,
            channel=row.channel,
            person=row.person,
            name=(found.name if (found := names[row.person]) else ""),
            outcome=Outcome(row.outcome),
            code=row.code,
            tries=row.tries,
        )
        for row in rows
    )
