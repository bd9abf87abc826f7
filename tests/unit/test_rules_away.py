"""A home that counts as empty and is not."""

from fixtures.timeline import HOME, Box, play, reading, reset, said
from pydantic import TypeAdapter

from rules.away import AwayActivity
from rules.bound import HomeFacts
from shouwang.quantities import Quantity
from shouwang.reading import Quality

FACTS = HomeFacts(
    resident_id="r1",
    emits=dict(HOME.emits) | {"hall": frozenset({Quantity.MOTION}), "fob": frozenset({Quantity.BUTTON})},
)
RULE = TypeAdapter(AwayActivity).validate_python(
    {"kind": "away_activity", "id": "away", "settle": "15m", "lasts": "10m", "sensors": ["hall", "door", "fob"]}
)
M = 60.0


def mode(minute, value):
    return reading(minute * M, Quantity.MODE, value, "home")


def motion(minute, value=1.0, quality=Quality.GOOD):
    return reading(minute * M, Quantity.MOTION, value, "hall", quality)


def test_who_stays_inside_an_empty_home_is_told_once_until_it_counts_as_home():
    moves = [motion(minute) for minute in range(20, 60, 5)]
    alerts = play([RULE], [mode(0, 1), *moves, mode(70, 0), motion(80)], home=FACTS)
    assert said(alerts) == [(30 * M, "firing"), (70 * M, "resolved")]
    assert alerts[0].severity == "P3"
    assert [one.mono for one in alerts[0].evidence] == [motion(20).mono, motion(30).mono]
    assert "somebody has been in for 10 min" in alerts[0].why.en


def test_who_leaves_passes_by_or_is_at_home_is_not_told():
    leaving = [mode(0, 1), *(motion(minute) for minute in range(15))]
    passing = [motion(minute) for minute in (100, 111, 130, 150)]
    doubtful = [motion(200 + minute, quality=Quality.QUESTIONABLE) for minute in range(0, 30, 5)]
    door = [reading((300 + minute) * M, Quantity.DOOR, 1, "door") for minute in range(30)]
    home = [mode(400, 0), *(motion(400 + minute) for minute in range(0, 60, 5))]
    visitor = [mode(500, 3), *(motion(500 + minute) for minute in range(0, 60, 5))]
    assert play([RULE], [*leaving, *passing, *doubtful, *door, *home, *visitor], home=FACTS) == []


def test_a_reset_ends_it_until_the_mode_changes_and_a_restart_that_says_the_mode_again_changes_nothing():
    box = Box([RULE], FACTS)
    for event in (mode(0, 1), motion(20), motion(30), reset(31 * M, "away:home")):
        box.feed(event)
    box.power_cut()
    for event in (mode(32, 1), motion(60), motion(65), motion(70), mode(80, 0), mode(90, 2), motion(110), motion(120)):
        box.feed(event)
    assert said(box.alerts) == [(30 * M, "firing"), (31 * M, "resolved"), (120 * M, "firing")]
    assert len({alert.alert_id for alert in box.alerts}) == 3
    assert box.feed(reset(130 * M, "another:home")).alerts == ()


def test_a_home_in_which_nothing_tells_who_is_inside_has_no_such_rule():
    assert RULE.bind(HomeFacts(resident_id="r1", emits={"door": frozenset({Quantity.DOOR})})) == ()
