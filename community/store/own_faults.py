"""Cases about the centre itself: one for each kind of fault, opened once, cleared once, also over a restart."""

from datetime import datetime

import sqlalchemy as sa

from community.store import schema
from community.store.directory import meet_gateway
from community.store.told import Told
from community.supervision import CENTRE_BOX
from shouwang.alert import AlertState, Sentence


def stands(connection: sa.Connection, hazard: str) -> bool:
    """Whether it fails, as far as anybody said."""
    return _since(connection, hazard) is not None


def begin(connection: sa.Connection, hazard: str, why: Sentence, now: datetime) -> bool:
    """It has failed; True where that is new. It gets a technical case."""
    if _since(connection, hazard) is not None:
        return False
    meet_gateway(connection, CENTRE_BOX)
    _told(hazard, now).begin(connection, why, now)
    return True


def over(connection: sa.Connection, hazard: str, why: Sentence, now: datetime) -> bool:
    """It works; True where it did not. Its case is cleared; a person closes it."""
    since = _since(connection, hazard)
    if since is None:
        return False
    _told(hazard, since).over(connection, why, now)
    return True


def _since(connection: sa.Connection, hazard: str) -> datetime | None:
    """Since when it fails; None where it does not."""
    alerts = schema.alerts
    last = connection.execute(
        sa.select(alerts.c.state, alerts.c.since)
        .where(alerts.c.gateway_id == CENTRE_BOX, alerts.c.key == f"{hazard}:{CENTRE_BOX}")
        .order_by(alerts.c.since.desc(), alerts.c.received_at.desc())
        .limit(2)
    ).all()
    if not last or any(row.state == AlertState.RESOLVED.value and row.since == last[0].since for row in last):
        return None
    since: datetime = last[0].since
    return since


def _told(hazard: str, since: datetime) -> Told:
    return Told(hazard=hazard, gateway_id=CENTRE_BOX, since=since, home_key=f"{CENTRE_BOX}:{hazard}")
