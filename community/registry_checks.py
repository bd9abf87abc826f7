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
from shouwang.bilingual import Bilingual, both
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
                self._refuse(one, both(*_NO_HOME, home=one.row.home, near=_near(one.row.home, sorted(self._homes))))
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
                self._refuse(one, both(*_TWICE, first=before.where))
        return list(first.values())

    def _place_fault(self, row: PlaceRow, levels: Mapping[str, Level]) -> str | None:
        if row.lat is not None and not Level.UNIT.is_within(row.level):
            return both(*_NO_POINT, level=_level(row.level))
        return fault_of(row.lat, row.lon) or self._within_fault(row, levels)

    def _within_fault(self, row: PlaceRow, levels: Mapping[str, Level]) -> str | None:
        if row.within is None:
            return None if row.level is Level.DISTRICT else _NOTHING_AROUND
        if row.within not in levels:
            return both(*_NOT_ON_FILE, name=row.within, near=_near(row.within, sorted(levels)))
        if not row.level.is_within(levels[row.within]):
            around = {"around": _level(levels[row.within]), "within": row.within}
            return both(*_NOT_INSIDE, level=_level(row.level), **around)
        inside = next(
            (
                name
                for name, (level, around) in self._known.places.items()
                if around == row.id and not levels[name].is_within(row.level)
            ),
            None,
        )
        return None if inside is None else both(*_HOLDS, inside=inside, level=_level(row.level))

    def _home_fault(self, row: HomeRow) -> str | None:
        return fault_of(row.lat, row.lon) or self._home_place_fault(row)

    def _home_place_fault(self, row: HomeRow) -> str | None:
        if row.place is not None and (row.grid is not None or row.steps):
            return _PLACED_TWICE
        if row.place is not None and row.place not in self._levels:
            return both(*_NO_PLACE, place=row.place, near=_near(row.place, sorted(self._levels)))
        if row.grid is None:
            return _NO_GRID_NAMED if row.steps else None
        near = _near(row.grid, self._grids())
        if row.grid not in self._levels:
            return both(*_NO_GRID, grid=row.grid, near=near)
        if self._levels[row.grid] is not Level.GRID:
            return both(*_OTHER_LEVEL, grid=row.grid, level=_level(self._levels[row.grid]), near=near)
        return None

    def _gateway_fault(self, row: HomeRow, boxes: Mapping[str, str], named: Mapping[str, str | None]) -> str | None:
        pinned = self._known.pinned.get(row.id)
        if "gateway" in row.model_fields_set and pinned not in (None, row.gateway):
            return both(*_PINNED, home=row.id, box=pinned)
        if row.gateway is None:
            return None
        owner = next((home for home, box in self._known.pinned.items() if box == row.gateway and home != row.id), None)
        if owner is not None:
            return both(*_PINNED_ELSEWHERE, box=row.gateway, home=owner)
        if row.gateway in boxes:
            return both(*_BOX_TWICE, box=row.gateway, where=boxes[row.gateway])
        holder = self._known.gateways.get(row.gateway)
        if holder is None or holder == row.id or named.get(holder, row.gateway) != row.gateway:
            return None
        return both(*_BOX_OF_ANOTHER, box=row.gateway, holder=holder)

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
    return said if len(right) <= _LISTED or said.startswith("did") else _LOOK


_LISTED = 8


def _level(level: Level) -> Bilingual:
    return Bilingual(level.value, zh=_LEVELS[level])


_LEVELS = {
    Level.DISTRICT: "区县",
    Level.COMMUNITY: "社区",
    Level.GRID: "网格",
    Level.BUILDING: "楼栋",
    Level.UNIT: "单元",
    Level.FLOOR: "楼层",
    Level.DOOR: "门户",
}
_LOOK = Bilingual("look for it in the file, or add it", zh="请在文件里找一找，或补上")
_TWICE = "stands here twice, first in {first}; keep one of the two", "写了两次，第一次在 {first}，请留下一个"
_NO_HOME = "its home {home} is not on file; {near}", "住户 {home} 没有登记；{near}"
_NOT_ON_FILE = "{name} is not on file; {near}", "{name} 没有登记；{near}"
_NO_POINT = (
    "a {level} has no lat and lon of its own; write them at its building, or at the home",
    "{level}没有自己的 lat 和 lon；请写在楼栋或住户那里",
)
_NOTHING_AROUND = Bilingual(
    "lacks the place around it; write its id as within", zh="没有写上一级；请把上一级的编号写在 within"
)
_NOT_INSIDE = (
    "a {level} cannot stand in a {around} ({within}); look at level and within",
    "{level}不能属于{around}（{within}）；请看 level 和 within",
)
_HOLDS = (
    "{inside} stands in it and cannot stand in a {level}; look at level",
    "{inside} 在它下面，而{level}下面不能有它；请看 level",
)
_PLACED_TWICE = Bilingual(
    "has both place and grid, building, unit, floor or door; keep one of the two",
    zh="place 与 grid、building、unit、floor、door 只能写一种",
)
_NO_PLACE = "its place {place} is not on file; {near}", "地点 {place} 没有登记；{near}"
_NO_GRID_NAMED = Bilingual(
    "has a building or door and no grid; write the id of its grid", zh="写了楼栋或门号，没有写网格；请写网格的编号"
)
_NO_GRID = "its grid {grid} is not on file; {near}", "网格 {grid} 没有登记；{near}"
_OTHER_LEVEL = "{grid} is a {level}, not a grid; {near}", "{grid} 是{level}，不是网格；{near}"
_PINNED = (
    "community.yaml says that the box of {home} is {box}; change it there, or leave it out here",
    "community.yaml 里写明 {home} 的主机是 {box}；请在那里改，或这里不写",
)
_PINNED_ELSEWHERE = (
    "community.yaml says that the box {box} is in {home}; change it there first",
    "community.yaml 里写明主机 {box} 在 {home}；请先在那里改",
)
_BOX_TWICE = (
    "the box {box} stands in {where} too; a box watches one home",
    "主机 {box} 在 {where} 也写了；一台主机只看护一处",
)
_BOX_OF_ANOTHER = (
    (
        "the box {box} watches {holder}; if it was moved, write {holder} into this file too, with the box that is "
        "there now or with none"
    ),
    "主机 {box} 现在看护 {holder}；如果搬走了，请在这个文件里也写上 {holder} 和它现在的主机，没有就空着",
)


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
