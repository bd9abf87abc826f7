"""Silence: told after a while, once, and taken back when the sensor is heard again."""

from datetime import timedelta

import msgspec
import pytest
from fixtures.timeline import HOME, Box, at, play, reset, said, status

from rules.silence import Silence
from shouwang.alert import Severity
from shouwang.status import SensorState

UP, SILENT, DOWN = SensorState.UP, SensorState.SILENT, SensorState.DOWN
KEY = "silent:radar"
RULE = Silence(kind="silence", id="silent")
TOLD = (120, "firing")

EXAMPLES = {
    "silent for long": ([status(0, SILENT)], [TOLD]),
    "lost for long": ([status(0, DOWN)], [TOLD]),
    "a short dip": ([status(0, DOWN), status(119.999, UP)], []),
    "heard again at the very moment": ([status(0, DOWN), status(120, UP)], [TOLD, (120, "resolved")]),
    "heard again": ([status(0, DOWN), status(500, UP)], [TOLD, (500, "resolved")]),
    "silent, then lost: one silence": ([status(0, SILENT), status(60, DOWN)], [TOLD]),
    "told once": ([status(0, SILENT), status(200, DOWN), status(300, SILENT)], [TOLD]),
    "heard all the time": ([status(0, UP), status(1, UP)], []),
    "a reset ends the alarm, not the silence": (
        [status(0, DOWN), reset(200, KEY), reset(201, KEY), status(300, SILENT), status(500, UP)],
        [TOLD, (200, "resolved")],
    ),
    "reset, heard, lost again": (
        [status(0, DOWN), reset(200, KEY), status(500, UP), status(600, DOWN)],
        [TOLD, (200, "resolved"), (720, "firing")],
    ),
    "a reset before it is told": ([status(0, DOWN), reset(60, KEY)], [TOLD]),
    "a reset while it is heard": ([reset(0, KEY)], []),
    "a reset of another": ([status(0, DOWN), reset(200, "silent:bed")], [TOLD]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_silence_example(name):
    events, wanted = EXAMPLES[name]
    assert said(play([RULE], events, until=3000)) == wanted


def test_the_alert_explains_itself():
    firing, resolved = play([RULE], [status(0, DOWN, reason="no such port"), status(500, UP)])
    assert (firing.key, firing.hazard, firing.severity, firing.latching) == (KEY, "sensor-silent", Severity.P3, False)
    assert firing.since == resolved.since == at(0)
    assert firing.why.zh == "传感器 radar 已有 2 分钟没有信号：no such port"
    assert firing.why.en == "radar not heard for 2 min: no such port"
    assert resolved.why.zh == "传感器 radar 在 8 分钟 20 秒后恢复"
    assert resolved.why.en == "radar is heard again after 8 min 20 s"
    (plain,) = play([RULE], [status(0, DOWN)], until=120)
    assert plain.why.en == "radar not heard for 2 min"
    told = msgspec.structs.replace(status(0, DOWN, reason="no such port"), reason_zh="没有这个串口")
    (both,) = play([RULE], [told], until=120)
    assert both.why.zh == "传感器 radar 已有 2 分钟没有信号：没有这个串口"
    assert both.why.en == "radar not heard for 2 min: no such port"
    (longest,) = play([RULE], [status(0, DOWN, reason="x" * 9999)], until=120)
    assert len(longest.why.en) < 300


def test_without_patience_it_is_told_at_once():
    at_once = Silence(kind="silence", id="silent", after=timedelta(0))
    assert said(play([at_once], [status(0, DOWN), status(1, UP)])) == [(0, "firing"), (1, "resolved")]
    alerts = play([at_once], [status(0, DOWN), status(0, UP), status(0, DOWN)])
    assert len({alert.alert_id for alert in alerts}) == 3


def test_it_watches_every_sensor_of_the_home_unless_some_are_named():
    assert [bound.rule.key for bound in RULE.bind(HOME)] == [f"silent:{sensor}" for sensor in HOME.emits]
    named = Silence(kind="silence", id="silent", sensors=("door",))
    assert [bound.statuses for bound in named.bind(HOME)] == [{"door"}]


def test_a_silence_survives_a_power_cut():
    box = Box([RULE])
    box.feed(status(0, DOWN))
    box.power_cut()
    box.advance(600)
    box.power_cut()
    box.feed(status(700, UP))
    assert said(box.alerts) == [TOLD, (700, "resolved")]


def test_late_events_do_not_hide_a_silence_that_was_due():
    rule = RULE.bind(HOME)[1].rule
    lost = rule.step(rule.start(), status(0, DOWN))
    assert [alert.state for alert in rule.step(lost.state, status(130, UP)).alerts] == ["firing", "resolved"]
    told = rule.step(lost.state, status(130, DOWN))
    assert rule.step(told.state, reset(131, "other:radar")).alerts == ()
