"""What a centre writes of its units, responders, grids and rosters: one YAML file, or CSV lists from an office program.

Pure: text in, values out; nothing here opens a file.
"""

import csv
import io
import re
from datetime import datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from community.dispatch import UnitKind
from community.points import Latitude, Longitude, fault_of
from community.rosters import Place, Post
from shouwang.bilingual import Bilingual, both, by_lines, told_by
from shouwang.document import Id, parse
from shouwang.errors import ConfigError


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _clock(written: str) -> str:
    if not re.fullmatch(r"[0-2]\d:[0-5]\d", written):
        raise ValueError(both(*_NO_TIME, written=written[:20]))
    time.fromisoformat(written)
    return written


def _zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(both(*_NO_ZONE, written=written[:40])) from error
    return written


def _phone(written: str) -> str:
    if not re.fullmatch(r"\+?[0-9][0-9 -]{2,19}", written):
        raise ValueError(both(*_NO_PHONE, written=written[:24]))
    return written


_NO_TIME = '"{written}" is no time of day; write it as "08:00", in quotes', '“{written}”不是时刻；请写 "08:00"，带引号'
_NO_ZONE = '"{written}" is no time zone; write e.g. Asia/Shanghai', "“{written}”不是时区；请写例如 Asia/Shanghai"
_NO_PHONE = (
    '"{written}" is no telephone number; write digits, e.g. "+86 138 0000 0001", in quotes',
    '“{written}”不是电话号码；请写数字，例如 "+86 138 0000 0001"，带引号',
)
_SHIFT_ENDS = Bilingual(
    "a shift ends after it starts, both written in the same way", zh="班次的结束要晚于开始，两个时间写法要一致"
)
_ABSENCE_ENDS = Bilingual(
    "an absence ends after it starts, both written in the same way", zh="缺勤的结束要晚于开始，两个时间写法要一致"
)
_TWICE = "the {what} {ids} stands here twice; leave one", "{what} {ids} 写了两次，请留下一个"
_NO_LIST = (
    "{name}:1: the heading names no list that is known; it needs at least ({known})",
    "{name}:1：表头对不上任何一种清单；至少要有（{known}）",
)
_NOT_UTF8 = (
    "{name}: is not UTF-8 text; save it as UTF-8 (in a spreadsheet: CSV UTF-8)",
    "{name}：不是 UTF-8 编码；请另存为 UTF-8（表格软件里选 CSV UTF-8）",
)
Clock = Annotated[str, AfterValidator(_clock)]
Phone = Annotated[str, AfterValidator(_phone)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Key = Annotated[str, Field(min_length=1, max_length=64)]


class HoursEntry(_Entry):
    """When a unit may be asked."""

    since: Clock = Field(alias="from", description='from this time of day, e.g. "08:00"')
    until: Clock = Field(alias="to", description='to this one; "08:00" after "20:00" is the next morning')
    days: tuple[Day, ...] = Field(default=(), description="on these days; left out: every day")


class UnitEntry(_Entry):
    """A party that helps: a team, the property office, the clinic, 120."""

    id: Id
    name: Name = Field(description="as people call it")
    kind: UnitKind = Field(description="what it is; 120, 119 and 110 are called by telephone only")
    tier: Annotated[int, Field(ge=1, le=9)] = Field(default=1, description="1 is asked first")
    phone: Phone | None = Field(default=None, description="where it answers")
    channel: Literal["sms", "voice", "app"] = Field(default="sms", description="how it likes to be told")
    hours: tuple[HoursEntry, ...] = Field(default=(), description="when; left out: day and night")
    areas: tuple[Key, ...] = Field(default=(), description="grids, buildings or communities; left out: everywhere")
    skills: tuple[Key, ...] = Field(default=(), description="what everybody in it can do, e.g. first_aid")


class ResponderEntry(_Entry):
    """Somebody who goes."""

    id: Id
    name: Name
    unit: Id = Field(description="the id of the unit")
    phone: Phone | None = Field(default=None, description="gets the SMS with the link; without one nobody is offered")
    tier: Annotated[int, Field(ge=1, le=9)] | None = Field(default=None, description="left out: that of the unit")
    skills: tuple[Key, ...] = Field(default=(), description="beside those of the unit")
    areas: tuple[Key, ...] = Field(default=(), description="grids, buildings; left out: those of the unit")
    language: Literal["zh", "en"] = Field(default="zh", description="of the page on the phone")
    lat: Latitude | None = Field(default=None, description="where he usually starts from (WGS-84)")
    lon: Longitude | None = None
    active: bool = Field(default=True, description="false: works here no more; his history stays")


class GridEntry(_Entry):
    """A grid (网格) and who answers for it."""

    id: Key
    worker: Id = Field(description="the 网格员: the id of a responder")
    backup: Id = Field(description="who stands in: another responder")


class DutyEntry(_Entry):
    """A duty of each week."""

    post: Post = Field(description="operator, supervisor, duty_leader or responder")
    person: Id = Field(description="a login, or the id of a responder")
    place: Place = Field(default=Place.MAIN, alias="as", description="main, or backup")
    since: Clock = Field(alias="from")
    until: Clock = Field(alias="to", description="not later than from: the next morning")
    days: tuple[Day, ...] = ()


class ShiftEntry(_Entry):
    """One duty on a date: a swap, a holiday."""

    post: Post
    person: Id
    place: Place = Field(default=Place.MAIN, alias="as")
    start: datetime = Field(description="e.g. 2026-12-24T20:00, local")
    end: datetime

    @model_validator(mode="after")
    def _ends_later(self) -> "ShiftEntry":
        if (self.start.tzinfo is None) != (self.end.tzinfo is None) or self.end <= self.start:
            raise ValueError(_SHIFT_ENDS)
        return self


class AbsenceEntry(_Entry):
    """Somebody cannot: ill, on leave."""

    person: Id
    start: datetime
    end: datetime
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _ends_later(self) -> "AbsenceEntry":
        if (self.start.tzinfo is None) != (self.end.tzinfo is None) or self.end <= self.start:
            raise ValueError(_ABSENCE_ENDS)
        return self


class WhereEntry(_Entry):
    """Where a home is, for whoever goes there: what the register of people and places does not say of it."""

    home: Id
    areas: tuple[Key, ...] = Field(default=(), description="nearest first: building, grid, community")
    lat: Latitude | None = Field(default=None, description="latitude, WGS-84; left out: what the register says")
    lon: Longitude | None = None
    door_note: Annotated[str, Field(max_length=400)] = Field(default="", description="how to get in to the door")

    @model_validator(mode="after")
    def _stands_somewhere(self) -> "WhereEntry":
        fault = fault_of(self.lat, self.lon)
        if fault:
            raise ValueError(fault)
        return self


class DispatchFile(_Entry):
    """All of it. Parts that are left out stay as they are in the database."""

    zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="Asia/Shanghai", description="the time zone of all times of day in this file"
    )
    units: tuple[UnitEntry, ...] | None = None
    responders: tuple[ResponderEntry, ...] | None = None
    grids: tuple[GridEntry, ...] | None = None
    duties: tuple[DutyEntry, ...] | None = None
    shifts: tuple[ShiftEntry, ...] | None = None
    absences: tuple[AbsenceEntry, ...] | None = None
    homes: tuple[WhereEntry, ...] | None = None

    @model_validator(mode="after")
    def _each_once(self) -> "DispatchFile":
        for what, ids in (
            (Bilingual("unit", zh="单位"), [one.id for one in self.units or ()]),
            (Bilingual("responder", zh="处置人员"), [one.id for one in self.responders or ()]),
            (Bilingual("grid", zh="网格"), [one.id for one in self.grids or ()]),
            (Bilingual("home", zh="住户"), [one.home for one in self.homes or ()]),
        ):
            twice = sorted({one for one in ids if ids.count(one) > 1})
            if twice:
                raise ValueError(both(*_TWICE, what=what, ids=", ".join(twice)))
        return self

    def aware(self, written: datetime) -> datetime:
        """A moment of the file; without an offset it is local."""
        return written if written.tzinfo is not None else written.replace(tzinfo=ZoneInfo(self.zone))


