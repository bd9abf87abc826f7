"""What consoles show of storms: one row for all the cases that each holds back."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import sqlalchemy as sa

from community import storms
from community.desk import StormRow
from community.reserve import Reserve
from community.store import schema
from community.store.areas import name_of
from community.store.cases import CLOSED
from community.store.columns import micros, moment_of
from community.store.gathered import gathered
from community.store.storm_schema import reserves, storm_homes
from community.store.storm_schema import storms as table
from community.store.storms import HELD
from shouwang.alert import Severity

SPARKS = 24
"""So many columns has the little plot of when homes told of it."""
_URGENT = (Severity.P1.value, Severity.P2.value)
_Level = tuple[int, float, int, float]
"""A battery as `reserves` has it; moments in microseconds since 1970."""


class _Home(msgspec.Struct, frozen=True, array_like=True):
    """A home of a storm, its case and its battery."""

    told_at: int
    recovered_at: int | None
    state: str | None
    priority: str | None
    from_at: int | None
    from_level: float | None
    at: int | None
    level: float | None


def summary(connection: sa.Connection, now: datetime) -> tuple[StormRow, ...]:
    """All that are on, the oldest first."""
    is_on = sa.select(table).where(table.c.ended_at.is_(None)).order_by(table.c.since, table.c.storm_id)
    on = connection.execute(is_on).all()
    return tuple(_row(connection, storm, now) for storm in on)


def batteries(connection: sa.Connection, now: datetime) -> Mapping[int, float]:
    """Minutes left, of open cases of storms whose home has a battery that is known to empty."""
    rows = _batteries.decode(gathered(connection, _BATTERIES))
    found = ((row[0], _reserve(row[1:]).minutes_left(now)) for row in rows)
    return {number: minutes for number, minutes in found if minutes is not None}


def _row(connection: sa.Connection, storm: sa.Row[tuple[object, ...]], now: datetime) -> StormRow:
    homes = _homes.decode(gathered(connection, _HOMES.where(storm_homes.c.storm_id == storm.storm_id)))
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
        urgent=sum(home.priority in _URGENT for home in homes),
        is_ours=storm.is_ours,
        is_released=storm.released_at is not None,
        spark=_spark([home.told_at for home in homes], now),
    )


def _is_low(home: _Home, now: datetime) -> bool:
    if home.from_at is None or home.from_level is None or home.at is None or home.level is None:
        return False
    minutes = _reserve((home.from_at, home.from_level, home.at, home.level)).minutes_left(now)
    return minutes is not None and minutes < storms.LOW_MINUTES


def _reserve(level: _Level) -> Reserve:
    from_at, from_level, at, now_level = level
    return Reserve(from_at=moment_of(from_at), from_level=from_level, at=moment_of(at), level=now_level)


def _spark(told: Sequence[int], now: datetime) -> tuple[int, ...]:
    """`told`: microseconds since 1970."""
    counts = [0] * SPARKS
    first = min(told, default=micros(now))
    length = max(micros(now) - first, 1_000_000)
    for moment in told:
        counts[min(SPARKS - 1, max(0, moment - first) * SPARKS // length)] += 1
    return tuple(counts)


_LEVELS = (reserves.c.from_at, reserves.c.from_level, reserves.c.at, reserves.c.level)
_HOMES = (
    sa.select(
        storm_homes.c.told_at,
        storm_homes.c.recovered_at,
        schema.incidents.c.state,
        schema.incidents.c.priority,
        *_LEVELS,
    )
    .join_from(storm_homes, schema.incidents, schema.incidents.c.incident_id == storm_homes.c.incident_id, isouter=True)
    .join(reserves, reserves.c.gateway_id == storm_homes.c.gateway_id, isouter=True)
)
_IS_OPEN = schema.incidents.c.state != sa.literal_column(f"'{CLOSED}'")  # as the index of open cases has it
_BATTERIES = (
    sa.select(storm_homes.c.incident_id, *_LEVELS)
    .join_from(schema.incidents, storm_homes, storm_homes.c.incident_id == schema.incidents.c.incident_id)
    .join(reserves, reserves.c.gateway_id == storm_homes.c.gateway_id)
    .where(_IS_OPEN, storm_homes.c.recovered_at.is_(None))
)
_homes = msgspec.json.Decoder(list[_Home])
_batteries = msgspec.json.Decoder(list[tuple[int, int, float, int, float]])
