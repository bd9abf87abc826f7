"""Homes whose sensors join: the example, ids that are given once, filters that make others needless."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.check import check
from config.loader import check_home, load
from drivers.joining import Names
from drivers.mqtt.filters import covers, flaw, matches, needed
from shouwang.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "examples" / "mqtt.yaml"


def test_the_example_can_be_used_and_nobody_calls_in_vain(capsys):
    checked = check_home(EXAMPLE)
    assert [warning for warning in checked.warnings if "secrets/" not in warning] == []
    assert check(EXAMPLE) == 0
    assert "rule smoke (lasting, P1) on what joins" in capsys.readouterr().out
    assert len(checked.home.hubs()) == 5
    bound = checked.home.bound_rules({"smoke-kitchen": frozenset({"smoke"})})
    assert "smoke:smoke-kitchen" in {one.rule.key for one in bound}


def test_every_line_of_the_example_is_explained_in_both_languages():
    comments = [line.split("#", 1)[1] for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if "#" in line]
    text = "".join(comments)
    assert sum("一" <= sign <= "鿿" for sign in text) > 200
    assert sum(sign.isascii() and sign.isalpha() for sign in text) > 500


def test_a_home_that_joins_needs_a_broker(tmp_path):
    path = tmp_path / "home.yaml"
    path.write_text(
        "gateway: {id: gw-1}\nresident: {id: r1}\nuplink: {url: mqtts://centre.example}\n"
        "sensors:\n  - {kind: zigbee2mqtt_home, id: z}\nrules: []\n"
    )
    with pytest.raises(ConfigError, match="the home has no broker"):
        load(path)


def test_ids_are_given_once_and_can_be_ids():
    names = Names(taken=["front"])
    given_ids = [
        names.give("front", "0x00158d0000000001"),
        names.give("Front door!", "0x00158d0000000002"),
        names.give("前门", "0x00158d0000000003"),
        names.give("前门", "0x00158d0000000003"),
        names.give("---", "***"),
        names.give("x" * 100, "k"),
        names.give("kitchen/smoke", "kitchen/smoke"),
    ]
    assert given_ids == [
        "front-0001",
        "Front-door",
        "0x00158d0000000003",
        "0x00158d0000000003-2",
        "sensor-2",
        "x" * 64,
        "kitchen-smoke",
    ]
    names.release("Front-door")
    assert names.take("Front-door")
    assert not names.take("Front-door")


def test_what_is_named_or_claimed_is_left_alone():
    names = Names(topics=["zigbee2mqtt/sos", "zwave/kitchen/smoke"], bases=["zigbee2mqtt"])
    assert names.is_named("zigbee2mqtt/sos")
    assert not names.is_named("zigbee2mqtt/so")
    assert names.is_claimed("zigbee2mqtt/anything")
    assert names.is_claimed("zwave/kitchen/smoke/status")
    assert not names.is_claimed("zigbee2mqtt2/x")


@pytest.mark.parametrize(
    ("wide", "narrow", "wanted"),
    [
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "a/+/c", True),
        ("a/+", "a/b", True),
        ("a/+", "a/#", False),
        ("a/+", "a/b/c", False),
        ("a/b", "a/+", False),
        ("+/b", "a/b", True),
        ("a/b", "a/b", True),
        ("a/b", "a", False),
    ],
)
def test_one_filter_covers_another(wide, narrow, wanted):
    assert covers(wide, narrow) is wanted


LEVELS = st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=4)
TOPICS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map("/".join)
FILTERS = st.tuples(LEVELS, st.booleans()).map(lambda made: "/".join([*made[0], *(["#"] if made[1] else [])]))


@given(st.lists(FILTERS, max_size=6), TOPICS)
def test_the_filters_that_are_needed_hear_all_that_all_would(filters, topic):
    kept = needed(filters)
    assert any(matches(one, topic) for one in kept) == any(matches(one, topic) for one in filters)
    assert not [one for one in kept if any(other != one and covers(other, one) for other in kept)]
    assert all(flaw(one) == "" or one in ("+", "#") for one in kept)
