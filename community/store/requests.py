"""What residents, families and inspectors ask for, filed as cases of the table `request` (报送). No alarm, no siren."""

import hashlib
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community import engine
from community.alert_refs import AlertRef
from community.casefile import SYSTEM
from community.desk import Wish
from community.lanes import table_of
from community.store import cases, chain, orders, schema
from community.store.directory import meet_gateway
from community.store.surroundings import context
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of
from shouwang.errors import IllegalMove

HAZARD = "request"
_BOX = "centre"
"""Stands for a home's box: a request comes from a person."""
_WHY = Sentence(zh="居民诉求", en="a request")


def file(
    connection: sa.Connection, home_id: str, words: str, *, by: str, key: str, is_urgent: bool, at: datetime
) -> int:
    """The case of a new request; the same `key` again gives the first case.

    Raises IllegalMove where there is no such home.
    """
    homes = schema.homes
    if connection.execute(sa.select(homes.c.home_id).where(homes.c.home_id == home_id)).first() is None:
        raise IllegalMove(f"there is no home {home_id}")
    mark = hashlib.sha256(f"{by}\n{key}".encode(errors="replace")).hexdigest()[:24]
    known = _case_of(connection, mark)
    if known is not None:
        return known
    ref = _keep(connection, home_id, mark, Severity.P3 if is_urgent else Severity.P4, at)
    lane = f"{HAZARD}:{mark}"
    made = engine.opened(table_of(lane), home_id, lane, (ref,), context(connection, None, at), at=at)
    incident_id = cases.record(connection, None, made, at=at, actor=SYSTEM)
    cases.link(connection, (ref,), incident_id)
    note = Wish(incident_id=incident_id, command="note", by=by, role="caller", command_id=f"filed:{mark}", text=words)
    orders.carry_out(connection, note, at).value()
    return incident_id


def is_request(connection: sa.Connection, incident_id: int) -> bool:
    """Whether the case began with a request."""
    table = schema.incidents
    lane = connection.scalar(sa.select(table.c.lane).where(table.c.incident_id == incident_id))
    return lane is not None and str(lane).startswith(f"{HAZARD}:")


def _case_of(connection: sa.Connection, mark: str) -> int | None:
    table = schema.incidents
    return connection.scalar(sa.select(table.c.incident_id).where(table.c.lane == f"{HAZARD}:{mark}"))


def _keep(connection: sa.Connection, home_id: str, mark: str, severity: Severity, at: datetime) -> AlertRef:
    meet_gateway(connection, _BOX)
    key = f"{HAZARD}:{mark}"
    alert = Alert(
        alert_id=alert_id_of(key, at, AlertState.FIRING),
        key=key,
        rule_id=HAZARD,
        rule_version=1,
        hazard=HAZARD,
        severity=severity,
        state=AlertState.FIRING,
        resident_id="",
        sensor_id=HAZARD,
        since=at,
        at=at,
        mono=0,
        why=_WHY,
    )
    body = msgspec.json.encode(alert)
    connection.execute(
        schema.alerts.insert().values(
            gateway_id=_BOX,
            alert_id=alert.alert_id,
            home_key=home_id,
            key=key,
            since=at,
            state=alert.state.value,
            received_at=at,
            is_late=False,
            body=body,
        )
    )
    return AlertRef(
        gateway_id=_BOX,
        alert_id=alert.alert_id,
        key=key,
        since=at,
        state=alert.state,
        severity=severity,
        hazard=HAZARD,
        is_late=False,
        digest=chain.bytes_digest(body),
    )
