"""Stories: what may be written, what is said of mistakes, and that the shipped one can be told."""

from datetime import timedelta
from typing import get_args

import pytest

from drivers import AnyDriver
from shouwang.alert import AlertState
from shouwang.complaint import kinds_of
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity
from simulators.cast import EVERY_KIND, AnyDevice
from simulators.narration import describe
from simulators.recording import allot
from simulators.scenario import Action, SosKey, evening, parse_scenario, shelf, shipped

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


DEVICES = """
scenario: short
lasts: 90s
devices:
  - {kind: blood_pressure_monitor_blp, id: cuff, address: "C0:FF:EE:00:00:11", awake: 20s}
  - {kind: weight_scale_wss, id: scale, address: "C0:FF:EE:00:00:12", users: {1: 4711}}
  - {kind: heart_rate_monitor_hrs, id: strap, address: "C0:FF:EE:00:00:13"}
  - {kind: advert_sensor, id: tag, address: "C0:FF:EE:00:00:14", family: ruuvi}
steps:
  - {at: 00:10, cuff: {systolic: 135, diastolic: 85, heart-rate: 72}}
  - {at: 00:20, scale: {weight: 72.365, user: 1}}
  - {at: 00:30, strap: {heart-rate: 72, rr-intervals: [812.5], contact: lost}}
  - {at: 00:40, beacon: {temperature: 21.5}}
  - {at: 00:50, fault: {of: cuff, drop: {after: 2, before_confirmation: true}}}
"""


def test_devices_are_placed_and_each_step_names_its_own() -> None:
    story = parse_scenario(DEVICES, name="devices.yaml")
    assert [device.id for device in story.devices] == ["cuff", "scale", "strap", "tag"]
    assert [step.scene.of for step in story.steps if step.scene is not None] == ["cuff", "scale", "strap", "tag"]
    assert story.steps[0].cuff is not None
    assert story.steps[0].cuff.values == {Quantity.SYSTOLIC: 135, Quantity.DIASTOLIC: 85, Quantity.HEART_RATE: 72}
    assert story.steps[4].fault is not None
    assert story.steps[4].fault.way == "drop"
    assert not story.uses_furniture
    for step in story.steps:
        assert Action.model_validate_json(step.action.model_dump_json(by_alias=True)) == step.action


