"""Homes whose last good test alarm is long ago, and that owe none each week: somebody goes and presses the button."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import sqlalchemy as sa

from community import outage_words as said
from community.store import schema, watch_schema
from community.store.life_signs import newest_test
from community.store.told import Told
from community.supervision import TEST
from shouwang.alert import AlertState, Severity

NO_TEST_FOR = timedelta(days=35)
"""A home with no good test for so long is looked after (the project's incident model)."""
_PART = "35d"


def tell(connection: sa.Connection, now: datetime) -> int:
    """Open a care case for each such home, once in NO_TEST_FOR, and clear those whose test has come. How many are new.

    A home that is offline, or whose weekly test is missing, has a case of its own for that.
    """
    known = dict(_last_tests(connection))
    for told in _open(connection):
        last = known.get(told.gateway_id)
        if last is not None and last > told.since:
            told.over(connection, said.TEST_ARRIVED, now)
    begun = 0
    for gateway_id, since in known.items():
        periods = (now - since) // NO_TEST_FOR
        told = Told(hazard=TEST, gateway_id=gateway_id, since=since + periods * NO_TEST_FOR, part=_PART)
        if periods >= 1 and not _is_told(connection, told):
            told.begin(connection, said.UNTESTED, now, severity=Severity.P4)
            begun += 1
    return begun


def _last_tests(connection: sa.Connection) -> Iterator[tuple[str, datetime]]:
    """When the newest test of each home came; of one that never had any, since when it is waited for."""
    known = watch_schema.supervision
    has_no_other_case = (known.c.offline_since.is_(None), known.c.test_missed_since.is_(None))
    for row in connection.execute(
        sa.select(known, newest_test()).where(known.c.born_at.is_not(None), *has_no_other_case)
    ):
        yield row.gateway_id, row.arrived_at or row.on_file_at or row.born_at


def _open(connection: sa.Connection) -> list[Told]:
    """Those that are told and not taken back."""
    alerts = schema.alerts
    rows = connection.execute(
        sa.select(alerts.c.gateway_id, alerts.c.since, alerts.c.state).where(
            alerts.c.key == sa.literal(f"{TEST}:").concat(alerts.c.gateway_id).concat(f":{_PART}")
        )
    ).all()
    over = {(row.gateway_id, row.since) for row in rows if row.state == AlertState.RESOLVED.value}
    told = {(row.gateway_id, row.since) for row in rows} - over
    return [Told(hazard=TEST, gateway_id=gateway_id, since=since, part=_PART) for gateway_id, since in sorted(told)]


def _is_told(connection: sa.Connection, told: Told) -> bool:
    alerts = schema.alerts
    key = f"{TEST}:{told.gateway_id}:{_PART}"
    which = (alerts.c.gateway_id == told.gateway_id, alerts.c.key == key, alerts.c.since == told.since)
    return connection.execute(sa.select(alerts.c.alert_id).where(*which).limit(1)).first() is not None
