"""The tree of places a step at a time, with how many homes each place holds; one place renamed or moved."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from community.people import Level
from community.registry import PlaceRow, Reading, register_of
from community.registry_checks import Known, sift
from community.store.people_register import Hand, Tally, take_in
from community.store.people_schema import home_register, places
from community.store.places import path_to
from shouwang.bilingual import by_lines
from shouwang.errors import ConfigError

AT_ONCE = 200
"""Places of one page."""
FOUND_AT_ONCE = 50


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A place. `homes`: how many stand in it, however deep; `around`: what it lies in, in words."""

    place_id: str
    parent_id: str | None
    level: Level
    code: str
    name: str
    homes: int = 0
    around: str = ""


def spot(connection: sa.Connection, place_id: str) -> Spot | None:
    """One place, with its homes."""
    row = connection.execute(sa.select(places).where(places.c.place_id == place_id)).first()
    return None if row is None else _with_homes(connection, [_spot(row)])[0]


def path(connection: sa.Connection, place_id: str) -> tuple[Spot, ...]:
    """What is around it, the widest first, and the place itself."""
    ids = [found for found, _ in path_to(connection, place_id)]
    rows = {row.place_id: row for row in connection.execute(sa.select(places).where(places.c.place_id.in_(ids)))}
    return tuple(_spot(rows[one]) for one in ids)


def inside(connection: sa.Connection, place_id: str | None, after: str = "") -> tuple[Spot, ...]:
    """The places that stand in it (None: in none), with their homes, by id from `after` on; one more than a page."""
    around = places.c.parent_id.is_(None) if place_id is None else places.c.parent_id == place_id
    rows = connection.execute(
        sa.select(places).where(around, places.c.place_id > after).order_by(places.c.place_id).limit(AT_ONCE + 1)
    )
    return _with_homes(connection, [_spot(row) for row in rows])


def found(connection: sa.Connection, words: str) -> tuple[Spot, ...]:
    """Places of which id, code or name hold these words."""
    fits = sa.or_(*(column.icontains(words, autoescape=True) for column in (places.c.name, places.c.place_id)))
    rows = connection.execute(sa.select(places).where(fits).order_by(places.c.place_id).limit(FOUND_AT_ONCE + 1))
    return tuple(
        msgspec.structs.replace(one, around=" ".join(step.name for step in path(connection, one.place_id)[:-1]))
        for one in _with_homes(connection, [_spot(row) for row in rows])
    )


def wider(connection: sa.Connection, level: Level) -> tuple[Spot, ...]:
    """Districts and communities that a place of this level may stand in."""
    fitting = [one.value for one in (Level.DISTRICT, Level.COMMUNITY) if level.is_within(one)]
    rows = connection.execute(
        sa.select(places).where(places.c.level.in_(fitting)).order_by(places.c.place_id).limit(AT_ONCE)
    )
    return tuple(_spot(row) for row in rows)


def put(connection: sa.Connection, row: PlaceRow, *, by: str, at: datetime, reason: str) -> None:
    """Make a place say what the row says, by the rules of a register. Raises ConfigError."""
    tree = {one.place_id: (Level(one.level), one.parent_id) for one in connection.execute(sa.select(places))}
    sifted = sift(Reading(register=register_of([row])), Known(places=tree), at)
    if sifted.refusals:
        raise ConfigError(by_lines(one.message for one in sifted.refusals))
    take_in(connection, sifted.register, Hand(by=by, at=at, reason=reason), Tally())


def _with_homes(connection: sa.Connection, spots: list[Spot]) -> tuple[Spot, ...]:
    roots = [one.place_id for one in spots]
    tree = (
        sa.select(places.c.place_id.label("root"), places.c.place_id)
        .where(places.c.place_id.in_(roots))
        .cte("tree", recursive=True)
    )
    below = sa.select(tree.c.root, places.c.place_id).join(tree, places.c.parent_id == tree.c.place_id)
    tree = tree.union_all(below)
    counted = (
        sa.select(tree.c.root, sa.func.count().label("homes"))
        .join(home_register, home_register.c.place_id == tree.c.place_id)
        .group_by(tree.c.root)
    )
    homes = {row.root: row.homes for row in connection.execute(counted)}
    return tuple(msgspec.structs.replace(one, homes=homes.get(one.place_id, 0)) for one in spots)


def _spot(row: sa.Row[tuple[object, ...]]) -> Spot:
    return Spot(place_id=row.place_id, parent_id=row.parent_id, level=Level(row.level), code=row.code, name=row.name)
