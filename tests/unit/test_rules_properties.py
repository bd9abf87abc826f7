"""What must hold for every kind of rule under any history: restarts, the moment of judging, the order of steps."""

import math
from zoneinfo import ZoneInfo

import msgspec
import pytest
from fixtures.timeline import MONO0, Box, at, mono, play, reset, status
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rules import AnyRule
from rules.bound import HomeFacts
from shouwang.alert import AlertState
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.status import SensorState

PREALARM, FIRING, CANCELLED, RESOLVED = AlertState
HOME = HomeFacts(
    resident_id="r1",
    emits={
        "cuff": frozenset({Quantity.SYSTOLIC, Quantity.HEART_RATE, Quantity.WEIGHT}),
        "radar": frozenset({Quantity.RESPIRATORY_RATE, Quantity.BED, Quantity.MOTION}),
        "door": frozenset({Quantity.DOOR}),
        "kitchen": frozenset({Quantity.MOTION, Quantity.POWER, Quantity.CARBON_MONOXIDE, Quantity.SMOKE}),
        "fob": frozenset({Quantity.BUTTON, Quantity.CANCEL, Quantity.MEDICATION}),
        "belt": frozenset({Quantity.ACCELERATION}),
    },
    zone=ZoneInfo("Asia/Shanghai"),  # the stories begin at 11:00 there
)
WRITTEN = (
    {"kind": "threshold", "id": "middle", "quantity": "systolic", "above": 160.0, "median": 3},
    {"kind": "threshold", "id": "twice", "quantity": "systolic", "above": 180.0, "again": "10m", "renew": "1h"},
    {"kind": "threshold", "id": "daily", "quantity": "heart-rate", "above": 100.0, "hold": "10s", "renew": "1h"},
    {"kind": "lasting", "id": "open", "quantity": "door", "equals": 1.0, "lasts": "5m", "not_when": ["visitor"]},
    {
        "kind": "lasting",
        "id": "stove",
        "quantity": "power",
        "above": 100.0,
        "lasts": "15m",
        "unless": [{"quantity": "motion"}],
        "cancel_window": "1m",
    },
    {"kind": "lasting", "id": "smoke", "quantity": "smoke", "equals": 1.0, "lasts": "0s", "latching": True},
    {
        "kind": "lasting",
        "id": "night",
        "quantity": "bed",
        "equals": 0.0,
        "lasts": "30m",
        "between": "11:30-14:00",
        "cancel_window": "2m",
    },
    {"kind": "expected", "id": "pill", "quantity": "medication", "between": "11:10-12:00", "grace": "10m"},
    {"kind": "expected", "id": "ok", "quantity": "button", "between": "10:00-13:00", "grace": "0s"},
    {"kind": "inactivity", "id": "still", "after": "2h", "waking": "12:00-20:00", "waking_after": "1h"},
    {"kind": "away_activity", "id": "gone", "settle": "5m", "lasts": "10m"},
    {"kind": "count", "id": "often", "quantity": "bed", "equals": 0.0, "times": 2, "within": "1h"},
    {
        "kind": "count",
        "id": "presses",
        "quantity": "button",
        "above": 1.0,
        "times": 3,
        "within": "10m",
        "latching": True,
    },
    {
        "kind": "combine",
        "id": "both",
        "of": [{"quantity": "smoke", "equals": 1.0}, {"quantity": "carbon-monoxide", "above": 30.0}],
        "within": "10m",
    },
    {
        "kind": "combine",
        "id": "left",
        "needs": "sequence",
        "of": [{"quantity": "bed", "equals": 0.0}, {"quantity": "door", "equals": 1.0}],
        "unless": [{"quantity": "motion", "above": 1.0}],
        "within": "20m",
        "wait": "2m",
        "cancel_window": "1m",
    },
    {
        "kind": "combine",
        "id": "any",
        "needs": "any",
        "of": [{"quantity": "motion", "above": 2.0}],
        "between": "12:00-13:00",
    },
    {"kind": "dose", "id": "co", "latching": False},
    {"kind": "dose", "id": "co-held"},
    {"kind": "trend", "id": "heavier", "quantity": "weight", "rise": 2.0, "within": "72h"},
    {"kind": "trend", "id": "lighter", "quantity": "weight", "fall": 1.0, "within": "24h", "against": "average"},
    {"kind": "baseline", "id": "usual", "quantity": "heart-rate", "days": 3, "least": 3.0, "switched_on": True},
    {"kind": "baseline", "id": "shown", "quantity": "heart-rate", "days": 3, "least": 3.0},
    {"kind": "news2", "id": "news", "risk": "low-medium"},
    {"kind": "fall_wearable", "id": "worn", "worn": "waist", "chance": 0.2},
    {"kind": "bed_exit_wearable", "id": "exit"},
)
KINDS = tuple(TypeAdapter(AnyRule).validate_python(written) for written in WRITTEN)


