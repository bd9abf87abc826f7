"""NEWS2: every boundary of the chart on both scales, sets with missing values, and cases scored elsewhere."""

import csv
import itertools
import math
from pathlib import Path

import pytest

from rules.news2 import PARAMETERS, RANK, Consciousness, Risk, score

CALM = {
    "respiratory_rate": 16,
    "spo2": 98,
    "on_oxygen": False,
    "systolic": 125,
    "heart_rate": 72,
    "consciousness": "A",
    "temperature": 36.8,
}
NOTHING = dict.fromkeys(CALM)

# The chart of the Royal College of Physicians (2017), each band by its first and last value.
CHART = {
    "respiratory_rate": [(3, 8, 3), (9, 11, 1), (12, 20, 0), (21, 24, 2), (25, 60, 3)],
    "spo2": [(20, 91, 3), (92, 93, 2), (94, 95, 1), (96, 100, 0)],
    "systolic": [(30, 90, 3), (91, 100, 2), (101, 110, 1), (111, 219, 0), (220, 300, 3)],
    "heart_rate": [(10, 40, 3), (41, 50, 1), (51, 90, 0), (91, 110, 1), (111, 130, 2), (131, 350, 3)],
}
SCALE_2_AIR = [(20, 83, 3), (84, 85, 2), (86, 87, 1), (88, 92, 0), (93, 100, 0)]
SCALE_2_OXYGEN = [(20, 83, 3), (84, 85, 2), (86, 87, 1), (88, 92, 0), (93, 94, 1), (95, 96, 2), (97, 100, 3)]
TEMPERATURE = [(200, 350, 3), (351, 360, 1), (361, 380, 0), (381, 390, 1), (391, 460, 2)]  # tenths of a degree


def points(name, value, **more):
    return score(**{**CALM, name: value, **more}).parameters[name]


@pytest.mark.parametrize("name", CHART)
def test_every_whole_value_of_the_chart(name):
    for first, last, wanted in CHART[name]:
        assert {points(name, value) for value in range(first, last + 1)} == {wanted}, (first, last)


def test_every_tenth_of_a_degree():
    for first, last, wanted in TEMPERATURE:
        assert {points("temperature", tenths / 10) for tenths in range(first, last + 1)} == {wanted}, (first, last)


@pytest.mark.parametrize(("on_oxygen", "chart"), [(False, SCALE_2_AIR), (True, SCALE_2_OXYGEN)])
def test_every_saturation_on_scale_2(on_oxygen, chart):
    for first, last, wanted in chart:
        found = {points("spo2", value, spo2_scale=2, on_oxygen=on_oxygen) for value in range(first, last + 1)}
        assert found == {wanted}, (first, last)


@pytest.mark.parametrize("on_oxygen", [False, True])
def test_scale_1_is_the_same_with_and_without_oxygen(on_oxygen):
    assert [points("spo2", value, on_oxygen=on_oxygen) for value in (91, 92, 94, 96, 100)] == [3, 2, 1, 0, 0]
    assert points("on_oxygen", on_oxygen) == (2 if on_oxygen else 0)


@pytest.mark.parametrize(("level", "wanted"), [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)])
def test_every_level_of_consciousness(level, wanted):
    assert points("consciousness", level) == points("consciousness", Consciousness(level)) == wanted


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("respiratory_rate", 8.4, 3),
        ("respiratory_rate", 8.5, 1),
        ("respiratory_rate", 20.4, 0),
        ("respiratory_rate", 24.5, 3),
        ("spo2", 91.4, 3),
        ("spo2", 91.5, 2),
        ("spo2", 95.5, 0),
        ("systolic", 110.5, 0),
        ("systolic", 219.4, 0),
        ("heart_rate", 130.5, 3),
        ("temperature", 35.04, 3),
        ("temperature", 35.05, 1),
        ("temperature", 38.04, 0),
        ("temperature", 39.05, 2),
    ],
)
def test_between_two_values_of_the_chart_the_nearest_counts(name, value, wanted):
    assert points(name, value) == wanted


def test_the_whole_range_of_totals():
    assert score(**CALM).total == 0
    worst = {
        "respiratory_rate": 30,
        "spo2": 80,
        "on_oxygen": True,
        "systolic": 70,
        "heart_rate": 140,
        "consciousness": "U",
        "temperature": 34.0,
    }
    assert score(**worst).total == 20
    assert score(**worst, spo2_scale=2).total == 20
    assert list(score(**worst).parameters) == list(PARAMETERS)


