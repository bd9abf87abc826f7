"""Storms on disk: what a home tells is placed in one, or begins one. What becomes of them: community.store.storm_round.

One table for all kinds. Silent gateways are found by those who look for silence (community.supervision), before the
first of them has a case; all other kinds here, when a home tells.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from community import storms
from community.store import seals
from community.store.areas import areas, lies_in
from community.store.group import forget, recall, write_later, write_out
from community.store.life_signs import keep
from community.store.needs import needs
from community.store.reserves import minutes_left
from community.store.storm_schema import storm_homes, tech_raises
from community.store.storm_schema import storms as table
from community.storms import Told
from shouwang.alert import Alert, AlertState, Severity

HELD = "HELD"
"""The state of a case that a storm holds back, in every table that has one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Storm:
    """One that is on."""

    storm_id: int
    kind: str
    area: str
    since: datetime
    last_at: datetime
    is_released: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """How urgent an alarm is in its home, and the storm that it belongs to, where it does.

    `is_held`: that storm holds its case back. `kind`: of things of which a storm may be, empty for all others.
    """

    severity: Severity
    kind: str = ""
    storm_id: int | None = None
    is_held: bool = False

    @property
    def held_by(self) -> int | None:
        """The storm that holds its case back."""
        return self.storm_id if self.is_held else None


def place(connection: sa.Connection, gateway_id: str, home_key: str, alert: Alert, now: datetime) -> Placed:
    """Where an alarm belongs, before it has a case; it may begin a storm. A life alarm is left as it is."""
    told = Told(severity=alert.severity, hazard=alert.hazard)
    is_technical = alert.severity.rank > Severity.P2.rank and told.kind in storms.KINDS
    if alert.state is not AlertState.FIRING or not is_technical:
        return Placed(severity=alert.severity)
    told = replace(
        told,
        needs_power=needs(connection, home_key).needs_power,
        battery_min=minutes_left(connection, gateway_id, now),
    )
    storm = _that_takes(connection, told.kind, home_key, alert.since, now)
    if storm is None:
        _note(connection, told.kind, gateway_id, home_key, now)
        storm = _begun_by(connection, told.kind, now)
    if storm is None:
        return Placed(severity=storms.severity_of(told, in_storm=False), kind=told.kind)
    return Placed(
        severity=storms.severity_of(told, in_storm=True),
        kind=told.kind,
        storm_id=storm.storm_id,
        is_held=not storm.is_released and storms.may_be_held(told),
    )


def settled(connection: sa.Connection, placed: Placed, home: tuple[str, str], incident_id: int, now: datetime) -> None:
    """What was placed has become, or has joined, this case. `home`: its gateway and its key."""
    if not placed.kind:
        return
    gateway_id, home_key = home
    if placed.storm_id is not None:
        _join(connection, placed.storm_id, (gateway_id, home_key), now, incident_id)
        _moved_on(connection, placed, now)
    else:
        write_out(connection)
        raised = (tech_raises.c.kind == placed.kind, tech_raises.c.home_key == home_key)
        connection.execute(tech_raises.update().where(*raised).values(incident_id=incident_id))
        # it may have belonged to one, and have recovered
        connection.execute(_IS_ILL, {"incident": incident_id})


def recovered(connection: sa.Connection, incident_id: int, now: datetime) -> None:
    """Every cause of this case has ended."""
    write_out(connection)
    mine = (storm_homes.c.incident_id == incident_id, storm_homes.c.recovered_at.is_(None))
    connection.execute(storm_homes.update().where(*mine).values(recovered_at=now))


def begin(connection: sa.Connection, storm: Storm, lead: str, homes: int, *, is_ours: bool = False) -> Storm:
    """A storm of so many homes begins; the number in `storm` counts for nothing. `lead`: the gateway that told it."""
    number = connection.execute(
        table.insert()
        .values(
            kind=storm.kind,
            area=storm.area,
            since=storm.since,
            last_at=storm.last_at,
            lead=lead,
            homes=homes,
            is_ours=is_ours,
        )
        .returning(table.c.storm_id)
    ).scalar_one()
    forget(connection, ("storms", storm.kind))
    return replace(storm, storm_id=int(number))


def on(connection: sa.Connection, kind: str) -> tuple[Storm, ...]:
    """Those of this kind that are on, the oldest first."""
    read = lambda: tuple(_storm(row) for row in connection.execute(_ON, {"kind": kind}))  # noqa: E731
    return recall(connection, ("storms", kind), read)


def release(connection: sa.Connection, storm_id: int, *, by: str, now: datetime) -> bool:
    """A supervisor ends the waiting: what is held comes into the queue as there is room. False where it is over."""
    which = (table.c.storm_id == storm_id, table.c.ended_at.is_(None), table.c.released_at.is_(None))
    is_done = connection.execute(table.update().where(*which).values(released_at=now, released_by=by)).rowcount == 1
    if is_done:
        seals.seal(connection, table, storm_id, at=now)
    return is_done


