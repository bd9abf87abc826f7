"""The plan of homes: how each is, in one word; buildings with counts; a building as its front, door by door. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from community.people import Level

NOT_PLACED = "none"
"""Stands for the place of homes that are in no tree."""


class State(StrEnum):
    """How a home is, the worst first: what is drawn where several hold. The order is set by this project."""

    LIFE = "p1"
    URGENT = "p2"
    CUT = "cut"
    SILENT = "silent"
    BATTERY = "battery"
    TECH = "p3"
    CARE = "p4"
    NEVER = "never"
    NO_BOX = "no-box"
    AWAY = "away"
    TEST_DUE = "test-due"
    WELL = "well"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return _ORDER.index(self)


_ORDER = tuple(State)
Counts = Mapping[State, int]


def worst(counts: Counts) -> State:
    """Of those that are there; all is well where nobody is."""
    return min((state for state, number in counts.items() if number), key=lambda state: state.rank, default=State.WELL)


class Counted:
    """So many homes in each state, `counts`."""

    __slots__ = ()
    counts: Counts

    @property
    def homes(self) -> int:
        """How many."""
        return sum(self.counts.values())

    @property
    def worst(self) -> State:
        """The state that they are drawn in."""
        return worst(self.counts)

    @property
    def told(self) -> tuple[tuple[State, int], ...]:
        """What is not well, the worst first."""
        return tuple((state, self.counts[state]) for state in _ORDER[:-1] if self.counts.get(state))


@dataclass(frozen=True, kw_only=True, slots=True)
class Block(Counted):
    """A building as so many homes in each state; `is_building` False: homes of a wider place that stand in none."""

    place_id: str
    name: str
    counts: Counts
    is_building: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The blocks of one grid (or of one community, where there are no grids), under the names of what lies around."""

    place_id: str
    names: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """A home behind its door. `unit`, `floor`, `door`: as people number them, empty where that is not on file.

    `also`: what else holds of it; `case`: the most urgent open one; `names`: who lives there, for who may know.
    """

    home_id: str
    state: State
    unit: str = ""
    floor: str = ""
    door: str = ""
    also: tuple[State, ...] = ()
    gateway_id: str = ""
    case: int | None = None
    names: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """What stands on the door: never a name."""
        return self.door or self.home_id

    @property
    def address(self) -> str:
        """Where a click leads; empty: nowhere."""
        if self.case is not None:
            return f"/incidents/{self.case}"
        return f"/gateways/{self.gateway_id}" if self.gateway_id else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A door at its place on the front, in the units of the drawing."""

    door: Door
    x: int
    y: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """A word on the drawing: the name of a unit, the number of a floor."""

    text: str
    x: int
    y: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Front:
    """A building (or one unit or floor of it) from the front: units side by side, floors above each other."""

    width: int
    height: int
    units: tuple[Sign, ...]
    floors: tuple[Sign, ...]
    cells: tuple[Cell, ...]
    walls: tuple[tuple[int, int], ...]
    """Where each unit begins, and how wide it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Building:
    """What is shown of one place: its doors as a front; `marked`: the home that is looked for.

    `path`: the places around it, the widest first, and itself: (id, name). `is_cut`: it has more doors than are shown.
    """

    place_id: str
    level: Level | None
    path: tuple[tuple[str, str], ...]
    doors: tuple[Door, ...]
    marked: str = ""
    is_cut: bool = False

    @property
    def name(self) -> str:
        """As people call it."""
        return self.path[-1][1] if self.path else ""

    @property
    def front(self) -> Front:
        """The drawing."""
        return front(self.doors)

    @property
    def counts(self) -> Counts:
        """Homes in each state."""
        return {state: number for state in _ORDER if (number := sum(one.state is state for one in self.doors))}


CELL_W, CELL_H, GAP = 96, 64, 8
"""A door of the drawing; at its natural size it is larger than a finger (44 px)."""
_LEFT, _TOP, _APART, _FOOT = 64, 58, 28, 14
_BELOW_GROUND = re.compile(r"^(?:B|地下|负)(?=\d)", re.IGNORECASE)
_COLUMNS_AT_MOST = 12
"""More doors than that on one floor of a unit begin a second row."""


def front(doors: Iterable[Door]) -> Front:
    """Doors at their places. The same doors stand at the same places, whatever their state."""
    ordered = sorted(doors, key=lambda one: (natural(one.unit), one.home_id))
    floors = _floors(ordered)
    x, cells, units, walls = _LEFT, list[Cell](), list[Sign](), list[tuple[int, int]]()
    for unit, group in groupby(ordered, key=lambda one: one.unit):
        of_unit = list(group)
        columns = _columns(of_unit)
        width = max(columns.values()) * (CELL_W + GAP) + CELL_W
        cells += [
            Cell(door=one, x=x + columns[one.home_id] * (CELL_W + GAP), y=_y(floors.index(one.floor)))
            for one in of_unit
        ]
        walls.append((x - GAP, width + 2 * GAP))
        units.append(Sign(text=unit, x=x + width // 2, y=_TOP - 18))
        x += width + _APART + GAP
    return Front(
        width=max(x - _APART + GAP, _LEFT + CELL_W),
        height=_y(len(floors)) + _FOOT,
        units=tuple(units),
        floors=tuple(Sign(text=one, x=_LEFT - 16, y=_y(row) + CELL_H // 2) for row, one in enumerate(floors)),
        cells=tuple(sorted(cells, key=lambda one: (one.y, one.x))),
        walls=tuple(walls),
    )


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts 2 before 10, and basements before the ground, the deepest first."""
    parts = re.findall(r"^-\d+|\d+|\D+", _BELOW_GROUND.sub("-", text))
    return tuple((0, int(part), "") if part.lstrip("-").isdecimal() else (1, 0, part) for part in parts)


def _y(row: int) -> int:
    return _TOP + row * (CELL_H + GAP)


def _floors(doors: Iterable[Door]) -> list[str]:
    """The highest first; homes of no known floor stand at the foot."""
    return sorted({one.floor for one in doors}, key=lambda floor: (floor != "", natural(floor)), reverse=True)


def _columns(doors: Sequence[Door]) -> dict[str, int]:
    """The column of each home: 502 stands above 402, even where nobody lives in 501."""
    keys = {one.home_id: _within_floor(one) for one in doors}
    ordered = sorted(set(keys.values()), key=natural)
    taken: set[tuple[str, int]] = set()
    found: dict[str, int] = {}
    is_regular = len(ordered) <= _COLUMNS_AT_MOST
    for one in sorted(doors, key=lambda one: (natural(one.floor), natural(keys[one.home_id]), one.home_id)):
        column = ordered.index(keys[one.home_id]) if is_regular else 0
        while (one.floor, column) in taken:
            column += 1
        taken.add((one.floor, column))
        found[one.home_id] = column
    return found


def _within_floor(door: Door) -> str:
    """What is left of the number of a door without that of its floor: 02 of 502 on floor 5."""
    rest = door.door.removeprefix(door.floor) if door.floor else door.door
    return rest or door.door
