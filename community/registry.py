"""The register as people write it, in YAML or in tables: one row for each place, home, resident, contact and so on.

Rows are tied by ids, so that a table may come from another office. Ids stand in keys, logs and exports for ever: they
must not be names of people.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from community.consent import How, Purpose
from community.people import HOURS, CareLevel, Circle, Eligibility, Flag, Hearing, Item, Level, Sex, Situation


class Row(BaseModel):
    """One entry of a table. Of what is on file already, what a row does not write stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


def _words(least: int, most: int, *, lines: bool = False) -> AfterValidator:
    def check(written: str) -> str:
        text = "\n".join(line.rstrip() for line in written.strip().splitlines()) if lines else written.strip()
        strange = next((sign for sign in text if unicodedata.category(sign) in _UNPRINTABLE and sign != "\n"), None)
        if strange is not None or (not lines and "\n" in text):
            raise ValueError(f"holds {strange or 'a line break'!r}, which cannot be shown; delete it and write it anew")
        if not least <= len(text) <= most:
            raise ValueError(f"has {len(text)} characters; write {least} to {most}")
        return text

    return AfterValidator(check)


_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def _like(pattern: str, advice: str) -> AfterValidator:
    def check(written: str) -> str:
        if not re.fullmatch(pattern, written):
            raise ValueError(f'"{written[:40]}" cannot stand here; {advice}')
        return written

    return AfterValidator(check)


def _day(written: str) -> str:
    try:
        return written and date.fromisoformat(written).isoformat()
    except ValueError:
        raise ValueError(f'"{written[:40]}" is no day; write year, month and day: 2026-11-24') from None


def _moment(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f'"{written[:40]}" is no day or moment; write 2026-11-24 or 2026-11-24T09:30+08:00') from None
    if not 1990 <= moment.year <= 2200:
        raise ValueError(f'"{written[:40]}" is too far from today; write the day on which it was said')
    return written


def _hours(written: str) -> str:
    spans = [span.strip() for span in written.split(",") if span.strip()]
    wrong = next((span for span in spans if not HOURS.fullmatch(span)), None)
    if wrong is not None:
        raise ValueError(f'"{wrong[:40]}" is no span of a day; write 08:00-22:00, several with commas between them')
    return ", ".join(spans)


def _yes(written: object) -> object:
    return _ANSWERS.get(written.strip().lower(), written) if isinstance(written, str) else written