def read_yaml(text: str, *, name: str) -> DispatchFile:
    """The file. Raises ConfigError: one line per problem, with its line."""
    return parse(text, DispatchFile, name=name)


def read_file(body: bytes, *, name: str) -> DispatchFile:
    """A file as it came, YAML or CSV by its name. Raises ConfigError."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(both(*_NOT_UTF8, name=name)) from error
    return (read_csv if name.lower().endswith(".csv") else read_yaml)(text, name=name)


_LISTS = (";", "；", "、")
_COLUMNS: dict[str, tuple[type[BaseModel], frozenset[str]]] = {
    "units": (UnitEntry, frozenset({"id", "name", "kind"})),
    "responders": (ResponderEntry, frozenset({"id", "name", "unit"})),
    "duties": (DutyEntry, frozenset({"post", "person", "from", "to"})),
    "grids": (GridEntry, frozenset({"id", "worker", "backup"})),
}
_MANY = frozenset({"skills", "areas", "days"})


def read_csv(text: str, *, name: str) -> DispatchFile:
    """A list with a heading: units, responders, duties or grids, told by its columns; several values with ";" between.

    Raises ConfigError: one line per problem, with its line.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    columns = frozenset(column.strip() for column in rows.fieldnames or ())
    kind = next((kind for kind, (_, needed) in _COLUMNS.items() if needed <= columns), None)
    if kind is None:
        known = "; ".join(f"{kind}: {', '.join(sorted(needed))}" for kind, (_, needed) in _COLUMNS.items())
        raise ConfigError(both(*_NO_LIST, name=name, known=known))
    entries: list[BaseModel] = []
    faults: list[str] = []
    for row in rows:
        try:
            entries.append(_COLUMNS[kind][0].model_validate(_filled(row)))
        except ValidationError as error:
            faults += [_said(f"{name}:{rows.line_num}", one) for one in error.errors()]
    if not faults:
        try:
            return DispatchFile.model_validate({kind: entries})
        except ValidationError as error:
            faults += [_said(name, one) for one in error.errors()]
    raise ConfigError(by_lines(faults))


