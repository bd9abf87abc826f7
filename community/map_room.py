"""What stands behind the street map: marks as far as the viewer may look, at the points that the base map shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from community.gcj02 import to_gcj02
from community.map_settings import MapEntry
from community.people import Level
from community.plan import Door, State
from community.plan_room import View, totals
from community.points import Point
from community.store import map_spots, plan, points
from community.store.database import Store
from community.store.plan import Found, PlaceRow
from community.street_map import Mark, Standing, StreetMap, buildings_of, by_block, chosen, without_point
from community.tiles import Shelf, Tile, credit_of, source_of
from community.users import User

MARKS = 400
"""More at once nobody reads and no telephone draws, nor is it drawn within 100 ms (benchmarks/console.py): whoever has
more looks at one community."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The map below the marks. `url`: of tiles, for browsers; `outside`: the other host that they ask, or empty."""

    url: str
    outside: str
    credit: str
    zooms: tuple[int, int]


class MapRoom:
    """The street map of a centre that has set one up. Everybody sees the homes of his areas, as on the plan."""

    def __init__(self, store: Store, entry: MapEntry, *, clock: Callable[[], datetime]) -> None:
        """`clock`: wall time. Raises ConfigError where the tiles cannot be used."""
        self._store, self._clock = store, clock
        self._shown: Callable[[Point], Point] = to_gcj02 if entry.datum == "gcj02" else _as_it_is
        source = source_of(entry)
        self._shelf = None if source is None else Shelf(source)
        self.base = Base(
            url=entry.url or f"/plan/tiles/{{z}}/{{x}}/{{y}}?v={_version(entry)}",
            outside=entry.outside,
            credit=credit_of(entry, source),
            zooms=entry.zooms(None if source is None else source.zooms),
        )

    async def overview(self, user: User, at: str = "") -> StreetMap | None:
        """The marks below a place (empty: everywhere). None: no such place, or nothing there that he sees."""
        now = self._clock()
        found = await self._store.read(lambda connection: _overview(View(connection, user, now), at))
        return None if found is None else self._as_drawn(found)

    async def shows(self, home_id: str) -> bool:
        """Whether it is known where this home stands."""
        return await self._store.read(lambda connection: points.point_of(connection, home_id)) is not None

    async def tile(self, z: int, x: int, y: int) -> Tile | None:
        """A tile of this server's own; None: there is none. Raises TryLater."""
        return None if self._shelf is None else await self._shelf.tile(z, x, y)

    def _as_drawn(self, found: StreetMap) -> StreetMap:
        """Points where the base map shows them."""
        return replace(
            found,
            marks=tuple(replace(one, point=self._shown(one.point)) for one in found.marks),
            centre=None if found.centre is None else self._shown(found.centre),
        )


def _overview(view: View, at: str) -> StreetMap | None:
    path = plan.path_to(view.connection, at) if at else ()
    up_to = next((number for number, one in enumerate(path) if one.level is Level.BUILDING), len(path))
    path = path[: up_to + 1]  # a unit or a door stands where its building does
    if at and not path:
        return None
    at = path[-1].place_id if path else ""
    standings, alone = map_spots.spread(view.seen, MARKS, at or None)
    if at and not standings:
        return None
    known = plan.wide_places(view.connection)
    blocks = by_block(standings)
    homes = _homes(view, alone)
    marks, hidden = chosen([*buildings_of(blocks, known), *homes], MARKS)
    return StreetMap(
        path=tuple((one.place_id, one.name) for one in path),
        marks=marks,
        counts=totals(standings),
        without=without_point(blocks, known),
        hidden=hidden + _alone(standings, known) - len(homes),
        centre=_centre(path, known),
    )


def _home(door: Door, point: Point) -> Mark:
    return Mark(
        mark_id=f"home-{door.home_id}",
        name=door.number,
        around="",
        point=point,
        counts={door.state: 1},
        address=door.address,
        is_building=False,
    )


def _homes(view: View, alone: Sequence[tuple[Found, Point]]) -> list[Mark]:
    """Homes in no building, as they stand one by one. The map names nobody."""
    cases = plan.cases_of(view.connection, [one.home_id for one, _ in alone])
    return [_home(_door(one, cases.get(one.home_id)), point) for one, point in alone]


def _door(one: Found, case: int | None) -> Door:
    state = next(iter(one.states), State.WELL)
    return Door(home_id=one.home_id, state=state, gateway_id=one.gateway_id, case=case)


def _alone(standings: Iterable[Standing], known: Mapping[str, PlaceRow]) -> int:
    """Homes in no building that have a point."""
    found = 0
    for one in standings:
        place = known.get(one.block_id or "")
        if place is None or place.level is not Level.BUILDING:
            found += one.pointed
    return found


def _centre(path: Sequence[PlaceRow], known: Mapping[str, PlaceRow]) -> Point | None:
    """Where to begin if nothing is drawn: the nearest place around that has a point, else any widest one."""
    around = [one.point for one in reversed(path) if one.point is not None]
    anywhere = (one.point for one in known.values() if one.point is not None)
    return around[0] if around else next(anywhere, None)


def _version(entry: MapEntry) -> str:
    """Changes with the tiles, so that browsers ask for the new ones at once."""
    try:
        return "" if entry.tiles is None else f"{entry.tiles.stat().st_mtime_ns:x}"
    except OSError:
        return ""


def _as_it_is(point: Point) -> Point:
    return point
