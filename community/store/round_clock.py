"""By which moment a round reckons what is old, for what it ends cannot be brought back and a clock may be wrong.

It never leaps: not further than `LEAP` past the moment of the round before, or, before there was any, past the newest
sealed entry to which the record itself has not leapt. What is stamped before `SANE` was written by a clock that was not
set, and counts as old never.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from community.store import schema
from community.store.retention import Key, Kind
from community.store.retention_days import ROUND, Night, note
from community.store.sealed_schema import retired, sealed_changes

LEAP = timedelta(days=7)
"""The project's: a server that was off for months catches up in as many nights as it was off weeks."""
SANE = datetime(2020, 1, 1, tzinfo=UTC)
"""No record of this product is older."""
REACH = 20_000
"""Links that are looked through for a leap: weeks of a large centre, in some hundredths of a second."""
MOMENT = "moment"
"""The row of a day that says by which moment its round reckoned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoned:
    """`now`: by which is reckoned; None: nothing is sealed yet, so nothing can be old. `clock`: what the clock says."""

    now: datetime | None
    clock: datetime

    @property
    def is_held_back(self) -> bool:
        """The clock is further on than can be believed."""
        return self.now is not None and self.now < self.clock

    def before(self, span: timedelta) -> datetime | None:
        """What is stamped before this is over; None: nothing is."""
        return None if self.now is None else self.now - span


class Looked(NamedTuple):
    """A page. `last`: the key to go on after; `early`: how many of it are left, being stamped before `SANE`."""

    keys: tuple[Key, ...]
    last: Key | None
    early: int


def reckoned(connection: sa.Connection, day: str, clock: datetime) -> Reckoned:
    """For the round of this day; whoever asks twice on a day is told the same."""
    rounds = sa.select(sa.func.max(retired.c.at)).where(retired.c.kind == MOMENT, retired.c.day != day)
    last: datetime | None = connection.scalar(rounds) or _newest_sealed(connection)
    return Reckoned(now=None if last is None else min(clock, last + LEAP), clock=clock)


def begin(connection: sa.Connection, day: str, now: datetime) -> None:
    """The round of this day reckons by this moment."""
    note(connection, day, MOMENT, 1, now)


def page(connection: sa.Connection, kind: Kind, before: datetime, after: Key | None) -> Looked:
    """What of a kind may end, from a key on."""
    found = kind.look(connection, before, after)
    early = frozenset(kind.look(connection, SANE, after).keys)
    keys = tuple(key for key in found.keys if key not in early)
    return Looked(keys, found.last, len(found.keys) - len(keys))


def newest(connection: sa.Connection, clock: datetime) -> Night | None:
    """The last round; those of days that have not come yet, noted by a wrong clock, are passed over."""
    tomorrow = f"{clock + timedelta(days=1):%Y-%m-%d}"  # the centre's calendar may be ahead of UTC
    day = connection.scalar(sa.select(sa.func.max(retired.c.day)).where(retired.c.day <= tomorrow))
    if day is None:
        return None
    rows = {row.kind: row for row in connection.execute(sa.select(retired).where(retired.c.day == day))}
    numbers = {kind: row.number for kind, row in rows.items() if kind not in (ROUND, MOMENT)}
    return Night(day=day, at=max(row.at for row in rows.values()), numbers=numbers, is_whole=ROUND in rows)


def _newest_sealed(connection: sa.Connection) -> datetime | None:
    """Of the case record; of the chain of changes where there is no case yet."""
    for table in (schema.incident_events, sealed_changes):
        newest = sa.select(table.c.at).order_by(table.c.seq.desc()).limit(1)
        at: datetime | None = _before_a_leap(connection, table) or connection.scalar(newest)
        if at is not None:
            return at
    return None


def _before_a_leap(connection: sa.Connection, table: sa.Table) -> datetime | None:
    """The last moment after which the record leapt: a clock that is wrong at night has sealed what came since noon."""
    newest = sa.select(sa.func.max(table.c.seq)).scalar_subquery()
    before = sa.func.lag(table.c.at, type_=table.c.at.type).over(order_by=table.c.seq).label("before")
    steps = sa.select(table.c.seq, table.c.at, before).where(table.c.seq > newest - REACH).subquery()
    at, then = (sa.type_coerce(column, sa.BigInteger) for column in (steps.c.at, steps.c.before))
    leapt = at - then > LEAP // timedelta(microseconds=1)
    row = connection.execute(sa.select(steps.c.before).where(leapt).order_by(steps.c.seq.desc()).limit(1)).first()
    return None if row is None else row.before
