"""Numbers that never came: messages of a home that are neither here nor told to be lost. A fault, or a loss.

A home numbers the messages of each lane from 1, without gaps, and sends them in order, the oldest that is not confirmed
first. So a number below one that came long ago is missing, unless the home was not heard since: then it may still come.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from community.store import schema
from shouwang.wire import Lane

AMONG_LAST = 100_000
"""Of each lane so many numbers are looked at: days of telemetry, months of state, all alarms."""
STILL_COMES = timedelta(minutes=10)
"""A message is repeated every 2 to 10 s while the link stands; one that is overtaken for so long does not come."""
SETTLES = timedelta(minutes=2)
"""After an outage what waited comes first, but not in the same instant."""
_HOLES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """So many numbers of this lane, of the card that the home uses now."""

    epoch: str
    lane: Lane
    count: int


def missing_numbers(connection: sa.Connection, gateway_id: str, now: datetime) -> tuple[Missing, ...]:
    """The lanes with numbers that never came."""
    gateways = schema.gateways
    epoch = connection.execute(sa.select(gateways.c.epoch).where(gateways.c.gateway_id == gateway_id)).scalar()
    found = (_missing(connection, _LaneOf(gateway_id, epoch, lane), now) for lane in Lane) if epoch else ()
    return tuple(one for one in found if one.count)


@dataclass(frozen=True, slots=True)
class _LaneOf:
    gateway_id: str
    epoch: str
    lane: Lane

    @property
    def here(self) -> sa.ColumnElement[bool]:
        table = schema.messages
        return sa.and_(
            table.c.gateway_id == self.gateway_id, table.c.epoch == self.epoch, table.c.lane == int(self.lane)
        )


def _missing(connection: sa.Connection, lane: _LaneOf, now: datetime) -> Missing:
    told = _told_lost(connection, lane)
    count = 0
    for first, last in _holes(connection, lane):
        left = _without(first, last, told)
        if left and not _may_still_come(connection, lane, last, now):
            count += left
    return Missing(epoch=lane.epoch, lane=lane.lane, count=count)


def _holes(connection: sa.Connection, lane: _LaneOf) -> list[tuple[int, int]]:
    """First and last number of each hole, the newest first."""
    seq = schema.messages.c.seq
    newest: int = connection.execute(sa.select(sa.func.max(seq)).where(lane.here)).scalar() or 0
    floor = max(0, newest - AMONG_LAST)
    before = sa.func.lag(seq, 1, floor).over(order_by=seq).label("before")
    known = sa.select(seq, before).where(lane.here, seq > floor).subquery()
    rows = connection.execute(
        sa.select(known.c.before, known.c.seq)
        .where(known.c.seq > known.c.before + 1)
        .order_by(known.c.seq.desc())
        .limit(_HOLES)
    )
    return [(row.before + 1, row.seq - 1) for row in rows]


def _may_still_come(connection: sa.Connection, lane: _LaneOf, last: int, now: datetime) -> bool:
    table = schema.messages
    above = sa.and_(lane.here, table.c.seq > last)
    overtaken = connection.execute(sa.select(sa.func.min(table.c.received_at)).where(above)).scalar_one()
    settled = sa.and_(above, table.c.received_at <= now - SETTLES)
    heard = connection.execute(sa.select(sa.func.max(table.c.received_at)).where(settled)).scalar()
    return heard is None or heard - overtaken < STILL_COMES


def _told_lost(connection: sa.Connection, lane: _LaneOf) -> Sequence[tuple[int, int]]:
    gaps, messages = schema.gaps, schema.messages
    rows = connection.execute(
        sa.select(gaps.c.first_seq, gaps.c.last_seq)
        .join_from(gaps, messages)
        .where(
            messages.c.gateway_id == lane.gateway_id,
            messages.c.epoch == lane.epoch,
            gaps.c.lane == int(lane.lane),
            gaps.c.first_seq <= gaps.c.last_seq,
        )
        .order_by(gaps.c.first_seq)
    )
    return [(row.first_seq, row.last_seq) for row in rows]


def _without(first: int, last: int, told: Iterable[tuple[int, int]]) -> int:
    """How many numbers from `first` to `last` are in none of the ranges, which are in order."""
    count, at = 0, first
    for start, end in told:
        if end < at or start > last:
            continue
        count += max(0, start - at)
        at = max(at, end + 1)
    return count + max(0, last + 1 - at)
