"""Falls that a worn accelerometer feels: window, features, trees, and the rule at all rates."""

import math
import random
from datetime import timedelta

import msgspec
import pytest
from fixtures.stories import BAD, MONO, POOR, Day, alerts_of, house, rule, steps
from fixtures.worn import a_fall, a_rest, a_walk, sample, samples
from pydantic import ValidationError

from rules.wearable.features import NAMES, features
from rules.wearable.forest import Forest, forest, grown
from rules.wearable.window import AFTER, BEFORE, BIN_MS, IMPACT_G, SPAN, Bin, Impact, Window, add, close

HOME = house(belt="acceleration", watch="acceleration", fob="cancel", wall="cancel sos")
DAY = Day()
RATES = (20, 25, 33, 50, 100, 200)
WAIST = rule(kind="fall_wearable", id="fall", worn="waist", sensors=["belt"])
WRIST = rule(kind="fall_wearable", id="fall", worn="wrist", sensors=["belt"])
FELL = [(8.05, "prealarm"), (28.05, "firing")]
KEY = "fall:belt"


def run(window: Window, readings) -> tuple[Window, list[Impact]]:
    found: list[Impact] = []
    for one in readings:
        window, impacts = add(window, one.mono, *one.axes)
        found += impacts
    return window, found


def still(begin, seconds, hz=100, axes=(0.0, 1.0, 0.0)):
    return samples(DAY, [axes] * round(seconds * hz), hz, begin=begin)


def hit(t, g=3.0):
    return sample(DAY, t, (0.0, g, 0.0))


# --- the window ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", RATES)
def test_one_impact_is_found_at_every_rate(hz):
    readings = [one for one in still(0, 10, hz) if abs(one.mono - MONO - 5000) > 1]
    _, impacts = run(Window(), sorted([*readings, hit(5)], key=lambda one: one.mono))
    ((bins, mono),) = impacts
    assert len(bins) == SPAN == BEFORE + 1 + AFTER
    assert mono == MONO + 5000
    assert bins[BEFORE].most == 3.0
    assert max(step.most for number, step in enumerate(bins) if number != BEFORE) == pytest.approx(1.0)


def test_a_step_holds_the_mean_and_the_largest():
    window, _ = run(Window(), [sample(DAY, 0, (1, 0, 0)), sample(DAY, 0.02, (0, 2, 0)), sample(DAY, 0.05, (0, 0, 1))])
    assert window.bins == (Bin(0.5, 1.0, 0.0, 2.0),)


def test_less_than_an_impact_is_none():
    _, impacts = run(Window(), sorted([*still(0, 10), hit(5, IMPACT_G - 0.001)], key=lambda one: one.mono))
    assert impacts == []
    _, impacts = run(Window(), sorted([*still(0, 10), hit(5.001, IMPACT_G)], key=lambda one: one.mono))
    assert len(impacts) == 1


def test_of_hits_within_a_second_the_highest_counts():
    readings = sorted([*still(0, 12), hit(5.001, 2), hit(5.501, 4), hit(6.301, 3)], key=lambda one: one.mono)
    _, impacts = run(Window(), readings)
    assert [(impact.mono - MONO) / 1000 for impact in impacts] == [5.5]
    apart = sorted([*still(0, 14), hit(5.001, 2), hit(6.101, 4)], key=lambda one: one.mono)
    assert [(impact.mono - MONO) / 1000 for impact in run(Window(), apart)[1]] == [5.0, 6.1]
    equal = sorted([*still(0, 14), hit(5.001, 3), hit(5.501, 3)], key=lambda one: one.mono)
    assert [(impact.mono - MONO) / 1000 for impact in run(Window(), equal)[1]] == [5.0]


def test_where_nothing_comes_after_it_the_impact_is_judged_in_time():
    """A sensor may break when its person hits the floor."""
    for after in (0, 0.3, 2.9):
        window, impacts = run(Window(), sorted([*still(0, 5), hit(5.001), *still(5.05, after)], key=lambda o: o.mono))
        assert impacts == []
        assert window.due == MONO + 5000 + (AFTER + 1) * BIN_MS
        window, impacts = close(window, window.due)
        assert [impact.mono for impact in impacts] == [MONO + 5000]
        assert impacts[0].bins[BEFORE].most == 3.0
        assert close(window, MONO + 100_000)[1] == ()


def test_an_impact_at_the_very_beginning_is_seen_with_what_came_first():
    _, ((bins, _),) = run(Window(), [hit(0.001), *still(0.05, 4)])
    assert bins[0] == bins[BEFORE]


def test_a_gap_leads_on_to_what_comes_after_it_and_a_long_one_is_another_story():
    window, _ = run(Window(), [*still(0, 1), sample(DAY, 1.49, (1.0, 0.0, 0.0))])
    between = window.bins[-6]
    assert 0 < between.x < 1
    assert between.y == pytest.approx(1 - between.x)
    window, impacts = run(Window(), [*still(0, 5), sample(DAY, 6.2, (1.0, 0.0, 0.0))])
    assert (window.bins, impacts) == ((), [])
    _, impacts = run(Window(), [*still(0, 5), hit(5.001), sample(DAY, 60, (1.0, 0.0, 0.0))])
    assert [impact.mono for impact in impacts] == [MONO + 5000]