def _note(connection: sa.Connection, kind: str, gateway_id: str, home_key: str, now: datetime) -> None:
    values = {"gateway_id": gateway_id, "at": now, "incident_id": None}
    keep(connection, tech_raises, {"kind": kind, "home_key": home_key}, values)


def _that_takes(connection: sa.Connection, kind: str, home_key: str, since: datetime, now: datetime) -> Storm | None:
    for storm in on(connection, kind):
        if storms.belongs(storm.since, storm.last_at, since, now) and lies_in(connection, home_key, storm.area):
            return storm
    return None


def _begun_by(connection: sa.Connection, kind: str, now: datetime) -> Storm | None:
    """Whether this home is the one too many. Its fellows have cases already: they belong to the storm and stay."""
    if kind == storms.SILENT:
        return None
    write_out(connection)
    lately = connection.execute(_LATELY, {"kind": kind, "from_at": now - storms.WITHIN}).all()
    if len(lately) < storms.AT_LEAST:
        return None
    lie = areas(connection, [row.home_key for row in lately])
    area = storms.area_of((lie.of[row.home_key] for row in lately), lie.sizes)
    if area is None:
        return None
    known = next((_grown(connection, storm, now) for storm in on(connection, kind) if storm.area == area), None)
    first = lately[0]
    new = Storm(storm_id=0, kind=kind, area=area, since=first.at, last_at=now)
    storm = known or begin(
        connection, new, first.gateway_id, len(lately)
    )  # one that has stood still for a while grows again
    for row in lately:
        if area == storms.EVERYWHERE or area in lie.of[row.home_key]:
            _join(connection, storm.storm_id, (row.gateway_id, row.home_key), row.at, row.incident_id)
    return storm


def _grown(connection: sa.Connection, storm: Storm, now: datetime) -> Storm:
    connection.execute(_MOVED_ON, {"storm": storm.storm_id, "now": now})
    forget(connection, ("storms", storm.kind))
    return replace(storm, last_at=now)


def _join(
    connection: sa.Connection, storm_id: int, home: tuple[str, str], at: datetime, incident_id: int | None
) -> None:
    """A home that tells again is one home: it is there no less than before, and has not recovered."""
    gateway_id, home_key = home
    values = {"storm_id": storm_id, "home_key": home_key, "gateway_id": gateway_id, "told_at": at}
    write_later(connection, _JOINED[connection.dialect.name], values | {"incident_id": incident_id})


def _moved_on(connection: sa.Connection, placed: Placed, now: datetime) -> None:
    """Its newest home told now."""
    moved = {"storm": placed.storm_id, "now": now}
    recall(connection, ("moved on", placed.storm_id), lambda: connection.execute(_MOVED_ON, moved).rowcount)


def _joined(new: sqlite.Insert | postgresql.Insert) -> sa.Insert:
    return new.on_conflict_do_update(
        index_elements=["storm_id", "home_key"],
        set_={"incident_id": new.excluded.incident_id, "recovered_at": None},
    )


def _storm(row: sa.Row[tuple[object, ...]]) -> Storm:
    return Storm(
        storm_id=row.storm_id,
        kind=row.kind,
        area=row.area,
        since=row.since,
        last_at=row.last_at,
        is_released=row.released_at is not None,
    )


_JOINED = {
    "sqlite": _joined(sqlite.insert(storm_homes)),
    "postgresql": _joined(postgresql.insert(storm_homes)),
}
_ON = (
    sa.select(table)
    .where(table.c.kind == sa.bindparam("kind"), table.c.ended_at.is_(None))
    .order_by(table.c.since, table.c.storm_id)
)
_MEMBER = (
    sa.select(storm_homes.c.storm_id)
    .join(table, table.c.storm_id == storm_homes.c.storm_id)
    .where(
        storm_homes.c.home_key == tech_raises.c.home_key,
        table.c.kind == tech_raises.c.kind,
        table.c.ended_at.is_(None),
    )
)
_LATELY = (  # who belongs to one already makes no second
    sa.select(tech_raises)
    .where(tech_raises.c.kind == sa.bindparam("kind"), tech_raises.c.at >= sa.bindparam("from_at"))
    .where(~_MEMBER.exists())
    .order_by(tech_raises.c.at, tech_raises.c.home_key)
)
_MOVED_ON = (
    table.update()
    .where(table.c.storm_id == sa.bindparam("storm"), table.c.last_at < sa.bindparam("now"))
    .values(last_at=sa.bindparam("now"))
)
_IS_ILL = (
    storm_homes.update()
    .where(storm_homes.c.incident_id == sa.bindparam("incident"), storm_homes.c.recovered_at.is_not(None))
    .values(recovered_at=None)
)
