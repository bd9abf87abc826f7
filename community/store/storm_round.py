"""What becomes of storms: their row in the queue, who need not wait longer, who is let in, their end.

Asked again and again (community.storm_rounds). First it is looked what there is to do, then that is done in pieces, so
that no alarm waits for it; what is done has left the list, so that nothing is done twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from community import engine, storm_words, storms
from community.casefile import SYSTEM, Order
from community.desk import CENTRE
from community.flapping import HAZARD as FLAPPING
from community.store import flapping, needs, quiet, schema
from community.store.areas import name_of
from community.store.case_schema import notices
from community.store.cases import load, record
from community.store.group import write_out
from community.store.lease import engine_now
from community.store.reserves import reserve_of
from community.store.storm_schema import reserves, storm_homes
from community.store.storm_schema import storms as table
from community.store.storms import HELD
from community.store.surroundings import context
from community.store.told import Told
from community.storms import Waiting
from community.users import Role
from shouwang.alert import Severity

AT_ONCE = 100
"""Cases in one transaction: an alarm waits for no more."""
SEEN_WITHIN = timedelta(minutes=10)
"""Who has looked at a console within this time reads its queue. As long as the time for which rows are counted."""
FOR_FAMILIES = 1000
"""The place of a summary among the calls of a step: no step calls so many."""
SUMMARY, NOT_YET = "storm_over", "storm_left"
"""The step (the first) and the prompts of what families hear at the end of a storm: their home works again, or not."""
UNKNOWN_HOME = "gateway:"
"""Nobody knows the family of a gateway that is on nobody's file."""
_LANE = "tech:storm-{}"
"""Each storm has a row of its own, and is worked on as a fault."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What there is to do now. `let_in`: cases that come into the queue; `quiet`: cases that end."""

    begun: tuple[int, ...] = ()
    grown: tuple[int, ...] = ()
    let_in: tuple[int, ...] = ()
    quiet: tuple[int, ...] = ()
    over: tuple[int, ...] = ()
    flap: tuple[flapping.Flapping, ...] = ()
    calm: tuple[flapping.Flapping, ...] = ()

    @property
    def is_none(self) -> bool:
        """Nothing."""
        return self == Work()

    @property
    def is_more(self) -> bool:
        """There may be more than was listed."""
        return len(self.let_in) >= AT_ONCE or len(self.quiet) >= AT_ONCE


def look(connection: sa.Connection, now: datetime) -> Work:
    """What there is to do. Reads only."""
    on = connection.execute(_ON).all()
    held = connection.execute(_HELD).all() if on else []
    waiting = Counter(row.storm_id for row in held)
    return Work(
        begun=tuple(row.storm_id for row in on if row.incident_id is None),
        grown=tuple(row.storm_id for row in on if _is_ours_now(connection, row)),
        let_in=tuple(_let_in(connection, held, now)[:AT_ONCE]),
        quiet=tuple(quiet.due(connection, AT_ONCE)),
        over=tuple(
            row.storm_id
            for row in on
            if row.incident_id is not None
            and storms.is_over(waiting=waiting[row.storm_id], last_at=row.last_at, now=now)
        ),
        flap=tuple(flapping.untold(connection)[:AT_ONCE]),
        calm=tuple(flapping.calm(connection, now)[:AT_ONCE]),
    )


def turn(connection: sa.Connection, now: datetime) -> Work:
    """Do it; what was done."""
    work = look(connection, now)
    tell(connection, now)
    for storm_id in work.grown:
        connection.execute(table.update().where(table.c.storm_id == storm_id).values(is_ours=True))
    for incident_id in work.let_in:
        _let_go(connection, incident_id, now)
    for incident_id in work.quiet:
        quiet.end(connection, incident_id, now)
    for storm_id in work.over:
        _end(connection, storm_id, now)
    for one in work.flap:
        _told_flapping(one).begin(connection, storm_words.flaps(one.key), now, severity=Severity.P4)
        flapping.told(connection, one)
    for one in work.calm:
        _told_flapping(one).over(connection, storm_words.CALM, now)
        flapping.forget(connection, one)
    return work


def tell(connection: sa.Connection, now: datetime) -> None:
    """Storms that have just begun get their row in the queue."""
    write_out(connection)
    for row in connection.execute(_ON.where(table.c.incident_id.is_(None))).all():
        area = name_of(connection, row.area) if row.area else ""
        why = storm_words.began(row.kind, area, row.homes, is_ours=row.is_ours)
        _told(row).begin(connection, why, now, severity=Severity.P2)
        known = sa.select(schema.incidents.c.incident_id).where(
            schema.incidents.c.home_key == CENTRE, schema.incidents.c.lane == _LANE.format(row.storm_id)
        )
        write_out(connection)
        incident_id = connection.execute(known).scalar_one()
        connection.execute(table.update().where(table.c.storm_id == row.storm_id).values(incident_id=incident_id))


def _told(row: sa.Row[tuple[object, ...]]) -> Told:
    return Told(
        hazard=storms.row_hazard(row.kind),
        gateway_id=row.lead,
        since=row.since,
        part=str(row.storm_id),
        home_key=CENTRE,
        lane=_LANE.format(row.storm_id),
    )


def _told_flapping(one: flapping.Flapping) -> Told:
    return Told(hazard=FLAPPING, gateway_id=one.gateway_id, since=one.since, part=one.key)


