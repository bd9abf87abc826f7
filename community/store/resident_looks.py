"""That somebody looked at a resident's page: written down once an hour for each kind of look."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from community.rights import Right, Subject, may
from community.store.people_access import Act, note
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


def standing_reason(connection: sa.Connection, user: User, resident_id: str, now: datetime) -> str:
    """Why he broke the glass of this person's card a moment ago; empty: he did not."""
    return _last(connection, user, Act.BREAK_GLASS, resident_id, now - REASON_STANDS) or ""


def _last(connection: sa.Connection, user: User, act: Act, resident_id: str, since: datetime) -> str | None:
    """The reason of his newest look of this kind; None where there is none."""
    his = (access_log.c.resident_id == resident_id, access_log.c.at > since)
    asked = sa.select(access_log.c.reason).where(*his, access_log.c.actor == user.login, access_log.c.act == act.value)
    row = connection.execute(asked.order_by(access_log.c.access_id.desc()).limit(1)).first()
    return None if row is None else row.reason or ""
