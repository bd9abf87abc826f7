"""The tree of places, from districts to doors, and where homes stand in it."""

from collections.abc import Mapping

import sqlalchemy as sa

from community.people import Level
from community.store.people_schema import home_register, places

_DEEPEST = len(Level)
"""No place is further from its district than there are levels."""


def area_of(connection: sa.Connection, home_key: str) -> tuple[str, ...]:
    """The ids of the places around a home, from its district to its door; empty where that is not on file."""
    place = connection.scalar(sa.select(home_register.c.place_id).where(home_register.c.home_id == home_key))
    return tuple(place_id for place_id, _ in path_to(connection, place))


def grid_of(connection: sa.Connection, home_key: str) -> str | None:
    """The id of the grid to which a home belongs; None where that is not on file."""
    place = connection.scalar(sa.select(home_register.c.place_id).where(home_register.c.home_id == home_key))
    return next((found for found, level in path_to(connection, place) if level is Level.GRID), None)


def areas(connection: sa.Connection) -> Mapping[str, tuple[str, ...]]:
    """As `area_of`, of all homes at once."""
    around = {row.place_id: row.parent_id for row in connection.execute(sa.select(places))}
    table = home_register
    homes = connection.execute(sa.select(table.c.home_id, table.c.place_id).where(table.c.place_id.is_not(None)))
    return {row.home_id: _path_in(around, row.place_id) for row in homes}


def homes_in(connection: sa.Connection, place_id: str) -> frozenset[str]:
    """The homes that stand in a place, however deep."""
    return frozenset(home for home, path in areas(connection).items() if place_id in path)


def name_of(connection: sa.Connection, place_id: str) -> str:
    """A place as people call it, the widest around it first; its id where it is not on file."""
    path = [found for found, _ in path_to(connection, place_id)]
    rows = connection.execute(sa.select(places.c.place_id, places.c.name).where(places.c.place_id.in_(path)))
    names = {row.place_id: row.name for row in rows}
    return " ".join(names[one] for one in path) or place_id


def put_below(connection: sa.Connection, parent_id: str, steps: tuple[tuple[Level, str], ...]) -> str:
    """The id of the place that the steps lead to, from building to door; places that are missing are made."""
    place_id = parent_id
    for level, code in steps:
        parent, place_id = place_id, below(place_id, level, code)
        found = connection.execute(sa.select(places.c.place_id).where(places.c.place_id == place_id)).first()
        if found is None:
            row = {"place_id": place_id, "parent_id": parent, "level": level.value, "code": code, "name": code}
            connection.execute(sa.insert(places).values(row))
    return place_id


def below(parent_id: str, level: Level, code: str) -> str:
    """The id that a place gets that was told by its number alone, e.g. grid-3/b7/u2/f5/d501."""
    return f"{parent_id}/{level.value[0]}{code}"


def path_to(connection: sa.Connection, place_id: str | None) -> list[tuple[str, Level]]:
    """The places around and the place itself, the widest first, each with its level."""
    found: list[tuple[str, Level]] = []
    while place_id is not None and len(found) < _DEEPEST:
        row = connection.execute(sa.select(places).where(places.c.place_id == place_id)).first()
        if row is None:
            break
        found.append((place_id, Level(row.level)))
        place_id = row.parent_id
    return found[::-1]


def _path_in(around: Mapping[str, str | None], place_id: str | None) -> tuple[str, ...]:
    path: list[str] = []
    while place_id is not None and len(path) < _DEEPEST:
        path.append(place_id)
        place_id = around.get(place_id)
    return tuple(reversed(path))
