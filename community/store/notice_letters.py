"""The words of an attempt, made when it is carried out: from the case as it is then, for the person as he is then."""

from datetime import datetime, timedelta

import msgspec
import sqlalchemy as sa

from community import notice_words as words
from community.channels.port import STALE_AFTER, Message, Outcome, Way
from community.notice_rules import is_needed
from community.store import digests
from community.store.attempts import DIGEST, decode_glance
from community.store.case_schema import attempts, notices
from community.store.channel_schema import channel_health
from community.store.living import living
from community.store.reach import Known, Person
from community.store.schema import alerts, homes, incidents, residents
from shouwang.alert import Alert, AlertState, Sentence

_UNIT = "unit:"
_ASKS = {"family", "keyholder", "responders", "units"}
"""Audiences whose telephone asks for a key."""
LAST_WORDS = frozenset({"taken", "withdrawn"})
"""Prompts that end an offer: nothing is asked any more (community.engine)."""
_PING = "ping"
_ASKS_NOTHING = LAST_WORDS | {_PING}


def letter(connection: sa.Connection, attempt_id: int, now: datetime) -> Message | None:
    """What to send; None where it is of no use any more: the case is taken, the person is gone, it waits no more."""
    row = connection.execute(
        sa.select(attempts, notices, incidents.c.body, incidents.c.priority, incidents.c.home_key, channel_health.c.way)
        .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
        .join(incidents, incidents.c.incident_id == notices.c.incident_id)
        .join(channel_health, channel_health.c.channel == attempts.c.channel)
        .where(attempts.c.attempt_id == attempt_id, attempts.c.outcome == Outcome.QUEUED.value)
    ).first()
    if row is None:
        return None
    way, person = Way(row.way), Known(connection, now).person(row.person)
    to = next((address for one, address in person.ways if one is way), None) if person is not None else None
    if person is None or to is None or not _is_of_use(row, now):
        return None
    said = _digest(connection, row.key) if row.key.startswith(DIGEST) else _said(connection, row, person, way)
    subject = words.subject_of(row.priority, row.incident_id)
    return Message(
        key=row.key,
        to=to,
        subject=_in(subject, person.language),
        text=_in(said, person.language),
        at=now,
        language=person.language,
        audience=row.audience,
        priority=row.priority,
        incident_id=row.incident_id,
        digit=words.GOING if way is Way.VOICE and row.audience in _ASKS and _prompt(row) not in _ASKS_NOTHING else "",
    )


def _is_of_use(row: sa.Row[tuple[object, ...]], now: datetime) -> bool:
    if row.key.startswith(DIGEST):
        age: timedelta = now - row.queued_at
        return age < STALE_AFTER[digests.LIVES]
    return is_needed(decode_glance(row.body), step=row.step, audience=row.audience, to=row.to_whom)


def _digest(connection: sa.Connection, key: str) -> Sentence:
    return words.digest_of(*digests.contents(connection, key))


def _said(connection: sa.Connection, row: sa.Row[tuple[object, ...]], person: Person, way: Way) -> Sentence:
    address, name = _home(connection, row.home_key)
    is_asked_as_unit = row.audience == "responders" and person.key.startswith(_UNIT) and not row.prompt
    return words.told(
        "units" if is_asked_as_unit else row.audience,
        incident_id=row.incident_id,
        priority=row.priority,
        way=way,
        address=address,
        name=name,
        why=_why(connection, row.incident_id) if person.is_told_why else None,
        prompt=_prompt(row),
    )


def _prompt(row: sa.Row[tuple[object, ...]]) -> str:
    """A call to somebody who is on site already asks how he is, not whether he goes."""
    return _PING if row.step == f"{_PING}.red" and row.audience == "responders" else row.prompt


def _home(connection: sa.Connection, home_key: str) -> tuple[str, str]:
    row = connection.execute(
        sa.select(homes.c.address, residents.c.name)
        .join_from(
            homes,
            residents,
            sa.and_(residents.c.home_id == homes.c.home_id, living()),
            isouter=True,
        )
        .where(homes.c.home_id == home_key)
        .order_by(residents.c.place, residents.c.resident_id)
        .limit(1)
    ).first()
    return ("", "") if row is None else (row.address, row.name or "")


def _why(connection: sa.Connection, incident_id: int) -> Sentence | None:
    body = connection.execute(
        sa.select(alerts.c.body)
        .where(alerts.c.incident_id == incident_id, alerts.c.state == AlertState.FIRING.value)
        .order_by(alerts.c.received_at)
        .limit(1)
    ).scalar()
    return None if body is None else _decoder.decode(body).why


def _in(said: Sentence, language: str) -> str:
    return said.en if language == "en" else said.zh


_decoder = msgspec.json.Decoder(Alert)
