"""What may stand in one field of the register: words that can be shown, ids, numbers to call, days and hours."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from community.care import MEASURED
from community.people import HOURS
from shouwang.bilingual import Bilingual, both
from shouwang.quantities import Quantity

MOST_PHONES = 5
"""Of one contact."""
LAST_ORDER = 99
"""In which somebody is called."""


def _words(least: int, most: int, *, lines: bool = False) -> AfterValidator:
    def check(written: str) -> str:
        text = "\n".join(line.rstrip() for line in written.strip().splitlines()) if lines else written.strip()
        strange = next((sign for sign in text if unicodedata.category(sign) in _UNPRINTABLE and sign != "\n"), None)
        if strange is not None or (not lines and "\n" in text):
            raise ValueError(both(*_NOT_SHOWN, sign=repr(strange or "a line break")))
        if not least <= len(text) <= most:
            raise ValueError(both(*_TOO_LONG, number=len(text), least=least, most=most))
        return text

    return AfterValidator(check)


_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})


def _like(pattern: str, advice: str) -> AfterValidator:
    def check(written: str) -> str:
        if not re.fullmatch(pattern, written):
            raise ValueError(both(*_CANNOT_STAND, written=written[:40], advice=advice))
        return written

    return AfterValidator(check)


def _day(written: str) -> str:
    try:
        return written and date.fromisoformat(written).isoformat()
    except ValueError:
        raise ValueError(both(*_NO_DAY, written=written[:40])) from None


def _near_day(written: str) -> str:
    day = _day(written)
    if day and not 1900 <= date.fromisoformat(day).year <= 2200:
        raise ValueError(both(*_FAR_DAY, written=written[:40]))
    return day


def _moment(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(both(*_NO_MOMENT, written=written[:40])) from None
    if not 1990 <= moment.year <= 2200:
        raise ValueError(both(*_FAR_MOMENT, written=written[:40]))
    return written


def _hours(written: str) -> str:
    spans = [span.strip() for span in written.split(",") if span.strip()]
    wrong = next((span for span in spans if not HOURS.fullmatch(span)), None)
    if wrong is not None:
        raise ValueError(both(*_NO_HOURS, written=wrong[:40]))
    return ", ".join(spans)


def _yes(written: object) -> object:
    return _ANSWERS.get(written.strip().lower(), written) if isinstance(written, str) else written


def _some(phones: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(phones) <= MOST_PHONES:
        raise ValueError(both(*_MANY_PHONES, number=len(phones), most=MOST_PHONES))
    return phones


def _some_times(times: tuple[str, ...]) -> tuple[str, ...]:
    if len(times) > _MOST_TIMES:
        raise ValueError(both(*_MANY_TIMES, number=len(times), most=_MOST_TIMES))
    return tuple(sorted(set(times)))


def _measured(quantity: Quantity) -> Quantity:
    if quantity not in MEASURED:
        raise ValueError(both(*_NOT_PLANNED, quantity=quantity, known=", ".join(MEASURED)))
    return quantity


_NOT_SHOWN = (
    "holds {sign}, which cannot be shown; delete it and write it anew",
    "含有无法显示的字符 {sign}，请删掉重写",
)
_TOO_LONG = "has {number} characters; write {least} to {most}", "有 {number} 个字，应为 {least} 到 {most} 个"
_CANNOT_STAND = '"{written}" cannot stand here; {advice}', "“{written}”不能写在这里；{advice}"
_NO_DAY = (
    '"{written}" is no day; write year, month and day: 2026-11-24',
    "“{written}”不是日期；请写年-月-日：2026-11-24",
)
_FAR_DAY = '"{written}" is too far from today; look at the year', "“{written}”离今天太远，请看看年份"
_NO_MOMENT = (
    '"{written}" is no day or moment; write 2026-11-24 or 2026-11-24T09:30+08:00',
    "“{written}”不是日期或时刻；请写 2026-11-24 或 2026-11-24T09:30+08:00",
)
_FAR_MOMENT = (
    '"{written}" is too far from today; write the day on which it was said',
    "“{written}”离今天太远；请写当时说的那一天",
)
_NO_HOURS = (
    '"{written}" is no span of a day; write 08:00-22:00, several with commas between them',
    "“{written}”不是一天里的时段；请写 08:00-22:00，多个时段用英文逗号隔开",
)
_MANY_PHONES = "has {number} numbers; write 1 to {most}", "有 {number} 个号码；请写 1 到 {most} 个"
_MANY_TIMES = "has {number} times; write up to {most}", "有 {number} 个时刻；最多写 {most} 个"
_NOT_PLANNED = (
    '"{quantity}" is in no plan; write one of {known}',
    "“{quantity}”不能写进计划；请写其中之一：{known}",
)
_MOST_TIMES = 12
_ANSWERS = {"是": True, "有": True, "y": True, "否": False, "无": False, "n": False}

Id = Annotated[
    str,
    _like(
        r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
        Bilingual(
            'use up to 64 letters, digits, "-", "_" or ".", no spaces',
            zh="最多 64 个英文字母、数字、“-”、“_”、“.”，不要空格",
        ),
    ),
]
PlaceId = Annotated[
    str,
    _like(
        r"[\w.#-][\w.#/-]{0,159}",
        Bilingual(
            'use letters, digits, "-", "_", ".", "#" and "/", no spaces',
            zh="用字母、数字、“-”、“_”、“.”、“#”和“/”，不要空格",
        ),
    ),
]
Code = Annotated[
    str,
    _like(
        r"([\w.#-]{1,32})?",
        Bilingual(
            'write a number or name such as 3, 2-501 or A座, without "/" or spaces',
            zh="请写号码或名称，如 3、2-501、A座，不要“/”和空格",
        ),
    ),
]
Line = Annotated[str, _words(0, 200)]
Name = Annotated[str, _words(1, 200)]
Notes = Annotated[str, _words(0, 2000, lines=True)]
Phone = Annotated[
    str,
    _words(1, 40),
    _like(
        r"[+0-9][0-9 ()#*,;p-]{1,39}",
        Bilingual(
            "write digits, e.g. 138 0000 0001 or +86 21 5555 0001",
            zh="请写数字，例如 138 0000 0001 或 +86 21 5555 0001",
        ),
    ),
]
NoPhone = Annotated[
    str,
    _words(0, 40),
    _like(
        r"([+0-9][0-9 ()#*,;p-]{1,39})?",
        Bilingual(
            "write digits, e.g. 138 0000 0001 or +86 21 5555 0001",
            zh="请写数字，例如 138 0000 0001 或 +86 21 5555 0001",
        ),
    ),
]
Day = Annotated[str, AfterValidator(_day)]
Moment = Annotated[str, AfterValidator(_moment)]
Hours = Annotated[str, AfterValidator(_hours)]
YesNo = Annotated[bool, BeforeValidator(_yes)]
Order = Annotated[int, Field(ge=0, le=LAST_ORDER)]
NearDay = Annotated[str, AfterValidator(_near_day)]
DayWritten = Annotated[str, _words(10, 10), AfterValidator(_near_day)]
Clock = Annotated[
    str,
    _like(
        r"([01][0-9]|2[0-3]):[0-5][0-9]",
        Bilingual("write a time of day such as 08:00", zh="请写一天里的时刻，如 08:00"),
    ),
]
Phones = Annotated[tuple[Phone, ...], AfterValidator(_some)]
Times = Annotated[tuple[Clock, ...], AfterValidator(_some_times)]
Measured = Annotated[Quantity, AfterValidator(_measured)]
Number = Annotated[float, Field(allow_inf_nan=False)]
