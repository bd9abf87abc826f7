"""Stories: what may be written, what is said of mistakes, and that the shipped one can be told."""

from datetime import timedelta

import pytest

from shouwang.alert import AlertState
from shouwang.errors import ConfigError
from simulators.scenario import SosKey, evening, parse_scenario

STORY = """
scenario: short
lasts: 90s
steps:
  - at: 01:05
    radar: fall
  - at: 00:10
    oximeter: {spo2: 88, heart-rate: 104, over: 5s}
  - {at: 00:10, sos: press}
want:
  - beat: low oxygen
    between: [00:12, 00:20]
    alert: {rule: spo2-low, state: firing}
  - {beat: case, between: [00:12, 01:30], incident: opened}
  - {beat: help, between: [00:12, 01:30], home: help-coming}
"""


def test_a_story_becomes_a_schedule_in_the_order_of_time() -> None:
    story = parse_scenario(STORY, name="short.yaml")
    assert [step.at.total_seconds() for step in story.schedule()] == [10, 10, 65]
    first, second, _ = story.schedule()
    assert first.action.oximeter is not None
    assert first.action.oximeter.heart_rate == 104
    assert first.action.oximeter.over == timedelta(seconds=5)
    assert second.action.sos is SosKey.PRESS
    assert story.want[0].alert is not None
    assert story.want[0].alert.state is AlertState.FIRING


def test_actions_survive_json() -> None:
    for step in parse_scenario(STORY, name="short.yaml").steps:
        action = step.action
        assert type(action).model_validate_json(action.model_dump_json(by_alias=True)) == action


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("01:05", "1:5", "short.yaml:4: steps[0].at: "),
        ("01:05", "65", "is not a moment of the story"),
        ("radar: fall", "radar: tumble", "short.yaml:5: steps[0].radar: "),
        ("radar: fall", "rader: fall", 'rader: is not a key here; did you mean "radar"'),
        ("radar: fall", "radar: fall\n    sos: press", "says not exactly one thing (this has sos and radar)"),
        ("    radar: fall\n", "", "says not exactly one thing (this has none)"),
        ("spo2: 88", "spo2: 880", "short.yaml:7: steps[1].oximeter.spo2: "),
        ("over: 5s", "over: 5", "lacks a unit"),
        ("lasts: 90s", "lasts: 60s", "goes on until 01:30; let it last at least that long"),
        ("[00:12, 00:20]", "[00:20, 00:12]", "ends before it begins"),
        ("state: firing", "state: fireing", "short.yaml:12: want[0].alert.state: "),
        ("beat: help", "beat: case", 'has two beats named "case"'),
        ("incident: opened", "incident: opened, home: help-coming", "wants not exactly one thing"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(old: str, new: str, said: str) -> None:
    assert old in STORY
    with pytest.raises(ConfigError) as caught:
        parse_scenario(STORY.replace(old, new).lstrip("\n"), name="short.yaml")
    assert said in str(caught.value)


def test_the_evening_can_be_told() -> None:
    story = parse_scenario(evening(), name="evening.yaml")
    assert story.lasts == timedelta(seconds=90)
    wanted = {(beat.alert.rule, beat.alert.state) for beat in story.want if beat.alert is not None}
    assert wanted >= {
        ("spo2-low", AlertState.FIRING),
        ("sos", AlertState.FIRING),
        ("fall", AlertState.PREALARM),
        ("fall", AlertState.CANCELLED),
        ("fall", AlertState.FIRING),
    }
