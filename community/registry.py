"""The register as people write it, in YAML or in tables: one row for each place, home, resident, contact and so on.

Rows are tied by ids, so that a table may come from another office. Ids stand in keys, logs and exports for ever: they
must not be names of people.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from community.care import BARTHEL_MOST, Assessment, Condition
from community.consent import How, Purpose
from community.people import CareLevel, Circle, Eligibility, Flag, Hearing, Item, Left, Level, Sex, Situation
from community.points import Latitude, Longitude
from community.registry_fields import (
    Code,
    Day,
    DayWritten,
    Hours,
    Id,
    Line,
    Measured,
    Moment,
    Name,
    NearDay,
    NoPhone,
    Notes,
    Number,
    Order,
    Phones,
    PlaceId,
    Times,
    YesNo,
)
from shouwang.bilingual import Bilingual, both
from shouwang.quantities import QUANTITIES


class Row(BaseModel):
    """One entry of a table. Of what is on file already, what a row does not write stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class PlaceRow(Row):
    """A part of the district: a community, a grid, a building and so on, down to a door."""

    id: PlaceId = Field(description="its own name in this register; it never changes")
    level: Level = Field(description="district, community, grid, building, unit, floor or door")
    within: PlaceId | None = Field(None, description="id of the place that it is a part of; none for a district")
    code: Code = Field("", description="its number or short name there, e.g. 3号楼 or 501")
    name: Name = Field(description="what people call it")
    lat: Latitude | None = Field(None, description="latitude, WGS-84, e.g. 31.2304; of a building or what is wider")
    lon: Longitude | None = Field(None, description="longitude, WGS-84, e.g. 121.4737")


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
    lat: Latitude | None = Field(None, description="latitude, WGS-84; left out: that of its building")
    lon: Longitude | None = Field(None, description="longitude, WGS-84")

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
    left: Left | None = Field(
        None, description="why the person lives there no more: died, moved, care_home, ended or other; else empty"
    )
    left_on: NearDay = Field("", description="since when the person lives there no more")

    @model_validator(mode="after")
    def _left_on_a_day(self) -> Self:
        if self.left is not None and not self.left_on:
            raise Misfit(Slip.LEFT, _NO_LEAVING)
        return self


class ContactRow(Row):
    """Somebody to call about a resident."""

    resident: Id = Field(description="id of the resident")
    order: Order = Field(description="0 is called first, then 1, 2 and so on")
    id: Id | None = Field(None, description="of the contact; made from resident and first telephone if left out")
    name: Name = Field(description="whom to ask for")
    relation: Line = Field("", description="what he is to the resident, e.g. 儿子")
    circle: Circle = Field(Circle.FAMILY, description="family, neighbours or professional")
    phones: Phones = Field(description="tried in this order")
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


class Slip(StrEnum):
    """Fields of one entry that do not fit each other."""

    LEFT = "left"
    TITLE = "title"
    CLINICIAN = "clinician"
    RANGE = "range"
    RESULT = "result"
    SCALE = "scale"
    BARTHEL = "barthel"
    NEXT = "next"
    ENDS = "ends"


_NO_LEAVING = Bilingual(
    "says that the person lives there no more; write since when as left_on",
    zh="写了此人已不住在那里；请在 left_on 写明从哪天起",
)
_NO_TITLE = Bilingual(
    "the condition is other; write the name of the illness as title", zh="病种写的是 other；请在 title 写病名"
)
_NO_CLINICIAN = Bilingual(
    "a target range is set by a clinician; write the name as set_by and the day as set_on",
    zh="目标范围由医护人员设定；请在 set_by 写姓名，在 set_on 写日期",
)
_NO_RANGE = (
    "the target range must lie within {low:g} to {high:g} {unit}, low below high",
    "目标范围要在 {low:g} 到 {high:g} {unit} 之内，low 小于 high",
)
_NO_RESULT = Bilingual("has no result; write score or level", zh="没有结果；请写 score 或 level")
_NO_SCALE = Bilingual(
    "has no scale; write which one it was, as its form calls itself", zh="没有量表；请按表上的名称写明是哪一种"
)
_NO_BARTHEL = "the score of a Barthel index is 0 to {most}", "Barthel 指数的得分是 0 到 {most}"
_NEXT_TOO_EARLY = (
    "the next one is due on {next}, not after {day}; look at day and next_on",
    "下次评估日期 {next} 不晚于 {day}；请核对 day 和 next_on",
)
_ENDS_TOO_EARLY = (
    "it ends on {until}, before it begins on {since}; look at since and until",
    "结束日期 {until} 早于开始日期 {since}；请核对 since 和 until",
)


class Misfit(ValueError):
    """Says which slip it is, for forms that say it in their own words."""

    def __init__(self, slip: Slip, advice: str) -> None:
        """`advice`: what the line of a file is told."""
        super().__init__(advice)
        self.slip = slip


