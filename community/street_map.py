"""The street map of homes: one mark for each building, one for each home that stands in none. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from community.people import Level
from community.plan import Block, Counted, Counts, State, natural
from community.points import Point
from community.store.plan import PlaceRow, names_around


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """So many homes of one block are in one state; of `pointed` of them each has a point, `middle` of these."""

    block_id: str | None
    state: State
    homes: int
    pointed: int
    middle: Point | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark(Counted):
    """What stands at one point of the map: a building with its homes, or a home. `address`: where a click leads."""

    mark_id: str
    name: str
    around: str
    point: Point
    counts: Counts
    address: str
    is_building: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class StreetMap:
    """What is drawn; `hidden`: marks that are too many at once, none of them worse.

    `without`: blocks whose homes have no point, and `lost`: how many homes these are. `counts`: all homes, with and
    without. `centre`: where the map begins if nothing is drawn.
    """

    path: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    counts: Counts
    without: tuple[Block, ...] = ()
    hidden: int = 0
    centre: Point | None = None

    @property
    def lost(self) -> int:
        """Homes without a point."""
        return sum(block.homes for block in self.without)

    @property
    def alarms_lost(self) -> int:
        """Homes without a point that have an open case of LIFE or URGENT: the map must say that it lacks them."""
        return sum(block.counts.get(state, 0) for block in self.without for state in (State.LIFE, State.URGENT))


Blocks = Mapping[str | None, Sequence[Standing]]
"""What stands in each block, by its id."""


def buildings_of(blocks: Blocks, known: Mapping[str, PlaceRow]) -> tuple[Mark, ...]:
    """Buildings of which it is known where they stand: by their own point, else in the middle of their homes."""
    found = []
    for block_id, of_block in blocks.items():
        place = known.get(block_id or "")
        point = None if place is None else place_point(place, of_block)
        if place is not None and point is not None:
            found.append(
                Mark(
                    mark_id=f"place-{place.place_id}",
                    name=place.name,
                    around=" · ".join(names_around(known, place.parent_id)),
                    point=point,
                    counts={one.state: one.homes for one in of_block},
                    address=place.place_id,
                )
            )
    return tuple(found)


def without_point(blocks: Blocks, known: Mapping[str, PlaceRow]) -> tuple[Block, ...]:
    """The homes of each block of which it is not known where they stand, in an order that no state changes."""
    found = []
    for block_id, of_block in blocks.items():
        place = known.get(block_id or "")
        if place is not None and place_point(place, of_block) is not None:
            continue
        counts = {one.state: lost for one in of_block if (lost := one.homes - one.pointed)}
        if counts:
            is_building = place is not None and place.level is Level.BUILDING
            name = " ".join(names_around(known, block_id))
            found.append(Block(place_id=block_id or "", name=name, counts=counts, is_building=is_building))
    return tuple(sorted(found, key=lambda one: (natural(one.name), one.place_id)))


def place_point(place: PlaceRow, standings: Sequence[Standing]) -> Point | None:
    """Where a building stands; of wider places None: homes in no building stand each for itself."""
    if place.level is not Level.BUILDING:
        return None
    return place.point or _middle(standings)


def chosen(marks: Iterable[Mark], most: int) -> tuple[tuple[Mark, ...], int]:
    """The worst, in an order that no state changes, and how many are left out."""
    found = sorted(marks, key=lambda one: (one.worst.rank, -one.counts.get(one.worst, 0), one.mark_id))
    shown = sorted(found[:most], key=lambda one: (one.around, not one.is_building, natural(one.name), one.mark_id))
    return tuple(shown), max(0, len(found) - most)


def by_block(standings: Iterable[Standing]) -> Blocks:
    """The same, block by block."""
    found: dict[str | None, list[Standing]] = {}
    for one in standings:
        found.setdefault(one.block_id, []).append(one)
    return found


def _middle(standings: Sequence[Standing]) -> Point | None:
    told = [(one.pointed, one.middle) for one in standings if one.middle is not None]
    homes = sum(pointed for pointed, _ in told)
    if not homes:
        return None
    return Point(
        lat=sum(pointed * middle.lat for pointed, middle in told) / homes,
        lon=sum(pointed * middle.lon for pointed, middle in told) / homes,
    )
