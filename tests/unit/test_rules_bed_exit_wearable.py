"""Leaving the bed by a sensor on the chest: lying, sitting up, walking, out of reach, helped."""

import math

import msgspec
import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, steps
from fixtures.worn import sample
from pydantic import ValidationError

from rules.wearable import posture
from rules.wearable.posture import NAMES, Held, features, is_upright, remembered

HOME = house(chest="acceleration")
DAY = Day("2026-11-24T02:00")
EXIT = rule(kind="bed_exit_wearable", id="exit")
KEY = "exit:chest"
LYING, SITTING = (0.95, 0.15, 0.1), (0.6, 0.85, -0.1)


def held(begin, seconds, axes, every=0.5):
    """What the chest feels, twice a second."""
    return [sample(DAY, begin + n * every, axes, sensor="chest") for n in range(int(seconds / every))]


def walks(begin, seconds, every=0.5):
    found = []
    for n in range(int(seconds / every)):
        sway = math.sin(n * 2.3)
        axes = (0.05 + 0.3 * sway, 0.95 + 0.15 * math.cos(n * 1.7), 0.15 * math.sin(n * 1.1))
        found.append(sample(DAY, begin + n * every, axes, sensor="chest"))
    return found


def test_who_lies_is_not_told():
    assert alerts_of([EXIT], held(0, 600, LYING), home=HOME, until=900, day=DAY) == []


def test_who_is_not_heard_lying_is_not_told():
    assert alerts_of([EXIT], [*held(0, 60, LYING), *held(400, 60, LYING)], home=HOME, until=900, day=DAY) == []


def test_sitting_up_is_told_at_home_and_out_of_reach_is_told_to_the_centre():
    events = [*held(0, 60, LYING), *held(60, 3, SITTING)]
    assert steps(alerts_of([EXIT], events, home=HOME, until=900, day=DAY)) == [(60, "prealarm"), (66.5, "firing")]


def test_sitting_up_and_lying_again():
    events = [*held(0, 60, LYING), *held(60, 2, SITTING), *held(62, 60, LYING)]
    told = alerts_of([EXIT], events, home=HOME, until=900, day=DAY)
    assert steps(told) == [(60, "prealarm"), (62, "cancelled")]
    assert (told[1].why.zh, told[1].why.en) == (
        "佩戴 chest 的人已重新躺下",
        "the person who wears chest: lies again",
    )


def test_walking_is_told_within_ten_seconds():
    events = [*held(0, 60, LYING), *held(60, 2, SITTING), *walks(62, 30)]
    told = [step for step in steps(alerts_of([EXIT], events, home=HOME, until=90, day=DAY)) if step[1] == "firing"]
    assert told
    assert told[0][0] <= 72


def test_back_in_bed():
    events = [*held(0, 60, LYING), *held(60, 3, SITTING), *held(120, 60, LYING)]
    assert steps(alerts_of([EXIT], events, home=HOME, until=900, day=DAY)) == [
        (60, "prealarm"),
        (66.5, "firing"),
        (120, "resolved"),
    ]


def test_sits_calmly_after_all():
    events = [*held(0, 60, LYING), *held(60, 3, SITTING), *held(80, 40, SITTING)]
    told = alerts_of([EXIT], events, home=HOME, until=119, day=DAY)
    assert [alert.state for alert in told][:3] == ["prealarm", "firing", "resolved"]
    assert told[2].why.en == "the person who wears chest: sits calmly"


def test_once_reset_nothing_is_told_until_the_person_lies_again():
    gone = [*held(0, 60, LYING), *held(60, 3, SITTING)]
    helped = [*gone, DAY.reset(100, KEY), *walks(110, 30), *held(150, 60, LYING)]
    told = steps(alerts_of([EXIT], helped, home=HOME, until=400, day=DAY))
    assert told == [(60, "prealarm"), (66.5, "firing"), (100, "resolved")]
    again = [*helped, *held(210, 3, SITTING)]
    told = steps(alerts_of([EXIT], again, home=HOME, until=400, day=DAY))
    assert told[3:] == [(210, "prealarm"), (216.5, "firing")]


