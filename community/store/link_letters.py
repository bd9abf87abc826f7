"""The link of a responder, put under the words that go to his phone: made when they are sent, kept as a hash only."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.channels.port import Message, Way
from community.store import responder_links
from community.store.case_schema import attempts, notices
from community.store.channel_schema import channel_health
from community.store.notice_letters import LAST_WORDS
from shouwang.errors import IllegalMove

_PERSON = "responder:"


def with_link(connection: sa.Connection, attempt_id: int, message: Message, address: str, now: datetime) -> Message:
    """The message with his link; as it is where it is spoken, or where nothing is asked of him any more.

    `address`: of the console as phones see it.
    """
    row = connection.execute(
        sa.select(attempts.c.person, notices.c.incident_id, notices.c.prompt, channel_health.c.way)
        .join_from(attempts, notices, notices.c.notice_id == attempts.c.notice_id)
        .join(channel_health, channel_health.c.channel == attempts.c.channel)
        .where(attempts.c.attempt_id == attempt_id)
    ).first()
    if row is None or not row.person.startswith(_PERSON) or row.way == Way.VOICE.value or row.prompt in LAST_WORDS:
        return message
    try:
        token = responder_links.make(connection, row.incident_id, row.person.removeprefix(_PERSON), now)
    except IllegalMove:  # told of a case to which he was not asked: the words alone
        return message
    return msgspec.structs.replace(message, text=f"{message.text} {address}/r/{token}")