def test_what_comes_late_or_twice_falls_into_the_open_step():
    readings = still(0, 3)
    window, _ = run(Window(), readings)
    again, impacts = run(window, [readings[10], readings[-1]])
    assert (again.at, again.bins, impacts) == (window.at, window.bins, [])
    assert close(Window(), MONO) == (Window(), ())
    assert close(window, MONO) == (window, ())


def test_bursts_change_nothing():
    """A sensor that sends eight samples at once, all stamped at their arrival."""
    shape = a_fall(50)
    bursts = [sample(DAY, (number // 8 * 8 + 7) / 50, axes) for number, axes in enumerate(shape)]
    assert [state for _, state in steps(alerts_of([WAIST], bursts, home=HOME, until=60, day=DAY))] == [
        "prealarm",
        "firing",
    ]


# --- features and trees -------------------------------------------------------------------------------------------


def turned(axes, angles):
    x, y, z = axes
    a, b, c = angles
    x, y = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
    y, z = y * math.cos(b) - z * math.sin(b), y * math.sin(b) + z * math.cos(b)
    return x * math.cos(c) - z * math.sin(c), y, x * math.sin(c) + z * math.cos(c)


@pytest.mark.parametrize("seed", range(5))
def test_features_do_not_depend_on_how_the_sensor_sits(seed):
    chance = random.Random(seed)
    angles = [chance.uniform(-math.pi, math.pi) for _ in range(3)]
    _, ((bins, _), *_) = run(Window(), samples(DAY, a_fall(100), 100))
    other = [Bin(*turned(step[:3], angles), step.most) for step in bins]
    assert features(other) == pytest.approx(features(bins), abs=1e-6)
    assert len(features(bins)) == len(NAMES)


def test_features_of_a_fall_say_what_happened():
    _, ((bins, _), *_) = run(Window(), samples(DAY, a_fall(100), 100))
    found = dict(zip(NAMES, features(bins), strict=True))
    assert found["peak"] > 3
    assert found["least_before"] < 0.5
    assert found["free_fall"] > 2
    assert 70 < found["turned"] < 100
    assert found["turned_late"] < 60


def test_features_of_nothing_are_numbers():
    nothing = [Bin(0.0, 0.0, 0.0, 0.0)] * SPAN
    assert all(math.isfinite(value) for value in features(nothing))


def test_trees_add_up_to_a_chance():
    trees = grown([[0, 1.0, -2.0, [1, 5.0, 0.0, 3.0]], 0.5])
    small = Forest(trees=trees, limit=0.5)
    assert small.chance((1.0, 0.0)) == pytest.approx(1 / (1 + math.exp(1.5)))
    assert small.chance((1.1, 5.0)) == pytest.approx(1 / (1 + math.exp(-0.5)))
    assert small.chance((1.1, 5.1)) == pytest.approx(1 / (1 + math.exp(-3.5)))
    assert (Forest(trees=(900.0,), limit=0.5).chance(()), Forest(trees=(-900.0,), limit=0.5).chance(())) == (
        pytest.approx(1),
        pytest.approx(0),
    )


@pytest.mark.parametrize("name", ["fall_waist", "fall_wrist", "bed_exit"])
def test_learned_trees_are_there(name):
    found = forest(name)
    assert 0 < found.limit < 1
    assert found.calm <= found.limit
    assert len(found.trees) > 10


# --- the rule -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [WAIST, WRIST], ids=["waist", "wrist"])
@pytest.mark.parametrize("hz", RATES)
def test_a_fall_is_told_and_walking_and_sitting_are_not(config, hz):
    fell = samples(DAY, a_fall(hz), hz)
    assert steps(alerts_of([config], fell, home=HOME, until=60, day=DAY)) == FELL
    for calm in (a_walk(hz), a_rest(hz), [*a_rest(hz), *a_walk(hz), *a_rest(hz)]):
        assert alerts_of([config], samples(DAY, calm, hz), home=HOME, until=100, day=DAY) == []


@pytest.mark.parametrize("hz", RATES)
def test_a_fall_is_told_with_jitter_and_lost_samples(hz):
    fell = samples(DAY, a_fall(hz), hz, lost=0.05, jitter_ms=400 / hz)
    assert [state for _, state in steps(alerts_of([WAIST], fell, home=HOME, until=60, day=DAY))] == [
        "prealarm",
        "firing",
    ]


def fell(*more, begin=0.0):
    return sorted([*samples(DAY, a_fall(50), 50, begin=begin), *more], key=lambda one: one.mono)


def cancels(t, sensor="fob", quality=None):
    return DAY.say(t, sensor, "cancel", 1, *([quality] if quality else []))


EXAMPLES = {
    "nobody cancels": (fell(), FELL),
    "cancelled": (fell(cancels(28)), [FELL[0], (28, "cancelled")]),
    "cancelled too late": (fell(cancels(28.05)), FELL),
    "a doubtful cancel is none": (fell(cancels(20, quality=POOR)), FELL),
    "a cancel before it is none": (fell(cancels(7)), FELL),
    "reset": (fell(DAY.reset(40, KEY)), [*FELL, (40, "resolved")]),
    "reset of a question is none": (fell(DAY.reset(10, KEY)), FELL),
    "falls again before anybody came": (
        [*fell(), *fell(begin=100)],
        [*FELL, (108.05, "resolved"), (108.05, "firing")],
    ),
    "falls again while the home asks": ([*fell(), *fell(begin=13)], FELL),
    "falls again after the reset": (
        [*fell(DAY.reset(40, KEY)), *fell(begin=100)],
        [*FELL, (40, "resolved"), (108.05, "prealarm"), (128.05, "firing")],
    ),
    "the sensor falls silent half a second after the impact": (
        [one for one in fell() if one.mono <= MONO + 5500],
        FELL,
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_fall_example(name):
    events, wanted = EXAMPLES[name]
    found = steps(alerts_of([WAIST], events, home=HOME, until=300, day=DAY))
    assert [(round(t, 1), state) for t, state in found] == [(round(t, 1), state) for t, state in wanted]


@pytest.mark.parametrize(
    "odd",
    [(math.nan, 0.0, 0.0), (math.inf, 0.0, 0.0), (-math.inf, math.inf, 0.0), (60.0, 60.0, 60.0)],
)
def test_what_no_sensor_can_feel_is_no_impact_and_hides_none(odd):
    strange = [sample(DAY, t, odd) for t in (1.0, 4.9, 5.02, 5.5, 7.0)]
    assert steps(alerts_of([WAIST], fell(*strange), home=HOME, until=60, day=DAY)) == FELL
    marked = [sample(DAY, t, (9.0, 9.0, 9.0), quality=BAD) for t in (1.0, 4.0, 7.0)]
    assert steps(alerts_of([WAIST], fell(*marked), home=HOME, until=60, day=DAY)) == FELL
    resting = sorted([*samples(DAY, a_rest(50), 50), *strange], key=lambda one: one.mono)
    assert alerts_of([WAIST], resting, home=HOME, until=60, day=DAY) == []
    plain = msgspec.structs.replace(sample(DAY, 5, (3.0, 3.0, 3.0)), axes=None)
    assert alerts_of([WAIST], [plain], home=HOME, until=60, day=DAY) == []


def test_samples_twice_and_clocks_that_jump_hide_no_fall():
    twice = [one for one in fell() for _ in range(2)]
    assert steps(alerts_of([WAIST], twice, home=HOME, until=60, day=DAY)) == FELL
    jumped = [
        msgspec.structs.replace(one, at=one.at + timedelta(hours=9)) if one.mono > MONO + 4000 else one
        for one in fell()
    ]
    assert steps(alerts_of([WAIST], jumped, home=HOME, until=60, day=DAY)) == FELL


def test_how_sure_it_must_be_may_be_set():
    surest = WAIST.model_copy(update={"chance": 0.99999})
    assert alerts_of([surest], fell(), home=HOME, until=60, day=DAY) == []
    at_once = WAIST.model_copy(update={"cancel_window": timedelta(0)})
    assert steps(alerts_of([at_once], fell(), home=HOME, until=60, day=DAY)) == [(8.05, "firing")]


def test_what_it_says():
    asked, called = alerts_of([WAIST], fell(), home=HOME, until=60, day=DAY)
    assert asked.why.en.startswith("belt felt an impact like a fall (4.")
    assert "posture changed by 8" in asked.why.en
    assert asked.why.en.endswith("; asking, 20 s to cancel")
    assert called.why.zh.startswith("belt 感到一次像跌倒的撞击（")
    (felt,) = asked.evidence
    assert felt.value > 3
    assert 5 <= (felt.mono - MONO) / 1000 <= 5.1
    assert (asked.hazard, asked.severity, asked.latching, asked.since) == ("fall", "P1", True, felt.at)


def test_what_it_listens_to():
    both = rule(kind="fall_wearable", id="fall", worn="wrist", cancel_by=["wall"])
    assert [bound.rule.key for bound in both.bind(HOME)] == ["fall:belt", "fall:watch"]
    assert {sensor for sensor, _ in both.bind(HOME)[0].readings} == {"belt", "wall"}
    assert {sensor for sensor, _ in WAIST.bind(HOME)[0].readings} == {"belt", "fob", "wall"}


@pytest.mark.parametrize("written", [{"worn": "ankle"}, {"chance": 0}, {"chance": 1}, {"cancel_window": "11m"}, {}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(**{"kind": "fall_wearable", "id": "x"} | written)
