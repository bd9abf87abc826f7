"""Where homes stand: a home's own point, else that of its building. One notion for whoever is sent and for the map.

A building without a point of its own stands in the middle of its homes that have one.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from community.people import Level
from community.points import Point
from community.points import point_of as point_in
from community.store.dispatch_schema import home_spots
from community.store.people_schema import home_register, places, register_changes
from community.store.places import around_of, homes_in, inside


def point_of(connection: sa.Connection, home_id: str) -> Point | None:
    """Where a home stands; None where nobody has told it."""
    own = _own(connection, home_id)
    if own is not None:
        return own
    building = around_of(connection, home_id, Level.BUILDING)
    if building is None:
        return None
    stands = sa.select(places.c.lat, places.c.lon).where(places.c.place_id == building)
    row = connection.execute(stands).one()
    return point_in(row.lat, row.lon) or _middle_of(connection, building)


def differing(connection: sa.Connection, home_id: str, point: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """What these values (`lat`, `lon`) would change of a home's own point: before and after."""
    own = _own(connection, home_id)
    before = {"lat": own and own.lat, "lon": own and own.lon}
    return {name: (before[name], value) for name, value in point.items() if before[name] != value}


def put(connection: sa.Connection, home_id: str, point: Mapping[str, object]) -> None:
    """A home's own point: `lat` and `lon`."""
    this = home_spots.c.home_id == home_id
    if connection.execute(sa.update(home_spots).where(this).values(point)).rowcount == 0:
        nothing = {"areas": b"[]", "door_note": ""}
        connection.execute(sa.insert(home_spots).values(home_id=home_id, **nothing, **point))


def forget(connection: sa.Connection, home_id: str) -> None:
    """The home's own point, and its building's where no other home stands in that: it tells where this one was."""
    building = around_of(connection, home_id, Level.BUILDING)
    connection.execute(sa.update(home_spots).where(home_spots.c.home_id == home_id).values(lat=None, lon=None))
    if building is None or homes_in(connection, building) - {home_id}:
        return
    connection.execute(sa.update(places).where(places.c.place_id == building).values(lat=None, lon=None))
    of_point = (register_changes.c.subject == building) & register_changes.c.field.in_(("lat", "lon"))
    connection.execute(sa.update(register_changes).where(of_point).values(before=None, after=None))


def _own(connection: sa.Connection, home_id: str) -> Point | None:
    told = sa.select(home_spots.c.lat, home_spots.c.lon).where(home_spots.c.home_id == home_id)
    row = connection.execute(told).first()
    return None if row is None else point_in(row.lat, row.lon)


def _middle_of(connection: sa.Connection, building: str) -> Point | None:
    row = connection.execute(
        sa.select(sa.func.avg(home_spots.c.lat).label("lat"), sa.func.avg(home_spots.c.lon).label("lon"))
        .join(home_register, home_register.c.home_id == home_spots.c.home_id)
        .where(home_register.c.place_id.in_(inside(places.c.place_id == building)))
    ).one()
    return point_in(row.lat, row.lon)
