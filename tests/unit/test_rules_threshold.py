"""Threshold: limits, hold, hysteresis, latching, quality, and the words it says."""

from datetime import UTC, datetime, timedelta

import pytest
from fixtures.timeline import HOME, Box, at, play, reading, reset, said, spo2
from pydantic import ValidationError

from rules.bound import HomeFacts
from rules.engine import Engine
from rules.threshold import Threshold
from shouwang.alert import AlertState, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

KEY = "spo2-low:oximeter"


def low(**more) -> Threshold:
    given = {"kind": "threshold", "id": "spo2-low", "quantity": "spo2", "below": 90.0, **more}
    return Threshold.model_validate(given)


def pulse(**more) -> Threshold:
    given = {"kind": "threshold", "id": "pulse-high", "quantity": "heart-rate", "above": 131.0, **more}
    return Threshold.model_validate(given)


HELD = {"hold": timedelta(seconds=30), "hysteresis": 2.0}
QUESTIONABLE, IMPLAUSIBLE = Quality.QUESTIONABLE, Quality.IMPLAUSIBLE

EXAMPLES = {
    "fires at the limit, not only below it": ({}, [(0, 91), (1, 90)], [(1, "firing")]),
    "clears past the limit": ({}, [(0, 90), (1, 90), (2, 90.1)], [(0, "firing"), (2, "resolved")]),
    "hysteresis keeps it on": (
        {"hysteresis": 2.0},
        [(0, 89), (1, 91), (2, 92), (3, 92.1), (4, 91), (5, 90)],
        [(0, "firing"), (3, "resolved"), (5, "firing")],
    ),
    "the hold fires on time between readings": (HELD, [(0, 89), (29, 88), (31, 87)], [(30, "firing")]),
    "the hold fires on time exactly at a reading": (HELD, [(0, 89), (30, 88)], [(30, "firing")]),
    "a contrary reading at the very moment is too late": (
        HELD,
        [(0, 89), (30, 97)],
        [(30, "firing"), (30, "resolved")],
    ),
    "a contrary reading just before ends the breach": (HELD, [(0, 89), (29.999, 97), (60, 97)], []),
    "the hold starts over": (HELD, [(0, 89), (20, 91), (25, 89), (54, 89)], []),
    "the hold starts over and is kept": (HELD, [(0, 89), (20, 91), (25, 89), (56, 89)], [(55, "firing")]),
    "a value inside the hysteresis ends a breach that has not fired": (HELD, [(0, 89), (10, 91), (40, 91)], []),
    "poor readings do not begin": (
        {},
        [(0, 80, QUESTIONABLE), (1, 0, IMPLAUSIBLE), (2, float("nan")), (3, float("-inf"))],
        [],
    ),
    "poor readings do not end": (HELD, [(0, 89), (10, 99, QUESTIONABLE), (31, 88)], [(30, "firing")]),
    "poor readings do not clear": ({}, [(0, 89), (10, 99, QUESTIONABLE), (11, 99)], [(0, "firing"), (11, "resolved")]),
    "latching stays on": ({"latching": True}, [(0, 89), (10, 99), (20, 80), (30, 99)], [(0, "firing")]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_threshold_example(name):
    settings, values, wanted = EXAMPLES[name]
    events = [spo2(seconds, value, *quality) for seconds, value, *quality in values]
    assert said(play([low(**settings)], events)) == wanted


def test_upper_limit_is_the_mirror():
    values = [(0, 130), (1, 131), (2, 127), (3, 126), (4, 125.9)]
    events = [reading(seconds, Quantity.HEART_RATE, value, "oximeter") for seconds, value in values]
    assert said(play([pulse(hysteresis=5.0)], events)) == [(1, "firing"), (4, "resolved")]


def test_hold_fires_without_any_further_reading():
    assert said(play([low(**HELD)], [spo2(0, 89)], until=29.999)) == []
    assert said(play([low(**HELD)], [spo2(0, 89)], until=500)) == [(30, "firing")]


def test_reset_ends_a_latched_alarm_and_it_may_fire_anew():
    events = [spo2(0, 89), reset(5, KEY), spo2(6, 95), reset(7, KEY), spo2(8, 85)]
    assert said(play([low(latching=True)], events)) == [(0, "firing"), (5, "resolved"), (8, "firing")]


def test_reset_of_another_key_or_of_no_alarm_changes_nothing():
    events = [reset(0, KEY), spo2(1, 89), reset(2, "spo2-low:other"), spo2(3, 88)]
    assert said(play([low()], events)) == [(1, "firing")]


def test_reset_while_the_hold_runs_leaves_the_breach():
    assert said(play([low(**HELD)], [spo2(0, 89), reset(5, KEY)], until=60)) == [(30, "firing")]


def test_a_reset_of_another_key_that_reaches_the_rule_itself_is_refused():
    rule = low().bind(HOME)[0].rule
    state = rule.step(rule.start(), spo2(0, 80)).state
    step = rule.step(state, reset(1, "other:oximeter"))
    assert (step.state, step.alerts) == (state, ())


def test_the_alert_explains_itself():
    events = [spo2(0, 89), spo2(10, 84), spo2(20, 86), spo2(31, 85), spo2(40, 82), spo2(60, 93)]
    firing, resolved = play([low(**HELD, severity="P1")], events)
    assert firing.alert_id == alert_id_of(KEY, at(0), AlertState.FIRING)
    assert (firing.key, firing.rule_id, firing.sensor_id, firing.resident_id) == (KEY, "spo2-low", "oximeter", "r1")
    assert (firing.hazard, firing.severity, firing.latching) == ("vital", Severity.P1, False)
    assert (firing.since, firing.at) == (at(0), at(30))
    assert firing.evidence == (events[0], events[1], events[2])
    assert firing.why.en == (
        "oxygen saturation 86 %, at or below the limit 90 % for 30 s (lowest 84 %; sensor oximeter)"
    )
    assert firing.why.zh == "血氧饱和度 86 %，达到或低于界限 90 %，已持续 30 秒（最低 84 %；传感器 oximeter）"
    assert (resolved.since, resolved.at) == (at(0), at(60))
    assert resolved.evidence == (events[4], events[5])
    assert resolved.why.en == "oxygen saturation is back at 93 %, above 92 % (lowest during the alarm: 82 %)"
    assert resolved.why.zh == "血氧饱和度回到 93 %，高于解除界限 92 %（报警期间最低 82 %）"


def test_words_of_an_upper_limit_without_hold():
    events = [reading(0, Quantity.HEART_RATE, 150, "oximeter"), reading(1, Quantity.HEART_RATE, 90, "oximeter")]
    firing, resolved = play([pulse()], events)
    assert firing.why.en == (
        "pulse rate 150 per minute, at or above the limit 131 per minute (highest 150 per minute; sensor oximeter)"
    )
    assert firing.why.zh == "脉率 150 次/分，达到或高于界限 131 次/分（最高 150 次/分；传感器 oximeter）"
    assert resolved.why.en.startswith("pulse rate is back at 90 per minute, below 131 per minute (highest during")
    assert firing.evidence == (events[0],)


def test_other_quantities_have_a_hazard_of_their_own():
    door = Threshold(kind="threshold", id="door", quantity=Quantity.DOOR, above=1.0, hold=timedelta(minutes=5))
    opened = [reading(0, Quantity.DOOR, 1, "door")]
    (alert,) = play([door], opened, until=600)
    assert alert.hazard == "door"
    assert alert.why.en == "door open 1, at or above the limit 1 for 5 min (highest 1; sensor door)"


def test_two_breaches_in_one_millisecond_are_two_episodes():
    events = [spo2(0, value) for value in (80, 99, 99, 80, 99, 80)]
    ids = [alert.alert_id for alert in play([low()], events)]
    assert len(ids) == len(set(ids)) == 5


def test_one_instance_per_sensor_that_measures_it():
    home = HomeFacts(resident_id="r", emits={"a": frozenset({Quantity.SPO2}), "b": frozenset({Quantity.SPO2})})
    assert [bound.rule.key for bound in low().bind(home)] == ["spo2-low:a", "spo2-low:b"]
    assert [bound.rule.key for bound in low(sensors=["b"]).bind(home)] == ["spo2-low:b"]


def test_a_breach_that_is_none_by_todays_limit_is_dropped():
    box = Box([low(**HELD)])
    box.feed(spo2(0, 89))
    box.boot([low(**HELD, below=85.0)])
    box.advance(60)
    assert box.alerts == []
    box.feed(spo2(61, 84))
    box.boot([low(**HELD, below=88.0)])
    box.advance(120)
    assert said(box.alerts) == [(91, "firing")]


def test_a_longer_hold_after_a_restart_is_kept_and_a_shorter_one_fires_late_but_fires():
    box = Box([low(hold=timedelta(seconds=10))])
    box.feed(spo2(0, 89))
    box.boot([low(hold=timedelta(seconds=30))])
    box.advance(29.999)
    assert box.alerts == []
    box.advance(30)
    assert said(box.alerts) == [(30, "firing")]
    box = Box([low(hold=timedelta(seconds=30))])
    box.feed(spo2(0, 89))
    box.boot([low(hold=timedelta(seconds=10))])
    box.feed(spo2(20, 95))
    assert said(box.alerts) == [(20, "firing"), (20, "resolved")]


REFUSED = {
    "neither": ({"below": None}, "neither below nor above is given"),
    "both": ({"above": 99.0}, "below and above are both given"),
    "out of reach": ({"below": 10.0}, "never reached"),
    "never ends": ({"below": 99.0, "hysteresis": 2.0}, "would never end"),
    "no number": ({"below": True}, "valid number"),
    "not finite": ({"below": float("nan")}, "finite"),
    "event": ({"quantity": "sos"}, "use a rule of kind sos or fall"),
    "hold too long": ({"hold": timedelta(days=2)}, "less than or equal"),
    "hysteresis below zero": ({"hysteresis": -1.0}, "greater than or equal"),
    "the same sensor twice": ({"sensors": ["a", "a"]}, "stands in the list twice"),
    "no sensor at all": ({"sensors": []}, "at least 1"),
    "unknown key": ({"limit": 3}, "Extra inputs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_configuration(name):
    settings, reason = REFUSED[name]
    with pytest.raises(ValidationError, match=reason):
        low(**settings)


def test_an_upper_limit_that_would_never_end_is_refused():
    with pytest.raises(ValidationError, match="would never end"):
        Threshold(kind="threshold", id="d", quantity=Quantity.DOOR, above=1.0, hysteresis=1.0)


def test_people_who_share_a_device_have_limits_of_their_own():
    facts = HomeFacts(resident_id="wang", emits={"cuff": frozenset({Quantity.SYSTOLIC})}, others={"cuff": ("li",)})
    rule = Threshold(kind="threshold", id="high", quantity=Quantity.SYSTOLIC, above=180.0)
    engine = Engine(rule.bind(facts), {})

    def measure(value, person, second):
        at = datetime(2026, 11, 24, 8, 0, second, tzinfo=UTC)
        return engine.feed(
            Reading(
                sensor_id="cuff",
                quantity=Quantity.SYSTOLIC,
                value=value,
                at=at,
                mono=second * 1000,
                resident_id=person,
            )
        ).alerts

    assert measure(190.0, "guest", 0) == ()
    (of_li,) = measure(190.0, "li", 1)
    assert (of_li.key, of_li.resident_id) == ("high:cuff:li", "li")
    assert of_li.why.en.startswith("li's systolic pressure 190 mmHg")
    assert of_li.why.zh.startswith("住户 li 的收缩压 190 毫米汞柱")
    assert measure(120.0, "", 2) == ()
    (of_wang,) = measure(200.0, "", 3)
    assert (of_wang.key, of_wang.resident_id) == ("high:cuff", "wang")
    (over,) = measure(120.0, "li", 4)
    assert (over.key, over.state) == ("high:cuff:li", AlertState.RESOLVED)