TWO = '  - {kind: blood_pressure_monitor_blp, id: second, address: "C0:FF:EE:00:00:15"}\nsteps:'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "blood_pressure_monitor_blp",
            "blood_presure",
            'x.yaml:4: devices[0].kind: "blood_presure" is not known; did you',
        ),
        ("00:00:11", "00:11", 'devices[0].address: "C0:FF:EE:00:11" is not a Bluetooth address; write it like'),
        ("C0:FF:EE:00:00:11", "00:FF:EE:00:00:11", "cannot be the address of a simulated device; begin it with C0"),
        ("id: scale", "id: cuff", 'x.yaml:5: devices[1].id: two devices have "cuff"; give each its own id'),
        ("00:00:12", "00:00:11", 'devices[1].address: two devices have "C0:FF:EE:00:00:11"; give each its own address'),
        ("steps:", TWO, 'steps[0].cuff: does not say which cuff; add "of: ..." with one of: cuff, second'),
        ("cuff: {sys", "cuff: {of: scale, sys", 'steps[0].cuff.of: "scale" is no cuff of this story; possible: cuff'),
        ("cuff: {systolic: 135, diastolic: 85, heart-rate: 72}", "thermometer: {body-temperature: 38.2}", "x.yaml:9"),
        ("cuff: {systolic: 135, diastolic: 85, heart-rate: 72}", "thermometer: {body-temperature: 38.2}", "place one"),
        ("systolic: 135", "systolic: 135.55", "135.55 has more digits than this device can say; write 135.6"),
        ("systolic: 135", "systolc: 135", 'steps[0].cuff.systolc: is not a key here; did you mean "systolic"?'),
        ("72.365", "72.363", "72.363 has more digits than this device can say; write 72.365"),
        (
            "user: 1",
            "user: 2",
            'steps[1].scale: user 2 is not known to "scale" (1 is); add it to its users with a code',
        ),
        ("user: 1", "bmi: 24.1", "steps[1].scale: has one of bmi and height; write both, or none"),
        ("user: 1", "impedance: 500", "has body composition without body-fat"),
        ("beacon: {temperature: 21.5}", "beacon: {press: single}", "steps[3].beacon: ruuvi does not carry press"),
        (
            "of: cuff, drop",
            "of: cup, drop",
            'steps[4].fault.of: "cup" is no device of this story; possible: cuff, scale',
        ),
        (
            "of: cuff, drop: {after: 2, before_confirmation: true}",
            "of: strap, resend: 1",
            "steps[4].fault.resend: does not",
        ),
        ("drop: {after: 2, before_confirmation: true}", "clock: 5h", '"5h" is no turn of a clock; write e.g. "-5h"'),
        (
            "drop: {after: 2, before_confirmation: true}",
            "wrong_length: 0",
            "0 would be the right length; write e.g. -1",
        ),
        (
            ", drop: {after: 2, before_confirmation: true}",
            "",
            "plants not exactly one fault (this has none); write one of",
        ),
        ("drop: {after", "range: away, drop: {after", "(this has drop and range)"),
    ],
)
def test_a_mistake_about_a_device_is_told_with_its_place_and_what_to_do(old: str, new: str, said: str) -> None:
    assert old in DEVICES
    with pytest.raises(ConfigError) as caught:
        parse_scenario(DEVICES.replace(old, new, 1).lstrip("\n"), name="x.yaml")
    assert said in str(caught.value)


def test_the_kinds_of_devices_are_those_that_a_home_can_hear() -> None:
    kinds = {kind for driver in get_args(get_args(AnyDriver)[0]) for kind in kinds_of(driver)}
    assert {device.kind for device in EVERY_KIND} <= kinds
    assert {kind for spec in get_args(get_args(AnyDevice)[0]) for kind in kinds_of(spec)} <= kinds


@pytest.mark.parametrize("name", shelf())
def test_each_shipped_story_can_be_told_and_described(name: str) -> None:
    story = parse_scenario(shipped(name), name=f"{name}.yaml")
    assert story.about
    assert all(describe(step.action) for step in story.steps)


def test_a_story_that_is_not_shipped_is_told_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match='there is no story "noon"; shipped are: clinic, evening'):
        shipped("noon")


def test_a_device_that_measures_most_of_a_moment_has_the_first_choice() -> None:
    def shares(*quantities: Quantity) -> dict[str, set[Quantity]]:
        found, left = allot(dict.fromkeys(quantities, 1.0), EVERY_KIND)
        return {device.id: set(values) for device, values in found} | ({"none": set(left)} if left else {})

    hr, spo2, rr = Quantity.HEART_RATE, Quantity.SPO2, Quantity.RR_INTERVAL
    systolic, diastolic = Quantity.SYSTOLIC, Quantity.DIASTOLIC
    assert shares(hr) == {"oximeter": {hr}}
    assert shares(hr, spo2) == {"oximeter": {hr, spo2}}
    assert shares(hr, rr) == {"strap": {hr, rr}}
    assert shares(hr, systolic, diastolic) == {"cuff": {hr, systolic, diastolic}}
    assert shares(Quantity.CARBOHYDRATE) == {"none": {Quantity.CARBOHYDRATE}}
    assert shares(Quantity.CARBOHYDRATE, Quantity.GLUCOSE) == {"meter": {Quantity.CARBOHYDRATE, Quantity.GLUCOSE}}
    assert shares(Quantity.DOOR, Quantity.WEIGHT) == {"scale": {Quantity.WEIGHT}, "none": {Quantity.DOOR}}


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
