"""Sentences in two languages, from a driver at home to the page of its box, and what older ends say."""

import copy
import json

import pytest

from community import reasons
from community.facts import fact, found, kept, words
from community.web.fact_words import FACTS, plain, told
from community.web.language import Language, translations
from shouwang.alert import Sentence, sentence_of
from shouwang.bilingual import Bilingual, both, by_lines, chinese, in_a_row, lines_of, told_by
from shouwang.errors import DeviceError
from shouwang.status import SensorState, SensorStatus
from shouwang.wire import decode_envelope

BOTH = Bilingual("the modem does not answer", zh="调制解调器没有应答")


def test_sentence_is_its_english_one_and_carries_the_other() -> None:
    assert BOTH == "the modem does not answer"
    assert str(DeviceError(BOTH)) == "the modem does not answer"
    assert json.dumps(BOTH) == '"the modem does not answer"'
    assert (chinese(BOTH), chinese(str(BOTH)), chinese("plain")) == ("调制解调器没有应答", "", "")
    assert chinese(copy.deepcopy(BOTH)) == "调制解调器没有应答"


@pytest.mark.parametrize(
    ("error", "zh"),
    [
        (DeviceError(BOTH), "调制解调器没有应答"),
        (DeviceError("plain"), ""),
        (DeviceError(), ""),
        (DeviceError(BOTH, 1), ""),
    ],
)
def test_failure_tells_both_where_it_has_both(error: DeviceError, zh: str) -> None:
    assert told_by(error) == str(error)
    assert chinese(told_by(error)) == zh


def test_reason_is_kept_whole_and_told_in_both() -> None:
    assert reasons.told(reasons.kept("a\nb", "甲\n乙")) == Sentence(zh="甲 乙", en="a b")
    assert reasons.told(reasons.kept("no answer", "")) == Sentence(zh="no answer", en="no answer")
    assert reasons.told("an old row\nof two lines") == Sentence(
        zh="an old row\nof two lines", en="an old row\nof two lines"
    )


_STATUS = """{"id":{"gateway":"gw-1","epoch":"6f1c09b2d4e8a573","lane":1,"seq":1},"created_at":"2026-11-24T03:12:58Z",
"boot":"b","mono":1,"body":{"kind":"status","status":{"sensor_id":"s","state":"down","since":"2026-11-24T03:12:58Z",
"at":"2026-11-24T03:12:58Z","mono":1,"reason":"no answer"%s}}}"""


def test_older_gateways_and_servers_are_understood() -> None:
    def status(more: str) -> SensorStatus:
        body = decode_envelope((_STATUS % more).encode(), gateway="gw-1").body
        return body.status  # type: ignore[union-attr, no-any-return]  # it is one

    assert status("").reason_zh == ""
    assert status(',"reason_zh":"没有应答"').reason_zh == "没有应答"
    assert status(',"of_tomorrow":1').reason == "no answer", "what this server does not know it passes over"
    assert status("").state is SensorState.DOWN


@pytest.mark.parametrize("what", FACTS)
def test_every_fact_is_said_in_both_languages(what: str) -> None:
    values = [
        "entries",
        "changes",
        "count",
        "head",
        "cases",
        "name",
        "role",
        "areas",
        "organisations",
        "person",
        "scopes",
        "fields",
        "organisation",
        "login",
    ]
    values += ["what", "old", "new", "old_role", "new_role", "table", "changed", "same", "digest"]
    text = kept([fact(what, **dict.fromkeys(values, "admin"))])
    said = {language: plain(text, language, translations(language).gettext) for language in Language}
    assert "%(" not in said[Language.EN] + said[Language.ZH]
    assert said[Language.ZH] != said[Language.EN] or what == "digest"


def test_facts_are_worded_in_the_readers_language() -> None:
    text = kept(
        [
            fact(
                "number", what_zh="应答", what_en="answer", old_zh="1 分", old_en="1 min", new_zh="45 秒", new_en="45 s"
            ),
            fact("role", old_role="operator", new_role="admin"),
            fact("scope-after", areas="*", organisations="care-co"),
            fact("words", text="<b>why</b>"),
        ]
    )
    zh, en = (str(told(text, language, translations(language).gettext)) for language in (Language.ZH, Language.EN))
    assert "应答：由 1 分 改为 45 秒" in zh
    assert "answer: 1 min → 45 s" in en
    assert "Operator → Administrator" in en
    assert "区域 全部，机构 care-co" in zh
    assert "&lt;b&gt;why&lt;/b&gt;" in en


def test_text_that_is_no_fact_is_shown_as_it_was_written() -> None:
    english = translations(Language.EN).gettext
    assert found("operator -> admin") is None
    assert str(told("operator -> <i>", Language.ZH, english)) == '<span lang="en">operator -&gt; &lt;i&gt;</span>'
    assert found('facts:[{"what":') is None, "cut off"
    newer = kept([fact("of-tomorrow", one="1", two="2")])
    assert plain(newer, Language.EN, english) == "1 2"
    lacking = kept([fact("head")])
    assert plain(lacking, Language.EN, english) == ""


def test_parts_are_told_in_the_language_of_the_whole() -> None:
    said = both("{what} at {n:g}", "{n:g} 处：{what}", what=BOTH, n=3.0)
    assert (said, chinese(said)) == ("the modem does not answer at 3", "3 处：调制解调器没有应答")
    assert chinese(both("{x}", "甲 {x}", x="{y}")) == "甲 {y}", "what people wrote is no pattern"


def test_lines_keep_their_languages_apart() -> None:
    lines = by_lines([BOTH, "plain"])
    assert [chinese(one) for one in lines_of(lines)] == ["调制解调器没有应答", "plain"]
    assert lines_of("a\nb") == ("a", "b")
    assert chinese(lines_of(Bilingual("a\nb", zh="甲"))[0]) == "", "not the same lines"


def test_facts_of_a_sentence_in_both_are_kept_in_both() -> None:
    text = kept([words(BOTH), words("plain")])
    assert plain(text, Language.ZH, translations(Language.ZH).gettext) == "调制解调器没有应答; plain"
    assert plain(text, Language.EN, translations(Language.EN).gettext) == "the modem does not answer; plain"


def test_sentences_in_a_row_have_the_sign_of_each_language_between_them() -> None:
    said = in_a_row([BOTH, "plain"])
    assert (said, chinese(said)) == ("the modem does not answer; plain", "调制解调器没有应答；plain")


def test_text_becomes_the_sentence_that_people_are_told() -> None:
    assert sentence_of(BOTH) == Sentence(zh="调制解调器没有应答", en="the modem does not answer")
    assert sentence_of("plain") == Sentence(zh="plain", en="plain")
