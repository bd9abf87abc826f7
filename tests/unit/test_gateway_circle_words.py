"""What people read and hear when the line is down: who, what, and what to do, in one SMS where the words allow it."""

from datetime import UTC, datetime

import pytest

from config.second_path import CirclePart
from drivers.serial.codec.sms_submit import count_parts
from gateway import circle_words as words
from shouwang.alert import Alert, AlertState, Sentence, Severity, alert_id_of

AT = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PHONE = "+8657155500100"


def alert(
    zh="有人按下了紧急呼叫按钮（sos-bed）", en="the SOS button was pressed (sos-bed)", state=AlertState.FIRING
) -> Alert:
    return Alert(
        alert_id=alert_id_of("sos:bed", AT, state),
        key="sos:bed",
        rule_id="sos",
        rule_version=1,
        hazard="sos",
        severity=Severity.P1,
        state=state,
        resident_id="r1",
        sensor_id="bed",
        since=AT,
        at=AT,
        mono=0,
        why=Sentence(zh=zh, en=en),
    )


def sms(one: Alert, *, resident="王桂兰", home_phone=PHONE, language="zh") -> str:
    return words.sms_to_contact(one, resident=resident, home_phone=home_phone, language=language)


def test_the_chinese_sms_is_one_of_70_characters():
    text = sms(alert())
    assert (
        text
        == "守望报警：王桂兰，有人按下了紧急呼叫按钮（sos-bed）。家中断网，请马上打家中电话+8657155500100，危急拨120。"
    )
    assert len(text) <= 70
    assert sms(alert(), home_phone=None).endswith("。家中断网，请马上联系，危急拨120。")


def test_the_english_sms_is_one_of_160_characters():
    text = sms(alert(), resident="Wang Guilan", language="en")
    assert text == (
        "Shouwang ALARM: Wang Guilan: the SOS button was pressed (sos-bed). No internet there. "
        "Call +8657155500100 at once; if in danger, call 120."
    )
    assert count_parts(text) == 1


def test_a_long_reason_is_cut_and_the_rest_stays_whole():
    text = sms(alert(zh="卧室雷达发现有人跌倒，六十秒内没有起身，之后二十分钟没有任何动静，也没有回答" * 2))
    assert len(text) == 70
    assert "…。家中断网，请马上打家中电话+8657155500100，危急拨120。" in text
    assert count_parts(sms(alert(en="x " * 200), resident="Wang", language="en")) == 1


def test_a_chinese_name_in_an_english_sms_costs_a_second_one_and_loses_nothing_that_matters():
    text = sms(alert(), language="en")
    assert count_parts(text) == 2
    assert text.startswith("Shouwang ALARM: 王桂兰: the SOS button")
    assert text.endswith("if in danger, call 120.")


def test_the_end_is_told_shortly():
    ended = alert(zh="中心已结案", en="the centre has closed the case", state=AlertState.RESOLVED)
    assert sms(ended) == "守望：王桂兰的报警已结束，中心已结案。"
    assert sms(ended, language="en") == "Shouwang: the alarm of 王桂兰 is over: the centre has closed the case."


@pytest.mark.parametrize(
    ("relation", "zh", "en"),
    [
        ("儿子", "您儿子", "your son"),
        ("Daughter", "您女儿", "your daughter"),
        ("邻居", "您邻居", "your neighbour"),
        ("大表哥", "您大表哥", "王强"),
        ("godson", "王强", "your godson"),
        ("", "王强", "王强"),
    ],
)
def test_the_elder_hears_of_people_by_what_they_are_to_them(relation, zh, en):
    contact = CirclePart.model_validate({"name": "王强", "relation": relation, "phone": "+8613800138000"})
    said = words.calling(contact, is_first=True)
    assert said == Sentence(zh=f"线路不通，正在给{zh}打电话。", en=f"The line is down, I am calling {en}.")
    assert words.calling(contact, is_first=False).zh == f"正在给{zh}打电话。"
    taken = words.has_taken(contact)
    assert taken.zh == f"{zh}已接到电话，知道您需要帮助。"
    assert taken.en == f"{en[:1].upper()}{en[1:]} has answered and knows that you need help."
