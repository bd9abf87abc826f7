"""In which areas homes lie, and how many homes those have: what a storm may strike, from the tree of places."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from community.people import Level
from community.store import schema
from community.store.people_schema import home_register, places
from community.storms import EVERYWHERE

_LEVELS = (Level.DISTRICT, Level.COMMUNITY, Level.GRID, Level.BUILDING)
"""A unit or a floor is too small for a storm, and one cause seldom stops at its door."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Areas:
    """`of`: those that a home lies in; `sizes`: how many homes each has, of all homes too."""

    of: Mapping[str, Sequence[str]]
    sizes: Mapping[str, int]


def areas(connection: sa.Connection, home_keys: Collection[str]) -> Areas:
    """Of these homes. One that has no place lies in no area but the whole community."""
    homes = {row.home_id: row.place_id for row in connection.execute(_HOMES)}
    tree = {row.place_id: row for row in connection.execute(_TREE)} if homes else {}
    sizes: dict[str, int] = {EVERYWHERE: connection.execute(_ALL).scalar_one()}
    found: dict[str, Sequence[str]] = dict.fromkeys(home_keys, ())
    for home_id, place_id in homes.items():
        above = tuple(_above(tree, place_id))
        for area in above:
            sizes[area] = sizes.get(area, 0) + 1
        if home_id in found:
            found[home_id] = above
    return Areas(of=found, sizes=sizes)


def lies_in(connection: sa.Connection, home_key: str, area: str) -> bool:
    """Whether the home lies there."""
    if area == EVERYWHERE:
        return True
    known = sa.select(home_register.c.place_id).where(home_register.c.home_id == home_key)
    place_id = connection.execute(known).scalar()
    while place_id is not None and place_id != area:
        place_id = connection.execute(sa.select(places.c.parent_id).where(places.c.place_id == place_id)).scalar()
    return place_id == area


def name_of(connection: sa.Connection, area: str) -> str:
    """As people call it; empty for the whole community."""
    name = connection.execute(sa.select(places.c.name).where(places.c.place_id == area)).scalar()
    return str(name or area)


def _above(tree: Mapping[str, sa.Row[*tuple[Any, ...]]], place_id: str) -> Iterator[str]:
    at: str | None = place_id
    while at is not None and (place := tree.get(at)) is not None:
        if place.level in _LEVELS:
            yield at
        at = place.parent_id


_HOMES = sa.select(home_register.c.home_id, home_register.c.place_id).where(home_register.c.place_id.is_not(None))
_TREE = sa.select(places.c.place_id, places.c.parent_id, places.c.level)
_ALL = sa.select(sa.func.count()).select_from(schema.gateways)
