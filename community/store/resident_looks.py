"""That somebody looked at a resident's page: written down once an hour for each kind of look."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.rights import Right, Subject, is_allowed, may
from community.store.people_access import Act, note, note_each
from community.store.people_schema import access_log
from community.users import User

LOOKED_AGAIN_AFTER = timedelta(hours=1)
"""As with a case (community.guarded_desk): a page that is opened again within it is one look."""
REASON_STANDS = timedelta(minutes=15)
"""Whoever has said why he must see a card turns its pages for so long; then he says it again. Set by this project."""

_RIGHT_OF = {Act.CARD: Right.READ_MEDICAL, Act.PHOTO: Right.READ_MEDICAL, Act.VITALS: Right.READ_MEDICAL}


def seen(connection: sa.Connection, user: User, act: Act, subject: Subject, *, whose: tuple[str, str]) -> None:
    """Let him look at this of a resident; `whose`: resident and home. Raises Refused.

    A reason in the subject is one that stands already: the glass is not broken a second time.
    """
    may(user, _RIGHT_OF.get(act, Right.READ_RESIDENTS), subject)
    resident_id, home_id = whose
    if _last(connection, user, act, resident_id, subject.now - LOOKED_AGAIN_AFTER) is None:
        note(
            connection,
            act,
            actor=user.login,
            at=subject.now,
            resident_id=resident_id,
            home_id=home_id,
            reason=subject.reason,
        )


def seen_each(
    connection: sa.Connection, user: User, act: Act, subject: Subject, *, whose: Sequence[tuple[str, str]]
) -> None:
    """The same of many at once: residents and their homes, all of which are his. Raises Refused."""
    may(user, _RIGHT_OF.get(act, Right.READ_RESIDENTS), subject)
    since = subject.now - LOOKED_AGAIN_AFTER
    before = sa.select(access_log.c.resident_id).where(
        access_log.c.resident_id.in_([resident_id for resident_id, _ in whose]), *_is_look(user, act, since)
    )
    known = set(connection.scalars(before))
    fresh = [one for one in whose if one[0] not in known]
    note_each(connection, act, actor=user.login, at=subject.now, whose=fresh, reason=subject.reason)


def seen_as(connection: sa.Connection, user: User, resident_id: str, plain: Subject) -> Subject:
    """The home, with the reason that he gave a moment ago where nothing else opens the card to him."""
    if is_allowed(user, Right.READ_MEDICAL, plain):
        return plain
    return replace(plain, reason=standing_reason(connection, user, resident_id, plain.now))


def standing_reason(connection: sa.Connection, user: User, resident_id: str, now: datetime) -> str:
    """Why he broke the glass of this person's card a moment ago; empty: he did not."""
    return _last(connection, user, Act.BREAK_GLASS, resident_id, now - REASON_STANDS) or ""


def _last(connection: sa.Connection, user: User, act: Act, resident_id: str, since: datetime) -> str | None:
    """The reason of his newest look of this kind; None where there is none."""
    asked = sa.select(access_log.c.reason).where(access_log.c.resident_id == resident_id, *_is_look(user, act, since))
    row = connection.execute(asked.order_by(access_log.c.access_id.desc()).limit(1)).first()
    return None if row is None else row.reason or ""


def _is_look(user: User, act: Act, since: datetime) -> "tuple[sa.ColumnElement[bool], ...]":
    return access_log.c.at > since, access_log.c.actor == user.login, access_log.c.act == act.value
