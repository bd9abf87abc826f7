"""Single attempts: added once, ended once, never taken back by what is told late."""

import hashlib
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.channels.port import Outcome
from community.notice_rules import Glance
from community.store.case_schema import attempts, notices

CONSOLE = "console"
"""The channel of those who see it on an open console: nothing is sent."""
DIGEST = "digest-"
"""Keys of digests begin so: they are not folded once more, and prove no rung."""


def add(
    connection: sa.Connection,
    notice_id: int,
    whom: tuple[str, str, str],
    now: datetime,
    outcome: Outcome = Outcome.QUEUED,
) -> None:
    """An attempt of the notice; `whom`: channel, person, key."""
    channel, person, key = whom
    connection.execute(
        attempts.insert().values(
            notice_id=notice_id,
            channel=channel,
            person=person,
            key=key,
            outcome=outcome.value,
            queued_at=now,
            changed_at=now,
        )
    )


def readable(code: str) -> str:
    """What a far end said, as databases keep it: no control signs, no half letters, not too long."""
    return "".join(sign if sign.isprintable() else " " for sign in code)[:200]


def is_known(connection: sa.Connection, key: str) -> bool:
    """Whether there is an attempt of this key."""
    return connection.execute(sa.select(attempts.c.attempt_id).where(attempts.c.key == key)).first() is not None


def attempt_key(incident_id: int, version: int, channel: str, address: str) -> str:
    """The same for each repeat. One telephone is called once for a step, whatever its owner is in it."""
    whom = hashlib.sha256(f"{channel}\n{address}".encode()).hexdigest()[:16]
    return f"sw-{incident_id}-{version}-{whom}"


def end(connection: sa.Connection, attempt_id: int, outcome: Outcome, code: str, now: datetime) -> None:
    """It has come so far; nothing changes where it had come farther already."""
    earlier = [one.value for one in _EARLIER[outcome]]
    connection.execute(
        attempts.update()
        .where(attempts.c.attempt_id == attempt_id, attempts.c.outcome.in_(earlier))
        .values(outcome=outcome.value, code=readable(code), tries=attempts.c.tries + 1, changed_at=now)
    )


_EARLIER = {
    Outcome.SENT: (Outcome.QUEUED,),
    Outcome.DELIVERED: (Outcome.QUEUED, Outcome.SENT),
    Outcome.ANSWERED: (Outcome.QUEUED, Outcome.SENT, Outcome.DELIVERED, Outcome.FAILED),
    Outcome.FAILED: (Outcome.QUEUED, Outcome.SENT),
}


def set_state(connection: sa.Connection, notice_id: int, state: str) -> None:
    """Of the notice."""
    connection.execute(notices.update().where(notices.c.notice_id == notice_id).values(state=state))


def decode_glance(body: bytes) -> Glance:
    """What of a stored case decides about its notices."""
    return _decoder.decode(body)


_decoder = msgspec.json.Decoder(Glance)
