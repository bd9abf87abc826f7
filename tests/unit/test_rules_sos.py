"""SOS: every press calls, also when the last one was never reset; repeats of one press do not."""

import pytest
from fixtures.timeline import HOME, Box, at, cancel, mono, play, press, reading, reset, said

from rules.sos import Sos
from shouwang.alert import AlertState, Severity, alert_id_of
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading

KEY = "sos:bed"
SOS = Sos(kind="sos", id="sos")

EXAMPLES = {
    "a press fires at once": ([press(0)], [(0, "firing")]),
    "it latches": ([press(0), cancel(5)], [(0, "firing")]),
    "a reset ends it": ([press(0), reset(9, KEY)], [(0, "firing"), (9, "resolved")]),
    "the frame comes twice": ([press(0), press(0), press(1.999)], [(0, "firing")]),
    "pressed again": ([press(0), press(2)], [(0, "firing"), (2, "resolved"), (2, "firing")]),
    "pressed without end: one call every two seconds": (
        [press(0), press(1), press(2), press(3), press(4)],
        [(0, "firing"), (2, "resolved"), (2, "firing"), (4, "resolved"), (4, "firing")],
    ),
    "a late frame after the reset is no new call": (
        [press(0), reset(1, KEY), press(1.5)],
        [(0, "firing"), (1, "resolved")],
    ),
    "pressed after the reset": ([press(0), reset(1, KEY), press(3)], [(0, "firing"), (1, "resolved"), (3, "firing")]),
    "a reset of nothing": ([reset(0, KEY), press(1), reset(2, KEY), reset(3, KEY)], [(1, "firing"), (2, "resolved")]),
    "a reset of another button": ([press(0), reset(1, "sos:bath")], [(0, "firing")]),
    "doubtful presses count": ([reading(0, Quantity.SOS, 1, "bed", Quality.QUESTIONABLE)], [(0, "firing")]),
    "impossible ones do not": (
        [reading(0, Quantity.SOS, 0, "bed"), reading(1, Quantity.SOS, 1, "bed", Quality.IMPLAUSIBLE)],
        [],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_sos_example(name):
    events, wanted = EXAMPLES[name]
    assert said(play([SOS], events)) == wanted


def test_two_buttons_are_two_alarms():
    alerts = play([SOS], [press(0, "bed"), press(0, "bath"), reset(1, KEY)])
    assert [(alert.key, alert.state.value) for alert in alerts] == [
        ("sos:bed", "firing"),
        ("sos:bath", "firing"),
        ("sos:bed", "resolved"),
    ]


def test_the_alert_explains_itself():
    first, superseded, second, over = play([SOS], [press(0), press(60), reset(90, KEY)])
    assert (first.severity, first.hazard, first.latching) == (Severity.P1, "sos", True)
    assert first.severity.rank < Severity.P2.rank
    assert first.alert_id == "sos:bed/20261124T030000.000Z/firing"
    assert first.why.zh == "有人按下了紧急呼叫按钮（bed）"
    assert first.why.en == "the SOS button was pressed (bed)"
    assert first.evidence == (press(0),)
    assert (superseded.since, second.since) == (at(0), at(60))
    assert superseded.why.en == "the same button was pressed again; the new call takes over"
    assert (over.why.en, over.why.zh) == ("reset by op1", "已由 op1 解除")


def test_no_press_is_lost_when_the_wall_clock_steps_back_onto_an_earlier_press():
    back = Reading(sensor_id="bed", quantity=Quantity.SOS, value=1, at=at(0), mono=mono(60))
    first, _, second = play([SOS], [press(0), back])
    assert first.alert_id != second.alert_id
    assert second.alert_id == alert_id_of(KEY, at(0.001), AlertState.FIRING)


def test_a_call_survives_a_power_cut():
    box = Box([SOS])
    assert box.feed(press(0)).rearmed
    box.power_cut()
    box.feed(press(1))
    box.power_cut()
    box.feed(reset(5, KEY))
    assert said(box.alerts) == [(0, "firing"), (5, "resolved")]


def test_a_reset_of_another_key_that_reaches_the_rule_itself_is_refused():
    rule = SOS.bind(HOME)[0].rule
    state = rule.step(rule.start(), press(0)).state
    assert rule.step(state, reset(1, "other:bed")).alerts == ()
