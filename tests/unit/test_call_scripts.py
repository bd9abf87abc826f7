"""Call scripts: every alarm has one, in both languages, and what was ticked is read back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from community import call_scripts
from community.call_scripts import CallScript, answers_in, entry, in_words, script_of
from shouwang.alert import Sentence

SCRIPTS = sorted(call_scripts._scripts().values(), key=lambda one: one.script)


@pytest.mark.parametrize(
    ("hazard", "workflow", "name"),
    [
        ("fall", "emergency", "fall"),
        ("spo2", "emergency", "vital"),
        ("carbon-monoxide", "emergency", "gas"),
        ("mains", "technical", "power"),
        ("something-new", "emergency", "life"),
        ("sensor-silent", "technical", "technical"),
        ("something-new", "care", "care"),
        ("something-new", "request", "request"),
    ],
)
def test_every_alarm_has_a_script(hazard: str, workflow: str, name: str) -> None:
    assert script_of(hazard, workflow).script == name


def test_no_hazard_has_two_scripts() -> None:
    hazards = [hazard for script in SCRIPTS for hazard in script.hazards]
    assert len(set(hazards)) == len(hazards)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.script)
def test_script_speaks_both_languages_and_names_what_must_be_asked(script: CallScript) -> None:
    said = [script.title, *script.steps, *(answer for step in script.steps for answer in step.answers)]
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in one.zh) for one in said)
    assert not any("\u4e00" <= sign <= "\u9fff" for one in said for sign in one.en)
    assert script.missing({})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.script)
def test_what_was_ticked_is_read_back(script: CallScript) -> None:
    ticked = {step.id: step.answers[-1].id for step in script.steps}
    assert answers_in(["he is well", entry(script, ticked)]) == ticked
    assert script.allows(ticked)
    assert script.missing(ticked) == ()
    words = in_words(entry(script, ticked))
    assert all(step.zh in words.zh and step.en in words.en for step in script.steps)


def test_later_answer_counts() -> None:
    script = script_of("fall", "emergency")
    notes = [entry(script, {"called": "silent"}), entry(script, {"called": "answered", "danger": "none"})]
    assert answers_in(notes) == {"called": "answered", "danger": "none"}


def test_answer_that_a_later_script_no_longer_has_keeps_its_name() -> None:
    assert in_words("script fall\ncalled=perhaps\ngone=yes") == Sentence(
        zh="用姓名称呼两次，说明您是守望中心 → perhaps；gone → yes",
        en="Call them by name twice and say that you are the centre → perhaps; gone → yes",
    )


@pytest.mark.parametrize("answers", [{"called": "perhaps"}, {"dance": "answered"}])
def test_what_the_script_does_not_ask_is_not_allowed(answers: dict[str, str]) -> None:
    assert not script_of("fall", "emergency").allows(answers)


@given(st.text(max_size=80))
def test_what_somebody_wrote_stays_as_it_is(words: str) -> None:
    assert in_words(words) == Sentence(zh=words, en=words)
    assert answers_in([words]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"steps": []},
        {"steps": [{"id": "a", "zh": "甲", "en": "a", "answers": []}]},
        {"steps": [{"id": "a", "zh": "甲", "en": "a", "answers": [{"id": "b", "zh": "乙", "en": "b"}] * 2}]},
        {"steps": [{"id": "a", "zh": "甲", "en": "a", "answers": [{"id": "b", "zh": "乙", "en": "b"}]}] * 2},
    ],
)
def test_ambiguous_script_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"two|at least 1"):
        CallScript.model_validate({"script": "x", "title": {"zh": "某", "en": "x"}} | change)
