"""Combine: signs together, any of them, one after the other; what denies them, and what is only said again."""

from datetime import timedelta

import msgspec
import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, steps
from pydantic import ValidationError

from rules.bound import HomeFacts

HOME = house(
    smoke="smoke",
    attic="smoke",
    stove="heat-alarm temperature",
    bed="bed",
    door="door",
    hall="motion",
    fob="button cancel",
)
DAY = Day("2026-11-24T21:00")
H = 3600
FIRE = rule(
    kind="combine",
    id="fire",
    of=[{"quantity": "smoke", "equals": 1.0}, {"quantity": "temperature", "above": 60.0}],
    within="5m",
    hazard="fire",
    severity="P1",
)
EITHER = FIRE.model_copy(update={"needs_signs": "any"})
OUT = rule(
    kind="combine",
    id="out",
    needs="sequence",
    of=[{"quantity": "bed", "equals": 0.0}, {"quantity": "motion", "above": 1.0}, {"quantity": "door", "equals": 1.0}],
    within="20m",
)
EXIT = rule(
    kind="combine",
    id="exit",
    of=[{"quantity": "door", "equals": 1.0}],
    between="22:00-06:00",
    unless=[{"quantity": "motion", "above": 1.0, "after": "1m"}, {"quantity": "bed", "equals": 1.0}],
    within="1m",
    wait="10m",
)
ASKS = FIRE.model_copy(update={"cancel_window": timedelta(seconds=30)})
NOT_COOKING = rule(
    kind="combine",
    id="fire",
    of=[{"quantity": "smoke", "equals": 1.0}],
    unless=[{"quantity": "button", "equals": 2.0}],
    within="5m",
)
PRESSED = rule(
    kind="combine",
    id="pressed",
    of=[{"quantity": "button", "above": 1.0}, {"quantity": "button", "above": 1.0}],
    within="10s",
)


def smoke(t, value=1, sensor="smoke", quality=None):
    return DAY.say(t, sensor, "smoke", value, *([quality] if quality else []))


def heat(t, value=70, quality=None):
    return DAY.say(t, "stove", "temperature", value, *([quality] if quality else []))


def bed(t, value=0, quality=None):
    return DAY.say(t, "bed", "bed", value, *([quality] if quality else []))


def door(t, value=1, quality=None):
    return DAY.say(t, "door", "door", value, *([quality] if quality else []))


def moves(t, value=1, quality=None):
    return DAY.say(t, "hall", "motion", value, *([quality] if quality else []))


def button(t, value=1):
    return DAY.say(t, "fob", "button", value)


def cancels(t):
    return DAY.say(t, "fob", "cancel")


