"""What stands around a case, put together from the tables: other alarms of its home, earlier cases, open ones."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from community.around import ALERTS_SINCE, EarlierCase, OpenCase, OtherAlert
from community.casefile import Case
from community.lanes import LIFE_LANE
from community.store import schema
from community.store.cases import CLOSED, as_it_came, decode_case
from community.store.people_schema import box_stays
from community.store.sms_copies import came_by_sms, whole_or_body
from community.store.storms import HELD
from community.store.views import rows_of
from shouwang.alert import AlertState

MOST_ALERTS = 20
MOST_EARLIER = 5
MOST_OPEN = 20
_READ = 200
"""Steps of alarms that are looked through: a sensor that flaps a whole day must not make the page slow."""
_ABOUT_PEOPLE = ("emergency", "care")
"""A fault of a box tells nothing of how its people are."""


def boxes_of(connection: sa.Connection, home_key: str, incident_id: int) -> frozenset[str]:
    """The boxes that stand in the home or stood there, and those that this case came from."""
    stood = sa.select(box_stays.c.gateway_id).where(box_stays.c.home_id == home_key)
    rang = sa.select(schema.alerts.c.gateway_id).where(schema.alerts.c.incident_id == incident_id).distinct()
    return frozenset(connection.scalars(stood)) | frozenset(connection.scalars(rang))


def other_alerts(
    connection: sa.Connection, home_key: str, boxes: Iterable[str], incident_id: int, *, until: datetime
) -> tuple[OtherAlert, ...]:
    """What else rang in the home within the day up to that moment, newest first: of each alarm the last word."""
    table = schema.alerts
    rows = connection.execute(
        sa.select(table.c.gateway_id, table.c.key, table.c.since, table.c.incident_id, table.c.received_at)
        .add_columns(whole_or_body(), came_by_sms())
        .where(
            table.c.gateway_id.in_(sorted(boxes)),
            table.c.home_key == home_key,
            table.c.received_at > until - ALERTS_SINCE,
            table.c.received_at <= until,
            sa.or_(table.c.incident_id.is_(None), table.c.incident_id != incident_id),
        )
        .order_by(table.c.received_at.desc(), table.c.alert_id)
        .limit(_READ)
    )
    found: dict[tuple[str, str, datetime], OtherAlert] = {}
    for row in rows:
        alert = as_it_came(row)
        key = (row.gateway_id, row.key, row.since)
        if alert.state is AlertState.FIRING or key not in found:
            found[key] = OtherAlert(alert=alert, incident_id=row.incident_id)
    return tuple(found.values())[:MOST_ALERTS]


def earlier_cases(
    connection: sa.Connection, home_key: str, boxes: Iterable[str], incident_id: int, *, before: datetime
) -> tuple[EarlierCase, ...]:
    """The last cases about the people of this home that were over by that moment, newest first."""
    table, alerts = schema.incidents, schema.alerts
    rang = sa.select(alerts.c.incident_id).where(alerts.c.gateway_id.in_(sorted(boxes)), alerts.c.home_key == home_key)
    rows = connection.execute(
        sa.select(table.c.incident_id, table.c.body)
        .where(
            table.c.incident_id.in_(rang),
            table.c.incident_id != incident_id,
            table.c.home_key == home_key,
            table.c.state == CLOSED,
            table.c.workflow.in_(_ABOUT_PEOPLE),
            table.c.opened_at <= before,
        )
        .order_by(table.c.opened_at.desc(), table.c.incident_id.desc())
        .limit(MOST_EARLIER)
    )
    return tuple(_earlier(row.incident_id, decode_case(row.body)) for row in rows)


def merge_targets(connection: sa.Connection, case: Case, incident_id: int, now: datetime) -> tuple[OpenCase, ...]:
    """The open cases that this one may be merged into (community.guards: same home, as urgent, a life into a life)."""
    table = schema.incidents
    rows = connection.execute(
        sa.select(table.c.incident_id, table.c.body)
        .where(
            table.c.home_key == case.home_key,
            table.c.state != CLOSED,
            table.c.state != HELD,
            table.c.incident_id != incident_id,
        )
        .order_by(table.c.incident_id.desc())
        .limit(MOST_OPEN)
    ).all()
    numbered = [(row.incident_id, decode_case(row.body)) for row in rows]
    fitting = [one for one in numbered if _takes(one[1], case)]
    return tuple(
        OpenCase(
            incident_id=row.incident_id,
            hazard=row.hazard,
            priority=row.priority,
            opened_at=row.opened_at,
            why=row.why,
        )
        for row in rows_of(connection, fitting, now)
    )


def _takes(target: Case, case: Case) -> bool:
    is_as_urgent = target.priority.rank <= case.priority.rank
    return is_as_urgent and (case.lane != LIFE_LANE or target.lane == LIFE_LANE)


def _earlier(incident_id: int, case: Case) -> EarlierCase:
    return EarlierCase(
        incident_id=incident_id,
        hazard=case.lead.hazard,
        priority=case.priority,
        opened_at=case.opened_at,
        closed_at=case.changed_at,
        disposition=case.disposition,
    )