def say(quantity, value, sensor, quality=Quality.GOOD, axes=None):
    def make(seconds):
        return Reading(
            sensor_id=sensor,
            quantity=quantity,
            value=value,
            at=at(seconds),
            mono=mono(seconds),
            quality=quality,
            axes=axes,
        )

    return make


qualities = st.sampled_from([Quality.GOOD] * 6 + [Quality.QUESTIONABLE, Quality.IMPLAUSIBLE])
SPOKEN = (
    (Quantity.SYSTOLIC, "cuff", (88.0, 120.0, 159.0, 160.0, 181.0, 200.0)),
    (Quantity.HEART_RATE, "cuff", (35.0, 72.0, 99.0, 104.0, 140.0)),
    (Quantity.WEIGHT, "cuff", (69.0, 70.0, 71.0, 72.5, 75.0)),
    (Quantity.RESPIRATORY_RATE, "radar", (7.0, 15.0, 26.0)),
    (Quantity.BED, "radar", (0.0, 1.0)),
    (Quantity.MOTION, "radar", (0.0, 1.0, 2.0)),
    (Quantity.MOTION, "kitchen", (0.0, 1.0, 2.0)),
    (Quantity.DOOR, "door", (0.0, 1.0)),
    (Quantity.POWER, "kitchen", (0.0, 99.0, 1500.0)),
    (Quantity.CARBON_MONOXIDE, "kitchen", (0.0, 29.0, 31.0, 60.0, 350.0)),
    (Quantity.SMOKE, "kitchen", (0.0, 1.0)),
    (Quantity.BUTTON, "fob", (1.0,)),
    (Quantity.CANCEL, "fob", (1.0,)),
    (Quantity.MEDICATION, "fob", (1.0,)),
    (Quantity.MODE, "home", (0.0, 1.0, 2.0, 3.0, 1.5)),
)
spoken = st.sampled_from([(quantity, sensor, value) for quantity, sensor, values in SPOKEN for value in values])
axes = st.tuples(*[st.sampled_from([-4.0, -1.0, -0.3, 0.0, 0.2, 1.0, 3.5]) for _ in range(3)])
makers = st.one_of(
    st.builds(lambda one, quality: say(one[0], one[2], one[1], quality), spoken, qualities),
    st.builds(lambda one: say(Quantity.ACCELERATION, math.hypot(*one), "belt", axes=one), axes),
    st.builds(
        lambda sensor, state: lambda t: status(t, state, sensor),
        st.sampled_from(sorted(HOME.emits)),
        st.sampled_from(list(SensorState)),
    ),
    st.builds(
        lambda rule, sensor: lambda t: reset(t, f"{rule}:{sensor}"),
        st.sampled_from([written["id"] for written in WRITTEN]),
        st.sampled_from([*sorted(HOME.emits), "home"]),
    ),
)
gaps = st.sampled_from([0, 1, 40, 60, 500, 2000, 10_000, 60_000, 300_000, 900_000, 3_600_000, 40_000_000, 90_000_000])


