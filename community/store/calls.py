"""Whom a case called: its notices in words, and every try of each with what became of it."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa

from community.desk import Called, Try
from community.step_words import name_of_audience
from community.store import contact_keys, logins
from community.store.case_schema import attempts, notices
from community.store.reach import Known, Person
from shouwang.alert import Sentence

SHOWN = 200
"""Calls of one case on its page, the newest: a ladder repeats its last rung each minute."""
_CALL_120 = "call_120"


def calls_of(connection: sa.Connection, incident_id: int, now: datetime) -> tuple[Called, ...]:
    """The newest first. Whom the register has forgotten keeps his key, which says nothing of him."""
    rows = connection.execute(
        sa.select(notices).where(notices.c.incident_id == incident_id).order_by(notices.c.notice_id.desc()).limit(SHOWN)
    ).all()
    tries = _tries(connection, [row.notice_id for row in rows], now)
    names = logins.called(connection)
    return tuple(
        Called(
            at=row.created_at,
            rung=row.rung,
            audience=_whom(row.audience, names.get(row.to_whom, row.to_whom)),
            state=row.state,
            is_prompt_120=row.prompt == _CALL_120,
            tries=tuple(tries[row.notice_id]),
        )
        for row in rows
    )


def _whom(audience: str, name: str) -> Sentence:
    said = name_of_audience(audience)
    return Sentence(zh=f"{said.zh}（{name}）", en=f"{said.en} ({name})") if name else said


def _tries(connection: sa.Connection, notice_ids: list[int], now: datetime) -> dict[int, list[Try]]:
    known = Known(connection, now)
    people: dict[str, Person | None] = {}
    found: dict[int, list[Try]] = defaultdict(list)
    rows = connection.execute(
        sa.select(attempts).where(attempts.c.notice_id.in_(notice_ids)).order_by(attempts.c.attempt_id)
    )
    for row in rows.all():
        if row.person not in people:
            people[row.person] = known.person(row.person)
        person = people[row.person]
        found[row.notice_id].append(
            Try(
                person=row.person if person is None else person.name,
                channel=row.channel,
                outcome=row.outcome,
                code=row.code,
                tries=row.tries,
                at=row.changed_at,
                is_of_home=contact_keys.is_contact(row.person),
                since=row.queued_at,
                has_left=person is not None and person.has_left,
            )
        )
    return found
