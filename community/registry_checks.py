"""Whether the rows of a register fit each other and what is on file already. Pure; refuses rows, never the whole.

What would show a wrong address, take a box from another home or drop a telephone number is refused rather than guessed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import TypeVar

from community.people import Level
from community.points import fault_of
from community.registry import (
    AssessmentRow,
    CarePlanRow,
    ConsentRow,
    ContactRow,
    DeviceRow,
    HomeRow,
    MedicineRow,
    PlaceRow,
    Reading,
    Refusal,
    Register,
    ResidentRow,
    Row,
    Written,
)
from shouwang.complaint import nearest

R = TypeVar("R", bound=Row)
C = TypeVar("C", CarePlanRow, AssessmentRow, MedicineRow)
_TOMORROW = timedelta(days=1)
"""A day may have begun where the paper was signed and not here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """Where a resident on file stands in his home."""

    home: str
    order: int
    is_erased: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is on file: places with level and parent, homes, residents, and which home each box is in.

    `pinned`: the box of each home that community.yaml names, which has the last word there.
    """

    places: Mapping[str, tuple[Level, str | None]] = field(default_factory=dict)
    homes: frozenset[str] = frozenset()
    residents: Mapping[str, Seat] = field(default_factory=dict)
    gateways: Mapping[str, str] = field(default_factory=dict)
    pinned: Mapping[str, str] = field(default_factory=dict)


def sift(reading: Reading, known: Known, now: datetime) -> Reading:
    """The rows that may be taken in, and why not the others."""
    check = _Check(reading, known, now)
    entries: list[Written[Row]] = []
    for taken in (
        check.places(),
        check.homes(),
        check.residents(),
        check.contacts(),
        check.consents(),
        check.devices(),
        check.care(CarePlanRow, lambda row: (row.resident, row.condition, row.quantity)),
        check.care(AssessmentRow, lambda row: (row.resident, row.kind, row.scale, row.day)),
        check.care(MedicineRow, lambda row: (row.resident, row.name)),
    ):
        entries.extend(taken)
    return Reading(register=Register(entries=tuple(entries)), refusals=(*reading.refusals, *check.refusals))


class _Check:
    def __init__(self, reading: Reading, known: Known, now: datetime) -> None:
        self.refusals: list[Refusal] = []
        self._read = reading
        self._known = known
        self._now = now
        self._levels = {place: level for place, (level, _) in known.places.items()}
        self._homes = set(known.homes)
        self._residents = {name for name, seat in known.residents.items() if not seat.is_erased}

    def places(self) -> Iterable[Written[Row]]:
        rows = {one.row.id: one for one in self._once(PlaceRow, lambda row: row.id)}
        while True:
            levels = self._levels | {name: one.row.level for name, one in rows.items()}
            wrong = {name: fault for name, one in rows.items() if (fault := self._place_fault(one.row, levels))}
            if not wrong:
                self._levels = levels
                return rows.values()
            for name, fault in wrong.items():
                self._refuse(rows.pop(name), fault)

    def homes(self) -> Iterable[Written[Row]]:
        rows = self._once(HomeRow, lambda row: row.id)
        boxes: dict[str, str] = {}
        named = {one.row.id: one.row.gateway for one in rows}
        kept = []
        for one in rows:
            fault = self._home_fault(one.row) or self._gateway_fault(one.row, boxes, named)
            if fault:
                self._refuse(one, fault)
                continue
            if one.row.gateway is not None:
                boxes[one.row.gateway] = one.where
            self._homes.add(one.row.id)
            kept.append(one)
        return kept

    def residents(self) -> Iterable[Written[Row]]:
        rows = self._once(ResidentRow, lambda row: row.id)
        moved = {one.row.id for one in rows}
        seats = {
            (seat.home, seat.order): name
            for name, seat in self._known.residents.items()
            if name not in moved and not seat.is_erased
        }
        kept = []
        for one in rows:
            row = one.row
            sits = seats.get((row.home, row.order))
            seat = self._known.residents.get(row.id)
            if seat is not None and seat.is_erased:
                self._refuse(one, f"{row.id} was erased on request and is never used again; give the person a new id")
            elif row.home not in self._homes:
                self._refuse(one, f"its home {row.home} is not on file; {_near(row.home, sorted(self._homes))}")
            elif sits is not None:
                free = next(n for n in range(100) if (row.home, n) not in seats)
                self._refuse(one, f"order {row.order} in {row.home} is that of {sits}; write {free}")
            else:
                seats[row.home, row.order] = row.id
                self._residents.add(row.id)
                kept.append(one)
        return kept

    def contacts(self) -> Iterable[Written[Row]]:
        """A resident's list is taken whole or stays as it is: no number is dropped for a slip in another row."""
        spoilt = {one.key: one.where for one in self._read.refusals if one.table == "contacts" and one.key}
        rows = []
        people: dict[object, str] = {}
        for one in self._once(ContactRow, lambda row: (row.resident, row.order)):
            who = (one.row.resident, one.row.id or (one.row.name, one.row.phones[0]))
            twin = people.setdefault(who, one.where)
            if twin != one.where:
                self._refuse(one, f"is the same person as in {twin}; keep one of the two")
            elif one.row.resident in self._residents:
                rows.append(one)
            else:
                self._refuse(one, self._no_resident(one.row.resident))
        for refused in self.refusals:
            if refused.table == "contacts":
                spoilt.setdefault(refused.key, refused.where)
        kept = []
        for one in rows:
            if one.row.resident not in spoilt:
                kept.append(one)
                continue
            because = spoilt[one.row.resident]
            self._refuse(one, f"the contacts of {one.row.resident} stay as they are until {because} is mended")
        return kept

    def consents(self) -> Iterable[Written[Row]]:
        kept = []
        for one in self._once(ConsentRow, lambda row: (row.resident, row.purpose, row.at, row.given)):
            if one.row.resident not in self._residents:
                self._refuse(one, self._no_resident(one.row.resident))
            elif moment_of(one.row.at) > self._now + _TOMORROW:
                self._refuse(one, f"{one.row.at} is in the future; write when it was said")
            else:
                kept.append(one)
        return kept

    def devices(self) -> Iterable[Written[Row]]:
        kept = []
        for one in self._once(DeviceRow, lambda row: row.id):
            if one.row.home is None or one.row.home in self._homes:
                kept.append(one)
            else:
                self._refuse(one, f"its home {one.row.home} is not on file; {_near(one.row.home, sorted(self._homes))}")
        return kept

    def care(self, model: type[C], key: Callable[[C], object]) -> Iterable[Written[Row]]:
        kept = []
        for one in self._once(model, key):
            row = one.row
            if row.resident not in self._residents:
                self._refuse(one, self._no_resident(row.resident))
            elif isinstance(row, AssessmentRow) and moment_of(row.day) > self._now + _TOMORROW:
                self._refuse(one, f"{row.day} is in the future; write when it was done")
            else:
                kept.append(one)
        return kept

    def _once(self, model: type[R], key: Callable[[R], object]) -> list[Written[R]]:
        first: dict[object, Written[R]] = {}
        for one in self._read.register.of(model):
            before = first.setdefault(key(one.row), one)
            if before is not one:
                self._refuse(one, f"stands here twice, first in {before.where}; keep one of the two")
        return list(first.values())

    def _place_fault(self, row: PlaceRow, levels: Mapping[str, Level]) -> str | None:
        if row.lat is not None and not Level.UNIT.is_within(row.level):
            return f"a {row.level} has no lat and lon of its own; write them at its building, or at the home"
        return fault_of(row.lat, row.lon) or self._within_fault(row, levels)

    def _within_fault(self, row: PlaceRow, levels: Mapping[str, Level]) -> str | None:
        if row.within is None:
            return None if row.level is Level.DISTRICT else "lacks the place around it; write its id as within"
        if row.within not in levels:
            return f"{row.within} is not on file; {_near(row.within, sorted(levels))}"
        if not row.level.is_within(levels[row.within]):
            return f"a {row.level} cannot stand in a {levels[row.within]} ({row.within}); look at level and within"
        inside = next(
            (
                name
                for name, (level, around) in self._known.places.items()
                if around == row.id and not levels[name].is_within(row.level)
            ),
            None,
        )
        return None if inside is None else f"{inside} stands in it and cannot stand in a {row.level}; look at level"

    def _home_fault(self, row: HomeRow) -> str | None:
        return fault_of(row.lat, row.lon) or self._home_place_fault(row)

    def _home_place_fault(self, row: HomeRow) -> str | None:
        if row.place is not None and (row.grid is not None or row.steps):
            return "has both place and grid, building, unit, floor or door; keep one of the two"
        if row.place is not None and row.place not in self._levels:
            return f"its place {row.place} is not on file; {_near(row.place, sorted(self._levels))}"
        if row.grid is None:
            return "has a building or door and no grid; write the id of its grid" if row.steps else None
        if row.grid not in self._levels:
            return f"its grid {row.grid} is not on file; {_near(row.grid, self._grids())}"
        if self._levels[row.grid] is not Level.GRID:
            return f"{row.grid} is a {self._levels[row.grid]}, not a grid; {_near(row.grid, self._grids())}"
        return None

    def _gateway_fault(self, row: HomeRow, boxes: Mapping[str, str], named: Mapping[str, str | None]) -> str | None:
        pinned = self._known.pinned.get(row.id)
        if "gateway" in row.model_fields_set and pinned not in (None, row.gateway):
            return f"community.yaml says that the box of {row.id} is {pinned}; change it there, or leave it out here"
        if row.gateway is None:
            return None
        owner = next((home for home, box in self._known.pinned.items() if box == row.gateway and home != row.id), None)
        if owner is not None:
            return f"community.yaml says that the box {row.gateway} is in {owner}; change it there first"
        if row.gateway in boxes:
            return f"the box {row.gateway} stands in {boxes[row.gateway]} too; a box watches one home"
        holder = self._known.gateways.get(row.gateway)
        if holder is None or holder == row.id or named.get(holder, row.gateway) != row.gateway:
            return None
        return (
            f"the box {row.gateway} watches {holder}; if it was moved, write {holder} into this file too, with the box "
            f"that is there now or with none"
        )

    def _grids(self) -> list[str]:
        return sorted(name for name, level in self._levels.items() if level is Level.GRID)

    def _no_resident(self, name: str) -> str:
        return f"the resident {name} is not on file; {_near(name, sorted(self._residents))}"

    def _refuse(self, one: Written[Row], message: str) -> None:
        row = one.row
        table, key = "", ""
        if isinstance(row, ContactRow):
            table, key = "contacts", row.resident
        self.refusals.append(Refusal(where=one.where, message=message, table=table, key=key))


def _near(word: str, right: Sequence[str]) -> str:
    """As `nearest`, without the list where that would be a register of its own."""
    said = nearest(word, right)
    return said if len(right) <= _LISTED or said.startswith("did") else "look for it in the file, or add it"


_LISTED = 8


def moment_of(written: str, zone: tzinfo | None = None) -> datetime:
    """An aware moment; a day begins at midnight of this zone (None: of this computer's)."""
    found = datetime.fromisoformat(written)
    return found.astimezone() if zone is None or found.tzinfo is not None else found.replace(tzinfo=zone)


def said_at(written: str, now: datetime, zone: tzinfo | None) -> datetime:
    """When something was said that is written down now: a bare day that is today's is this moment."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return moment_of(written, zone)
    return now if day == now.astimezone(zone).date() else moment_of(written, zone)