def _is_ours_now(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> bool:
    if row.is_ours or row.kind != storms.SILENT:
        return False
    silent = connection.execute(_SILENT_NOW, {"storm": row.storm_id}).scalar_one()
    return storms.is_ours(silent, connection.execute(_GATEWAYS).scalar_one())


def _let_in(connection: sa.Connection, held: Sequence[sa.Row[tuple[object, ...]]], now: datetime) -> list[int]:
    """First those that must not wait, then as many of the others as there is room for."""
    waiting = [_waiting(row, now) for row in held]
    urgent = [one.incident_id for one in storms.at_once(waiting)]
    ripe = {row.incident_id for row in held if row.released_at is not None}
    is_any_ripe = bool(ripe) or any(now - one.since >= storms.HOLDS for one in waiting)
    if not is_any_ripe:
        return urgent
    room = storms.room(_operators(connection, now), lately=_lately(connection, now))
    risks = needs.risks(connection)
    left = [replace(one, risk=risks.get(home, 0)) for one, home in _others(waiting, held, set(urgent))]
    return [*urgent, *(one.incident_id for one in storms.let_go(left, room=room, now=now, released=ripe))]


def _others(
    waiting: Sequence[Waiting], held: Sequence[sa.Row[tuple[object, ...]]], but: set[int]
) -> list[tuple[Waiting, str]]:
    pairs = zip(waiting, held, strict=True)
    return [(one, row.home_key) for one, row in pairs if one.incident_id not in but and row.recovered_at is None]


def _waiting(row: sa.Row[tuple[object, ...]], now: datetime) -> Waiting:
    has_battery = row.from_at is not None and row.recovered_at is None
    return Waiting(
        incident_id=row.incident_id,
        since=row.told_at,
        battery_min=reserve_of(row).minutes_left(now) if has_battery else None,
    )


def _let_go(connection: sa.Connection, incident_id: int, now: datetime) -> None:
    case = load(connection, incident_id)
    if case is None or case.state != HELD:
        return
    order = Order(command="let_go", by=SYSTEM, role="system")
    made = engine.ordered(case, order, context(connection, case, now), at=now)
    record(connection, incident_id, made, at=now, actor=SYSTEM)
    which = storm_homes.c.incident_id == incident_id
    connection.execute(storm_homes.update().where(which).values(let_go_at=now))


def _operators(connection: sa.Connection, now: datetime) -> int:
    return connection.execute(_AT_CONSOLES, {"since": now - SEEN_WITHIN, "now": now}).scalar_one()


def _lately(connection: sa.Connection, now: datetime) -> int:
    return connection.execute(_LATELY, {"since": now - storms.ROOM_WITHIN}).scalar_one()


def _end(connection: sa.Connection, storm_id: int, now: datetime) -> None:
    """It is over: its row says so, and each family hears of it once."""
    row = connection.execute(sa.select(table).where(table.c.storm_id == storm_id)).one()
    homes = connection.execute(sa.select(storm_homes).where(storm_homes.c.storm_id == storm_id)).all()
    well = sum(home.recovered_at is not None for home in homes)
    _told(row).over(connection, storm_words.over(len(homes), well), now)
    _tell_families(connection, homes, now)
    connection.execute(table.update().where(table.c.storm_id == storm_id).values(ended_at=now, told_at=now))


def _tell_families(connection: sa.Connection, homes: Sequence[sa.Row[tuple[object, ...]]], now: datetime) -> None:
    """One message for each home, in the name of its own case."""
    now_e = engine_now(connection)
    rows = [
        {
            "incident_id": home.incident_id,
            "version": version,
            "place": FOR_FAMILIES,
            "step": SUMMARY,
            "audience": "family",
            "to_whom": "",
            "rung": -1,
            "prompt": SUMMARY if home.recovered_at is not None else NOT_YET,
            "created_at": now,
            "created_e": now_e,
            "state": "waiting",
        }
        for home in homes
        if home.incident_id is not None and (version := _version(connection, home.incident_id)) is not None
    ]
    if rows:
        connection.execute(notices.insert(), rows)


def _version(connection: sa.Connection, incident_id: int) -> int | None:
    case = load(connection, incident_id)
    return None if case is None or case.home_key.startswith(UNKNOWN_HOME) else case.version


_ON = sa.select(table).where(table.c.ended_at.is_(None)).order_by(table.c.since, table.c.storm_id)
_SILENT_NOW = (
    sa.select(sa.func.count())
    .select_from(storm_homes)
    .where(storm_homes.c.storm_id == sa.bindparam("storm"), storm_homes.c.recovered_at.is_(None))
)
_GATEWAYS = sa.select(sa.func.count()).select_from(schema.gateways).where(schema.gateways.c.last_seen.is_not(None))
_HELD = (
    sa.select(
        storm_homes, reserves.c.from_at, reserves.c.from_level, reserves.c.at, reserves.c.level, table.c.released_at
    )
    .join_from(storm_homes, table, table.c.storm_id == storm_homes.c.storm_id)
    .join(schema.incidents, schema.incidents.c.incident_id == storm_homes.c.incident_id)
    .join(reserves, reserves.c.gateway_id == storm_homes.c.gateway_id, isouter=True)
    .where(table.c.ended_at.is_(None), schema.incidents.c.state == HELD)
    .order_by(storm_homes.c.told_at, storm_homes.c.incident_id)
)
_AT_CONSOLES = (
    sa.select(sa.func.count(schema.login_sessions.c.user_id.distinct()))
    .join_from(schema.login_sessions, schema.users, schema.users.c.user_id == schema.login_sessions.c.user_id)
    .where(
        schema.users.c.role == Role.OPERATOR.value,
        schema.login_sessions.c.last_seen_at >= sa.bindparam("since"),
        schema.login_sessions.c.expires_at > sa.bindparam("now"),
    )
)
_LATELY = sa.select(sa.func.count()).select_from(storm_homes).where(storm_homes.c.let_go_at > sa.bindparam("since"))
