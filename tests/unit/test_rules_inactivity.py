"""Inactivity: who moves, who left, who only lies there; spoken warning, modes, deaf sensors, waking hours."""

import pytest
from fixtures.stories import BAD, HEARD, LOST, POOR, SILENT, Day, alerts_of, house, rule, seconds_of, steps
from pydantic import ValidationError

from rules.bound import HomeFacts

HOME = house(
    hall="motion",
    kitchen="motion switch",
    radar="motion presence body-movement bed",
    door="door",
    cupboard="door",
    pendant="sos cancel button",
    meter="power",
)
DAY = Day("2026-11-24T06:00")
H, M = 3600, 60
RULE = rule(kind="inactivity", id="still", after="12h", warn="5m", exits=["door"], ignore=["radar"])
ALL = rule(kind="inactivity", id="still", after="12h", warn="5m", exits=["door"])
WAKING = rule(
    kind="inactivity", id="still", after="12h", waking="08:00-21:00", waking_after="4h", warn="0s", exits=["door"]
)
KEY = "still:home"
MISSED = [(12 * H, "prealarm"), (12 * H + 300, "firing")]


def moves(t, sensor="hall", value=1, quality=None):
    return DAY.say(t, sensor, "motion", value, *([quality] if quality else []))


def says(t, sensor, quantity, value=1):
    return DAY.say(t, sensor, quantity, value)


def later(by):
    return [(seconds + by, state) for seconds, state in MISSED]


