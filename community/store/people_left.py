"""What is left of alerts whose personal part was erased; the audit chain asks, and so does whatever comes again.

Only an erasure that stands in the log of access, which is sealed itself, counts.
"""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.store.people_schema import access_log, erased_alerts, resident_stays
from community.store.schema import residents
from shouwang.alert import Alert, Sentence

GONE = Sentence(zh="已应本人要求删除", en="erased on request")
"""Stands where the words of an alert were."""
OVER = Sentence(zh="保存期满，已删除", en="kept as long as it had to be, and gone")
"""The same, where they ended by themselves."""


def left_of_alert(connection: sa.Connection, gateway_id: str, alert_id: str) -> tuple[str, str] | None:
    """The digests of an erased alert: as it was sealed, and of what is left of it; None for one that is whole."""
    table = erased_alerts
    this = (table.c.gateway_id == gateway_id) & (table.c.alert_id == alert_id)
    row = connection.execute(
        sa.select(table.c.digest, table.c.left_digest)
        .join(access_log, access_log.c.access_id == table.c.access_id)
        .where(this, access_log.c.act == "erasure")
    ).first()
    return None if row is None else (row.digest, row.left_digest)


def thinned(body: bytes, why: Sentence = GONE) -> bytes:
    """An alert without what is personal in it."""
    return msgspec.json.encode(
        msgspec.structs.replace(_alerts.decode(body), evidence=(), resident_id="erased", why=why)
    )


def was_erased_since(connection: sa.Connection, home_key: str, about: str, at: datetime) -> bool:
    """Whether an alert of that moment is about somebody who has been erased since: he is named, or was the first."""
    stay = resident_stays
    met = sa.or_(stay.c.resident_id == about, stay.c.is_first)
    lived = (
        stay.c.home_id == home_key,
        sa.or_(stay.c.since.is_(None), stay.c.since <= at),
        sa.or_(stay.c.until.is_(None), stay.c.until > at),
    )
    rows = connection.execute(
        sa.select(stay.c.resident_id, residents.c.erased_at)
        .join(residents, residents.c.resident_id == stay.c.resident_id)
        .where(met, *lived)
    ).all()
    whose = [row for row in rows if row.resident_id == about] or rows
    return any(row.erased_at is not None for row in whose)


_alerts = msgspec.json.Decoder(Alert)
