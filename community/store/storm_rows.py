"""What consoles show of storms: one row for all the cases that each holds back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from community import storms
from community.desk import StormRow
from community.store import schema
from community.store.areas import name_of
from community.store.reserves import reserve_of
from community.store.storm_schema import reserves, storm_homes
from community.store.storm_schema import storms as table
from community.store.storms import HELD
from shouwang.alert import Severity

SPARKS = 24
"""So many columns has the little plot of when homes told of it."""


def summary(connection: sa.Connection, now: datetime) -> tuple[StormRow, ...]:
    """All that are on, the oldest first."""
    is_on = sa.select(table).where(table.c.ended_at.is_(None)).order_by(table.c.since, table.c.storm_id)
    on = connection.execute(is_on).all()
    return tuple(_row(connection, storm, now) for storm in on)


def batteries(connection: sa.Connection, now: datetime) -> Mapping[int, float]:
    """Minutes that are left, of cases of storms whose home's battery is known to empty: the shortest comes first."""
    rows = connection.execute(_HOMES.where(storm_homes.c.recovered_at.is_(None), reserves.c.at.is_not(None)))
    found = ((row.incident_id, reserve_of(row).minutes_left(now)) for row in rows if row.incident_id is not None)
    return {number: minutes for number, minutes in found if minutes is not None}


def _row(connection: sa.Connection, storm: sa.Row[tuple[object, ...]], now: datetime) -> StormRow:
    homes = connection.execute(_HOMES.where(storm_homes.c.storm_id == storm.storm_id)).all()
    left = [home for home in homes if home.recovered_at is None]
    return StormRow(
        storm_id=storm.storm_id,
        incident_id=storm.incident_id,
        kind=storm.kind,
        area=name_of(connection, storm.area) if storm.area else "",
        since=storm.since,
        homes=len(homes),
        recovered=len(homes) - len(left),
        held=sum(home.state == HELD for home in homes),
        low=sum(_is_low(home, now) for home in left),
        urgent=sum(home.priority in (Severity.P1.value, Severity.P2.value) for home in homes),
        is_ours=storm.is_ours,
        is_released=storm.released_at is not None,
        spark=_spark([home.told_at for home in homes], now),
    )


def _is_low(home: sa.Row[tuple[object, ...]], now: datetime) -> bool:
    minutes = None if home.from_at is None else reserve_of(home).minutes_left(now)
    return minutes is not None and minutes < storms.LOW_MINUTES


def _spark(told: Sequence[datetime], now: datetime) -> tuple[int, ...]:
    counts = [0] * SPARKS
    first = min(told, default=now)
    length = max((now - first).total_seconds(), 1.0)
    for moment in told:
        part = (moment - first).total_seconds() / length
        counts[min(SPARKS - 1, int(max(0.0, part) * SPARKS))] += 1
    return tuple(counts)


_LEVELS = (reserves.c.from_at, reserves.c.from_level, reserves.c.at, reserves.c.level)
_HOMES = (
    sa.select(storm_homes, schema.incidents.c.state, schema.incidents.c.priority, *_LEVELS)
    .join_from(storm_homes, schema.incidents, schema.incidents.c.incident_id == storm_homes.c.incident_id, isouter=True)
    .join(reserves, reserves.c.gateway_id == storm_homes.c.gateway_id, isouter=True)
)
