"""Whatever is done to the clock on the wall: no rule, countdown, repeat or deadline moves by a millisecond."""

import asyncio
from datetime import timedelta

import pytest
from fixtures.box_clocks import EPOCH, NOON, YEAR_2106, BoxClocks
from fixtures.quick_time import run_quickly
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.clock import Clock
from gateway.pipeline import Pipeline
from rules import AnyRule
from rules.bound import HomeFacts
from rules.engine import Engine
from shouwang.quantities import Quantity
from shouwang.reading import Reading

FACTS = HomeFacts(
    resident_id="r1",
    emits={
        "cuff": frozenset({Quantity.SYSTOLIC, Quantity.HEART_RATE}),
        "door": frozenset({Quantity.DOOR}),
        "kitchen": frozenset({Quantity.MOTION, Quantity.POWER, Quantity.SMOKE, Quantity.CARBON_MONOXIDE}),
        "radar": frozenset({Quantity.FALL, Quantity.BED}),
        "fob": frozenset({Quantity.SOS, Quantity.CANCEL}),
    },
)
WRITTEN = (
    {"kind": "sos", "id": "sos"},
    {"kind": "fall", "id": "fall", "cancel_window": "30s"},
    {"kind": "silence", "id": "silent", "after": "2m"},
    {"kind": "threshold", "id": "held", "quantity": "heart-rate", "above": 100.0, "hold": "2m"},
    {"kind": "threshold", "id": "renewed", "quantity": "systolic", "above": 180.0, "again": "10m", "renew": "1h"},
    {"kind": "lasting", "id": "open", "quantity": "door", "equals": 1.0, "lasts": "5m"},
    {
        "kind": "lasting",
        "id": "stove",
        "quantity": "power",
        "above": 100.0,
        "lasts": "15m",
        "unless": [{"quantity": "motion"}],
        "cancel_window": "1m",
    },
    {"kind": "inactivity", "id": "still", "after": "2h"},
    {"kind": "count", "id": "often", "quantity": "bed", "equals": 0.0, "times": 2, "within": "1h"},
    {
        "kind": "combine",
        "id": "both",
        "of": [{"quantity": "smoke", "equals": 1.0}, {"quantity": "carbon-monoxide", "above": 30.0}],
        "within": "10m",
    },
)
"""Everything but what is asked for at an hour of the day."""
RULES = [rule for raw in WRITTEN for rule in TypeAdapter(AnyRule).validate_python(raw).bind(FACTS)]
SAID = (
    ("cuff", Quantity.SYSTOLIC, 190.0),
    ("cuff", Quantity.HEART_RATE, 120.0),
    ("cuff", Quantity.HEART_RATE, 70.0),
    ("door", Quantity.DOOR, 1.0),
    ("door", Quantity.DOOR, 0.0),
    ("kitchen", Quantity.POWER, 2_000.0),
    ("kitchen", Quantity.MOTION, 1.0),
    ("kitchen", Quantity.SMOKE, 1.0),
    ("kitchen", Quantity.CARBON_MONOXIDE, 50.0),
    ("radar", Quantity.FALL, 1.0),
    ("radar", Quantity.FALL, 0.0),
    ("radar", Quantity.BED, 0.0),
    ("fob", Quantity.SOS, 1.0),
    ("fob", Quantity.CANCEL, 1.0),
)
HOUR = timedelta(hours=1)
STEPS = (timedelta(), HOUR, -HOUR, NOON - EPOCH, EPOCH - NOON, YEAR_2106 - NOON, timedelta(seconds=0.7))
EVENTS = st.lists(st.tuples(st.integers(0, 4_000), st.sampled_from(SAID)), min_size=1, max_size=15)


def judged(events, steps, *, is_synced):
    """Rule, step and engine millisecond of every alert, where the wall clock takes a step before each event."""
    box = BoxClocks(is_synced=is_synced)
    clock, engine, found = box.clock(), Engine(RULES, {}), []
    for n, (pause_s, (sensor_id, quantity, value)) in enumerate(events):
        box.wall += steps[n % len(steps)]
        box.is_synced = is_synced and n % 3 > 0
        box.pass_s(pause_s / 2)
        found += engine.advance(clock.now(), clock.mono()).alerts
        box.pass_s(pause_s / 2)
        reading = Reading(sensor_id=sensor_id, quantity=quantity, value=value, at=clock.now(), mono=clock.mono())
        found += engine.feed(reading).alerts
        clock.wall.look()
    box.pass_s(3 * 3_600)
    found += engine.advance(clock.now(), clock.mono()).alerts
    return [(alert.key, alert.state, alert.mono) for alert in found]


@settings(max_examples=60)
@given(EVENTS, st.lists(st.sampled_from(STEPS), min_size=1, max_size=8), st.booleans())
def test_rules_go_by_engine_time_alone(events, steps, is_synced):
    assert judged(events, steps, is_synced=is_synced) == judged(events, [timedelta()], is_synced=is_synced)


def test_such_a_story_has_alarms_that_would_move():
    story = [(0, SAID[9]), (100, SAID[3]), (100, SAID[1]), (400, SAID[5])]
    assert len(judged(story, [timedelta()], is_synced=True)) >= 6


@pytest.mark.parametrize("wild", [NOON + HOUR, NOON - HOUR, EPOCH, YEAR_2106])
def test_a_countdown_at_home_ends_when_it_should_while_the_clock_is_moved(wild):
    async def story(moved):
        loop = asyncio.get_running_loop()
        box = BoxClocks()
        clock = Clock(
            boot="a",
            boottime_ms=lambda: round(loop.time() * 1000),
            wall=lambda: box.wall + timedelta(seconds=loop.time()),
            kernel=box.kernel,
        )
        said = []
        pipeline = Pipeline(
            Engine(RULES, {}),
            clock,
            announce=lambda alerts: said.extend((alert.key, alert.state, round(loop.time(), 1)) for alert in alerts),
            beat=lambda: None,
        )
        task = asyncio.create_task(pipeline.run())
        pipeline.accept(Reading(sensor_id="radar", quantity=Quantity.FALL, value=1, at=clock.now(), mono=clock.mono()))
        await asyncio.sleep(12)
        box.wall = moved
        clock.wall.look()
        await asyncio.sleep(600)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return said

    steady, stepped = run_quickly(story(NOON)), run_quickly(story(wild))
    assert stepped == steady
    assert len([one for one in steady if one[0].startswith("fall")]) == 2
