"""Lasting: doors, beds, stoves, smoke; hours, modes, signs that somebody watches, and clocks that are wrong."""

from datetime import timedelta

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, seconds_of, steps
from pydantic import ValidationError

from rules.bound import HomeFacts

HOME = house(
    door="door",
    hob="power",
    kitchen="motion presence",
    bed="bed",
    hall="motion",
    smoke="smoke",
    pendant="cancel",
)
DAY = Day()
M, H = 60, 3600
DOOR = rule(kind="lasting", id="open", quantity="door", equals=1.0, lasts="5m", not_when=["visitor"])
SMOKE = rule(kind="lasting", id="smoke", quantity="smoke", equals=1.0, lasts="0s", latching=True, severity="P1")
STOVE = rule(
    kind="lasting",
    id="stove",
    quantity="power",
    above=100.0,
    lasts="15m",
    unless=[{"quantity": "motion"}, {"quantity": "presence", "sensors": ["kitchen"]}],
    cancel_window="5m",
)
BED = rule(kind="lasting", id="left", quantity="bed", equals=0.0, lasts="30m", between="22:00-06:00")


def door(t, value=1, quality="good", **more):
    return DAY.say(t, "door", "door", value, {"good": DAY.say(0, "door", "door").quality}.get(quality, quality), **more)


def hob(t, watts, quality=None):
    return DAY.say(t, "hob", "power", watts) if quality is None else DAY.say(t, "hob", "power", watts, quality)


def moves(t, sensor="kitchen", value=1, quality=None):
    return DAY.say(t, sensor, "motion", value) if quality is None else DAY.say(t, sensor, "motion", value, quality)


def cancels(t):
    return DAY.say(t, "pendant", "cancel")


def smoke(t, value=1, quality=None):
    return DAY.say(t, "smoke", "smoke", value) if quality is None else DAY.say(t, "smoke", "smoke", value, quality)


