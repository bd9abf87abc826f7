"""NEWS2 at home: partial as a rule, fresh for an hour, both scales, ended by what is measured anew."""

from datetime import timedelta

import pytest
from fixtures.stories import BAD, POOR, Day, alerts_of, house, rule, steps
from pydantic import ValidationError

from rules.bound import HomeFacts

HOME = house(
    oximeter="spo2 heart-rate",
    cuff="systolic heart-rate",
    ear="body-temperature",
    radar="respiratory-rate",
    tablet="consciousness oxygen-therapy",
)
DAY = Day()
H = 3600
WHERE = {
    "spo2": "oximeter",
    "heart-rate": "oximeter",
    "systolic": "cuff",
    "body-temperature": "ear",
    "respiratory-rate": "radar",
    "consciousness": "tablet",
    "oxygen-therapy": "tablet",
}
SINGLE = rule(kind="news2", id="single", risk="low-medium", severity="P3")
MEDIUM = rule(kind="news2", id="medium", risk="medium")
ONLY_MEDIUM = rule(kind="news2", id="only-medium", risk="medium", exactly=True)
HIGH = rule(kind="news2", id="high", risk="high", severity="P1")


def say(t, quantity, value, quality=None):
    return DAY.say(t, WHERE[quantity], quantity, value, *([quality] if quality else []))


def measured(begin, **values):
    """A set, one value a minute."""
    return [say(begin + 60 * n, name.replace("_", "-"), value) for n, (name, value) in enumerate(values.items())]


