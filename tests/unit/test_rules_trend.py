"""Trend: weight of a failing heart, temperatures that climb; against the lowest, and against a person's own average."""

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, steps
from pydantic import ValidationError

HOME = house(scale="weight", room="temperature")
DAY = Day("2026-11-24T07:00")
D = 86_400
UP = rule(kind="trend", id="up", quantity="weight", rise=2, within="72h")
DOWN = rule(kind="trend", id="down", quantity="weight", fall=2, within="72h")
OFF = rule(kind="trend", id="off", quantity="weight", rise=1.5, within="336h", against="average")
KEY = "up:scale"


def kg(day, value, quality=None):
    return DAY.say(day * D, "scale", "weight", value, *([quality] if quality else []))


def daily(*values):
    return [kg(day, value) for day, value in enumerate(values)]


EXAMPLES = {
    "2 kg in 3 days": (UP, daily(70, 70.5, 71, 72), [(3, "firing")]),
    "2 kg in 1 day": (UP, daily(70.2, 72.2), [(1, "firing")]),
    "2 kg, as scales and computers say it": (UP, daily(62.1, 64.1), [(1, "firing")]),
    "less than 2 kg": (UP, daily(70, 71.9, 70, 71.9), []),
    "2 kg in 4 days": (UP, daily(70, 70.5, 71, 71.5, 72), []),
    "2 kg in 3 days and a minute": (UP, [kg(0, 70), kg(3 + 60 / D, 72)], []),
    "2 kg less": (UP, daily(72, 70), []),
    "lighter": (DOWN, daily(72, 71, 70), [(2, "firing")]),
    "heavier is not lighter": (DOWN, daily(70, 72), []),
    "half of it is gone": (UP, daily(70, 72, 71, 70.9), [(1, "firing"), (3, "resolved")]),
    "it stays: after 3 days it is what it is": (UP, daily(70, 72, 72, 72, 72.1), [(1, "firing"), (4, "resolved")]),
    "it goes on and on": (UP, daily(70, 72, 74, 76), [(1, "firing")]),
    "twice": (UP, daily(70, 72, 70, 72), [(1, "firing"), (2, "resolved"), (3, "firing")]),
    "reset: compared anew from here": (
        UP,
        [*daily(70, 72), DAY.reset(1.5 * D, KEY), kg(2, 73), kg(3, 74)],
        [(1, "firing"), (1.5, "resolved"), (3, "firing")],
    ),
    "a reset of nothing": (UP, [kg(0, 70), DAY.reset(0.5 * D, KEY), kg(1, 72)], [(1, "firing")]),
    "doubtful and impossible weights do not count": (
        UP,
        [kg(0, 70), kg(1, 90, POOR), kg(2, 400, BAD), kg(2.1, 1, POOR), kg(2.5, 71)],
        [],
    ),
    "one after another in a minute": (
        UP,
        [kg(0, 70), *[kg(0.001 * n, 70) for n in range(1, 20)], kg(0.03, 72)],
        [(0.03, "firing")],
    ),
    "off the average": (OFF, daily(70, 70.2, 69.9, 70.1, 71.6), [(4, "firing")]),
    "no average of two": (OFF, daily(70, 70, 72), []),
    "slowly, as nobody sees in 3 days": (OFF, daily(*[70 + 0.35 * day for day in range(12)]), [(8, "firing")]),
    "off the average, and back": (OFF, daily(70, 70, 70, 72, 70.5), [(3, "firing"), (4, "resolved")]),
    "the usual course": (OFF, daily(*[70 + 0.4 * (day % 3) for day in range(40)]), []),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_trend_example(name):
    config, events, wanted = EXAMPLES[name]
    alerts = alerts_of([config], events, home=HOME, until=50 * D, day=DAY)
    assert [(round(t / D, 3), state) for t, state in steps(alerts)] == wanted


def test_what_it_says():
    up, over = alerts_of([UP], daily(70, 72, 69.5), home=HOME, until=3 * D, day=DAY)
    assert (up.why.zh, up.why.en) == (
        "体重 72 kg，比 72 小时内最低升高 2 kg",
        "body weight 72 kg, up by 2 kg from the lowest of 72 h",
    )
    assert over.why.en == "body weight 69.5 kg, down by 0.5 kg from the lowest of 72 h"
    (down,) = alerts_of([DOWN], daily(72, 70), home=HOME, until=2 * D, day=DAY)
    assert (down.why.zh, down.why.en) == (
        "体重 70 kg，比 72 小时内最高降低 2 kg",
        "body weight 70 kg, down by 2 kg from the highest of 72 h",
    )
    (off,) = alerts_of([OFF], daily(70, 70, 70, 72), home=HOME, until=4 * D, day=DAY)
    assert off.why.zh == "体重 72 kg，比 336 小时内平均值升高 2 kg"
    assert off.why.en == "body weight 72 kg, up by 2 kg from the average of 336 h"
    assert (off.hazard, off.severity) == ("weight", "P3")


@pytest.mark.parametrize("written", [{}, {"rise": 1, "fall": 1}, {"rise": 0}, {"rise": 1, "within": "30s"}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(**{"kind": "trend", "id": "x", "quantity": "weight", "within": "72h"} | written)
