"""Homes as a street map has them: buildings with the homes that stand there, and homes in no building by their own."""

from typing import Any

import sqlalchemy as sa

from community.people import Level
from community.plan import State
from community.points import Point, point_of
from community.store.dispatch_schema import home_spots
from community.store.people_schema import places
from community.store.plan import Found, Seen, tree_of
from community.street_map import Standing

_ORDER = tuple(State)


def spread(seen: Seen, limit: int, at: str | None = None) -> tuple[list[Standing], list[tuple[Found, Point]]]:
    """Homes by block and state, and those in no building that have a point, the worst first; `at`: below this place.

    One question for both: how all the homes are is the dear part of it. Of a home its worst state alone.
    """
    states, tree, spot = seen.states(), tree_of(at), home_spots.c
    joined = sa.join(states, tree, tree.c.place_id == states.c.place_id, isouter=at is None)
    joined = joined.outerjoin(home_spots, spot.home_id == states.c.home_id)
    told = (states.c.home_id, states.c.gateway_id, states.c.rank, tree.c.block_id, spot.lat, spot.lon)
    home = sa.select(*told).select_from(joined).cte("spread")
    standings: list[Standing] = []
    alone: list[tuple[int, Found, Point]] = []
    for row in seen.connection.execute(_counted(home).union_all(_alone(home, limit))):
        if row.home_id is None:
            standings.append(_standing(row))
        else:
            alone.append((row.rank, _found(row), Point(lat=row.lat, lon=row.lon)))
    return standings, [(found, point) for _, found, point in sorted(alone, key=lambda one: (one[0], one[1].home_id))]


def _counted(home: sa.CTE) -> "sa.Select[tuple[object, ...]]":
    """A row for each block and state; what is of single homes alone is null."""
    shared = (home.c.rank, home.c.block_id)
    middle = (sa.func.avg(home.c.lat).label("lat"), sa.func.avg(home.c.lon).label("lon"))
    counts = (sa.func.count().label("homes"), sa.func.count(home.c.lat).label("pointed"))
    single = (sa.null().label("home_id"), sa.null().label("gateway_id"))
    columns: list[sa.ColumnElement[Any]] = [*single, *shared, *middle, *counts]
    return sa.select(*columns).group_by(*shared)


def _alone(home: sa.CTE, limit: int) -> "sa.Select[tuple[object, ...]]":
    """A row for each home in no building that has a point, in the same columns."""
    building = sa.select(places.c.place_id).where(places.c.level == Level.BUILDING.value)
    in_none = sa.or_(home.c.block_id.is_(None), home.c.block_id.not_in(building))
    worst = sa.select(home).where(home.c.lat.is_not(None), in_none).order_by(home.c.rank, home.c.home_id).limit(limit)
    one = worst.subquery("alone").c
    columns: list[sa.ColumnElement[Any]] = [one.home_id, one.gateway_id, one.rank, one.block_id, one.lat, one.lon]
    return sa.select(*columns, sa.null(), sa.null())


def _found(row: sa.Row[tuple[object, ...]]) -> Found:
    state = _ORDER[row.rank]
    return Found(
        home_id=row.home_id,
        gateway_id=row.gateway_id or "",
        states=() if state is State.WELL else (state,),
        unit_id=None,
        floor_id=None,
        door_id=None,
    )


def _standing(row: sa.Row[tuple[object, ...]]) -> Standing:
    return Standing(
        block_id=row.block_id,
        state=_ORDER[row.rank],
        homes=row.homes,
        pointed=row.pointed,
        middle=point_of(row.lat, row.lon),
    )