EXAMPLES = {
    "nothing was ever heard": (RULE, [], []),
    "nobody moves": (RULE, [moves(0)], MISSED),
    "moves just in time": (RULE, [moves(0), moves(12 * H - 0.5)], later(12 * H - 0.5)),
    "moves while the home asks": (
        RULE,
        [moves(0), moves(12 * H + 299)],
        [MISSED[0], (12 * H + 299, "cancelled"), *later(12 * H + 299)],
    ),
    "moves after the call": (RULE, [moves(0), moves(13 * H)], [*MISSED, (13 * H, "resolved"), *later(13 * H)]),
    "one alarm until somebody moves": (RULE, [moves(0), moves(40 * H)], [*MISSED, (40 * H, "resolved")]),
    "a doubtful motion is none": (RULE, [moves(0), moves(6 * H, quality=POOR)], MISSED),
    "an impossible motion is none": (RULE, [moves(0), moves(6 * H, value=7, quality=BAD)], MISSED),
    "no motion is no motion": (RULE, [moves(0), moves(6 * H, value=0)], MISSED),
    "the bedroom is ignored": (RULE, [moves(0), moves(6 * H, "radar", 2)], MISSED),
    "a switch that changes": (
        RULE,
        [moves(0), says(1, "kitchen", "switch", 0), says(6 * H, "kitchen", "switch", 1)],
        later(6 * H),
    ),
    "a switch turned off": (
        RULE,
        [moves(0), says(1, "kitchen", "switch", 1), says(6 * H, "kitchen", "switch", 0)],
        later(6 * H),
    ),
    "a switch that says again that it is on": (
        RULE,
        [moves(0), says(1, "kitchen", "switch", 1), says(6 * H, "kitchen", "switch", 1)],
        later(1),
    ),
    "a cupboard": (RULE, [moves(0), says(6 * H, "cupboard", "door", 1)], later(6 * H)),
    "a cupboard that closes": (
        RULE,
        [moves(0), says(1, "cupboard", "door", 1), says(6 * H, "cupboard", "door", 0)],
        later(6 * H),
    ),
    "a door that says again that it is closed": (
        RULE,
        [moves(0), says(1, "cupboard", "door", 0), says(6 * H, "cupboard", "door", 0)],
        MISSED,
    ),
    "a door that only says that it opens": (
        RULE,
        [moves(0), says(1, "cupboard", "door", 1), says(6 * H, "cupboard", "door", 1)],
        later(6 * H),
    ),
    "a button": (RULE, [moves(0), says(6 * H, "pendant", "button", 3)], later(6 * H)),
    "an SOS press is a sign of life": (RULE, [moves(0), says(6 * H, "pendant", "sos")], later(6 * H)),
    "answered with a cancel button": (
        RULE,
        [moves(0), says(12 * H + 60, "pendant", "cancel")],
        [MISSED[0], (12 * H + 60, "cancelled"), *later(12 * H + 60)],
    ),
    "reset ends the alarm, not the stillness": (
        RULE,
        [moves(0), DAY.reset(13 * H, KEY)],
        [*MISSED, (13 * H, "resolved")],
    ),
    "left by the door": (
        RULE,
        [moves(0), says(10, "door", "door", 1), says(20, "door", "door", 0)],
        [(24 * H + 20, "prealarm"), (24 * H + 320, "firing")],
    ),
    "seen in the hall after the door": (
        RULE,
        [says(10, "door", "door", 1), moves(40)],
        [(24 * H + 40, "prealarm"), (24 * H + 340, "firing")],
    ),
    "still there after the door": (RULE, [says(10, "door", "door", 1), moves(191)], later(191)),
    "at the edge of settling": (
        RULE,
        [says(10, "door", "door", 1), moves(190)],
        [(24 * H + 190, "prealarm"), (24 * H + 490, "firing")],
    ),
    "a cupboard is no way out": (RULE, [says(10, "cupboard", "door", 1)], later(10)),
    "away": (RULE, [moves(0), DAY.mode(1 * H, 1)], []),
    "in hospital": (RULE, [moves(0), DAY.mode(1 * H, 2)], []),
    "visitors are no reason": (RULE, [moves(0), DAY.mode(1 * H, 3)], MISSED),
    "a doubtful mode is none": (RULE, [moves(0), DAY.mode(1 * H, 1, POOR)], MISSED),
    "back from away": (RULE, [moves(0), DAY.mode(1 * H, 1), DAY.mode(20 * H, 0)], later(20 * H)),
    "back by the door, and lies behind it": (
        RULE,
        [moves(0), DAY.mode(1 * H, 1), says(20 * H, "door", "door", 1), DAY.mode(20 * H + 10, 0)],
        later(20 * H + 10),
    ),
    "gone to hospital while the home asks": (
        RULE,
        [moves(0), DAY.mode(12 * H + 60, 2)],
        [MISSED[0], (12 * H + 60, "cancelled")],
    ),
    "gone to hospital after the call": (RULE, [moves(0), DAY.mode(13 * H, 2)], [*MISSED, (13 * H, "resolved")]),
    "the mode of before, said again": (RULE, [moves(0), DAY.mode(6 * H, 0)], MISSED),
    "one sensor is not heard": (RULE, [moves(0), DAY.status(1 * H, "hall", LOST)], MISSED),
    "somebody lies before the radar": (
        ALL,
        [
            moves(0, "radar", 2),
            says(1, "radar", "presence"),
            *[says(n * H, "radar", "presence") for n in range(1, 12)],
            *[moves(n * H + 1, "radar", 1) for n in range(1, 12)],
            *[says(n * H + 2, "radar", "body-movement", 1) for n in range(1, 12)],
        ],
        later(1),
    ),
    "somebody lies in bed": (
        ALL,
        [says(0, "radar", "bed"), *[says(n * H, "radar", "bed") for n in range(1, 12)]],
        MISSED,
    ),
    "gets up": (ALL, [says(0, "radar", "bed"), says(9 * H, "radar", "bed", 0)], later(9 * H)),
    "comes before the radar": (
        ALL,
        [says(0, "radar", "presence", 0), says(1 * H, "radar", "presence", 1)],
        later(1 * H),
    ),
    "turns over before the radar": (
        ALL,
        [moves(0, "radar", 2), says(9 * H, "radar", "body-movement", 40)],
        later(9 * H),
    ),
    "first heard as empty": (ALL, [says(0, "radar", "presence", 0)], []),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_inactivity_example(name):
    config, events, wanted = EXAMPLES[name]
    events = sorted(events, key=lambda one: one.mono)
    assert steps(alerts_of([config], events, home=HOME, until=45 * H, day=DAY)) == wanted


SENSORS = ("hall", "kitchen", "door", "cupboard", "pendant")


def test_where_no_sensor_is_heard_nobody_can_say_and_the_time_begins_anew():
    lost = [DAY.status(1 * H, sensor, LOST if sensor == "hall" else SILENT) for sensor in SENSORS]
    assert alerts_of([RULE], [moves(0), *lost], home=HOME, until=45 * H, day=DAY) == []
    heard = [DAY.status(20 * H, "hall", HEARD), DAY.status(21 * H, "hall", HEARD)]
    alerts = alerts_of([RULE], [moves(0), *lost, *heard], home=HOME, until=45 * H, day=DAY)
    assert steps(alerts) == later(20 * H)
    some = [moves(0), *lost[1:], *lost[1:], heard[0]]
    assert steps(alerts_of([RULE], some, home=HOME, until=45 * H, day=DAY)) == MISSED
    assert alerts_of([RULE], [*lost, heard[0]], home=HOME, until=45 * H, day=DAY) == []


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (-1, 3),  # 05:00: 4 h are over at 09:00, within the waking hours
        (1, 5),  # 07:00: 11:00
        (2, 6),  # 08:00: 12:00
        (11, 23),  # 17:00: 21:00 is the end of the waking hours: 12 h, at 05:00
        (10.999, 14.999),
        (15, 26),  # 21:00: at 08:00 more than 4 h and less than 12 h: the waking hours begin
        (20, 26),  # 02:00: at 08:00
        (23, 27),  # 05:00: at 09:00
    ],
)
def test_shorter_in_the_waking_hours(last, told):
    alerts = alerts_of([WAKING], [DAY.say(last * H, "hall", "motion")], home=HOME, until=30 * H, day=DAY)

    assert [(round(t / H, 3), state) for t, state in steps(alerts)] == [(told, "firing")]


