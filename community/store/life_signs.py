"""What messages of homes tell of their being there: wills, births, ways to the centre, test alarms."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from community import reasons
from community.store import watch_schema
from community.supervision import TEST_PERIOD
from shouwang.alert import Alert
from shouwang.wire import BirthBody, Path, PathBody

_EARLY = timedelta(days=1)
"""A test alarm so long before its time is the one that was due: where clocks are put forward it comes an hour early."""
_BELIEVED_MS = 86_400_000
"""An alarm that took longer came from a clock that was wrong, or after an outage: nobody learns from the figure."""


def note_will(connection: sa.Connection, gateway_id: str, at: datetime) -> None:
    """The broker says that the connection of this home is gone: a hint."""
    keep(connection, watch_schema.supervision, {"gateway_id": gateway_id}, {"doubted_at": at})


def note_birth(
    connection: sa.Connection, gateway_id: str, birth: BirthBody, at: datetime, *, is_clock_unsure: bool
) -> None:
    """The home has started. By a wrong clock it cannot know when its test is due: at the latest in a week, then."""
    due_at = birth.test_due_at
    if due_at is not None:
        due_at = min(due_at, at + TEST_PERIOD)
    if due_at is not None and is_clock_unsure:
        table = watch_schema.supervision
        known = sa.select(table.c.test_due_at).where(table.c.gateway_id == gateway_id)
        due_at = connection.execute(known).scalar() or at + TEST_PERIOD
    values = {"born_at": at, "starts": birth.starts, "heartbeat_s": birth.heartbeat_s, "test_due_at": due_at}
    keep(connection, watch_schema.supervision, {"gateway_id": gateway_id}, values)


def note_path(connection: sa.Connection, gateway_id: str, said: PathBody, at: datetime) -> None:
    """A way was lost, restored or tested; a resend that was overtaken changes nothing."""
    table = watch_schema.path_states
    key = {"gateway_id": gateway_id, "path": said.path.value}
    where = (table.c.gateway_id == gateway_id, table.c.path == said.path.value)
    known = connection.execute(sa.select(table).where(*where)).first()
    if known is not None and said.mono < known.mono:
        return
    is_news = known is None or known.is_up != said.is_up
    is_proof = known is None or is_news or said.tested_at != known.tested_at
    values: dict[str, object] = {
        "is_up": said.is_up,
        "since": said.since,
        "mono": said.mono,
        "reason": reasons.kept(said.reason, said.reason_zh),
        "tested_at": said.tested_at,
    }
    if is_news:
        values["changed_at"] = at
    if is_proof:
        values["proved_at"] = at
    keep(connection, table, key, values)


def note_proof(connection: sa.Connection, gateway_id: str, path: Path, at: datetime) -> None:
    """Something signed by this home has come by this way. What the home itself says of it counts for the rest."""
    table = watch_schema.path_states
    where = (table.c.gateway_id == gateway_id, table.c.path == path.value)
    proof = {"tested_at": at, "proved_at": at}
    if connection.execute(table.update().where(*where).values(proof)).rowcount == 0:
        new = {"gateway_id": gateway_id, "path": path.value, "is_up": True, "since": at, "mono": 0, "reason": ""}
        connection.execute(table.insert().values(**new, changed_at=at, **proof))


def note_test(connection: sa.Connection, gateway_id: str, alert: Alert, at: datetime, *, is_clock_unsure: bool) -> None:
    """A test alarm has arrived, once; the next one is due a week after the one that was due."""
    table = watch_schema.test_alarms
    known = sa.select(table.c.alert_id).where(table.c.gateway_id == gateway_id, table.c.alert_id == alert.alert_id)
    if connection.execute(known).first() is not None:
        return
    took_ms = (at - alert.at) // timedelta(milliseconds=1)
    is_believed = not is_clock_unsure and 0 <= took_ms <= _BELIEVED_MS
    connection.execute(
        table.insert().values(
            gateway_id=gateway_id,
            alert_id=alert.alert_id,
            raised_at=alert.at,
            received_at=at,
            took_ms=took_ms if is_believed else None,
        )
    )
    home = watch_schema.supervision
    due_at = connection.execute(sa.select(home.c.test_due_at).where(home.c.gateway_id == gateway_id)).scalar()
    if due_at is not None and due_at <= at + _EARLY:
        weeks = (at + _EARLY - due_at) // TEST_PERIOD + 1
        keep(connection, home, {"gateway_id": gateway_id}, {"test_due_at": due_at + weeks * TEST_PERIOD})


def keep(connection: sa.Connection, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Put these values into the row of this key, a new one where there is none."""
    where = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(table.update().where(where).values(values)).rowcount == 0:
        connection.execute(table.insert().values({**key, **values}))


def newest_test() -> sa.Label[datetime]:
    """Column `arrived_at` beside a row of `supervision`: when the newest test alarm of that home came."""
    known, arrived = watch_schema.supervision, watch_schema.test_alarms
    newest = sa.select(sa.func.max(arrived.c.received_at)).where(arrived.c.gateway_id == known.c.gateway_id)
    return newest.scalar_subquery().label("arrived_at")
