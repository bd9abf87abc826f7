"""Presets: each loads, says what it does, can be set and changed, and is usable alone."""

import pytest
from fixtures.stories import Day, alerts_of, house
from pydantic import ValidationError

from config.conflicts import conflicts
from config.explain import explained
from config.presets import preset, preset_names
from rules.bound import HomeFacts
from rules.preset import Preset, Use, rules_of
from rules.threshold import Threshold
from shouwang.document import parse
from shouwang.errors import ConfigError
from shouwang.quantities import Quantity

PINNED = {"fall-waist", "fall-wrist", "bed-exit", "inactivity", "vitals-home", "news2", "co-en50291"}
EVERYTHING = HomeFacts(resident_id="r1", emits={"all": frozenset(Quantity)})
NOTHING = HomeFacts(resident_id="r1", emits={})
DAY = Day()


def by_id(rules):
    return {rule.id: rule for rule in rules}


def test_the_pinned_ones_are_there():
    assert set(preset_names()) >= PINNED
    assert list(preset_names()) == sorted(preset_names())
    with pytest.raises(ConfigError, match='there is no preset "vitals"'):
        preset("vitals")


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_documented_and_usable_alone(name):
    found = preset(name)
    assert found.preset == name
    assert found.sources
    assert found.about.sentence().zh
    assert found.about.en
    rules = rules_of(found)
    assert len({rule.id for rule in rules}) == len(rules)
    bound = [one for rule in rules for one in rule.bind(EVERYTHING)]
    assert {one.rule.key.split(":")[0] for one in bound} == {rule.id for rule in rules}
    assert not any(rule.bind(NOTHING) for rule in rules)
    assert list(conflicts(rules, EVERYTHING)) == []


@pytest.mark.parametrize("name", preset_names())
def test_each_rule_is_explained_in_both_languages(name):
    for rule in rules_of(preset(name)):
        said, idle = explained(rule, EVERYTHING), explained(rule, NOTHING)
        assert said.en.startswith(f"{rule.id} (P")
        assert said.en.endswith("Watches: all")
        assert idle.en.endswith("Watches: nothing in this home")
        assert idle.zh.endswith("监视：家中没有这样的传感器")
        assert any("一" <= sign <= "鿿" for sign in said.zh.split("。")[0])
        assert "None" not in said.zh + said.en


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        (name, key, value)
        for name in preset_names()
        for key, setting in preset(name).settings.items()
        for value in (setting.choices or setting.range or ())
    ],
)
def test_every_value_of_every_setting_gives_rules_without_conflict(name, setting, value):
    use = Use(use=name, settings={setting: value})
    rules = rules_of(preset(name), use)
    assert [rule.id for rule in rules] == [rule.id for rule in preset(name).rules]
    assert list(conflicts(rules, EVERYTHING)) == []


def test_oxygen_scale_2():
    usual = by_id(rules_of(preset("vitals-home")))
    other = by_id(rules_of(preset("vitals-home"), Use(use="vitals-home", settings={"spo2_scale": 2})))
    assert (usual["spo2-red"].below, usual["spo2-amber"].below) == (92, 94)
    assert (other["spo2-red"].below, other["spo2-amber"].below) == (84, 87)
    assert other["pulse-high"] == usual["pulse-high"]
    news2 = rules_of(preset("news2"), Use(use="news2", settings={"spo2_scale": "2"}))
    assert {rule.spo2_scale for rule in news2} == {2}


@pytest.mark.parametrize(
    ("pulse", "low", "slow", "watch", "high"),
    [
        (35, 25, 30, 100, 105),
        (48, 38, 43, 100, 108),
        (55, 40, 50, 100, 115),
        (70, 40, 50, 100, 130),
        (110, 40, 50, 140, 170),
    ],
)
def test_the_usual_pulse_at_rest(pulse, low, slow, watch, high):
    rules = by_id(rules_of(preset("vitals-home"), Use(use="vitals-home", settings={"resting_pulse": pulse})))
    assert (rules["pulse-low"].below, rules["pulse-slow-watch"].below) == (low, slow)
    assert (rules["pulse-watch"].above, rules["pulse-high"].above) == (watch, high)


@pytest.mark.parametrize("hours", [8, 12, 24])
def test_hours_without_activity(hours):
    (rule,) = [
        one
        for one in rules_of(preset("inactivity"), Use(use="inactivity", settings={"hours": hours}))
        if one.id == "inactivity"
    ]
    assert rule.after.total_seconds() == hours * 3600


def test_a_home_may_change_leave_out_and_name_sensors():
    use = Use(use="stove", rules={"stove-unattended": {"lasts": "20m", "sensors": ["hob"]}})
    (rule,) = rules_of(preset("stove"), use)
    assert (rule.lasts.total_seconds(), rule.sensors) == (1200, ("hob",))
    left = rules_of(preset("vitals-home"), Use(use="vitals-home", without=("spo2-amber",)))
    assert "spo2-amber" not in by_id(left)
    both = Use(use="vitals-home", settings={"resting_pulse": 48}, rules={"pulse-high": {"above": 120.0}})
    assert by_id(rules_of(preset("vitals-home"), both))["pulse-high"].above == 120  # the home's own word comes last


