"""What people are told: short, in two languages, and nothing of it medical where other people's machines carry it."""

import pytest

from community.channels.port import Way
from community.notice_words import building_of, told
from community.wording import told_on_the_way
from shouwang.alert import Sentence

WHY = Sentence(zh="心率 132 次/分，超过 120", en="heart rate 132, above 120")
AUDIENCES = ("operators", "owner", "supervisor", "team_lead", "responders", "next_candidate", "family", "keyholder")
AUDIENCES += ("duty_leader", "command_centre")
WRITTEN = (Way.SMS, Way.MAIL, Way.PUSH, Way.WEBHOOK)
ADDRESS = "阳光小区3号楼2-501"


def said(audience: str, way: Way, why: Sentence | None = None, prompt: str = "") -> Sentence:
    return told(
        audience, incident_id=17, priority="P1", way=way, address=ADDRESS, name="王桂兰", why=why, prompt=prompt
    )


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("way", WRITTEN)
def test_written_words_hold_the_building_and_the_name_and_no_more(audience: str, way: Way) -> None:
    for text in (said(audience, way).zh, said(audience, way).en):
        assert "王桂兰" in text
        assert "2-501" not in text
        assert not any(word in text for word in ("132", "心率", "heart", "冠心病"))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_who_may_hear_it_is_told_what_happened(audience: str) -> None:
    assert WHY.zh in said(audience, Way.SMS, WHY).zh
    assert WHY.en in said(audience, Way.SMS, WHY).en


@pytest.mark.parametrize("audience", AUDIENCES)
@pytest.mark.parametrize("way", [*WRITTEN, Way.VOICE])
def test_every_text_fits_two_parts_of_an_sms(audience: str, way: Way) -> None:
    assert len(said(audience, way).zh) <= 134  # two parts in UCS-2, 67 signs each
    assert len(said(audience, way).en) <= 160 * 2


def test_a_call_tells_a_responder_the_whole_address_and_the_keys() -> None:
    text = said("responders", Way.VOICE).zh
    assert ADDRESS in text
    assert "接单请按1" in text
    assert "press 1" in said("family", Way.VOICE).en


def test_the_last_rung_says_to_call_120() -> None:
    assert "120" in said("operators", Way.PUSH, prompt="call_120").zh
    assert "CALL 120 NOW" in said("supervisor", Way.SMS, prompt="call_120").en


@pytest.mark.parametrize(
    ("address", "building"),
    [
        ("3号楼2-501", "3号楼"),
        ("阳光小区7号楼1-202", "阳光小区7号楼"),
        ("幸福里12栋", "幸福里12栋"),
        ("Rose House, flat 12", "Rose House"),
        ("12, Rose Street", ""),
        ("Rosenweg 12", ""),
        ("", ""),
    ],
)
def test_the_building_of_an_address(address: str, building: str) -> None:
    assert building_of(address) == building


def test_the_home_hears_who_is_on_the_way() -> None:
    assert told_on_the_way("Liu", 4).en == "Liu is on the way to you, about 4 minutes."
    assert told_on_the_way("刘师傅", 4).zh == "刘师傅已经出发，大约4分钟到。"
    assert told_on_the_way("", 1).en == "Somebody is on the way to you, about 1 minute."
    assert told_on_the_way("", None).zh == "救助人员已经出发，正在赶来。"


def test_nobody_is_told_to_send_whom_the_server_asks_by_itself() -> None:
    assert "改派下一位" in said("next_candidate", Way.SMS).zh
    assert "请改派" not in said("next_candidate", Way.SMS).zh
    assert "send somebody" not in said("next_candidate", Way.SMS).en