def _filled(row: dict[str | None, str | list[str] | None]) -> dict[str, object]:
    """The cells that hold something; a row longer than its heading keeps the rest under a name that is refused."""
    found: dict[str, object] = {}
    for column, cell in row.items():
        written = cell.strip() if isinstance(cell, str) else ";".join(cell or ())
        name = (column or "(no heading)").strip()
        if written:
            found[name] = _split(written) if name in _MANY else written
    return found


def _split(written: str) -> tuple[str, ...]:
    for mark in _LISTS[1:]:
        written = written.replace(mark, _LISTS[0])
    return tuple(part.strip() for part in written.split(_LISTS[0]) if part.strip())


def _said(where: str, error: ErrorDetails) -> str:
    column = ".".join(str(part) for part in error["loc"])
    place = f"{where}: {column}" if column else where
    return both("{place}: {what}", "{place}：{what}", place=place, what=_what(error))


def _what(error: ErrorDetails) -> str:
    cause = error.get("ctx", {}).get("error")
    if error["type"] == "value_error" and isinstance(cause, Exception):
        return told_by(cause)
    words = "{message}", _IN_CHINESE.get(error["type"], "写法不对（{message}）")
    return both(*words, message=error["msg"], **_choices_of(error))


def _choices_of(error: ErrorDetails) -> dict[str, object]:
    return {"expected": error.get("ctx", {}).get("expected", "")}


_IN_CHINESE = {
    "missing": "缺少这一栏",
    "extra_forbidden": "没有这一栏",
    "enum": "只能写：{expected}",
    "literal_error": "只能写：{expected}",
    "int_parsing": "要写整数",
    "float_parsing": "要写数字",
    "bool_parsing": "要写 true 或 false",
    "datetime_from_date_parsing": "不是时间；请写例如 2026-12-24T20:00",
    "string_too_short": "不能为空",
    "string_too_long": "太长",
}
"""What pydantic says of a cell, by its type; the rest is shown with its own words."""
