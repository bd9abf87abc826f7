"""Homes as a street map has them: buildings with the homes that stand there, and homes in no building by their own."""

import sqlalchemy as sa

from community.people import Level
from community.plan import State
from community.points import Point, point_of
from community.store.dispatch_schema import home_spots
from community.store.people_schema import places
from community.store.plan import Found, Seen, found_in, tree_of
from community.street_map import Standing

_ORDER = tuple(State)


def standings(seen: Seen, at: str | None = None) -> tuple[Standing, ...]:
    """Homes by block and state; `at`: below this place alone."""
    home, tree, spot = seen.states(), tree_of(at), home_spots.c
    joined = sa.join(home, tree, tree.c.place_id == home.c.place_id, isouter=at is None)
    joined = joined.outerjoin(home_spots, spot.home_id == home.c.home_id)
    rows = seen.connection.execute(
        sa.select(
            tree.c.block_id,
            home.c.rank,
            sa.func.count().label("homes"),
            sa.func.count(spot.lat).label("pointed"),
            sa.func.avg(spot.lat).label("lat"),
            sa.func.avg(spot.lon).label("lon"),
        )
        .select_from(joined)
        .group_by(tree.c.block_id, home.c.rank)
    )
    return tuple(
        Standing(
            block_id=row.block_id,
            state=_ORDER[row.rank],
            homes=row.homes,
            pointed=row.pointed,
            middle=point_of(row.lat, row.lon),
        )
        for row in rows
    )


def alone(seen: Seen, limit: int, at: str | None = None) -> tuple[tuple[Found, Point], ...]:
    """The homes in no building that have a point, the worst first."""
    home, tree, nothing = seen.states(), tree_of(at), sa.null()
    building = sa.select(places.c.place_id).where(places.c.level == Level.BUILDING.value)
    joined = sa.join(home, tree, tree.c.place_id == home.c.place_id, isouter=at is None)
    joined = joined.join(home_spots, home_spots.c.home_id == home.c.home_id)
    rows = seen.connection.execute(
        sa.select(
            home,
            nothing.label("unit_id"),
            nothing.label("floor_id"),
            nothing.label("door_id"),
            home_spots.c.lat,
            home_spots.c.lon,
        )
        .select_from(joined)
        .where(
            home_spots.c.lat.is_not(None),
            sa.or_(tree.c.block_id.is_(None), tree.c.block_id.not_in(building)),
        )
        .order_by(home.c.rank, home.c.home_id)
        .limit(limit)
    )
    return tuple((found_in(row), Point(lat=row.lat, lon=row.lon)) for row in rows)