RESET = DAY.reset(1000, "fire:home")
EXAMPLES = {
    "both signs": (FIRE, [smoke(0), heat(10)], [(10, "firing")]),
    "both signs in the other order": (FIRE, [heat(0), smoke(10)], [(10, "firing")]),
    "one sign": (FIRE, [smoke(0)], []),
    "at the edge of the time": (FIRE, [smoke(0), heat(300)], [(300, "firing")]),
    "too far apart": (FIRE, [smoke(0), heat(300.5)], []),
    "too far apart, but smoke is said again": (FIRE, [smoke(0), smoke(240), heat(310)], [(310, "firing")]),
    "heat at its limit": (FIRE, [smoke(0), heat(10, 60)], [(10, "firing")]),
    "not hot": (FIRE, [smoke(0), heat(10, 59.9)], []),
    "doubtful signs are signs": (FIRE, [smoke(0, quality=POOR), heat(10, quality=POOR)], [(10, "firing")]),
    "impossible signs are none": (FIRE, [smoke(0, quality=BAD), heat(10, 500, BAD)], []),
    "the signs go on: one alarm": (
        FIRE,
        [smoke(0), heat(10), *[one for t in range(60, 900, 60) for one in (smoke(t), heat(t + 1, 70 + t / 100))]],
        [(10, "firing")],
    ),
    "reset while the signs go on": (
        FIRE,
        [smoke(0), heat(10), RESET, smoke(1010), heat(1020)],
        [(10, "firing"), (1000, "resolved")],
    ),
    "all over, and again": (
        FIRE,
        [smoke(0), heat(10), smoke(50, 0), heat(51, 20), smoke(100), heat(110)],
        [(10, "firing"), (110, "resolved"), (110, "firing")],
    ),
    "a doubtful end is none": (
        FIRE,
        [smoke(0), heat(10), smoke(50, 0, quality=POOR), heat(51, 20, POOR), smoke(100), heat(110)],
        [(10, "firing")],
    ),
    "only one is over, and comes again": (
        FIRE,
        [smoke(0), heat(10), smoke(50, 0), smoke(100), heat(110)],
        [(10, "firing")],
    ),
    "other smoke later is a new sign": (FIRE, [smoke(0), heat(10), smoke(60, sensor="attic")], [(10, "firing")]),
    "any of them": (EITHER, [heat(0)], [(0, "firing")]),
    "any of them, then the other": (
        EITHER,
        [heat(0), heat(5), smoke(10)],
        [(0, "firing"), (10, "resolved"), (10, "firing")],
    ),
    "asks first": (ASKS, [smoke(0), heat(10)], [(10, "prealarm"), (40, "firing")]),
    "asks, and is answered": (
        ASKS,
        [smoke(0), heat(10), cancels(39), smoke(60), heat(61)],
        [(10, "prealarm"), (39, "cancelled")],
    ),
    "asks, and is answered too late": (ASKS, [smoke(0), heat(10), cancels(40)], [(10, "prealarm"), (40, "firing")]),
    "in their order": (OUT, [bed(0), moves(60), door(120)], [(120, "firing")]),
    "not in their order": (OUT, [moves(0), bed(60), door(120)], []),
    "in their order after all": (OUT, [door(0), door(1, 0), bed(60), moves(120), door(180)], [(180, "firing")]),
    "the first too long ago": (OUT, [bed(0), moves(60), door(1201)], []),
    "the first again, late enough": (OUT, [bed(0), bed(500, 1), bed(900), moves(1000), door(1300)], [(1300, "firing")]),
    "up since long, said again and again": (OUT, [*[bed(t) for t in range(0, 7200, 300)], moves(7000), door(7010)], []),
    "a door that stood open": (OUT, [door(0), bed(60), moves(120), door(180)], []),
    "motion twice": (OUT, [bed(0), moves(60), moves(61, 0), moves(1000), door(1199)], [(1199, "firing")]),
    "detectors that never say that all is over": (
        FIRE,
        [smoke(0), heat(10), RESET, smoke(7 * H), heat(7 * H + 9)],
        [(10, "firing"), (1000, "resolved"), (7 * H + 9, "firing")],
    ),
    "one word is one sign": (PRESSED, [button(0)], []),
    "two presses": (PRESSED, [button(0), button(10)], [(10, "firing")]),
    "two presses too far apart, and a third": (PRESSED, [button(0), button(11), button(15)], [(15, "firing")]),
    "presses are new signs each time": (
        PRESSED,
        [button(0), button(1), button(50), button(51)],
        [(1, "firing"), (51, "resolved"), (51, "firing")],
    ),
    "cooking": (NOT_COOKING, [button(0, 2), smoke(200)], []),
    "cooking long ago": (NOT_COOKING, [button(0, 2), smoke(301)], [(301, "firing")]),
    "still smoke when cooking is long ago": (NOT_COOKING, [button(0, 2), smoke(200), smoke(301)], [(301, "firing")]),
    "cooking told after it": (NOT_COOKING, [smoke(0), button(5, 2)], [(0, "firing")]),
    "out in the night": (EXIT, [door(2 * H)], [(2 * H + 600, "firing")]),
    "out in the day": (EXIT, [door(0)], []),
    "open since the day, said again in the night": (EXIT, [door(0), door(2 * H), door(3 * H)], []),
    "open since the day, closed, out in the night": (
        EXIT,
        [door(0), door(H, 0), door(2 * H)],
        [(2 * H + 600, "firing")],
    ),
    "back at the last moment": (EXIT, [door(2 * H), moves(2 * H + 599)], []),
    "back too late": (EXIT, [door(2 * H), moves(2 * H + 600)], [(2 * H + 600, "firing")]),
    "seen on the way out": (EXIT, [moves(2 * H - 5), door(2 * H), moves(2 * H + 59)], [(2 * H + 600, "firing")]),
    "seen a minute after it": (EXIT, [door(2 * H), moves(2 * H + 60)], []),
    "in bed again at once": (EXIT, [door(2 * H), bed(2 * H + 30, 1)], []),
    "doubtful motion is no return": (EXIT, [door(2 * H), moves(2 * H + 99, quality=POOR)], [(2 * H + 600, "firing")]),
    "the hall falls still, the door closes": (
        EXIT,
        [door(2 * H), door(2 * H + 9, 0), moves(2 * H + 90, 0), moves(2 * H + 200, 0)],
        [(2 * H + 600, "firing")],
    ),
    "the door is said to be open again": (
        EXIT,
        [door(2 * H), door(2 * H + 100), door(2 * H + 1200)],
        [(2 * H + 600, "firing")],
    ),
    "back, and the open door is said again": (
        EXIT,
        [door(2 * H), moves(2 * H + 99), door(2 * H + 400), door(2 * H + 4000)],
        [],
    ),
    "back, and out again": (
        EXIT,
        [door(2 * H), door(2 * H + 9, 0), moves(2 * H + 99), door(2 * H + 400)],
        [(2 * H + 1000, "firing")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_combine_example(name):
    config, events, wanted = EXAMPLES[name]
    events = sorted(events, key=lambda one: one.mono)
    assert steps(alerts_of([config], events, home=HOME, until=8 * H, day=DAY)) == wanted


def test_a_wait_from_the_first_millisecond_of_engine_time():
    """Recorded readings begin at second 0."""
    (bound,) = EXIT.bind(HOME)
    step = bound.rule.step(bound.rule.start(), msgspec.structs.replace(door(2 * H), mono=0))
    later = bound.rule.step(step.state, msgspec.structs.replace(moves(2 * H, 0), mono=30_000))
    assert (step.wake_at, later.wake_at) == (600_000, 600_000)


def test_what_it_says():
    (fire,) = alerts_of([FIRE], [smoke(0), heat(10)], home=HOME, until=60, day=DAY)
    assert (fire.why.zh, fire.why.en) == (
        "smoke 烟雾：是；stove 温度 70 ℃",
        "smoke smoke: yes; stove temperature 70 °C",
    )
    assert fire.evidence == (smoke(0), heat(10))
    assert (fire.key, fire.hazard, fire.latching, fire.since) == ("fire:home", "fire", True, smoke(0).at)
    (out,) = alerts_of([OUT], [bed(0), moves(60), door(120)], home=HOME, until=600, day=DAY)
    assert out.why.en == "bed in bed: no; then hall motion: yes; then door door open: yes"
    assert out.why.zh == "bed 在床：否；随后 hall 活动：是；随后 door 门开：是"


def test_what_it_listens_to():
    assert FIRE.watched(HOME) == ("smoke", "attic", "stove")
    (bound,) = ASKS.bind(HOME)
    assert {sensor for sensor, _ in bound.readings} == {"smoke", "attic", "stove", "fob"}
    no_heat = house(smoke="smoke")
    assert FIRE.watched(no_heat) == FIRE.bind(no_heat) == ()
    assert EITHER.watched(no_heat) == ("smoke",)
    assert EITHER.bind(HomeFacts(resident_id="r1", emits={})) == ()


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"of": []}, "at least 1"),
        ({"of": [{"quantity": "smoke"}]}, "exactly one of equals"),
        ({"within": "0s"}, "greater than"),
        ({"unless": [{"quantity": "motion", "above": 1.0, "after": "2m"}], "wait": "2m"}, "after must be shorter"),
        ({"unless": [{"quantity": "motion", "above": 1.0, "after": "1s"}]}, "after must be shorter"),
    ],
)
def test_what_cannot_be_meant_is_refused(written, complaint):
    with pytest.raises(ValidationError, match=complaint):
        rule(**{"kind": "combine", "id": "x", "of": [{"quantity": "smoke", "equals": 1.0}]} | written)