def test_a_reset_of_a_question_or_of_nothing_is_none():
    events = [DAY.reset(1, KEY), *held(2, 60, LYING), *held(62, 3, SITTING), DAY.reset(65, KEY)]
    assert steps(alerts_of([EXIT], events, home=HOME, until=90, day=DAY)) == [(62, "prealarm"), (68.5, "firing")]


def test_heard_first_when_upright_and_then_out_of_reach():
    told = alerts_of([EXIT], held(0, 3, SITTING), home=HOME, until=60, day=DAY)
    assert [step for step in steps(told) if step[1] == "firing"] == [(6.5, "firing")]
    assert told[-1].evidence[-1].axes == SITTING
    assert told[-1].why.en == "the person who wears chest: sat up and went out of the bed antenna's reach"


@pytest.mark.parametrize("quality", [POOR, BAD])
def test_poor_samples_count_for_nothing(quality):
    poor = [msgspec.structs.replace(one, quality=quality) for one in held(60, 30, SITTING)]
    assert alerts_of([EXIT], [*held(0, 60, LYING), *poor], home=HOME, until=900, day=DAY) == []
    odd = [sample(DAY, 60, (math.nan, 1.0, 0.0), sensor="chest"), msgspec.structs.replace(poor[0], axes=None)]
    assert alerts_of([EXIT], [*held(0, 60, LYING), *odd], home=HOME, until=900, day=DAY) == []


def test_how_the_sensor_sits_may_be_said():
    other = rule(kind="bed_exit_wearable", id="exit", front="z", up="x", lost_after="30s", severity="P1")
    turned = [
        sample(DAY, t, (up, side, front), sensor="chest")
        for begin, (front, up, side) in ((0, LYING), (60, SITTING))
        for t in (begin, begin + 1, begin + 2)
    ]
    told = alerts_of([other], turned, home=HOME, until=900, day=DAY)
    assert steps(told) == [(60, "prealarm"), (92, "firing")]
    assert told[1].evidence[-1].axes == (0.85, -0.1, 0.6)
    assert {alert.severity for alert in told} == {"P1"}


# --- posture ------------------------------------------------------------------------------------------------------


def test_upright():
    assert is_upright(Held(0, 0.3, 0.9, 0.0))
    assert not is_upright(Held(0, 0.9, 0.3, 0.0))
    assert not is_upright(Held(0, 0.0, -1.0, 0.0))
    assert not is_upright(Held(0, 0.0, 0.0, 0.0))


def test_what_is_remembered():
    past: tuple[Held, ...] = ()
    for n in range(100):
        past = remembered(past, Held(n * 250, 0, 1, 0))
    assert len(past) == posture.REMEMBERED + 1
    assert remembered(past, Held(past[-1].mono + 199, 1, 0, 0)) is past
    assert remembered(past, Held(past[-1].mono + 60_000, 1, 0, 0)) == (Held(past[-1].mono + 60_000, 1, 0, 0),)


def test_features_have_names_and_are_numbers():
    for count in (1, 2, 5, 30):
        found = features([Held(n * 500, 0.1 * n, 1.0, 0.0) for n in range(count)])
        assert len(found) == len(NAMES)
        assert all(math.isfinite(value) for value in found)
    alone = dict(zip(NAMES, features([Held(0, 0.5, 0.8, 0.1)]), strict=True))
    assert (alone["gap_s"], alone["heard_5s"], alone["jump"], alone["lowest"]) == (0, 0, 0, 0.8)


@pytest.mark.parametrize("written", [{"front": "w"}, {"front": "x", "up": "x"}, {"lost_after": "1s"}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(kind="bed_exit_wearable", id="x", **written)
