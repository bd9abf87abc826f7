"""What is too old to be told one by one (after a restart, a long outage): one digest for each person."""

from datetime import datetime

import sqlalchemy as sa

from community.channels.port import REACHED, Outcome, Way
from community.notice_rules import is_needed, stale_ms
from community.store.attempts import DIGEST, add, decode_glance, end, set_state
from community.store.case_schema import attempts, notices
from community.store.channel_schema import channel_health
from community.store.reach import Known
from community.store.schema import incidents

AT_ONCE = 1000
"""Attempts in one transaction."""
LIVES = Way.MAIL
"""A digest is as good as long as a mail is."""


def stale(connection: sa.Connection, now_e: int, limit: int) -> list[sa.Row[tuple[object, ...]]]:
    """Attempts that wait and are too old to be carried out."""
    limits = [
        sa.and_(channel_health.c.way == way.value, notices.c.created_e < now_e - stale_ms(way))
        for way in Way
        if way is not Way.CONSOLE
    ]
    return list(
        connection.execute(
            sa.select(attempts, notices, incidents.c.body)
            .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
            .join(incidents, incidents.c.incident_id == notices.c.incident_id)
            .join(channel_health, channel_health.c.channel == attempts.c.channel)
            .where(
                attempts.c.outcome == Outcome.QUEUED.value, sa.not_(attempts.c.key.startswith(DIGEST)), sa.or_(*limits)
            )
            .order_by(attempts.c.attempt_id)
            .limit(limit)
        )
    )


def fold(connection: sa.Connection, known: Known, now: datetime, now_e: int) -> set[tuple[int, int]]:
    """What is too old to be told one by one: one digest for each person. The rungs that it touches."""
    found = stale(connection, now_e, AT_ONCE)
    people: dict[str, list[sa.Row[tuple[object, ...]]]] = {}
    for row in found:
        people.setdefault(row.person, []).append(row)
    for key, rows in people.items():
        needed = [row for row in rows if _is_needed(row)]
        digest = _digest(connection, known, key, needed[-1], now) if needed else ""
        for row in rows:
            end(connection, row.attempt_id, Outcome.FAILED, f"too old {digest}".strip(), now)
        for notice_id in {row.notice_id for row in rows}:
            _settle_stale(connection, notice_id)
    return {(row.incident_id, row.rung) for row in found}


def _digest(
    connection: sa.Connection, known: Known, person_key: str, newest: sa.Row[tuple[object, ...]], now: datetime
) -> str:
    """The key of the person's digest; empty where no written way leads to him, or the cases are over."""
    person = known.person(person_key)
    written = [way for way, _ in (person.ways if person else ()) if way is not Way.VOICE]
    channel = next((known.living[way][0] for way in written if way in known.living), None)
    if channel is None:
        return ""
    key = f"{DIGEST}{newest.attempt_id}"
    add(connection, newest.notice_id, (channel, person_key, key), now)
    return key


def _settle_stale(connection: sa.Connection, notice_id: int) -> None:
    rows = connection.execute(sa.select(attempts.c.outcome, attempts.c.key).where(attempts.c.notice_id == notice_id))
    own = [Outcome(row.outcome) for row in rows if not row.key.startswith(DIGEST)]
    if not REACHED & set(own) and Outcome.QUEUED not in own:
        set_state(connection, notice_id, "stale")


def contents(connection: sa.Connection, key: str) -> tuple[int, tuple[int, ...]]:
    """How many messages the digest of this key stands for, and of which cases."""
    rows = connection.execute(
        sa.select(notices.c.incident_id)
        .join(attempts, attempts.c.notice_id == notices.c.notice_id)
        .where(attempts.c.code == f"too old {key}")
        .order_by(notices.c.incident_id)
    ).all()
    return len(rows), tuple(dict.fromkeys(row.incident_id for row in rows))


def _is_needed(row: sa.Row[tuple[object, ...]]) -> bool:
    return is_needed(decode_glance(row.body), step=row.step, audience=row.audience, to=row.to_whom)
