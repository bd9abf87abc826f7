"""The judgement of `community.expected` on the tables."""

from datetime import datetime

import sqlalchemy as sa

from community import outage_words as said
from community.desk import CENTRE
from community.expected import NEVER, Expected, HeardAtLast, NeverHeard, PutOnFile
from community.store import schema, watch_schema
from community.store.life_signs import keep
from community.store.told import Told


def expected(connection: sa.Connection) -> list[Expected]:
    """The gateways on file that were never heard, and those that were told not to have been."""
    gateways, known = schema.gateways, watch_schema.supervision
    is_waited_for = sa.and_(gateways.c.home_id.is_not(None), gateways.c.last_seen.is_(None))
    rows = connection.execute(
        sa.select(gateways.c.gateway_id.label("id"), gateways.c.home_id, gateways.c.last_seen, known)
        .join_from(gateways, known, known.c.gateway_id == gateways.c.gateway_id, isouter=True)
        .where(sa.or_(is_waited_for, known.c.never_told_as.is_not(None)))
        .order_by(gateways.c.gateway_id)
    )
    return [
        Expected(
            gateway_id=row.id,
            is_on_file=row.home_id is not None,
            is_heard=row.last_seen is not None,
            on_file_at=row.on_file_at,
            told_as=row.never_told_as,
            told_at=row.never_told_at,
        )
        for row in rows
    ]


def record(connection: sa.Connection, verdict: PutOnFile | NeverHeard | HeardAtLast, now: datetime) -> None:
    """Keep what was found, with its case."""
    match verdict:
        case PutOnFile():
            _know(connection, verdict.gateway_ids, on_file_at=now)
        case NeverHeard(gateway_ids=gateway_ids):
            lead = gateway_ids[0]
            _know(connection, gateway_ids, never_told_as=lead, never_told_at=now)
            home_key = CENTRE if len(gateway_ids) > 1 else None
            told = Told(hazard=NEVER, gateway_id=lead, since=now, home_key=home_key)
            told.begin(connection, said.never_heard(gateway_ids), now)
        case HeardAtLast():
            _know(connection, verdict.gateway_ids, never_told_as=None, never_told_at=None, on_file_at=None)
            if verdict.are_all:
                told = Told(hazard=NEVER, gateway_id=verdict.told_as, since=verdict.told_at)
                told.over(connection, said.HEARD_AT_LAST, now)


def _know(connection: sa.Connection, gateway_ids: tuple[str, ...], **values: object) -> None:
    for gateway_id in gateway_ids:
        keep(connection, watch_schema.supervision, {"gateway_id": gateway_id}, values)