EXAMPLES = {
    "open for as long as it may be": (DOOR, [door(0), door(299.999, 0)], []),
    "open for a millisecond too long": (DOOR, [door(0), door(300, 0)], [(300, "firing"), (300, "resolved")]),
    "open, and nothing more is said": (DOOR, [door(0)], [(300, "firing")]),
    "said to be open again and again": (DOOR, [door(0), door(200), door(400), door(9000)], [(300, "firing")]),
    "closed and opened starts the wait anew": (DOOR, [door(0), door(299, 0), door(310)], [(610, "firing")]),
    "open twice for too long": (
        DOOR,
        [door(0), door(400, 0), door(500)],
        [(300, "firing"), (400, "resolved"), (800, "firing")],
    ),
    "a doubtful opening is one": (DOOR, [door(0, 1, POOR)], [(300, "firing")]),
    "an impossible opening is none": (DOOR, [door(0, 1, BAD)], []),
    "a doubtful closing is none": (DOOR, [door(0), door(100, 0, POOR)], [(300, "firing")]),
    "an impossible closing is none": (DOOR, [door(0), door(100, 0, BAD)], [(300, "firing")]),
    "a doubtful closing ends no alarm": (DOOR, [door(0), door(400, 0, POOR)], [(300, "firing")]),
    "a doubtful closing after the alarm was reset: the next opening counts": (
        DOOR,
        [door(0), DAY.reset(400, "open:door"), door(500, 0, POOR), door(600)],
        [(300, "firing"), (400, "resolved"), (900, "firing")],
    ),
    "reset after a doubtful closing: the next opening counts": (
        DOOR,
        [door(0), door(400, 0, POOR), DAY.reset(500, "open:door"), door(600)],
        [(300, "firing"), (500, "resolved"), (900, "firing")],
    ),
    "doubtfully closed, said to be open again, reset: it is open still, and known": (
        DOOR,
        [door(0), door(400, 0, POOR), door(450), DAY.reset(500, "open:door"), door(600)],
        [(300, "firing"), (500, "resolved")],
    ),
    "doubtful words while the alarm is on raise no second one": (
        DOOR,
        [door(0), door(400, 0, POOR), door(450), door(500, 0, POOR), door(510), door(600, 0)],
        [(300, "firing"), (600, "resolved")],
    ),
    "a second fire after a first that nobody saw end": (
        SMOKE,
        [smoke(0), DAY.reset(60, "smoke:smoke"), smoke(90, 0, POOR), smoke(100)],
        [(0, "firing"), (60, "resolved"), (100, "firing")],
    ),
    "not a number is no closing": (DOOR, [door(0), door(100, float("nan"))], [(300, "firing")]),
    "reset": (DOOR, [door(0), DAY.reset(400, "open:door"), door(500)], [(300, "firing"), (400, "resolved")]),
    "reset before it was told is nothing": (DOOR, [door(0), DAY.reset(100, "open:door")], [(300, "firing")]),
    "visitors: the wait stands still": (DOOR, [DAY.mode(0, 3), door(10)], []),
    "visitors come meanwhile and leave": (
        DOOR,
        [door(0), DAY.mode(100, 3), DAY.mode(1000, 0)],
        [(1300, "firing")],
    ),
    "away is no reason here, and does not start the wait anew": (DOOR, [door(0), DAY.mode(200, 1)], [(300, "firing")]),
    "a mode that does not exist is none": (DOOR, [door(0), DAY.mode(100, 2.5)], [(300, "firing")]),
    "a doubtful mode is none": (DOOR, [door(0), DAY.mode(100, 3, POOR)], [(300, "firing")]),
    "visitors do not end an alarm": (DOOR, [door(0), DAY.mode(400, 3)], [(300, "firing")]),
    "closed with visitors there": (
        DOOR,
        [door(0), DAY.mode(9, 3), door(20, 0), DAY.mode(30, 0), door(40)],
        [(340, "firing")],
    ),
    "the hob is watched": (STOVE, [hob(0, 1500), *[moves(600 * n) for n in range(1, 6)], hob(3300, 0)], []),
    "the hob is on and nobody is there": (STOVE, [hob(0, 1500)], [(900, "prealarm"), (1200, "firing")]),
    "the hob at its limit": (STOVE, [hob(0, 100)], [(900, "prealarm"), (1200, "firing")]),
    "the hob below its limit": (STOVE, [hob(0, 99.9)], []),
    "motion starts the time anew": (STOVE, [hob(0, 1500), moves(890)], [(1790, "prealarm"), (2090, "firing")]),
    "motion anywhere where no sensors are named": (
        STOVE,
        [hob(0, 1500), moves(890, "hall")],
        [(1790, "prealarm"), (2090, "firing")],
    ),
    "no motion is no motion": (STOVE, [hob(0, 1500), moves(890, value=0)], [(900, "prealarm"), (1200, "firing")]),
    "doubtful motion is none": (STOVE, [hob(0, 1500), moves(890, quality=POOR)], [(900, "prealarm"), (1200, "firing")]),
    "impossible motion is none": (
        STOVE,
        [hob(0, 1500), moves(890, value=99, quality=BAD)],
        [(900, "prealarm"), (1200, "firing")],
    ),
    "motion once the home asks is no answer": (
        STOVE,
        [hob(0, 1500), moves(901)],
        [(900, "prealarm"), (1200, "firing")],
    ),
    "motion at the very moment is too late": (STOVE, [hob(0, 1500), moves(900)], [(900, "prealarm"), (1200, "firing")]),
    "answered": (STOVE, [hob(0, 1500), cancels(1000)], [(900, "prealarm"), (1000, "cancelled")]),
    "answered, and the hob stays on": (
        STOVE,
        [hob(0, 1500), cancels(1000), hob(2000, 1400), hob(9000, 1400)],
        [(900, "prealarm"), (1000, "cancelled")],
    ),
    "answered too late": (STOVE, [hob(0, 1500), cancels(1200)], [(900, "prealarm"), (1200, "firing")]),
    "turned off while the home asks": (STOVE, [hob(0, 1500), hob(1000, 0)], [(900, "prealarm"), (1000, "cancelled")]),
    "turned off after the call": (
        STOVE,
        [hob(0, 1500), hob(1300, 0)],
        [(900, "prealarm"), (1200, "firing"), (1300, "resolved")],
    ),
    "smoke is told at once": (SMOKE, [smoke(0)], [(0, "firing")]),
    "doubtful smoke is smoke": (SMOKE, [smoke(0, 1, POOR)], [(0, "firing")]),
    "impossible smoke is none": (SMOKE, [smoke(0, 1, BAD)], []),
    "smoke stays until a person resets it": (SMOKE, [smoke(0), smoke(60), smoke(90, 0)], [(0, "firing")]),
    "smoke, reset": (SMOKE, [smoke(0), DAY.reset(100, "smoke:smoke"), smoke(110)], [(0, "firing"), (100, "resolved")]),
    "smoke again before anybody came": (
        SMOKE,
        [smoke(0), smoke(90, 0), smoke(100)],
        [(0, "firing"), (100, "resolved"), (100, "firing")],
    ),
    "smoke again after the reset": (
        SMOKE,
        [smoke(0), DAY.reset(80, "smoke:smoke"), smoke(90, 0), smoke(100)],
        [(0, "firing"), (80, "resolved"), (100, "firing")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_lasting_example(name):
    config, events, wanted = EXAMPLES[name]
    assert steps(alerts_of([config], events, home=HOME, until=20_000, day=DAY)) == wanted


EVENING = Day("2026-11-24T20:00")
NIGHTS = {
    "out of bed in the evening, for long": ([(0, 0)], [(2.5, "firing")]),
    "to bed before the hours and their half an hour": ([(0, 0), (2.49, 1)], []),
    "out of bed in the night": ([(4, 0)], [(4.5, "firing")]),
    "out just before midnight, back after it": ([(3.9, 0), (4.3, 1)], []),
    "out over midnight": ([(3.9, 0)], [(4.4, "firing")]),
    "up just before the end of the hours": ([(9.75, 0)], [(26.5, "firing")]),
    "up in the day": ([(11, 0), (25, 1)], []),
    "back in bed in the morning": ([(4, 0), (9, 1)], [(4.5, "firing"), (9, "resolved")]),
}


@pytest.mark.parametrize("name", NIGHTS)
def test_hours_of_the_night(name):
    said, wanted = NIGHTS[name]
    events = [EVENING.say(hours * H, "bed", "bed", value) for hours, value in said]
    alerts = alerts_of([BED], events, home=HOME, until=30 * H, day=EVENING)
    assert [(round(t / H, 3), state) for t, state in steps(alerts)] == wanted


@pytest.mark.parametrize(
    ("night", "wanted"),
    [("2026-10-24T21:00", 5.5), ("2026-03-28T21:00", 5.5), ("2026-06-10T21:00", 5.5)],
    ids=["25 hours", "23 hours", "24 hours"],
)
def test_nights_in_which_the_clocks_change_wait_as_long_as_others(night, wanted):
    day, home = Day(night, "Europe/Berlin"), house("Europe/Berlin", bed="bed")
    alerts = alerts_of([BED], [day.say(5 * H, "bed", "bed", 0)], home=home, until=9 * H, day=day)
    assert steps(alerts) == [(wanted * H, "firing")]


@pytest.mark.parametrize("wrong", [-30 * H, -7 * H, -H, H / 2, 26 * H])
def test_a_clock_that_is_set_right_meanwhile_silences_no_alarm(wrong):
    """The bed is left at 20:00 by a clock that is wrong; it is right from 20:10 on, and nothing more is said."""
    events = [EVENING.say(0, "bed", "bed", 0, wrong=wrong)]
    right = [EVENING.say(600, "pendant", "cancel")]  # heard by no rule here
    alerts = alerts_of([BED], [*events, *right], home=HOME, until=6 * H, day=EVENING)
    told = [seconds_of(alert) for alert in alerts]
    assert told, "silenced"
    assert told[-1] <= 3.5 * H  # 22:30, and an hour at most until it is looked at again


def test_what_it_says():
    asked, called, over = alerts_of(
        [STOVE], [hob(0, 1500), hob(1200, 1450), hob(1300, 0)], home=HOME, until=2000, day=DAY
    )
    assert asked.why.en == "hob power 1500 W for 15 min; asking, 5 min to cancel"
    assert called.why.zh == "hob 功率 1500 W，已持续 15 分钟；询问后 5 分钟内无人取消"
    assert over.why.en == "hob power 0 W (after 21 min 40 s)"
    assert over.evidence[-1].value == 0
    (fired,) = alerts_of([SMOKE], [smoke(0)], home=HOME, until=10, day=DAY)
    assert (fired.why.zh, fired.why.en) == ("smoke 烟雾：是", "smoke smoke: yes")
    assert (fired.hazard, fired.latching, fired.severity) == ("smoke", True, "P1")
    (left,) = alerts_of([BED], [EVENING.say(3 * H, "bed", "bed", 0)], home=HOME, until=5 * H, day=EVENING)
    assert left.why.en == "bed in bed: no for 30 min (between 22:00-06:00)"
    assert left.why.zh == "bed 在床：否，已持续 30 分钟（22:00-06:00 之间）"
    soon = BED.model_copy(update={"lasts": timedelta(0)})
    (left,) = alerts_of([soon], [EVENING.say(3 * H, "bed", "bed", 0)], home=HOME, until=5 * H, day=EVENING)
    assert left.why.en == "bed in bed: no (between 22:00-06:00)"


def test_it_listens_to_what_it_names():
    (bound,) = STOVE.bind(HOME)
    assert {(sensor, str(quantity)) for sensor, quantity in bound.readings} == {
        ("hob", "power"),
        ("kitchen", "motion"),
        ("hall", "motion"),
        ("kitchen", "presence"),
        ("pendant", "cancel"),
    }
    (bound,) = DOOR.bind(HOME)
    assert ("home", "mode") in bound.readings
    assert DOOR.bind(HomeFacts(resident_id="r1", emits={})) == ()
    room = house(kitchen="motion")
    same = rule(kind="lasting", id="a", quantity="motion", equals=0.0, lasts="1h", unless=[{"quantity": "motion"}])
    assert same.bind(room)[0].readings == {("kitchen", "motion")}


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"quantity": "door"}, "needs exactly one of equals, below and above"),
        ({"quantity": "door", "equals": 1.0, "above": 1.0}, "needs exactly one of equals, below and above"),
        ({"quantity": "door", "equals": 2.0}, "door goes from 0 to 1, so 2 is never reached; change it"),
        ({"quantity": "power", "above": 1e6}, "never reached"),
        ({"quantity": "door", "equals": 1.0, "lasts": "25h"}, "days=1"),
        ({"quantity": "door", "equals": 1.0, "not_when": ["asleep"]}, "visitor"),
        ({"quantity": "door", "equals": 1.0, "sensors": ["a", "a"]}, "stands in the list twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(written, complaint):
    with pytest.raises(ValidationError, match=complaint):
        rule(kind="lasting", id="x", **{"lasts": "5m"} | written)
