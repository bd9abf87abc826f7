"""Count: what happens too often; states that are said again, hours, forgetting, reset."""

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, steps
from pydantic import ValidationError

HOME = house(bed="bed", fob="button", hall="motion", meter="power")
DAY = Day("2026-11-24T20:00")
H = 3600
OFTEN = rule(kind="count", id="often", quantity="bed", equals=0.0, times=3, within="1h")
PRESSES = rule(kind="count", id="presses", quantity="button", above=1.0, times=2, within="10m", latching=True)
NIGHT = rule(kind="count", id="night", quantity="bed", equals=0.0, times=2, within="8h", between="22:00-06:00")
KEY = "presses:fob"


def up(t, quality=None):
    return DAY.say(t, "bed", "bed", 0, *([quality] if quality else []))


def down(t, quality=None):
    return DAY.say(t, "bed", "bed", 1, *([quality] if quality else []))


def press(t, quality=None):
    return DAY.say(t, "fob", "button", 1, *([quality] if quality else []))


def restless(*times):
    return [event for t in times for event in (up(t), down(t + 1))]


EXAMPLES = {
    "twice is not three times": (OFTEN, restless(0, 600), []),
    "three times": (OFTEN, restless(0, 600, 1200), [(1200, "firing"), (3600, "resolved")]),
    "three times, the first too long ago": (OFTEN, restless(0, 600, 3600), []),
    "three times in just that time": (OFTEN, restless(0, 600, 3599.5), [(3599.5, "firing"), (3600, "resolved")]),
    "four times are one alarm": (OFTEN, restless(0, 600, 1200, 1800), [(1200, "firing"), (4200, "resolved")]),
    "a state said again is the same": (OFTEN, [up(0), up(60), up(120), up(180)], []),
    "a doubtful one counts": (
        OFTEN,
        [up(0), down(1), up(2), down(3), up(4, POOR)],
        [(4, "firing"), (3600, "resolved")],
    ),
    "an impossible one does not": (OFTEN, [up(0), down(1), up(2), down(3), up(4, BAD)], []),
    "a doubtful return is none": (OFTEN, [up(0), down(1, POOR), up(2), down(3, POOR), up(4)], []),
    "presses are told until a person resets it": (PRESSES, [press(0), press(9)], [(9, "firing")]),
    "presses after the alarm tell nothing new": (PRESSES, [press(0), press(9), press(20), press(700)], [(9, "firing")]),
    "presses, reset": (PRESSES, [press(0), press(9), DAY.reset(20, KEY), press(21)], [(9, "firing"), (20, "resolved")]),
    "presses, reset, pressed again": (
        PRESSES,
        [press(0), press(9), DAY.reset(20, KEY), press(21), press(30)],
        [(9, "firing"), (20, "resolved"), (30, "firing")],
    ),
    "a reset before the alarm forgets nothing": (PRESSES, [press(0), DAY.reset(5, KEY), press(9)], [(9, "firing")]),
    "presses far apart": (PRESSES, [press(0), press(600)], []),
    "up in the evening does not count": (NIGHT, restless(0, 2 * H - 1, 3 * H), []),
    "up in the night": (NIGHT, restless(2 * H, 5 * H), [(5 * H, "firing"), (10 * H, "resolved")]),
    "up in the morning does not count": (NIGHT, restless(9 * H, 10 * H), []),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_count_example(name):
    config, events, wanted = EXAMPLES[name]
    assert steps(alerts_of([config], events, home=HOME, until=24 * H, day=DAY)) == wanted


@pytest.mark.parametrize(("night", "told"), [("2026-03-28", 6), ("2026-10-24", 8), ("2026-06-10", 7)])
def test_nights_in_which_the_clocks_change(night, told):
    day, home = Day(f"{night}T22:59", "Europe/Berlin"), house("Europe/Berlin", bed="bed")
    last = (told * H) + 59
    once = [day.say(60, "bed", "bed", 0), day.say(70, "bed", "bed", 1)]
    inside = [*once, day.say(last, "bed", "bed", 0)]
    outside = [*once, day.say(last + 2, "bed", "bed", 0)]
    assert steps(alerts_of([NIGHT], inside, home=home, until=last, day=day)) == [(last, "firing")]
    assert alerts_of([NIGHT], outside, home=home, until=last + 10, day=day) == []


def test_no_more_is_remembered_than_is_needed():
    events = [press(n) for n in range(300)]
    patient = PRESSES.model_copy(update={"times": 100})
    (alert,) = alerts_of([patient], events, home=HOME, until=5000, day=DAY)
    assert len(alert.evidence) == 100


def test_what_it_says():
    alerts = alerts_of([OFTEN], restless(0, 600, 1200), home=HOME, until=5000, day=DAY)
    fired, over = alerts
    assert (fired.why.zh, fired.why.en) == ("bed 在 1 小时内“在床”3 次", "bed: in bed 3 times within 1 h")
    assert (over.why.zh, over.why.en) == ("“在床”已不再频繁", "in bed is no longer frequent")
    assert [one.value for one in fired.evidence] == [0, 0, 0]
    assert fired.hazard == "bed"


@pytest.mark.parametrize("written", [{"times": 1}, {"times": 101}, {"within": "0s"}, {"equals": None}, {"below": 1.0}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(**{"kind": "count", "id": "x", "quantity": "bed", "equals": 0.0, "times": 3, "within": "1h"} | written)
