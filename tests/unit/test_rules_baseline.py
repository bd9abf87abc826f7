"""Baseline: learns what is usual, shows it, and watches it once somebody has switched it on."""

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, seconds_of, steps
from fixtures.timeline import Box
from pydantic import ValidationError

from rules.baseline import median
from rules.engine import Engine

HOME = house(strap="heart-rate")
DAY = Day("2026-11-02T09:00")
D, H = 86_400, 3600
SHOWN = rule(kind="baseline", id="usual", quantity="heart-rate", days=5, least=3, severity="P2")
ON = rule(kind="baseline", id="usual", quantity="heart-rate", days=5, least=3, severity="P2", switched_on=True)
KEY = "usual:strap"
USUAL = (70, 72, 71, 69, 70)


def bpm(t, value, quality=None, **more):
    return DAY.say(t, "strap", "heart-rate", value, *([quality] if quality else []), **more)


def daily(*values, begin=0):
    return [
        bpm((begin + day) * D + hour * H, value + hour - 1) for day, value in enumerate(values) for hour in range(3)
    ]


def days_of(alerts):
    return [(round(t / D, 2), state) for t, state in steps(alerts)]


EXAMPLES = {
    "learns, and watches": (ON, daily(*USUAL, 70, 85, 70, 70), [(7, "firing"), (8, "resolved")]),
    "an odd day among those that it learns from": (
        ON,
        daily(70, 72, 120, 69, 70, 70, 85, 70, 70),
        [(7, "firing"), (8, "resolved")],
    ),
    "4 times the least spread is usual": (ON, daily(*USUAL, 82, 59, 70), []),
    "a little more is not": (ON, daily(*USUAL, 82.1, 70, 70), [(6, "firing"), (7, "resolved")]),
    "less than usual": (ON, daily(*USUAL, 57, 70), [(6, "firing")]),
    "odd days are one alarm, and not learnt from": (
        ON,
        daily(*USUAL, 90, 91, 92, 93, 94, 95, 70, 70),
        [(6, "firing"), (12, "resolved")],
    ),
    "reset, and still odd": (
        ON,
        [*daily(*USUAL, 90, 91), DAY.reset(6.9 * D, KEY), *daily(92, 70, begin=7)],
        [(6, "firing"), (6.9, "resolved"), (7, "firing")],
    ),
    "a reset of nothing": (
        ON,
        [*daily(70), DAY.reset(0.9 * D, KEY), *daily(*USUAL[1:], 90, 70, begin=1)],
        [(6, "firing")],
    ),
    "one odd value on a day": (ON, [*daily(*USUAL), *daily(70, begin=5), bpm(5.5 * D, 180), *daily(70, begin=6)], []),
    "doubtful and impossible values are not learnt": (
        ON,
        [
            *daily(*USUAL),
            *[bpm(5 * D + n, 180, quality) for n in range(9) for quality in (POOR, BAD)],
            *daily(70, 70, begin=5),
        ],
        [],
    ),
    "shows what it learnt, once": (SHOWN, daily(*USUAL, 70, 120, 70, 120, 70), [(5, "firing")]),
    "shown, and looked at": (
        SHOWN,
        [*daily(*USUAL, 70), DAY.reset(5.9 * D, KEY), *daily(70, 120, 70, begin=6)],
        [(5, "firing"), (5.9, "resolved")],
    ),
    "days without a value are no days": (
        ON,
        [*daily(*USUAL), *daily(90, begin=40), *daily(70, begin=41)],
        [(41, "firing")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_baseline_example(name):
    config, events, wanted = EXAMPLES[name]
    events = sorted(events, key=lambda one: one.mono)
    assert days_of(alerts_of([config], events, home=HOME, until=60 * D, day=DAY)) == wanted


def test_what_was_shown_hides_no_alarm_once_it_is_switched_on():
    box = Box([SHOWN], HOME)
    for event in daily(*USUAL, 70):
        box.feed(event)
    assert [(alert.state, alert.severity) for alert in box.alerts] == [("firing", "P4")]
    box.boot([ON])
    for event in daily(95, 70, begin=6):
        box.feed(event)
    assert [(alert.state, alert.severity) for alert in box.alerts[1:]] == [("resolved", "P2"), ("firing", "P2")]
    assert (box.alerts[1].why.zh, box.alerts[1].why.en) == ("已启用", "it is switched on now")


def test_learning_goes_on_longer_where_more_days_are_asked_for():
    box = Box([SHOWN], HOME)
    for event in daily(*USUAL, 70):
        box.feed(event)
    box.boot([SHOWN.model_copy(update={"days": 9})])
    for event in daily(70, 71, 72, 69, 120, 70, begin=6):
        box.feed(event)
    assert len(box.alerts) == 1


def test_a_day_ends_at_midnight_of_the_home():
    events = [*daily(*USUAL), bpm(5 * D, 90)]  # 09:00 on the sixth day
    late = bpm(5 * D + 15 * H, 70)  # the first moment of the next
    alerts = alerts_of([ON], [*events, late], home=HOME, until=6 * D, day=DAY)
    assert [seconds_of(alert) for alert in alerts] == [5 * D + 15 * H]
    assert alerts_of([ON], [*events, bpm(5 * D + 15 * H - 0.5, 70)], home=HOME, until=6 * D, day=DAY) == []


def test_values_that_come_late_over_midnight_make_no_day():
    midnight = 3 * D + 15 * H
    late = [bpm(midnight + n, 70, wrong=-60 * (n % 2)) for n in range(1, 20)]
    events = [*daily(*USUAL[:4]), *late, *daily(70, 70, begin=4)]
    assert days_of(alerts_of([SHOWN], events, home=HOME, until=9 * D, day=DAY)) == [(5, "firing")]


@pytest.mark.parametrize("wrong", [400 * D, -400 * D])
def test_a_clock_that_was_wrong_does_not_end_its_learning(wrong):
    events = [*daily(*USUAL), bpm(4.5 * D, 70, wrong=wrong), *daily(70, 90, 70, begin=5)]
    assert days_of(alerts_of([ON], events, home=HOME, until=9 * D, day=DAY)) == [(7, "firing")]


def test_no_more_is_kept_than_is_needed():
    events = [bpm(day * D + n * 60, 70) for day in range(70) for n in range(60)]
    (bound,) = ON.bind(HOME)
    engine = Engine([bound], {})
    for event in events:
        saved = engine.feed(event).changed or {KEY: None}
    (bound,) = SHOWN.bind(HOME)
    state = bound.rule.start()
    for event in events:
        state = bound.rule.step(state, event).state
    assert (len(state.medians), len(state.today.values)) == (60, 48)
    assert KEY in saved


def test_what_it_says():
    (shown,) = alerts_of([SHOWN], daily(*USUAL, 70), home=HOME, until=9 * D, day=DAY)
    assert shown.why.en == (
        "learnt 5 days: pulse rate is usually 70 per minute; outside 58 per minute to 82 per minute would be an alarm; "
        "switch it on if that is right"
    )
    assert shown.why.zh.startswith("已学习 5 天：脉率平常为 70 次/分，58 次/分 至 82 次/分 之外将报警")
    fired, over = alerts_of([ON], daily(*USUAL, 90, 70, 70), home=HOME, until=9 * D, day=DAY)
    assert fired.why.en == "pulse rate of the day before 90 per minute, usually 58 per minute to 82 per minute"
    assert fired.why.zh == "昨日脉率 90 次/分，平常在 58 次/分 至 82 次/分 之间"
    assert (over.why.zh, over.why.en) == ("70 次/分，恢复平常", "70 per minute: usual again")


@pytest.mark.parametrize(("values", "middle"), [((), 0), ((3.0,), 3), ((3.0, 1.0), 2), ((9.0, 1.0, 2.0), 2)])
def test_median(values, middle):
    assert median(values) == middle


@pytest.mark.parametrize("written", [{"days": 2}, {"days": 61}, {"widths": 1}, {"least": 0}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(**{"kind": "baseline", "id": "x", "quantity": "heart-rate", "least": 3} | written)
