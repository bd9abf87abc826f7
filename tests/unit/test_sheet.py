"""The sheet for 120 says what a crew must know, in both languages, and never the code of a key-safe."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from community.desk import Contact, Point, Series
from community.sheet import Line, Sheet, reference_of, text, vitals_of
from shouwang.alert import Sentence
from shouwang.quantities import Quantity
from shouwang.reading import Quality

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def series(quantity: Quantity, *values: float, resident_id: str = "") -> Series:
    points = tuple(
        Point(at=NOON + timedelta(seconds=5 * place), value=value, quality=Quality.GOOD)
        for place, value in enumerate(values)
    )
    return Series(sensor_id="oximeter", quantity=quantity, points=points, resident_id=resident_id)


SHEET = Sheet(
    incident_id=7,
    made_at=NOON,
    centre="阳光社区",
    callback="0571-8888 0000",
    address="3号楼2-501",
    way_in="北门进",
    code_at="门框右侧",
    name="王桂兰",
    age=82,
    living="独居",
    conditions=("冠心病",),
    medicines=("阿司匹林",),
    allergies=(),
    remarks="听力差",
    what=Sentence(zh="床头紧急按钮被按下", en="the SOS button at the bed was pressed"),
    opened_at=NOON,
    lines=(Line(at=NOON, said=Sentence(zh="开案", en="the case began")),),
    vitals=vitals_of(
        [series(Quantity.SPO2, 95, 84, 88), series(Quantity.HEART_RATE), series(Quantity.SPO2, 99, resident_id="guest")]
    ),
    contacts=(Contact(name="王强", relation="儿子", phone="138", has_key=True),),
    helpers=("120", "120:HZ-4711"),
    on_site="刘芳 139",
)


def test_it_says_who_where_what_and_whom_to_ring():
    said = text(SHEET, "en", SHANGHAI)
    for part in (
        "case 7",
        "0571-8888 0000",
        "王桂兰, aged 82, 独居",
        "3号楼2-501",
        "北门进",
        "Key-safe: 门框右侧 (for the code ring the call-back number)",
        "the SOS button at the bed was pressed, 2026-11-24 12:00:00",
        "冠心病",
        "阿司匹林",
        "Allergies: not known",
        "oxygen saturation 88 %",
        "84-95",
        "12:00:00 the case began",
        "王强 儿子 138 (has a key)",
        "On site: 刘芳 139",
    ):
        assert part in said, part
    assert "99" not in said  # a guest's


def test_it_says_the_same_in_chinese():
    said = text(SHEET, "zh", SHANGHAI)
    for part in ("120 交接单", "82 岁", "回拨电话", "过敏: 不详", "血氧饱和度 88", "有钥匙", "床头紧急按钮被按下"):
        assert part in said, part


def test_a_home_that_is_not_on_file_is_said_to_be_none():
    stranger = msgspec.structs.replace(
        SHEET,
        is_on_file=False,
        name="",
        age=None,
        living="",
        vitals=(),
        contacts=(),
        way_in="",
        code_at="",
        remarks="",
        on_site="",
    )
    said = text(stranger, "en", SHANGHAI)
    assert "Patient: a home that is not on file" in said
    assert "nothing was measured" in said
    assert "Contacts: not known" in said
    assert "Key-safe" not in said


def test_a_service_is_asked_then_confirmed_with_its_number():
    assert reference_of((), "120") is None
    assert reference_of(("120", "119"), "120") == ""
    assert reference_of(("120", "120:HZ-4711", "119"), "120") == "HZ-4711"