@pytest.mark.parametrize(
    ("use", "complaint"),
    [
        ({"settings": {"weight": 1}}, "preset vitals-home has no setting weight; it has: spo2_scale, resting_pulse"),
        ({"settings": {"spo2_scale": 3}}, "spo2_scale: 3 is no choice; write 1 or 2"),
        ({"settings": {"resting_pulse": 34}}, "resting_pulse: 34 makes no sense; write a number from 35 to 110"),
        ({"settings": {"resting_pulse": 111}}, "resting_pulse: 111 makes no sense"),
        ({"settings": {"resting_pulse": float("nan")}}, "makes no sense"),
        ({"settings": {"resting_pulse": True}}, "resting_pulse: True makes no sense"),
        ({"settings": {"resting_pulse": "slow"}}, "resting_pulse: slow makes no sense"),
        ({"rules": {"pulse": {"above": 120.0}}}, "preset vitals-home has no rule pulse; it has: spo2-red, "),
        ({"without": ["pulse"]}, "preset vitals-home has no rule pulse"),
        (
            {"rules": {"spo2-red": {"below": 500.0}}},
            "rule spo2-red: spo2 goes from 20 to 100 %, so 500 is never reached",
        ),
        ({"rules": {"spo2-red": {"hold": "soon"}}}, "preset vitals-home: rule spo2-red: hold: "),
        ({"rules": {"spo2-red": {"id": "other"}}}, "rule spo2-red: its id cannot be changed"),
        ({"rules": {"spo2-red": {"kind": "sos"}}}, "rule spo2-red: its kind cannot be changed"),
        ({"rules": {"spo2-red": {"colour": "red"}}}, "rule spo2-red: colour: "),
    ],
)
def test_what_does_not_fit_is_told(use, complaint):
    with pytest.raises(ConfigError) as error:
        rules_of(preset("vitals-home"), Use.model_validate({"use": "vitals-home", **use}))
    assert complaint in str(error.value)


def test_all_that_does_not_fit_is_told_at_once():
    use = Use(use="sos", settings={"a": 1}, without=("b",))
    with pytest.raises(ConfigError) as error:
        rules_of(preset("sos"), use)
    assert str(error.value).splitlines() == [
        "preset sos has no setting a; it has: none",
        "preset sos has no rule b; it has: sos",
    ]


WRITTEN = """
preset: mine
about: {zh: 我的, en: mine}
settings:
  limit:
    about: {zh: 界限, en: limit}
    %s
rules:
  - {kind: threshold, id: low, quantity: spo2, below: 90}
"""


def test_a_setting_of_neither_sort_is_refused():
    for parts in ("default: 1", 'choices: {"1": {}}\n    range: [1, 2]'):
        with pytest.raises(ConfigError, match="has choices and a range, or neither; give one of them"):
            parse(WRITTEN % parts, Preset, name="mine.yaml")


def test_a_number_may_have_a_default():
    mine = parse(
        WRITTEN % "range: [80, 95]\n    default: 85\n    sets: [{rule: low, key: below, plus: 0.5}]", Preset, name="m"
    )
    assert [rule.below for rule in rules_of(mine)] == [85.5]


def test_use_is_frozen_and_knows_its_keys():
    with pytest.raises(ValidationError):
        Use.model_validate({"use": "sos", "rule": {}})


# --- emergencies, preset by preset -----------------------------------------------------------------------------------

CASES = {
    "co-en50291": ("carbon-monoxide", 400, "co-dose"),
    "vitals-home": ("spo2", 85, "spo2-red"),
    "news2": ("spo2", 85, "news2-single"),
    "sos": ("sos", 1, "sos"),
    "fall-radar": ("fall", 1, "fall"),
    "home-safety": ("smoke", 1, "smoke"),
    "doors": ("door", 1, "door-open"),
    "room-climate": ("temperature", 40, "room-hot"),
    "supervision": ("battery", 10, "battery-low"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_emergency_is_told_by_the_preset_alone(name):
    quantity, value, rule_id = CASES[name]
    rules = rules_of(preset(name))
    home = house(it=quantity)
    alerts = alerts_of(rules, [DAY.say(0, "it", quantity, value)], home=home, until=9000, day=DAY)
    assert [alert.state for alert in alerts if alert.rule_id == rule_id][-1:] == ["firing"]


def test_limits_of_vitals_tell_amber_from_red():
    rules = [rule for rule in rules_of(preset("vitals-home")) if isinstance(rule, Threshold)]
    assert {rule.severity for rule in rules if rule.id.endswith(("-red", "-very-low"))} == {"P2"}
    assert all(rule.renew for rule in rules if not rule.id.startswith("tissue"))


@pytest.mark.parametrize(("quantity", "prefix"), [("glucose", "glucose"), ("interstitial-glucose", "tissue-glucose")])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (53 / 18.016, ["very-low", "low"]),  # mg/dL
        (54 / 18.016, ["low"]),
        (69 / 18.016, ["low"]),
        (70 / 18.016, []),
        (2.9, ["very-low", "low"]),  # mmol/L
        (3.0, ["low"]),
        (3.8, ["low"]),
        (3.9, []),
    ],
)
def test_glucose_below_its_two_levels_in_either_unit(quantity, prefix, value, told):
    rules = rules_of(preset("vitals-home"))
    alerts = alerts_of(rules, [DAY.say(0, "it", quantity, value)], home=house(it=quantity), until=3600, day=DAY)
    assert {alert.rule_id for alert in alerts} == {f"{prefix}-{level}" for level in told}


def test_fever_in_degrees_fahrenheit():
    rules = rules_of(preset("vitals-home"))
    for fahrenheit, told in ((102.3, ["fever"]), (102.2, [])):
        hot = DAY.say(0, "ear", "body-temperature", (fahrenheit - 32) / 1.8)
        alerts = alerts_of(rules, [hot], home=house(ear="body-temperature"), until=60, day=DAY)
        assert [alert.rule_id for alert in alerts] == told
