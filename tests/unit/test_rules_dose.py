"""Dose: the windows of EN 50291 for carbon monoxide, gaps, clearing, reset."""

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, seconds_of, steps
from pydantic import ValidationError

HOME = house(co="carbon-monoxide")
DAY = Day()
M = 60
HELD = rule(kind="dose", id="co")
FREE = rule(kind="dose", id="co", latching=False)


def ppm(t, value, quality=None):
    return DAY.say(t, "co", "carbon-monoxide", value, *([quality] if quality else []))


def steady(value, minutes, every=60, begin=0):
    return [ppm(begin + t, value) for t in range(0, minutes * M, every)]


@pytest.mark.parametrize("every", [1, 10, 60, 300, 590])
@pytest.mark.parametrize(
    ("level", "soonest", "latest"),
    [(30, 120, None), (49.9, 60, None), (50, 60, 90), (55, 60, 90), (99, 60, 90), (100, 10, 40), (110, 10, 40)],
)
def test_the_windows_of_the_standard(level, soonest, latest, every):
    alerts = alerts_of([HELD], steady(level, 180, every), home=HOME, until=180 * M, day=DAY)
    assert [alert.state for alert in alerts] == ["firing"]
    assert soonest * M < seconds_of(alerts[0]) < (latest or 180) * M


@pytest.mark.parametrize("level", [300, 330, 1000, 9999])
def test_much_is_told_within_three_minutes(level):
    (alert,) = alerts_of([HELD], [ppm(0, level)], home=HOME, until=9000, day=DAY)
    assert seconds_of(alert) == 120 < 3 * M


@pytest.mark.parametrize("level", [0, 5, 29, 29.9])
def test_little_is_never_told(level):
    assert alerts_of([HELD], steady(level, 600), home=HOME, until=600 * M, day=DAY) == []


EXAMPLES = {
    "one lower reading does not begin the hour anew": (
        HELD,
        [*steady(60, 40), ppm(2400, 20), ppm(2460, 60), *steady(60, 60, begin=2520)],
        [(77 * M, "firing")],
    ),
    "half of the time is no dose": (HELD, [ppm(t * M, 60 if t % 2 else 5) for t in range(600)], []),
    "it rises": (HELD, [*steady(60, 30), *steady(400, 10, begin=1800)], [(32 * M, "firing")]),
    "a value says nothing of the air long after": (HELD, [ppm(0, 60)], []),
    "gaps do not count": (HELD, [ppm(t * M, 60) for t in range(0, 150, 15)], [(1.5 * 75 * M - 2.5 * M, "firing")]),
    "doubtful and impossible values do not count": (HELD, [ppm(0, 400, POOR), ppm(1, 400, BAD), ppm(200, 0)], []),
    "impossible values do not clear the air": (
        HELD,
        [ppm(0, 400), ppm(60, 0, BAD), ppm(61, -5, BAD)],
        [(120, "firing")],
    ),
    "it stays until a person resets it": (HELD, [ppm(0, 400), ppm(200, 0), ppm(9000, 0)], [(120, "firing")]),
    "reset in clear air": (
        HELD,
        [ppm(0, 400), ppm(200, 0), DAY.reset(300, "co:co")],
        [(120, "firing"), (300, "resolved")],
    ),
    "reset while the air is bad": (
        HELD,
        [*steady(400, 8), DAY.reset(485, "co:co"), *steady(400, 3, begin=490)],
        [(120, "firing"), (485, "resolved"), (605, "firing")],
    ),
    "a reset before it was told empties nothing": (HELD, [ppm(0, 400), DAY.reset(60, "co:co")], [(120, "firing")]),
    "clear for long enough": (FREE, [ppm(0, 400), ppm(200, 5)], [(120, "firing"), (500, "resolved")]),
    "clear not for long enough": (
        FREE,
        [ppm(0, 400), ppm(200, 5), ppm(499, 10), ppm(900, 9.9)],
        [(120, "firing"), (1200, "resolved")],
    ),
    "less, but not clear": (FREE, [ppm(0, 400), *steady(20, 60, begin=200)], [(120, "firing")]),
    "bad again after it was clear": (
        FREE,
        [ppm(0, 400), ppm(200, 5), ppm(600, 400)],
        [(120, "firing"), (500, "resolved"), (720, "firing")],
    ),
    "clear at once": (
        rule(kind="dose", id="co", latching=False, clear_after="0s"),
        [ppm(0, 400), ppm(200, 5), ppm(210, 45)],
        [(120, "firing"), (200.001, "resolved")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_dose_example(name):
    config, events, wanted = EXAMPLES[name]
    assert steps(alerts_of([config], events, home=HOME, until=40_000, day=DAY)) == wanted


def test_what_it_says():
    fired, over = alerts_of([FREE], [ppm(0, 400), ppm(60, 350), ppm(200, 5)], home=HOME, until=900, day=DAY)
    assert (fired.hazard, fired.severity, fired.key) == ("carbon-monoxide", "P1", "co:co")
    assert fired.why.zh == "co 一氧化碳 350 ppm，达到 300 ppm 已有 2 分钟（EN 50291）"
    assert fired.why.en == "co: carbon monoxide 350 ppm, 300 ppm or more for 2 min (EN 50291)"
    assert fired.evidence == (ppm(0, 400), ppm(60, 350))
    assert fired.since == ppm(0, 400).at
    assert (over.why.zh, over.why.en) == ("co 处空气已清", "the air at co is clear")


@pytest.mark.parametrize("written", [{"clear": 51}, {"clear_after": "3h"}, {"quantity": "co2"}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(kind="dose", id="x", **written)
