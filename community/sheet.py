"""The sheet for 120: what an ambulance crew must know, on one page and as a text to read out. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone, tzinfo

import msgspec

from community.desk import Contact, Series
from shouwang.alert import Sentence
from shouwang.quantities import QUANTITIES


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What happened when."""

    at: datetime
    said: Sentence


class Vital(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity around the alarm: the last value, and the lowest and highest."""

    name: Sentence
    unit: str
    last: float
    at: datetime
    low: float
    high: float


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `code_at`: where the key-safe hangs; its code never stands on paper.

    `helpers`: which services were called: `120` (asked), `120:REF` (confirmed with its number).
    """

    incident_id: int
    made_at: datetime
    centre: str
    callback: str
    address: str
    way_in: str
    code_at: str
    name: str
    age: int | None
    living: str
    conditions: tuple[str, ...]
    medicines: tuple[str, ...]
    allergies: tuple[str, ...]
    remarks: str
    what: Sentence
    opened_at: datetime
    lines: tuple[Line, ...]
    vitals: tuple[Vital, ...]
    contacts: tuple[Contact, ...]
    helpers: tuple[str, ...]
    on_site: str = ""
    is_on_file: bool = True


def vitals_of(series: Iterable[Series]) -> tuple[Vital, ...]:
    """The home's resident's series, each in a line; without presses of buttons and what nobody measured."""
    found = []
    for one in series:
        info = QUANTITIES[one.quantity]
        if not one.points or one.resident_id or info.event:
            continue
        values = [point.value for point in one.points]
        found.append(
            Vital(
                name=Sentence(zh=info.zh, en=info.en),
                unit=info.unit,
                last=values[-1],
                at=one.points[-1].at,
                low=min(values),
                high=max(values),
            )
        )
    return tuple(found)


def text(sheet: Sheet, language: str, zone: tzinfo | None = None) -> str:
    """To be read out or sent: `language` zh or en; times in `zone`, None for the server's own."""
    words = _ZH if language == "zh" else _EN
    lines = [words["title"].format(number=sheet.incident_id, centre=sheet.centre)]

    def say(name: str, said: str) -> None:
        lines.append(f"{words[name]}: {said or words['unknown']}")

    say("callback", sheet.callback)
    say("who", _who(sheet, words))
    say("where", sheet.address)
    if sheet.way_in:
        say("way_in", sheet.way_in)
    if sheet.code_at:
        say("code_at", f"{sheet.code_at} ({words['ask']})")
    say("what", f"{_in(sheet.what, language)}, {_clock(sheet.opened_at, zone)}")
    say("conditions", "; ".join(sheet.conditions))
    say("medicines", "; ".join(sheet.medicines))
    say("allergies", "; ".join(sheet.allergies))
    if sheet.remarks:
        say("remarks", sheet.remarks)
    lines += _vital_lines(sheet.vitals, language, words, zone)
    lines += _timeline_lines(sheet.lines, language, words, zone)
    say("contacts", "; ".join(_contact(one, words) for one in sheet.contacts))
    if sheet.on_site:
        say("on_site", sheet.on_site)
    return "\n".join(lines) + "\n"


def reference_of(helpers: Iterable[str], number: str) -> str | None:
    """The reference of this service; empty: it was called, and has given none; None: it was not called."""
    asked = [one for one in helpers if one.partition(":")[0] == number]
    return max((one.partition(":")[2] for one in asked), default=None)


def _who(sheet: Sheet, words: dict[str, str]) -> str:
    if not sheet.is_on_file:
        return words["not_on_file"]
    age = "" if sheet.age is None else words["aged"].format(age=sheet.age)
    return ", ".join(part for part in (sheet.name, age, sheet.living) if part)


def _vital_lines(vitals: Sequence[Vital], language: str, words: dict[str, str], zone: tzinfo | None) -> Iterable[str]:
    yield f"{words['vitals']}:" if vitals else f"{words['vitals']}: {words['none']}"
    for one in vitals:
        span = f"{one.low:g}-{one.high:g}"
        yield f"  {_in(one.name, language)} {one.last:g} {one.unit} ({_clock(one.at, zone)}; {span})"


def _timeline_lines(lines: Sequence[Line], language: str, words: dict[str, str], zone: tzinfo | None) -> Iterable[str]:
    yield f"{words['timeline']}:"
    for line in lines:
        yield f"  {_clock(line.at, zone)} {_in(line.said, language)}"


def _contact(one: Contact, words: dict[str, str]) -> str:
    key = f" ({words['has_key']})" if one.has_key else ""
    return f"{one.name} {one.relation} {one.phone}{key}".replace("  ", " ")


def _in(said: Sentence, language: str) -> str:
    return said.zh if language == "zh" else said.en


def _clock(at: datetime, zone: tzinfo | timezone | None) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}"


_ZH = {
    "title": "120 交接单 警情编号 {number}（{centre}）",
    "callback": "回拨电话",
    "who": "患者",
    "where": "地址",
    "way_in": "进门方式",
    "code_at": "钥匙盒位置",
    "ask": "密码请致电回拨电话询问",
    "what": "发生了什么",
    "conditions": "病史",
    "medicines": "用药",
    "allergies": "过敏",
    "remarks": "备注",
    "vitals": "报警前后的生命体征",
    "timeline": "经过",
    "contacts": "联系人",
    "on_site": "现场人员",
    "has_key": "有钥匙",
    "aged": "{age} 岁",
    "none": "没有测量值",
    "unknown": "不详",
    "not_on_file": "未登记的家庭",
}
_EN = {
    "title": "Sheet for 120, case {number} ({centre})",
    "callback": "Call back",
    "who": "Patient",
    "where": "Address",
    "way_in": "Way in",
    "code_at": "Key-safe",
    "ask": "for the code ring the call-back number",
    "what": "What happened",
    "conditions": "Illnesses",
    "medicines": "Medicines",
    "allergies": "Allergies",
    "remarks": "Remarks",
    "vitals": "Vital signs around the alarm",
    "timeline": "What was done",
    "contacts": "Contacts",
    "on_site": "On site",
    "has_key": "has a key",
    "aged": "aged {age}",
    "none": "nothing was measured",
    "unknown": "not known",
    "not_on_file": "a home that is not on file",
}
