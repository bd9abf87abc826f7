"""Expected: the daily press, pills and visits; days of 23 and 25 hours, modes, and clocks that are wrong."""

import pytest
from fixtures.stories import BAD, HEARD, POOR, Day, alerts_of, house, rule, seconds_of, steps
from pydantic import ValidationError

from rules.bound import HomeFacts

HOME = house(fob="button cancel", box="medication", pendant="cancel", gate="button")
DAY = Day("2026-11-24T05:00")  # the hours begin at 1 h and end at 5 h
H, M = 3600, 60
OK = rule(kind="expected", id="ok", quantity="button", between="06:00-10:00", grace="30m", sensors=["fob"])
PILL = rule(kind="expected", id="pill", quantity="medication", between="07:00-09:00", grace="0s", hazard="medication")
BEGUN = DAY.status(0, "fob", HEARD)
MISSED = [(5 * H, "prealarm"), (5.5 * H, "firing")]


def press(t, sensor="fob", quality=None, value=1):
    return DAY.say(t, sensor, "button", value, *([quality] if quality else []))


EXAMPLES = {
    "pressed": ([BEGUN, press(2 * H)], []),
    "pressed at the first moment": ([BEGUN, press(1 * H)], []),
    "pressed at the last moment": ([BEGUN, press(5 * H - 0.001)], []),
    "pressed before the hours": ([BEGUN, press(1 * H - 0.001)], MISSED),
    "never pressed": ([BEGUN], MISSED),
    "another button": ([BEGUN, press(2 * H, "gate")], MISSED),
    "a doubtful press is none": ([BEGUN, press(2 * H, quality=POOR)], MISSED),
    "an impossible press is none": ([BEGUN, press(2 * H, quality=BAD)], MISSED),
    "a press that is too small": ([BEGUN, press(2 * H, value=0)], MISSED),
    "pressed while the home reminds": ([BEGUN, press(5.2 * H)], [(5 * H, "prealarm"), (5.2 * H, "cancelled")]),
    "pressed after the call": ([BEGUN, press(6 * H)], [*MISSED, (6 * H, "resolved")]),
    "answered with a cancel button": (
        [BEGUN, DAY.say(5.2 * H, "pendant", "cancel")],
        [(5 * H, "prealarm"), (5.2 * H, "cancelled")],
    ),
    "answered too late": ([BEGUN, DAY.say(5.5 * H, "pendant", "cancel")], MISSED),
    "reset": ([BEGUN, DAY.reset(6 * H, "ok:fob")], [*MISSED, (6 * H, "resolved")]),
    "away": ([BEGUN, DAY.mode(2 * H, 1)], []),
    "in hospital": ([BEGUN, DAY.mode(2 * H, 2)], []),
    "back before the end": ([BEGUN, DAY.mode(2 * H, 1), DAY.mode(4 * H, 0)], MISSED),
    "visitors press nothing": ([BEGUN, DAY.mode(2 * H, 3)], MISSED),
    "away after the hours ends nothing": ([BEGUN, DAY.mode(5.1 * H, 1)], MISSED),
    "nothing was ever heard": ([], []),
    "heard first within the hours: it may have been pressed before": ([DAY.status(2 * H, "fob", HEARD)], []),
    "heard first after the hours": ([DAY.status(6 * H, "fob", HEARD)], []),
    "what is impossible begins nothing": ([press(0, quality=BAD)], []),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_expected_example(name):
    events, wanted = EXAMPLES[name]
    assert steps(alerts_of([OK], events, home=HOME, until=20 * H, day=DAY)) == wanted


def test_each_day_that_is_missed_is_told_until_it_happens():
    events = [BEGUN, press((48 + 3) * H)]
    alerts = alerts_of([OK], events, home=HOME, until=70 * H, day=DAY)
    assert steps(alerts) == [
        *MISSED,
        (29 * H, "resolved"),  # the second day without a press takes over from the first, and asks nobody
        (29 * H, "firing"),
        (51 * H, "resolved"),
    ]


def test_without_grace_it_calls_at_once_and_any_box_will_do():
    home = house(box="medication", other="medication")
    begun = DAY.status(0, "box", HEARD)
    (alert,) = alerts_of([PILL], [begun], home=home, until=10 * H, day=DAY)
    assert (seconds_of(alert), alert.state, alert.key, alert.hazard) == (4 * H, "firing", "pill:home", "medication")
    assert (alert.why.zh, alert.why.en) == (
        "07:00-09:00 之间没有“服药”",
        "no medication taken between 07:00-09:00",
    )
    assert alerts_of([PILL], [begun, DAY.say(3 * H, "other", "medication")], home=home, until=10 * H, day=DAY) == []


def test_what_it_says_when_it_comes_late():
    *_, late = alerts_of([OK], [BEGUN, press(6 * H)], home=HOME, until=7 * H, day=DAY)
    assert (late.why.zh, late.why.en) == ("“按键”来得晚了（fob）", "button came late (fob)")
    assert late.evidence == (press(6 * H),)


def test_the_cancel_button_may_be_what_is_expected():
    ok = rule(kind="expected", id="ok", quantity="cancel", between="06:00-10:00", grace="30m", sensors=["fob"])
    events = [BEGUN, DAY.say(5.2 * H, "fob", "cancel")]
    late = alerts_of([ok], events, home=HOME, until=9 * H, day=DAY)
    assert steps(late) == [(5 * H, "prealarm"), (5.2 * H, "cancelled")]
    assert late[1].why.en == "cancel came late (fob)"
    assert alerts_of([ok], [BEGUN, DAY.say(2 * H, "fob", "cancel")], home=HOME, until=9 * H, day=DAY) == []


@pytest.mark.parametrize(("date", "end"), [("2026-03-28", 28), ("2026-10-24", 30), ("2026-06-10", 29)])
def test_days_on_which_the_clocks_change(date, end):
    day, home = Day(f"{date}T05:00", "Europe/Berlin"), house("Europe/Berlin", fob="button")
    events = [day.status(0, "fob", HEARD), day.say(2 * H, "fob", "button")]
    alerts = alerts_of([OK], events, home=home, until=(end + 2) * H, day=day)
    assert steps(alerts) == [(end * H, "prealarm"), ((end + 0.5) * H, "firing")]


def over_midnight():
    return rule(kind="expected", id="night", quantity="button", between="22:00-02:00", grace="0s", sensors=["fob"])


def test_hours_over_midnight():
    day = Day("2026-11-24T20:00")
    begun = day.status(0, "fob", HEARD)
    assert steps(alerts_of([over_midnight()], [begun], home=HOME, until=10 * H, day=day)) == [(6 * H, "firing")]
    for pressed in (2 * H, 4.5 * H):
        events = [begun, day.say(pressed, "fob", "button")]
        assert alerts_of([over_midnight()], events, home=HOME, until=10 * H, day=day) == []


@pytest.mark.parametrize("wrong", [-50 * H, -3 * H, 3 * H, 26 * H, 24 * 365 * H])
def test_a_clock_that_was_wrong_for_an_hour_silences_no_missed_day(wrong):
    """From 1 h to 2 h the clock is wrong; somebody answers what that may lead to; the next day is missed."""
    events = [
        BEGUN,
        DAY.say(1.2 * H, "fob", "button", wrong=wrong),
        DAY.say(1.9 * H, "fob", "button", wrong=wrong),
        DAY.say(2 * H, "pendant", "cancel"),
        press(3 * H),
    ]
    alerts = alerts_of([OK], events, home=HOME, until=31 * H, day=DAY)
    next_day = [step for step in steps(alerts) if step[0] > 24 * H]
    assert next_day == [(29 * H, "prealarm"), (29.5 * H, "firing")]


@pytest.mark.parametrize("wrong", [-9 * H, -2 * H, 13 * H])
def test_a_clock_that_is_set_right_after_the_start_delays_by_an_hour_at_most(wrong):
    begun = DAY.say(0, "home", "mode", 0, wrong=wrong)
    alerts = alerts_of([OK], [begun, DAY.say(1, "home", "mode", 0)], home=HOME, until=20 * H, day=DAY)
    assert [step for step in steps(alerts) if step[0] >= 5 * H][-1:] == MISSED[-1:]


def test_a_clock_that_goes_back_a_little_judges_no_day_twice():
    late = [DAY.say(5 * H + 30, "home", "mode", 0), DAY.say(5 * H + 60, "home", "mode", 0, wrong=-120)]
    assert steps(alerts_of([OK], [BEGUN, *late], home=HOME, until=8 * H, day=DAY)) == MISSED


def test_nothing_that_can_say_it_makes_no_rule():
    assert OK.model_copy(update={"sensors": None}).bind(HomeFacts(resident_id="r1", emits={})) == ()
    assert OK.bind(HOME)[0].statuses == {"fob"}


@pytest.mark.parametrize("written", [{"between": "10:00"}, {"grace": "25h"}, {"between": None}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(**{"kind": "expected", "id": "x", "quantity": "button", "between": "06:00-10:00"} | written)
