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
    return around_of(connection, home_key, Level.GRID)


def around_of(connection: sa.Connection, home_key: str, wanted: Level) -> str | None:
    """The id of the place of this level around a home; None where that is not on file."""
    place = connection.scalar(sa.select(home_register.c.place_id).where(home_register.c.home_id == home_key))
    return next((found for found, level in path_to(connection, place) if level is wanted), None)


def areas(connection: sa.Connection) -> Mapping[str, tuple[str, ...]]:
    """As `area_of`, of all homes at once."""
    around = {row.place_id: row.parent_id for row in connection.execute(sa.select(places))}
    table = home_register
    homes = connection.execute(sa.select(table.c.home_id, table.c.place_id).where(table.c.place_id.is_not(None)))
    return {row.home_id: _path_in(around, row.place_id) for row in homes}


def homes_in(connection: sa.Connection, place_id: str) -> frozenset[str]:
    """The homes that stand in a place, however deep."""
    is_there = home_register.c.place_id.in_(inside(places.c.place_id == place_id))
    return frozenset(connection.scalars(sa.select(home_register.c.home_id).where(is_there)))


def inside(which: "sa.ColumnElement[bool]") -> "sa.Select[tuple[str]]":
    """These places with all that lie in them. A union without doubles ends, even where one hangs under itself."""
    tree = sa.select(places.c.place_id).where(which).cte("inside", recursive=True)
    tree = tree.union(sa.select(places.c.place_id).join(tree, places.c.parent_id == tree.c.place_id))
    return sa.select(tree.c.place_id)


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