class CarePlanRow(Row):
    """What is measured how often for an illness, and where the values should lie. A row is the whole entry."""

    resident: Id = Field(description="id of the resident")
    condition: Condition = Field(description="hypertension, diabetes, copd, heart_failure or other")
    title: Line = Field("", description="name of the illness where the condition is other")
    quantity: Measured = Field(description="what is measured, e.g. systolic")
    times: Annotated[int, Field(ge=1, le=200)] = Field(description="so many measurements ...")
    days: Annotated[int, Field(ge=1, le=90)] = Field(description="... within so many days, e.g. 2 within 7")
    low: Number | None = Field(None, description="the least value of the target")
    high: Number | None = Field(None, description="the most value of the target")
    set_by: Line = Field("", description="which clinician set the target range")
    set_on: NearDay = Field("", description="on which day he set it")
    since: NearDay = Field("", description="from which day on the plan holds; empty: it did already")
    until: NearDay = Field("", description="to which day it holds; empty: until further notice")
    review_on: NearDay = Field("", description="when a clinician is to look it over next")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.condition is Condition.OTHER and not self.title:
            raise Misfit(Slip.TITLE, _NO_TITLE)
        _in_order(self.since, self.until)
        if self.low is None and self.high is None:
            return self
        if not (self.set_by and self.set_on):
            raise Misfit(Slip.CLINICIAN, _NO_CLINICIAN)
        info = QUANTITIES[self.quantity]
        low, high = (info.low if self.low is None else self.low), (info.high if self.high is None else self.high)
        if not info.low <= low < high <= info.high:
            raise Misfit(Slip.RANGE, both(*_NO_RANGE, low=info.low, high=info.high, unit=info.unit))
        return self


class AssessmentRow(Row):
    """How somebody was assessed once, and when he is to be assessed again. A row is the whole entry."""

    resident: Id = Field(description="id of the resident")
    kind: Assessment = Field(description="long_term_care, ability, barthel, falls or other")
    day: DayWritten = Field(description="when")
    scale: Line = Field("", description="which scale in which version, as its form calls itself; not for barthel")
    score: Annotated[float, Field(allow_inf_nan=False, ge=-1000, le=1000)] | None = Field(
        None, description="the sum of points, if there is one; barthel 0 to 100"
    )
    level: Line = Field("", description="the level as the scale calls it, e.g. 3 or 重度")
    assessor: Line = Field("", description="who assessed, and of which office")
    next_on: NearDay = Field("", description="when the next one is due")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.score is None and not self.level:
            raise Misfit(Slip.RESULT, _NO_RESULT)
        if self.kind is not Assessment.BARTHEL and not self.scale:
            raise Misfit(Slip.SCALE, _NO_SCALE)
        if self.kind is Assessment.BARTHEL and (self.score is None or not 0 <= self.score <= BARTHEL_MOST):
            raise Misfit(Slip.BARTHEL, both(*_NO_BARTHEL, most=BARTHEL_MOST))
        if self.next_on and self.next_on <= self.day:
            raise Misfit(Slip.NEXT, both(*_NEXT_TOO_EARLY, next=self.next_on, day=self.day))
        return self


class MedicineRow(Row):
    """A medicine and when it is to be taken, as it was prescribed. A row is the whole entry."""

    resident: Id = Field(description="id of the resident")
    name: Name = Field(description="what it is called")
    dose: Line = Field("", description="how much of it, in words, e.g. 1 片 (5 mg)")
    at: Times = Field((), description="times of day, e.g. 08:00; 20:00; none: when it is needed")
    since: NearDay = Field("", description="from which day on; empty: he takes it already")
    until: NearDay = Field("", description="to which day; empty: until further notice")
    prescribed_by: Line = Field("", description="who prescribed it")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _in_order(self.since, self.until)
        return self


def _in_order(since: str, until: str) -> None:
    if since and until and until < since:
        raise Misfit(Slip.ENDS, both(*_ENDS_TOO_EARLY, since=since, until=until))


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
    "care_plans": CarePlanRow,
    "assessments": AssessmentRow,
    "medicines": MedicineRow,
}
"""What each table's rows are, in the order in which they lean on each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A row that is not taken, or an oddity of the file: where, and what to do. `table` and `key` tell which row."""

    where: str
    message: str
    table: str = ""
    key: str = ""

    @property
    def told(self) -> str:
        """The line that people read, in both languages where the message is."""
        return both("{where}: {message}", "{where}：{message}", where=self.where, message=self.message)

    def __str__(self) -> str:
        """The line in English."""
        return self.told


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a file holds: the rows that can be read, and why not the others."""

    register: Register = field(default_factory=Register)
    refusals: tuple[Refusal, ...] = ()


def register_of(rows: Iterable[Row]) -> Register:
    """Rows that were written in no file."""
    return Register(entries=tuple(Written(row=row, where=f"row {number}") for number, row in enumerate(rows, 1)))