def test_who_is_out_is_not_asked_for_in_the_waking_hours():
    out = DAY.say(3 * H, "door", "door")
    assert steps(alerts_of([WAKING], [out], home=HOME, until=40 * H, day=DAY)) == [(27 * H, "firing")]


@pytest.mark.parametrize("wrong", [-10 * H, -3 * H, 5 * H, 900 * H])
def test_a_clock_that_is_set_right_delays_by_an_hour_at_most(wrong):
    early = DAY.say(1 * H, "hall", "motion", wrong=wrong)
    (alert,) = alerts_of([WAKING], [early], home=HOME, until=8 * H, day=DAY)
    assert 5 * H <= seconds_of(alert) <= 6 * H


def test_what_it_says():
    asked, called, over = alerts_of([RULE], [moves(0), moves(13 * H)], home=HOME, until=14 * H, day=DAY)
    assert asked.why.en == "no activity at home for 12 h (last: hall); asking, 5 min to cancel"
    assert called.why.zh == "家中 12 小时没有活动（最后是 hall）；询问后 5 分钟内无人取消"
    assert (over.why.zh, over.why.en) == ("hall 又有活动", "hall tells activity again")
    assert (asked.key, asked.hazard, asked.evidence) == (KEY, "inactivity", (moves(0),))
    out, _ = alerts_of([RULE], [says(0, "door", "door")], home=HOME, until=30 * H, day=DAY)
    assert out.why.en.startswith("gone out and nothing heard for 24 h (last: door)")
    assert out.why.zh.startswith("出门后 24 小时没有动静（最后是 door）")
    *_, gone = alerts_of([RULE], [moves(0), DAY.mode(13 * H, 2)], home=HOME, until=14 * H, day=DAY)
    assert (gone.why.zh, gone.why.en) == ("老人不在家", "the person is not at home")


def test_which_sensors_it_listens_to():
    assert RULE.watched(HOME) == ("hall", "kitchen", "door", "cupboard", "pendant")
    named = rule(kind="inactivity", id="x", sensors=["hall", "meter", "elsewhere"])
    assert named.watched(HOME) == ("hall",)
    ((sensor, quantity), *_) = named.cancels(HOME)
    assert (sensor, quantity) == ("pendant", "cancel")
    (bound,) = named.bind(HOME)
    assert ("pendant", "cancel") in bound.readings
    assert bound.statuses == {"hall"}
    assert named.bind(HomeFacts(resident_id="r1", emits={})) == ()
    asked = [moves(0), says(12 * H + 60, "pendant", "cancel")]
    assert steps(alerts_of([named], asked, home=HOME, until=13 * H, day=DAY)) == [MISSED[0], (12 * H + 60, "cancelled")]


@pytest.mark.parametrize("written", [{"after": "5m"}, {"after": "49h"}, {"warn": "2h"}, {"settle": "2h"}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(kind="inactivity", id="x", **written)
