"""Threshold: the middle value, the second measurement, and alarms that are renewed."""

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, steps
from fixtures.timeline import Box
from pydantic import ValidationError

HOME = house(oximeter="spo2", cuff="systolic")
DAY = Day()
H = 3600
MEDIAN = rule(kind="threshold", id="low", quantity="spo2", below=92.0, hysteresis=1.0, median=3)
HELD = rule(kind="threshold", id="low", quantity="spo2", below=92.0, hold="30s", median=3, renew="8h")
TWICE = rule(kind="threshold", id="high", quantity="systolic", above=180.0, hysteresis=10.0, again="10m")
DAILY = rule(kind="threshold", id="high", quantity="systolic", above=160.0, renew="8h")


def spo2(*values, begin=0, every=1):
    return [DAY.say(begin + n * every, "oximeter", "spo2", value) for n, value in enumerate(values)]


def cuff(t, value, quality=None):
    return DAY.say(t, "cuff", "systolic", value, *([quality] if quality else []))


EXAMPLES = {
    "one odd value is nothing": (MEDIAN, spo2(97, 97, 60, 97, 97), []),
    "two are": (MEDIAN, spo2(97, 97, 60, 60, 97, 97), [(3, "firing"), (5, "resolved")]),
    "one good value ends nothing": (MEDIAN, spo2(90, 90, 90, 99, 90, 90), [(0, "firing")]),
    "the first value counts": (MEDIAN, spo2(88), [(0, "firing")]),
    "of two values the higher one": (MEDIAN, spo2(97, 88), []),
    "measured once a day, each value is judged by itself": (
        HELD,
        [*spo2(97, 97, 85, every=24 * H)],
        [(48 * H + 30, "firing")],
    ),
    "in one measurement the middle one": (HELD, spo2(85, 97, 97, every=10), []),
    "values of 5 minutes are one measurement": (MEDIAN, spo2(97, 97, 88, every=150), []),
    "values before are another": (MEDIAN, spo2(97, 97, 88, every=151), []),
    "both before are another": (MEDIAN, [*spo2(97, 97), *spo2(88, begin=400)], [(400, "firing")]),
    "one high pressure asks": (TWICE, [cuff(0, 190)], [(0, "prealarm"), (600, "cancelled")]),
    "two high pressures are told": (TWICE, [cuff(0, 190), cuff(120, 185)], [(0, "prealarm"), (120, "firing")]),
    "at the limit twice": (TWICE, [cuff(0, 180), cuff(599, 180)], [(0, "prealarm"), (599, "firing")]),
    "the second is too late: it asks again": (
        TWICE,
        [cuff(0, 190), cuff(600, 185)],
        [(0, "prealarm"), (600, "cancelled"), (600, "prealarm"), (1200, "cancelled")],
    ),
    "the second is better": (TWICE, [cuff(0, 190), cuff(120, 179)], [(0, "prealarm"), (120, "cancelled")]),
    "the same, told twice, is one measurement": (
        TWICE,
        [cuff(0, 190), cuff(0, 190), cuff(9.9, 190)],
        [(0, "prealarm"), (600, "cancelled")],
    ),
    "told twice, and then measured again": (
        TWICE,
        [cuff(0, 190), cuff(5, 190), cuff(60, 190)],
        [(0, "prealarm"), (60, "firing")],
    ),
    "a doubtful second is none": (
        TWICE,
        [cuff(0, 190), cuff(60, 190, POOR), cuff(70, 120, POOR)],
        [(0, "prealarm"), (600, "cancelled")],
    ),
    "an impossible second is none": (
        TWICE,
        [cuff(0, 190), cuff(60, 400, BAD), cuff(70, 0, BAD)],
        [(0, "prealarm"), (600, "cancelled")],
    ),
    "told, and well again": (
        TWICE,
        [cuff(0, 190), cuff(60, 190), cuff(900, 171), cuff(1800, 169)],
        [(0, "prealarm"), (60, "firing"), (1800, "resolved")],
    ),
    "a reset cancels no question": (
        TWICE,
        [cuff(0, 190), DAY.reset(30, "high:cuff"), cuff(60, 190)],
        [(0, "prealarm"), (60, "firing")],
    ),
    "every day a new alarm": (
        DAILY,
        [cuff(day * 24 * H, 170) for day in range(3)],
        [(0, "firing"), (24 * H, "resolved"), (24 * H, "firing"), (48 * H, "resolved"), (48 * H, "firing")],
    ),
    "twice in the morning is one": (DAILY, [cuff(0, 170), cuff(600, 180), cuff(1200, 175)], [(0, "firing")]),
    "so long after the last one, not after the first": (
        DAILY,
        [cuff(n * 7 * H, 170) for n in range(4)],
        [(0, "firing")],
    ),
    "at the edge of the renewal": (
        DAILY,
        [cuff(0, 170), cuff(8 * H, 170)],
        [(0, "firing"), (8 * H, "resolved"), (8 * H, "firing")],
    ),
    "well on the second day": (
        DAILY,
        [cuff(0, 170), cuff(24 * H, 150), cuff(48 * H, 170)],
        [(0, "firing"), (24 * H, "resolved"), (48 * H, "firing")],
    ),
    "renewed, but not held": (
        HELD,
        [*spo2(85), *spo2(85, 97, 97, begin=24 * H)],
        [(30, "firing"), (24 * H, "resolved")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_threshold_example(name):
    config, events, wanted = EXAMPLES[name]
    assert steps(alerts_of([config], events, home=HOME, until=100 * H, day=DAY)) == wanted


def test_what_it_says():
    asked, called = alerts_of([TWICE], [cuff(0, 190), cuff(60, 185)], home=HOME, until=90, day=DAY)
    assert asked.why.en.endswith("(highest 190 mmHg; sensor cuff); measure again within 10 min")
    assert asked.why.zh.endswith("；请在 10 分钟内复测")
    assert called.why.en == "systolic pressure twice at the limit 180 mmHg: 190 mmHg, then 185 mmHg"
    assert called.why.zh == "收缩压两次达到界限 180 毫米汞柱：190 毫米汞柱，复测 185 毫米汞柱"
    assert called.evidence == (cuff(0, 190), cuff(60, 185))
    _, better = alerts_of([TWICE], [cuff(0, 190), cuff(60, 150)], home=HOME, until=90, day=DAY)
    assert better.why.en == "measured again: systolic pressure 150 mmHg, within the limit"
    _, alone = alerts_of([TWICE], [cuff(0, 190)], home=HOME, until=900, day=DAY)
    assert (alone.why.zh, alone.why.en) == ("没有复测", "not measured again")
    _, over, _ = alerts_of([DAILY], [cuff(0, 170), cuff(24 * H, 170)], home=HOME, until=25 * H, day=DAY)
    assert over.why.en == "measured again; the new alarm takes over"


def test_a_second_measurement_that_is_no_longer_asked_for_after_a_change():
    """The home drops `again` while a second measurement is awaited: the next one is told."""
    box = Box([TWICE], HOME)
    box.feed(cuff(0, 190))
    box.boot([TWICE.model_copy(update={"again": None})])
    box.feed(cuff(60, 190))
    assert [alert.state for alert in box.alerts] == ["prealarm", "firing"]


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"median": 2}, "2 values have no middle one; write an odd number"),
        ({"median": 11}, "less than or equal to 9"),
        ({"again": "0s"}, "greater than"),
        ({"renew": "32d"}, "renew"),
    ],
)
def test_what_cannot_be_meant_is_refused(written, complaint):
    with pytest.raises(ValidationError, match=complaint):
        rule(**{"kind": "threshold", "id": "x", "quantity": "spo2", "below": 90.0} | written)
