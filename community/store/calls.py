"""Whom a case called: its notices in words, and every try of each with what became of it."""

from collections import defaultdict
from datetime import datetime

import sqlalchemy as sa

from community.desk import Called, Try
from community.step_words import name_of_audience
from community.store import logins
from community.store.case_schema import attempts, notices
from community.store.reach import Known
from shouwang.alert import Sentence

SHOWN = 200
"""Calls of one case on its page, the newest: a ladder repeats its last rung each minute."""
_CALL_120 = "call_120"


def calls_of(connection: sa.Connection, incident_id: int, now: datetime) -> tuple[Called, ...]:
    """The newest first. Somebody who has left the register keeps his key, which says nothing of him."""
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
    people: dict[str, str] = {}
    found: dict[int, list[Try]] = defaultdict(list)
    rows = connection.execute(
        sa.select(attempts).where(attempts.c.notice_id.in_(notice_ids)).order_by(attempts.c.attempt_id)
    )
    for row in rows.all():
        if row.person not in people:
            person = known.person(row.person)
            people[row.person] = row.person if person is None else person.name
        found[row.notice_id].append(
            Try(
                person=people[row.person],
                channel=row.channel,
                outcome=row.outcome,
                code=row.code,
                tries=row.tries,
                at=row.changed_at,
                is_of_home=row.person.startswith("contact:"),
                since=row.queued_at,
            )
        )
    return found
