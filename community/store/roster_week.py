"""What the page of rosters reads and writes: duties, absences by their numbers, and names of who works here."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.rosters import Absence, Shift
from community.store import dispatch_schema as tables
from community.store import rosters, schema

MOST_ABSENCES = 100


class Away(msgspec.Struct, frozen=True, kw_only=True):
    """An absence on file."""

    absence_id: int
    absence: Absence


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """Duties and absences of a stretch of time, and what people are called. `names`: of logins and responders."""

    shifts: tuple[Shift, ...]
    absences: tuple[Away, ...]
    names: dict[str, str]


def week(connection: sa.Connection, start: datetime, end: datetime) -> Week:
    """All of it."""
    table, users, staff = tables.absences, schema.users, tables.responders
    rows = connection.execute(
        sa.select(table)
        .where(table.c.starts_at < end, table.c.ends_at > start)
        .order_by(table.c.starts_at, table.c.absence_id)
        .limit(MOST_ABSENCES)
    )
    names = {
        row.responder_id: row.name for row in connection.execute(sa.select(staff.c.responder_id, staff.c.name))
    } | {row.login: row.name for row in connection.execute(sa.select(users.c.login, users.c.name))}
    return Week(
        shifts=rosters.shifts(connection, start, end),
        absences=tuple(Away(absence_id=row.absence_id, absence=_absence(row)) for row in rows),
        names=names,
    )


def end_absence(connection: sa.Connection, absence_id: int, now: datetime) -> Absence | None:
    """He is here again: it ends now, or is gone where it had not begun. None where there is none that goes on."""
    table = tables.absences
    this = (table.c.absence_id == absence_id, table.c.ends_at > now)
    row = connection.execute(sa.select(table).where(*this)).first()
    if row is None:
        return None
    if row.starts_at >= now:
        connection.execute(table.delete().where(*this))
    else:
        connection.execute(table.update().where(*this).values(ends_at=now))
    return _absence(row)


def _absence(row: sa.Row[tuple[object, ...]]) -> Absence:
    return Absence(person=row.person, starts_at=row.starts_at, ends_at=row.ends_at, reason=row.reason)
