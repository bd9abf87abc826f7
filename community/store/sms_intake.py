"""What homes send by SMS, into the tables: the same way as over the internet, so that both are one alert."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.store import cases, dead_letters, life_signs, schema, sms_copies
from community.store.directory import meet_gateway
from shouwang.short_alert import ShortAlert, ShortTest
from shouwang.wire import Path

_SENDER_CHARS = 32


def take_in(connection: sa.Connection, short: ShortAlert | ShortTest, *, sender: str, at: datetime) -> None:
    """Keep it, and open or join a case; what is known already changes nothing.

    An SMS proves that the box lives and that its modem works, not that its internet does: neither `online` nor
    `last_seen` is touched, by which homes are judged silent. It proves the path SMS, where it is no old one come again.
    """
    meet_gateway(connection, short.gateway_id)
    if isinstance(short, ShortTest):
        is_proof = sms_copies.tested(connection, short.gateway_id, sent_at=short.at, at=at)
    else:
        is_proof = _alert(connection, short, sender=sender, at=at)
    if is_proof:
        life_signs.note_proof(connection, short.gateway_id, Path.SMS, at)


def bury(connection: sa.Connection, text: str, *, sender: str, reason: str, at: datetime, home: str | None) -> None:
    """Keep a text that cannot be believed; `home` is the gateway that it says it is of, where we know that one."""
    is_new = dead_letters.bury(
        connection, topic=f"sms/{sender[:_SENDER_CHARS]}", payload=text.encode(errors="replace"), reason=reason, at=at
    )
    if is_new and home is not None:
        cases.warn_of_unreadable(connection, home, at)


def _alert(connection: sa.Connection, short: ShortAlert, *, sender: str, at: datetime) -> bool:
    gateway_id, alert = short.gateway_id, short.alert
    table = schema.alerts
    known = sa.select(table.c.alert_id).where(table.c.gateway_id == gateway_id, table.c.alert_id == alert.alert_id)
    was_first = connection.execute(known).first() is None
    seen_at = None
    if short.is_clock_unsure:  # its own time may be of 1970: it was sent now, as far as anybody knows
        alert = msgspec.structs.replace(alert, at=at)
        seen_at = at
    cases.take_in(connection, gateway_id, None, alert, at, seen_at=seen_at)
    return sms_copies.note(
        connection, gateway_id, alert.alert_id, at=at, sender=sender[:_SENDER_CHARS], was_first=was_first
    )