@st.composite
def histories(draw):
    now, events = 0, []
    for gap, make in draw(st.lists(st.tuples(gaps, makers), max_size=30)):
        now += gap
        events.append(make(now / 1000))
    return events


END = 36 * 86_400
"""30 gaps of 25 h at most, and longer after them than any rule here remembers (72 h). Each day costs each example."""


@given(histories(), st.sets(st.integers(0, 30)))
@settings(deadline=None, max_examples=60)
def test_power_cuts_anywhere_change_no_alert(events, cuts):
    box = Box(KINDS, HOME)
    for index, event in enumerate(events):
        if index in cuts:
            box.power_cut()
        box.feed(event)
    box.power_cut()
    box.advance(END)
    assert box.engine.forgotten == ()
    assert box.alerts == play(KINDS, events, until=END, home=HOME)


@given(histories(), st.lists(st.floats(0, 1), max_size=30))
@settings(deadline=None, max_examples=60)
def test_when_events_are_judged_changes_no_alert(events, pauses):
    box = Box(KINDS, HOME)
    clock = 0.0
    for event in events:
        begin, end = clock, (event.mono - MONO0) / 1000
        while pauses and pauses[-1] < 0.8:
            clock = max(clock, begin + (end - begin) * pauses.pop())
            box.advance(clock)
        if pauses:
            pauses.pop()
        box.feed(event)
        clock = end
    box.advance(END)
    assert box.alerts == play(KINDS, events, until=END, home=HOME)


@given(histories())
@settings(deadline=None, max_examples=60)
def test_steps_of_an_alarm_follow_each_other_and_no_two_have_one_id(events):
    alerts = play(KINDS, events, until=END, home=HOME)
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    after = {None: {PREALARM, FIRING}, PREALARM: {FIRING, CANCELLED}, FIRING: {RESOLVED}}
    on: dict = {}
    for alert in alerts:
        before = on.get(alert.key)
        assert alert.state in after[before and before.state], alert.key
        assert before is None or before.since == alert.since
        assert alert.why.zh
        assert alert.why.en
        on[alert.key] = None if alert.state in (CANCELLED, RESOLVED) else alert
    assert [alert.mono for alert in alerts] == sorted(alert.mono for alert in alerts)


@given(histories(), st.sampled_from([math.nan, math.inf, -math.inf, 1e9, -1e9]), st.integers(0, 30))
@settings(deadline=None, max_examples=60)
def test_what_no_sensor_can_mean_raises_nothing_and_ends_nothing(events, value, place):
    """Anywhere in a history: a reading that is not a number or out of range, as the supervisor marks it."""
    events = [*(status(0, SensorState.UP, sensor) for sensor in sorted(HOME.emits)), *events]  # all are awake
    index = min(place, len(events))
    now = (events[index - 1].mono - MONO0) / 1000 if index else 0
    odd = [
        say(quantity, value, sensor, Quality.IMPLAUSIBLE, axes=(value, 0.0, 0.0))(now)
        for sensor, quantities in HOME.emits.items()
        for quantity in sorted(quantities)
    ]
    alerts = play(KINDS, [*events[:index], *odd, *events[index:]], until=END, home=HOME)
    assert alerts == play(KINDS, events, until=END, home=HOME)


@given(histories())
@settings(deadline=None, max_examples=60)
def test_a_state_stays_small(events):
    box = Box(KINDS, HOME)
    for event in events:
        box.feed(event)
    for key, saved in box.saved.items():
        assert len(saved.state) < 20_000, key
        assert isinstance(msgspec.json.decode(saved.state), dict)


def test_every_kind_is_here() -> None:
    kinds = {written["kind"] for written in WRITTEN} | {"sos", "fall", "silence"}  # those: test_rules_engine.py
    known = TypeAdapter(AnyRule).json_schema()["discriminator"]["mapping"]
    assert kinds == set(known)


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.id)
def test_a_kind_is_written_as_it_was_read(config) -> None:
    assert TypeAdapter(AnyRule).validate_python(config.model_dump(by_alias=True)) == config