RISKS = [
    ({}, 0, "low"),
    ({"respiratory_rate": 10}, 1, "low"),
    ({"on_oxygen": True, "respiratory_rate": 22}, 4, "low"),
    ({"spo2": 95, "temperature": 38.5, "heart_rate": 100, "systolic": 105}, 4, "low"),
    ({"respiratory_rate": 25}, 3, "low-medium"),
    ({"consciousness": "C", "heart_rate": 100}, 4, "low-medium"),
    ({"consciousness": "C", "respiratory_rate": 21}, 5, "medium"),
    ({"on_oxygen": True, "respiratory_rate": 21, "heart_rate": 100}, 5, "medium"),
    ({"consciousness": "V", "spo2": 90}, 6, "medium"),
    ({"consciousness": "V", "spo2": 90, "heart_rate": 100}, 7, "high"),
]


@pytest.mark.parametrize(("more", "total", "risk"), RISKS)
def test_the_risk(more, total, risk):
    scored = score(**{**CALM, **more})
    assert (scored.total, scored.risk, scored.complete, scored.missing) == (total, risk, True, ())


def test_risks_are_in_order():
    assert sorted(RANK, key=lambda risk: RANK[risk]) == [Risk.LOW, Risk.LOW_MEDIUM, Risk.MEDIUM, Risk.HIGH]


@pytest.mark.parametrize("count", range(8))
def test_what_is_missing_is_never_scored_and_never_called_complete(count):
    for left_out in itertools.combinations(PARAMETERS, count):
        scored = score(**{**CALM, "respiratory_rate": 25, **dict.fromkeys(left_out)})
        assert scored.missing == left_out
        assert scored.complete is (count == 0)
        assert set(scored.parameters) == set(PARAMETERS) - set(left_out)
        assert scored.total == (0 if "respiratory_rate" in left_out else 3)


def test_of_nothing_nothing_is_known():
    scored = score(**NOTHING)
    assert (scored.total, scored.risk, scored.missing, scored.complete) == (0, "low", PARAMETERS, False)
    assert scored.parameters == {}


def test_scale_2_needs_to_know_of_oxygen_only_above_92():
    unknown = {**CALM, "on_oxygen": None}
    assert score(**{**unknown, "spo2": 92}, spo2_scale=2).missing == ("on_oxygen",)
    assert score(**{**unknown, "spo2": 93}, spo2_scale=2).missing == ("spo2", "on_oxygen")
    assert score(**{**unknown, "spo2": 93}, spo2_scale=1).missing == ("on_oxygen",)
    assert score(**NOTHING, spo2_scale=2).missing == PARAMETERS


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("scale", [1, 2])
def test_what_is_no_number_is_missing(odd, scale):
    numbers = ("respiratory_rate", "spo2", "systolic", "heart_rate", "temperature")
    scored = score(**{**CALM, **dict.fromkeys(numbers, odd)}, spo2_scale=scale)
    assert scored.missing == numbers


def test_what_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no SpO2 scale 3; write 1, or 2"):
        score(**CALM, spo2_scale=3)
    with pytest.raises(ValueError, match='"X" is no level of consciousness; write A, C, V, P or U'):
        score(**{**CALM, "consciousness": "X"})


def _cases(shared: Path):
    with (shared / "vectors" / "news2" / "cases_shared.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_cases_that_were_scored_elsewhere(shared):
    columns = ("s_rr", "s_spo2", "s_oxygen", "s_sbp", "s_pulse", "s_cns", "s_temp")
    cases = _cases(shared)
    for case in cases:
        scored = score(
            respiratory_rate=_number(case["rr"]),
            spo2=_number(case["spo2"]),
            spo2_scale=int(case["spo2_scale"]),
            on_oxygen={"0": False, "1": True, "": None}[case["oxygen"]],
            systolic=_number(case["sbp"]),
            heart_rate=_number(case["pulse"]),
            consciousness=case["acvpu"] or None,
            temperature=_number(case["temp_c"]),
        )
        wanted = {
            name: int(case[column]) for name, column in zip(PARAMETERS, columns, strict=True) if case[column] != ""
        }
        assert scored.parameters == wanted, case["case"]
        assert (scored.total, scored.risk) == (int(case["total"]), case["risk"]), case["case"]
        assert (3 in scored.parameters.values()) is (case["any_red"] == "1"), case["case"]
    assert len(cases) >= 100


def _number(written: str) -> float | None:
    return float(written) if written else None