def _some(phones: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(phones) <= _MOST_PHONES:
        raise ValueError(f"has {len(phones)} numbers; write 1 to {_MOST_PHONES}")
    return phones


_MOST_PHONES = 5
_ANSWERS = {"是": True, "有": True, "y": True, "否": False, "无": False, "n": False}

Id = Annotated[
    str, _like(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", 'use up to 64 letters, digits, "-", "_" or ".", no spaces')
]
PlaceId = Annotated[str, _like(r"[\w.#-][\w.#/-]{0,159}", 'use letters, digits, "-", "_", ".", "#" and "/", no spaces')]
Code = Annotated[
    str, _like(r"([\w.#-]{1,32})?", 'write a number or name such as 3, 2-501 or A座, without "/" or spaces')
]
Line = Annotated[str, _words(0, 200)]
Name = Annotated[str, _words(1, 200)]
Notes = Annotated[str, _words(0, 2000, lines=True)]
Phone = Annotated[
    str, _words(1, 40), _like(r"[+0-9][0-9 ()#*,;p-]{1,39}", "write digits, e.g. 138 0000 0001 or +86 21 5555 0001")
]
NoPhone = Annotated[
    str, _words(0, 40), _like(r"([+0-9][0-9 ()#*,;p-]{1,39})?", "write digits, e.g. 138 0000 0001 or +86 21 5555 0001")
]
Day = Annotated[str, AfterValidator(_day)]
Moment = Annotated[str, AfterValidator(_moment)]
Hours = Annotated[str, AfterValidator(_hours)]
YesNo = Annotated[bool, BeforeValidator(_yes)]
Order = Annotated[int, Field(ge=0, le=99)]


class PlaceRow(Row):
    """A part of the district: a community, a grid, a building and so on, down to a door."""

    id: PlaceId = Field(description="its own name in this register; it never changes")
    level: Level = Field(description="district, community, grid, building, unit, floor or door")
    within: PlaceId | None = Field(None, description="id of the place that it is a part of; none for a district")
    code: Code = Field("", description="its number or short name there, e.g. 3号楼 or 501")
    name: Name = Field(description="what people call it")


class HomeRow(Row):
    """A home: where it is, how one gets there, and which box watches it."""

    id: Id = Field(description="of the home; the same as in community.yaml where it stands there")
    address: Name = Field(description="as it is told to an ambulance")
    place: PlaceId | None = Field(None, description="id of its door; or write grid, building, unit, floor and door")
    grid: PlaceId | None = Field(None, description="id of its grid; with building, unit, floor, door below it")
    building: Code = Field("", description="number of the building")
    unit: Code = Field("", description="number of the staircase")
    floor: Code = Field("", description="the floor")
    door: Code = Field("", description="number at the door")
    route: Notes = Field("", description="which gate, which path, where to park")
    gateway: Id | None = Field(None, description="id of its box")
    offline_after: Annotated[int, Field(ge=1, le=1440)] = Field(3, description="minutes of silence until it is offline")
    high_risk: YesNo = Field(default=False, description="whether somebody is called at once when the box is offline")

    @property
    def steps(self) -> tuple[tuple[Level, str], ...]:
        """The places below its grid that it names, from building to door."""
        codes = ((Level.BUILDING, self.building), (Level.UNIT, self.unit), (Level.FLOOR, self.floor))
        return tuple((level, code) for level, code in (*codes, (Level.DOOR, self.door)) if code)


class ResidentRow(Row):
    """A person who lives in a home."""

    id: Id = Field(description="of the person; never a name")
    home: Id = Field(description="id of the home")
    order: Order = Field(0, description="0 for whom readings mean that name nobody, then 1, 2 and so on")
    name: Name = Field(description="the person's name")
    born: Annotated[int, Field(ge=1880, le=2100)] | None = Field(None, description="year of birth")
    sex: Sex = Field(Sex.UNKNOWN, description="female or male")
    phone: NoPhone = Field("", description="the person's own telephone")
    language: Line = Field("", description="what the person speaks, e.g. 普通话, 上海话")
    hearing: Hearing = Field(Hearing.UNKNOWN, description="normal, hard or deaf")
    living: Line = Field("", description="how the person lives, in words, e.g. 独居")
    situation: Situation = Field(Situation.UNKNOWN, description="the same as a choice, for statistics")
    care_level: CareLevel = Field(CareLevel.UNKNOWN, description="ability as assessed (GB/T 42195)")
    eligibility: tuple[Eligibility, ...] = Field((), description="why the public pays")
    flags: tuple[Flag, ...] = Field((), description="risks that whoever answers must know at once")
    conditions: tuple[Name, ...] = Field((), description="illnesses")
    allergies: tuple[Name, ...] = Field((), description="what the person must not be given")
    medicines: tuple[Name, ...] = Field((), description="what the person takes, with dose and times")
    notes: Notes = Field("", description="what else must be known at the door")
    photo: Line = Field("", description="where the photograph is kept; never the picture itself")
    reviewed_on: Day = Field("", description="when somebody last went through this entry")


class ContactRow(Row):
    """Somebody to call about a resident."""

    resident: Id = Field(description="id of the resident")
    order: Order = Field(description="0 is called first, then 1, 2 and so on")
    id: Id | None = Field(None, description="of the contact; made from resident and first telephone if left out")
    name: Name = Field(description="whom to ask for")
    relation: Line = Field("", description="what he is to the resident, e.g. 儿子")
    circle: Circle = Field(Circle.FAMILY, description="family, neighbours or professional")
    phones: Annotated[tuple[Phone, ...], AfterValidator(_some)] = Field(description="tried in this order")
    has_key: YesNo = Field(default=False, description="whether he can open the door")
    languages: tuple[Name, ...] = Field((), description="what he speaks")
    hours: Hours = Field("", description="when he can be called, e.g. 08:00-22:00; empty for always")
    may_see: tuple[Item, ...] = Field((), description="what he may be shown of the resident")
    tested_on: Day = Field("", description="when somebody last tried the number")


class ConsentRow(Row):
    """What somebody has agreed to, or has withdrawn. Rows are added to the record, never changed."""

    resident: Id = Field(description="id of the resident")
    purpose: Purpose = Field(description="what it is for")
    given: YesNo = Field(description="true: agreed; false: withdrawn")
    by: Name = Field(description="who said so")
    relation: Line = Field("", description="empty for the resident himself, else by what right, e.g. 监护人")
    at: Moment = Field(description="when it was said")
    text_version: Line = Field("", description="which text was read out or signed")
    how: How = Field(How.PAPER, description="paper, spoken or online")


class DeviceRow(Row):
    """A box, sensor or speaker. `key_ref` names where its key is kept, never the key."""

    id: Id = Field(description="of the device; of a box the gateway id")
    home: Id | None = Field(None, description="id of the home; none while it lies in store")
    kind: Line = Field("sensor", description="gateway, sensor, speaker, ...")
    maker: Line = Field("", description="who made it")
    model: Line = Field("", description="which model")
    serial: Line = Field("", description="its number by the maker")
    sensors: tuple[Id, ...] = Field((), description="the ids under which its readings come")
    room: Line = Field("", description="where in the home it is")
    installed_on: Day = Field("", description="when it was put up")
    serviced_on: Day = Field("", description="when somebody last looked after it")
    key_ref: Line = Field("", description="name of the file or safe that holds its key")


R = TypeVar("R", bound=Row)
R_co = TypeVar("R_co", bound=Row, covariant=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Written(Generic[R_co]):
    """A row and where it is written, e.g. `residents.csv:12`."""

    row: R_co
    where: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Register:
    """The rows of a file or a folder of tables, in the order of writing."""

    entries: tuple[Written[Row], ...] = ()

    def of(self, model: type[R]) -> tuple[Written[R], ...]:
        """Those of one table."""
        return tuple(Written(row=one.row, where=one.where) for one in self.entries if isinstance(one.row, model))

    def rows(self, model: type[R]) -> tuple[R, ...]:
        """The rows of one table, without their places."""
        return tuple(one.row for one in self.of(model))

    def __len__(self) -> int:
        return len(self.entries)


TABLES: dict[str, type[Row]] = {
    "places": PlaceRow,
    "homes": HomeRow,
    "residents": ResidentRow,
    "contacts": ContactRow,
    "consents": ConsentRow,
    "devices": DeviceRow,
}
"""What each table's rows are, in the order in which they lean on each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A row that is not taken, or an oddity of the file: where, and what to do. `table` and `key` tell which row."""

    where: str
    message: str
    table: str = ""
    key: str = ""

    def __str__(self) -> str:
        """The line that people read."""
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a file holds: the rows that can be read, and why not the others."""

    register: Register = field(default_factory=Register)
    refusals: tuple[Refusal, ...] = ()


def register_of(rows: Iterable[Row]) -> Register:
    """Rows that were written in no file."""
    return Register(entries=tuple(Written(row=row, where=f"row {number}") for number, row in enumerate(rows, 1)))
