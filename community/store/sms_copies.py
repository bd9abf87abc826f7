"""Which alerts came by SMS as well, and what the internet brought of them later."""

from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa

from community.store import schema
from community.store.schema import alerts, sms_copies

C = TypeVar("C")


def note(
    connection: sa.Connection, gateway_id: str, alert_id: str, *, at: datetime, sender: str, was_first: bool
) -> bool:
    """An SMS told of this alert, which is stored; whether it is the first SMS that did."""
    if _is_known(connection, gateway_id, alert_id):
        return False
    connection.execute(
        sms_copies.insert().values(
            gateway_id=gateway_id, alert_id=alert_id, received_at=at, sender=sender, was_first=was_first
        )
    )
    return True


def fill_in(connection: sa.Connection, gateway_id: str, alert_id: str, whole: bytes, **columns: object) -> None:
    """An alert that is known has come by the internet: keep what the SMS could not tell. The sealed body stays.

    `columns` are those of the alert that only the internet's copy knows, such as its message.
    """
    awaits = (
        sms_copies.c.gateway_id == gateway_id,
        sms_copies.c.alert_id == alert_id,
        sms_copies.c.was_first,
        sms_copies.c.whole.is_(None),
    )
    if connection.execute(sms_copies.update().where(*awaits).values(whole=whole)).rowcount:
        this = (alerts.c.gateway_id == gateway_id, alerts.c.alert_id == alert_id)
        connection.execute(alerts.update().where(*this).values(columns))


def whole_or_body() -> sa.Label[bytes]:
    """The `body` of an alert as fully as it is known, for people; what is sealed is `alerts.body`."""
    return sa.func.coalesce(_copy(sms_copies.c.whole), alerts.c.body, type_=sa.LargeBinary()).label("body")


def came_by_sms() -> sa.Label[bool]:
    """Whether an SMS told of the alert first, as `by_sms`."""
    return sa.func.coalesce(_copy(sms_copies.c.was_first), sa.false(), type_=sa.Boolean()).label("by_sms")


def tested(connection: sa.Connection, gateway_id: str, *, sent_at: datetime, at: datetime) -> bool:
    """A test of the way has come; whether it is newer than all before, by the home's clock."""
    table = schema.sms_tests
    known = connection.execute(sa.select(table.c.sent_at).where(table.c.gateway_id == gateway_id)).scalar()
    if known is not None and sent_at <= known:
        return False
    values = {"sent_at": sent_at, "received_at": at}
    if known is None:
        connection.execute(table.insert().values(gateway_id=gateway_id, **values))
    else:
        connection.execute(table.update().where(table.c.gateway_id == gateway_id).values(values))
    return True


def _copy(column: sa.Column[C]) -> sa.ScalarSelect[C]:
    same = (sms_copies.c.gateway_id == alerts.c.gateway_id, sms_copies.c.alert_id == alerts.c.alert_id)
    return sa.select(column).where(*same).correlate(alerts).scalar_subquery()


def _is_known(connection: sa.Connection, gateway_id: str, alert_id: str) -> bool:
    table = sms_copies
    known = sa.select(table.c.alert_id).where(table.c.gateway_id == gateway_id, table.c.alert_id == alert_id)
    return connection.execute(known).first() is not None