ILL = {"spo2": 91, "heart_rate": 115, "respiratory_rate": 22}  # 3, 2, 2
WELL = {"spo2": 97, "heart_rate": 75, "respiratory_rate": 16}
EXAMPLES = {
    "well": (SINGLE, measured(0, **WELL, systolic=125, body_temperature=36.7), []),
    "one value with 3 points": (SINGLE, [say(0, "spo2", 91)], [(0, "firing")]),
    "one value with 2 points": (SINGLE, [say(0, "spo2", 92)], []),
    "high by three of seven": (HIGH, measured(0, **ILL), [(120, "firing")]),
    "medium is not high": (HIGH, measured(0, spo2=91, heart_rate=115), []),
    "medium": (MEDIUM, measured(0, spo2=91, heart_rate=115), [(60, "firing")]),
    "medium alone": (ONLY_MEDIUM, measured(0, spo2=91, heart_rate=115), [(60, "firing")]),
    "medium alone, which becomes high": (ONLY_MEDIUM, measured(0, **ILL), [(60, "firing"), (120, "resolved")]),
    "medium alone, which was high": (
        ONLY_MEDIUM,
        [*measured(0, spo2=91, consciousness=1, heart_rate=115), say(600, "heart-rate", 70), say(660, "spo2", 92)],
        [(60, "firing"), (120, "resolved"), (600, "firing")],
    ),
    "confused": (SINGLE, [say(0, "consciousness", 1)], [(0, "firing")]),
    "awake": (SINGLE, [say(0, "consciousness", 0)], []),
    "unresponsive, and on oxygen": (MEDIUM, measured(0, consciousness=4, oxygen_therapy=1), [(60, "firing")]),
    "on air": (MEDIUM, measured(0, consciousness=4, oxygen_therapy=0), []),
    "too old": (HIGH, [say(0, "spo2", 91), say(60, "heart-rate", 115), say(3600, "respiratory-rate", 22)], []),
    "just fresh": (
        HIGH,
        [say(0, "spo2", 91), say(60, "heart-rate", 115), say(3599, "respiratory-rate", 22)],
        [(3599, "firing")],
    ),
    "doubtful values do not count": (SINGLE, [say(0, "spo2", 70, POOR)], []),
    "impossible values do not count": (
        SINGLE,
        [say(0, "spo2", 5, BAD), say(1, "consciousness", 9), say(2, "spo2", float("nan"))],
        [],
    ),
    "better, measured anew": (SINGLE, [say(0, "spo2", 91), say(600, "spo2", 96)], [(0, "firing"), (600, "resolved")]),
    "better, hours later": (SINGLE, [say(0, "spo2", 91), say(9 * H, "spo2", 96)], [(0, "firing"), (9 * H, "resolved")]),
    "something else is well": (SINGLE, [say(0, "spo2", 91), say(9 * H, "heart-rate", 70)], [(0, "firing")]),
    "what raised it is better, the rest was well": (
        SINGLE,
        [*measured(0, **WELL), say(300, "spo2", 91), say(9 * H, "spo2", 97)],
        [(300, "firing"), (9 * H, "resolved")],
    ),
    "only one of two is better": (HIGH, [*measured(0, **ILL), say(9 * H, "spo2", 97)], [(120, "firing")]),
    "all is better": (
        HIGH,
        [*measured(0, **ILL), *measured(9 * H, **WELL)],
        [(120, "firing"), (9 * H + 120, "resolved")],
    ),
    "still ill: one alarm": (HIGH, [*measured(0, **ILL), *measured(600, **ILL)], [(120, "firing")]),
    "reset": (HIGH, [*measured(0, **ILL), DAY.reset(200, "high:home")], [(120, "firing"), (200, "resolved")]),
    "reset, and still ill when measured": (
        HIGH,
        [*measured(0, **ILL), DAY.reset(200, "high:home"), say(300, "spo2", 91)],
        [(120, "firing"), (200, "resolved"), (300, "firing")],
    ),
    "a reset of nothing": (SINGLE, [DAY.reset(0, "single:home"), say(1, "spo2", 91)], [(1, "firing")]),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_news2_example(name):
    config, events, wanted = EXAMPLES[name]
    assert steps(alerts_of([config], events, home=HOME, until=20 * H, day=DAY)) == wanted


@pytest.mark.parametrize(
    ("scale", "oxygen", "spo2", "is_told"),
    [
        (1, None, 88, True),
        (2, None, 88, False),
        (2, None, 83, True),
        (2, True, 97, True),
        (2, False, 97, False),
        (2, None, 97, False),
    ],
)
def test_the_scale_that_a_clinician_prescribed(scale, oxygen, spo2, is_told):
    config = SINGLE.model_copy(update={"spo2_scale": scale, "on_oxygen": oxygen})
    assert bool(alerts_of([config], [say(0, "spo2", spo2)], home=HOME, until=9, day=DAY)) is is_told


def test_oxygen_at_home_counts_and_what_is_measured_of_it_counts_more():
    config = MEDIUM.model_copy(update={"on_oxygen": True})
    ill = measured(0, spo2=91)
    assert steps(alerts_of([config], ill, home=HOME, until=9, day=DAY)) == [(0, "firing")]
    better = [*ill, say(600, "spo2", 97)]
    assert steps(alerts_of([config], better, home=HOME, until=900, day=DAY)) == [(0, "firing"), (600, "resolved")]
    assert alerts_of([config], [say(0, "oxygen-therapy", 0), say(1, "spo2", 91)], home=HOME, until=9, day=DAY) == []


def test_what_it_says():
    (alert,) = alerts_of([HIGH], measured(0, body_temperature=36.8, **ILL), home=HOME, until=900, day=DAY)
    assert alert.why.en == "partial NEWS2, 4 of 7, at least 7 (respiratory_rate 2, spo2 3, heart_rate 2)"
    assert alert.why.zh == "部分 NEWS2：7 项中 4 项，至少 7 分（respiratory_rate 2, spo2 3, heart_rate 2）"
    assert [one.quantity for one in alert.evidence] == ["respiratory-rate", "body-temperature", "spo2", "heart-rate"]
    assert (alert.hazard, alert.key, alert.severity) == ("vital", "high:home", "P1")
    full = measured(0, systolic=125, body_temperature=36.8, consciousness=0, oxygen_therapy=0, **ILL)
    (alert,) = alerts_of([HIGH], full, home=HOME, until=900, day=DAY)
    assert alert.why.en == "NEWS2 7 (respiratory_rate 2, spo2 3, heart_rate 2)"
    assert alert.why.zh == "NEWS2 7 分（respiratory_rate 2, spo2 3, heart_rate 2）"


def test_which_sensors_it_listens_to():
    assert SINGLE.watched(HOME) == tuple(HOME.emits)
    alone = SINGLE.model_copy(update={"sensors": ("oximeter", "elsewhere"), "fresh": timedelta(hours=2)})
    (bound,) = alone.bind(HOME)
    assert bound.rule.key == "single:oximeter"
    assert {str(quantity) for _, quantity in bound.readings} == {"spo2", "heart-rate"}
    assert SINGLE.bind(HomeFacts(resident_id="r1", emits={"door": frozenset()})) == ()


@pytest.mark.parametrize("written", [{"risk": "low"}, {"spo2_scale": 3}, {"fresh": "30s"}, {"fresh": "25h"}])
def test_what_cannot_be_meant_is_refused(written):
    with pytest.raises(ValidationError):
        rule(**{"kind": "news2", "id": "x", "risk": "high"} | written)
