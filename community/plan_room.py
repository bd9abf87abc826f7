"""What stands behind the plan page: the tree of places with the state of its homes, as far as the viewer may look."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from community.people import Level
from community.plan import NOT_PLACED, Block, Building, Counts, Door, Group, State, natural
from community.rights import Right, holds
from community.store import plan, rights
from community.store.database import Connection, Store
from community.store.plan import Found, Placed, PlaceRow, Seen, around, names_around
from community.street_map import Standing
from community.users import EVERYWHERE, User

LOOSE = 200
"""Homes without a building that are shown at once."""
_DRAWN = (Level.BUILDING, Level.UNIT, Level.FLOOR, Level.DOOR)


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """Buildings of a place (`path` empty: of all), grid by grid; `loose`: homes that stand in no building there.

    `counts`: all homes shown; `not_placed`: those that are in no tree; `after`: where the next page of `loose` begins.
    """

    path: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    counts: Counts
    not_placed: Block | None
    loose: Building | None = None
    hidden: int = 0
    after: str = ""


class PlanRoom:
    """The plan. Everybody sees the homes of his areas; names only where he may read the register."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """`clock`: wall time."""
        self._store = store
        self._clock = clock

    async def overview(self, user: User, at: str = "", *, after: str = "") -> Overview | None:
        """The buildings below a place (empty: everywhere; NOT_PLACED: the homes in no tree). None: no such place.

        `after`: which page of homes without a building, as the last one said.
        """
        now = self._clock()
        return await self._store.read(lambda connection: _overview(View(connection, user, now), at, after))

    async def building(self, user: User, at: str) -> Building | None:
        """A building, a unit or a floor, door by door. None where it is none, or there is nothing that he sees."""
        now = self._clock()

        def read(connection: Connection) -> Building | None:
            path = plan.path_to(connection, at)
            return _drawn(View(connection, user, now), path, "")

        return await self._store.read(read)

    async def building_of(self, user: User, home_id: str) -> Building | None:
        """The building of a home, its door marked. None where it has none, or the home is none of his."""
        now = self._clock()

        def read(connection: Connection) -> Building | None:
            place = plan.place_of(connection, home_id)
            path = () if place is None else plan.path_to(connection, place)
            up_to = next((number for number, one in enumerate(path) if one.level is Level.BUILDING), None)
            if up_to is None:
                return None
            found = _drawn(View(connection, user, now), path[: up_to + 1], home_id)
            is_seen = found is not None and any(one.home_id == home_id for one in found.doors)
            return found if is_seen else None

        return await self._store.read(read)


class View:
    """One viewer at one moment, within one transaction."""

    def __init__(self, connection: Connection, user: User, now: datetime) -> None:
        """What he sees is asked for at once."""
        self.connection, self.user, self.now = connection, user, now
        self.seen = Seen(connection, now, seen_homes(connection, user, Right.READ_QUEUE, now))

    def doors(self, found: Iterable[Found]) -> tuple[Door, ...]:
        """These homes as doors, with names for who may know them."""
        rows = tuple(found)
        ids = [one.home_id for one in rows]
        cases, names = plan.cases_of(self.connection, ids), self._names(ids)
        parts = {part for one in rows for part in (one.unit_id, one.floor_id, one.door_id) if part}
        named = {key: place.name for key, place in plan.places_named(self.connection, parts).items()}
        return tuple(
            Door(
                home_id=one.home_id,
                state=next(iter(one.states), State.WELL),
                unit=named.get(one.unit_id or "", ""),
                floor=named.get(one.floor_id or "", ""),
                door=named.get(one.door_id or "", ""),
                also=one.states[1:],
                gateway_id=one.gateway_id,
                case=cases.get(one.home_id),
                names=tuple(names.get(one.home_id, ())),
            )
            for one in rows
        )

    def _names(self, ids: list[str]) -> Mapping[str, Iterable[str]]:
        if not holds(self.user, Right.READ_RESIDENTS):
            return {}
        may = rights.visible(self.connection, self.user, Right.READ_RESIDENTS, ids, self.now)
        return plan.names_of(self.connection, may)


def seen_homes(connection: Connection, user: User, right: Right, now: datetime) -> frozenset[str] | None:
    """The homes over which a user has this right; None: all, so that no tree is climbed for who sees it all."""
    if user.areas == EVERYWHERE and user.organisations == EVERYWHERE:
        return None if holds(user, right) else frozenset()
    return rights.visible(connection, user, right, plan.all_homes(connection), now)


def groups_of(placed: Iterable[Placed], known: Mapping[str, PlaceRow]) -> tuple[Group, ...]:
    """Blocks by the grid (or what else) that they stand in, in an order that no state changes."""
    counts: dict[str, dict[State, int]] = {}
    for one in placed:
        if one.block_id in known:
            counts.setdefault(one.block_id or "", {})[one.state] = one.homes
    groups: dict[str, list[Block]] = {}
    for place_id, of_block in counts.items():
        place = known[place_id]
        is_building = place.level is Level.BUILDING
        block = Block(place_id=place_id, name=place.name, counts=of_block, is_building=is_building)
        around = place.parent_id if is_building and place.parent_id in known else place_id
        groups.setdefault(around or place_id, []).append(block)
    found = [
        Group(
            place_id=place_id,
            names=names_around(known, place_id),
            blocks=tuple(sorted(blocks, key=lambda one: (not one.is_building, natural(one.name), one.place_id))),
        )
        for place_id, blocks in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: _place_in_tree(known, one.place_id)))


def not_placed(placed: Iterable[Placed]) -> Block | None:
    """The homes in no tree, as a block; None where there are none."""
    counts = {one.state: one.homes for one in placed if one.block_id is None}
    return Block(place_id=NOT_PLACED, name="", counts=counts, is_building=False) if counts else None


def totals(placed: Iterable[Placed | Standing]) -> Counts:
    """Of all."""
    found = dict.fromkeys(State, 0)
    for one in placed:
        found[one.state] += one.homes
    return {state: number for state, number in found.items() if number}


def _overview(view: View, at: str, after: str) -> Overview | None:
    if at == NOT_PLACED:
        placed = [one for one in view.seen.counts() if one.block_id is None]
        loose, further = _loose(view, None, (), after)
        return Overview(
            path=(), groups=(), counts=totals(placed), not_placed=not_placed(placed), loose=loose, after=further
        )
    path = plan.path_to(view.connection, at) if at else ()
    if at and (not path or path[-1].level in _DRAWN):
        return None
    placed = list(view.seen.counts(at or None))
    if at and not placed:
        return None  # nothing there that he sees, so that he does not learn its name either
    groups = groups_of(placed, plan.wide_places(view.connection))
    loose, further = _loose(view, at, path, after) if any(one.block_id == at for one in placed) else (None, "")
    shown, hidden = _first(groups)
    return Overview(
        path=tuple((one.place_id, one.name) for one in path),
        groups=shown,
        counts=totals(placed),
        not_placed=None if at else not_placed(placed),
        loose=loose,
        hidden=hidden,
        after=further,
    )


def _loose(view: View, at: str | None, path: tuple[PlaceRow, ...], after: str) -> tuple[Building | None, str]:
    found = view.seen.loose(at, LOOSE, after)
    if not found:
        return None, ""
    shown = Building(
        place_id=at or NOT_PLACED,
        level=None,
        path=tuple((one.place_id, one.name) for one in path),
        doors=view.doors(found[:LOOSE]),
    )
    return shown, found[LOOSE - 1].home_id if len(found) > LOOSE else ""


def _drawn(view: View, path: tuple[PlaceRow, ...], marked: str) -> Building | None:
    if not path or path[-1].level not in _DRAWN:
        return None
    found = view.seen.doors(path[-1].place_id)
    if not found:
        return None
    known = {one.level: one.name for one in path}
    doors = tuple(_within(known, one) for one in view.doors(found[: plan.DOORS]))
    return Building(
        place_id=path[-1].place_id,
        level=path[-1].level,
        path=tuple((one.place_id, one.name) for one in path),
        doors=doors,
        marked=marked,
        is_cut=len(found) > plan.DOORS,
    )


def _within(known: Mapping[Level, str], door: Door) -> Door:
    """A floor alone is asked for: its unit stands above it in the tree, not below."""
    unit = door.unit or known.get(Level.UNIT, "")
    floor = door.floor or known.get(Level.FLOOR, "")
    return replace(door, unit=unit, floor=floor)


def _first(groups: tuple[Group, ...]) -> tuple[tuple[Group, ...], int]:
    """As many blocks as are read at once, and how many are left out."""
    shown, room = [], plan.BLOCKS
    for group in groups:
        if room > 0:
            shown.append(Group(place_id=group.place_id, names=group.names, blocks=group.blocks[:room]))
        room -= len(group.blocks)
    return tuple(shown), max(0, -room)


def _place_in_tree(known: Mapping[str, PlaceRow], place_id: str) -> tuple[object, ...]:
    return tuple((natural(place.code or place.name), place.place_id) for place in around(known, place_id))
