"""Colleagues who have not come to their shift: a technical case while they are missing, told to the supervisor.

Who came, or whom a supervisor has seen to, is missing no longer; the rows are those of community.store.rosters.
"""

from datetime import datetime

import sqlalchemy as sa

from community.rosters import NO_SHOW
from community.store import case_schema, dispatch_schema, rosters, schema
from community.store.directory import meet_gateway
from community.store.lease import engine_now
from community.store.told import Told
from community.supervision import CENTRE_BOX
from community.wording import CAME_LATE, SHIFT_SETTLED, told_of_no_show
from shouwang.alert import Sentence

_HOME = f"{CENTRE_BOX}:{NO_SHOW}"
"""Stands for the home of the one case that all who are missing share; no home id holds a colon."""
_LANE = f"tech:{NO_SHOW}"
_TO_SUPERVISOR = 1100
"""The place of this call among those of a step: no step calls so many (community.store.storm_round: 1000)."""
_table = dispatch_schema.no_shows


def look(connection: sa.Connection, now: datetime) -> tuple[str, ...]:
    """Write down who is missing, and who has come; open, raise or clear the case. Who is newly missing."""
    missing = rosters.find_no_shows(connection, now)
    for row in connection.execute(sa.select(_table).where(_table.c.came_at == now)).all():
        _over(connection, row, CAME_LATE, now)
    for row in connection.execute(sa.select(_table).where(_table.c.told_at == now, _table.c.person.in_(missing))).all():
        meet_gateway(connection, CENTRE_BOX)
        why = told_of_no_show(_name(connection, row.person), _name(connection, row.leaver))
        _told(row).begin(connection, why, now)
        _call_supervisor(connection, now)
    return missing


def settle(connection: sa.Connection, no_show_id: int, *, by: str, now: datetime) -> None:
    """A supervisor has seen to it: nothing is told of it any more."""
    waits = (_table.c.no_show_id == no_show_id, _table.c.settled_at.is_(None), _table.c.came_at.is_(None))
    row = connection.execute(sa.select(_table).where(*waits)).first()
    rosters.settle_no_show(connection, no_show_id, by=by, now=now)
    if row is not None:
        _over(connection, row, SHIFT_SETTLED, now)


def _told(row: sa.Row[tuple[object, ...]]) -> Told:
    return Told(hazard=NO_SHOW, gateway_id=CENTRE_BOX, since=row.starts_at, part=row.person, home_key=_HOME, lane=_LANE)


def _over(connection: sa.Connection, row: sa.Row[tuple[object, ...]], why: Sentence, now: datetime) -> None:
    _told(row).over(connection, why, now)


def _call_supervisor(connection: sa.Connection, now: datetime) -> None:
    """At once, not with the second rung of a technical case: the shift has no one since a quarter of an hour."""
    table = schema.incidents
    of_now = (table.c.home_key == _HOME, table.c.lane == _LANE, table.c.state != "CLOSED")
    case = connection.execute(sa.select(table.c.incident_id, table.c.version).where(*of_now)).first()
    if case is None:
        return
    connection.execute(
        case_schema.notices.insert().values(
            incident_id=case.incident_id,
            version=case.version,
            place=_TO_SUPERVISOR,
            step="no_show",
            audience="supervisor",
            to_whom="",
            rung=-1,
            prompt="no_show",
            created_at=now,
            created_e=engine_now(connection),
            state="waiting",
        )
    )


def _name(connection: sa.Connection, login: str) -> str:
    users = schema.users
    return connection.execute(sa.select(users.c.name).where(users.c.login == login)).scalar() or login
