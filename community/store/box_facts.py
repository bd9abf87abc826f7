"""What births and beats of boxes tell of themselves and of their sensors, and how far their clocks are off."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.fleet import BoxStart
from community.store import schema
from community.store.fleet_schema import box_starts
from community.store.life_signs import keep
from shouwang.wire import BirthBody, BoxFacts, Envelope, HeartbeatBody, SensorFacts, Sent

STARTS_KEPT = 20
"""More of them tell nothing else than that it starts again and again. Set by this project."""
_ONE_MS = timedelta(milliseconds=1)
_LONGEST_MS = 3_000_000_000_000
"""As for engine times (community.store.times)."""
_PERCENT_MOST = 100.0
_LONGEST_QUIET_S = 10 * 365 * 86_400
"""No sensor is waited for so long; a larger number is none."""
_LINK_CHARS = 16


def note_start(connection: sa.Connection, gateway_id: str, birth: BirthBody, at: datetime) -> None:
    """Keep it among the newest of this box."""
    table = box_starts
    keep(connection, table, {"gateway_id": gateway_id, "at": at}, {"version": birth.version, "starts": birth.starts})
    newest = sa.select(table.c.at).where(table.c.gateway_id == gateway_id).order_by(table.c.at.desc())
    oldest = connection.execute(newest.offset(STARTS_KEPT - 1).limit(1)).scalar()
    if oldest is not None:
        connection.execute(table.delete().where(table.c.gateway_id == gateway_id, table.c.at < oldest))


def starts_of(connection: sa.Connection, gateway_id: str) -> tuple[BoxStart, ...]:
    """Those that are kept, newest first."""
    table = box_starts
    rows = connection.execute(sa.select(table).where(table.c.gateway_id == gateway_id).order_by(table.c.at.desc()))
    return tuple(BoxStart(at=row.at, version=row.version, starts=row.starts) for row in rows)


def note_beat(
    connection: sa.Connection, envelope: Envelope, beat: HeartbeatBody, received_at: datetime, sent: Sent | None
) -> None:
    """Keep what it tells. A later beat without facts leaves those of an earlier one."""
    age = _age(envelope, sent)
    values: dict[str, object] = {"backlog": beat.backlog, "rejected": beat.rejected}
    if age is not None:
        values["clock_offset_ms"] = (envelope.created_at + age - received_at) // _ONE_MS
    told_at = received_at - (age or timedelta(0))
    if beat.box is not None:
        values |= _of_box(beat.box) | {"told_at": told_at}
    gateways = schema.gateways
    connection.execute(gateways.update().where(gateways.c.gateway_id == envelope.id.gateway).values(values))
    if beat.sensors:
        _note_sensors(connection, envelope.id.gateway, beat.sensors, told_at)


def _age(envelope: Envelope, sent: Sent | None) -> timedelta | None:
    """How long after it was made the message was sent; None where that is not known.

    What then waits at the broker for us makes the clock look slow, until the next beat.
    """
    if sent is None or sent.boot != envelope.boot or not 0 <= sent.mono - envelope.mono <= _LONGEST_MS:
        return None
    return (sent.mono - envelope.mono) * _ONE_MS


def _of_box(facts: BoxFacts) -> dict[str, object]:
    ends = facts.certificate_ends
    return {
        "is_on_mains": facts.is_on_mains,
        "battery": _percent(facts.battery),
        "disk_used": _percent(facts.disk_used),
        "temperature": facts.temperature,
        "link": facts.link[:_LINK_CHARS],
        "link_dbm": facts.link_dbm,
        "certificate_ends": ends if ends is None or schema.EARLIEST <= ends <= schema.LATEST else None,
    }


def _note_sensors(
    connection: sa.Connection, gateway_id: str, told: Mapping[str, SensorFacts], told_at: datetime
) -> None:
    """Of sensors that the box has named in its birth; what it does not know of one stays as it was."""
    table = schema.sensor_status
    for sensor_id, facts in told.items():
        values: dict[str, object] = {}
        if facts.battery is not None:
            values["battery"] = _percent(facts.battery)
        if facts.signal_dbm is not None:
            values["signal_dbm"] = facts.signal_dbm
        if facts.quiet_s is not None and 0 <= facts.quiet_s <= _LONGEST_QUIET_S:
            values["heard_at"] = told_at - timedelta(seconds=facts.quiet_s)
        if values:
            where = (table.c.gateway_id == gateway_id, table.c.sensor_id == sensor_id)
            connection.execute(table.update().where(*where).values(values))


def _percent(value: float | None) -> float | None:
    return None if value is None else min(max(value, 0.0), _PERCENT_MOST)
