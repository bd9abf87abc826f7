"""The engine: order, routing, saving; and what must hold for every rule kind under any history."""

from datetime import timedelta

import msgspec
import pytest
from fixtures.timeline import (
    HOME,
    MONO0,
    Box,
    at,
    cancel,
    fall,
    mono,
    play,
    press,
    reading,
    reset,
    said,
    spo2,
    status,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rules import AnyRule
from rules.bound import BoundRule, rule_of
from rules.engine import Engine, Saved
from rules.fall import Fall
from rules.silence import Silence
from rules.sos import Sos
from rules.threshold import Threshold
from shouwang.alert import AlertState
from shouwang.quantities import Quantity
from shouwang.reading import Quality
from shouwang.rule import Step
from shouwang.status import SensorState

PREALARM, FIRING, CANCELLED, RESOLVED = AlertState

# short waits, so that random histories meet their edges
EVERY_KIND = (
    Threshold(
        kind="threshold", id="low", quantity=Quantity.SPO2, below=90.0, hysteresis=2.0, hold=timedelta(seconds=3)
    ),
    Threshold(kind="threshold", id="now", quantity=Quantity.SPO2, below=85.0),
    Threshold(
        kind="threshold", id="held", quantity=Quantity.SPO2, below=85.0, hold=timedelta(seconds=1), latching=True
    ),
    Sos(kind="sos", id="sos"),
    Fall(kind="fall", id="fall", confirm=timedelta(seconds=3), cancel_window=timedelta(seconds=5)),
    Fall(kind="fall", id="quick", confirm=timedelta(0), cancel_window=timedelta(seconds=5), cancel_by=("bath",)),
    Silence(kind="silence", id="silent", after=timedelta(seconds=3)),
)
KEYS = (
    "low:oximeter",
    "now:oximeter",
    "held:oximeter",
    "sos:bed",
    "fall:radar",
    "quick:radar",
    "silent:radar",
    "no:such",
)

qualities = st.sampled_from([Quality.GOOD] * 4 + [Quality.QUESTIONABLE, Quality.IMPLAUSIBLE])
makers = st.one_of(
    st.builds(
        lambda v, q: lambda t: spo2(t, v, q), st.sampled_from([80.0, 85.0, 89.0, 90.0, 91.0, 92.5, 97.0]), qualities
    ),
    st.builds(lambda v, q: lambda t: fall(t, v, q), st.sampled_from([0.0, 1.0]), qualities),
    st.builds(lambda s: lambda t: press(t, s), st.sampled_from(["bed", "bath"])),
    st.builds(lambda s, q: lambda t: cancel(t, s, q), st.sampled_from(["bed", "bath"]), qualities),
    st.builds(lambda s: lambda t: status(t, s), st.sampled_from(list(SensorState))),
    st.builds(lambda k: lambda t: reset(t, k), st.sampled_from(KEYS)),
)
gaps = st.sampled_from([0, 1, 999, 1000, 1999, 2000, 2999, 3000, 3001, 5000, 8000, 20_000])


@st.composite
def histories(draw):
    now, events = 0, []
    for gap, make in draw(st.lists(st.tuples(gaps, makers), max_size=25)):
        now += gap
        events.append(make(now / 1000))
    return events


@given(histories(), st.sets(st.integers(0, 25)))
@settings(deadline=None, max_examples=300)
def test_power_cuts_anywhere_change_no_alert(events, cuts):
    box = Box(EVERY_KIND)
    for index, event in enumerate(events):
        if index in cuts:
            box.power_cut()
        box.feed(event)
    box.power_cut()
    box.advance(1000)
    assert box.engine.forgotten == ()
    assert box.alerts == play(EVERY_KIND, events, until=1000)


@given(histories(), st.lists(st.floats(0, 1), max_size=30))
@settings(deadline=None, max_examples=300)
def test_when_events_are_judged_changes_no_alert(events, pauses):
    """Between two events the gateway may or may not get round to `advance`, once or often, at any moment."""
    box = Box(EVERY_KIND)
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
    box.advance(1000)
    assert box.alerts == play(EVERY_KIND, events, until=1000)


@given(histories())
@settings(deadline=None, max_examples=300)
def test_steps_of_an_alarm_follow_each_other_and_no_two_have_one_id(events):
    alerts = play(EVERY_KIND, events, until=1000)
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    after = {None: {PREALARM, FIRING}, PREALARM: {FIRING, CANCELLED}, FIRING: {RESOLVED}}
    on: dict = {}
    for alert in alerts:
        before = on.get(alert.key)
        assert alert.state in after[before and before.state], alert.key
        assert before is None or before.since == alert.since
        assert 0 <= len(alert.evidence) <= 3
        assert alert.why.zh
        assert alert.why.en
        on[alert.key] = None if alert.state in (CANCELLED, RESOLVED) else alert
    assert [alert.mono for alert in alerts] == sorted(alert.mono for alert in alerts)
    assert all(alert.at == at((alert.mono - MONO0) / 1000) for alert in alerts)


@given(histories())
@settings(deadline=None, max_examples=100)
def test_no_press_is_swallowed(events):
    """Each button: a press calls unless the last one that called is less than 2 s old."""
    alerts = play([Sos(kind="sos", id="sos")], events)
    for button in ("bed", "bath"):
        wanted, last = [], None
        for event in events:
            is_press = getattr(event, "quantity", None) is Quantity.SOS and event.sensor_id == button
            if is_press and (last is None or event.mono - last >= 2000):
                last = event.mono
                wanted.append(last)
        assert [a.mono for a in alerts if a.sensor_id == button and a.state is FIRING] == wanted


@given(histories())
@settings(deadline=None, max_examples=100)
def test_what_is_saved_is_all_that_changed(events):
    box = Box(EVERY_KIND)
    for event in events:
        before = dict(box.saved)
        outcome = box.feed(event)
        for key, saved in outcome.changed.items():
            assert before.get(key) != saved
            assert isinstance(msgspec.json.decode(saved.state), dict)
        wakes = {key: saved.wake_at for key, saved in box.saved.items() if saved.wake_at is not None}
        assert outcome.next_wake == box.engine.next_wake == min(wakes.values(), default=None)
        wakes_before = {key: getattr(before.get(key), "wake_at", None) for key in outcome.changed}
        sooner = any(
            saved.wake_at is not None and (wakes_before[key] is None or saved.wake_at < wakes_before[key])
            for key, saved in outcome.changed.items()
        )
        called_off = any(
            saved.wake_at is None and wakes_before[key] is not None and wakes_before[key] > event.mono
            for key, saved in outcome.changed.items()
        )
        assert outcome.rearmed == (sooner or called_off or bool(outcome.alerts))


def test_an_ordinary_reading_changes_nothing():
    box = Box(EVERY_KIND)
    outcome = box.feed(spo2(0, 97))
    assert (outcome.alerts, outcome.changed, outcome.rearmed, outcome.next_wake) == ((), {}, False, None)


def test_a_change_without_a_new_wake_may_wait_for_the_group_commit():
    box = Box(EVERY_KIND[:1])
    assert box.feed(spo2(0, 89)).rearmed
    outcome = box.feed(spo2(1, 88))
    assert (set(outcome.changed), outcome.rearmed) == ({"low:oximeter"}, False)


def test_due_wakes_come_before_the_event_in_order_and_ties_by_key():
    def low(name, seconds):
        return Threshold(kind="threshold", id=name, quantity=Quantity.SPO2, below=90.0, hold=timedelta(seconds=seconds))

    box = Box([low("z", 2), low("b", 3), low("a", 3), low("y", 9)])
    box.feed(spo2(0, 85))
    alerts = box.feed(spo2(9, 97)).alerts
    assert [(alert.rule_id, *one) for alert, one in zip(alerts, said(alerts), strict=True)] == [
        ("z", 2, "firing"),
        ("a", 3, "firing"),
        ("b", 3, "firing"),
        ("y", 9, "firing"),
        ("z", 9, "resolved"),
        ("b", 9, "resolved"),
        ("a", 9, "resolved"),
        ("y", 9, "resolved"),
    ]
    assert [alert.at for alert in alerts[:4]] == [at(2), at(3), at(3), at(9)]


def test_time_never_goes_back():
    box = Box(EVERY_KIND[:1])
    box.feed(spo2(0, 85))
    box.advance(2)
    box.feed(spo2(1, 97))
    box.feed(spo2(1.5, 85))
    box.advance(1)
    assert box.engine.next_wake == mono(5)
    box.advance(5)
    assert said(box.alerts) == [(5, "firing")]


def test_events_that_nobody_watches_still_let_time_pass():
    box = Box(EVERY_KIND[:1])
    box.feed(spo2(0, 85))
    box.feed(reading(10, Quantity.DOOR, 1, "door"))
    box.feed(reset(11, "no:such"))
    box.feed(status(12, SensorState.UP, "door"))
    assert said(box.alerts) == [(3, "firing")]


BROKEN = {
    "another kind": b'{"type":"sos"}',
    "unknown fields": b'{"type":"threshold","limit":3}',
    "not JSON": b"\x00\xff{",
    "empty": b"",
    "wrong types": b'{"type":"threshold","breach":1}',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_state_that_cannot_be_read_starts_afresh_and_is_reported(name):
    saved = {"low:oximeter": Saved(state=BROKEN[name], wake_at=5), "gone:oximeter": Saved(state=b"{}", wake_at=6)}
    engine = Engine(EVERY_KIND[0].bind(HOME), saved)
    assert engine.forgotten == ("low:oximeter",)
    assert engine.next_wake is None
    engine.feed(spo2(0, 85))
    assert engine.next_wake == mono(3)


def test_two_rules_with_one_key_are_refused():
    with pytest.raises(ValueError, match="two rules have the key sos:bed"):
        Box([Sos(kind="sos", id="sos"), Sos(kind="sos", id="sos")])


class Count(msgspec.Struct, frozen=True):
    woken: int = 0


class Restless:
    """Moves its wake with every reading; woken, it wants to be woken at once again."""

    key = "restless"

    def start(self):
        return Count()

    def step(self, state, event):
        if hasattr(event, "quantity"):
            return Step(state=state, wake_at=event.mono + 1_000_000)
        return Step(state=Count(state.woken + 1), wake_at=event.mono)


class Patient(Restless):
    """Wants to be woken once; nothing comes of it."""

    key = "patient"

    def step(self, state, event):
        return Step(state=state, wake_at=event.mono + 1000 if hasattr(event, "quantity") else None)


def restless(*others):
    return Engine([BoundRule(rule=Restless(), readings=frozenset({("oximeter", Quantity.SPO2)})), *others], {})


def test_deadlines_that_move_with_every_reading_take_no_more_room():
    patient = Threshold(kind="threshold", id="p", quantity=Quantity.SPO2, below=90.0, hold=timedelta(minutes=15))
    engine = restless(*patient.bind(HOME))
    for second in range(500):
        engine.feed(spo2(second, 85))
    assert len(engine._deadlines) < 100
    assert engine.next_wake == mono(900)
    assert [alert.rule_id for alert in engine.advance(at(900), mono(900)).alerts] == ["p"]
    assert engine.next_wake == mono(499) + 1_000_000


def test_a_rule_that_always_wants_to_be_woken_now_does_not_hold_up_the_home():
    engine = restless()
    engine.feed(spo2(0, 97))
    outcome = engine.advance(at(1000.05), mono(1000.05))
    assert outcome.changed["restless"] == Saved(state=b'{"woken":51}', wake_at=mono(1000.051))


def test_a_wait_that_begins_is_urgent_and_one_that_is_prolonged_or_used_up_waits_for_the_group_commit():
    engine = Engine([BoundRule(rule=Patient(), readings=frozenset({("oximeter", Quantity.SPO2)}))], {})
    for second, is_urgent in ((0, True), (0.5, False)):
        outcome = engine.feed(spo2(second, 97))
        assert outcome.changed == {"patient": Saved(state=b'{"woken":0}', wake_at=mono(second + 1))}
        assert outcome.rearmed is is_urgent
    outcome = engine.advance(at(2), mono(2))
    assert outcome.changed == {"patient": Saved(state=b'{"woken":0}', wake_at=None)}
    assert not outcome.rearmed


def test_a_wait_that_is_called_off_is_urgent():
    box = Box(EVERY_KIND[:1])
    assert box.feed(spo2(0, 89)).rearmed
    outcome = box.feed(spo2(1, 97))
    assert outcome.changed["low:oximeter"].wake_at is None
    assert outcome.rearmed, "after a power cut the hold would end in an alarm though the value was good again"


def test_every_kind_is_in_the_union_by_its_name():
    adapter: TypeAdapter = TypeAdapter(AnyRule)
    for config in EVERY_KIND:
        assert adapter.validate_python(config.model_dump()) == config


def bound(facts=HOME, kinds=EVERY_KIND):
    return [one for kind in kinds for one in kind.bind(facts)]


def test_rules_bound_anew_go_on_where_they_stand():
    engine = Engine(bound(), {})
    engine.feed(press(0))
    engine.feed(spo2(1, 80))
    before = engine.next_wake
    outcome = engine.rebind(bound())
    assert (outcome.alerts, outcome.changed, outcome.rearmed, outcome.next_wake) == ((), {}, False, before)
    ended = [alert for alert in engine.feed(reset(2, "sos:bed")).alerts if alert.key == "sos:bed"]
    assert [alert.state for alert in ended] == [RESOLVED]
    later = engine.advance(at(10), mono(10))
    assert "low:oximeter" in {alert.key for alert in later.alerts}, "the hold that ran goes on"


def test_a_rule_that_ends_is_saved_as_having_seen_nothing_and_hears_no_more():
    engine = Engine(bound(), {})
    engine.feed(press(0))
    engine.feed(spo2(1, 80))
    left = [one for one in bound() if one.rule.key not in ("sos:bed", "low:oximeter")]
    outcome = engine.rebind(left)
    assert outcome.rearmed
    fresh = {one.rule.key: Saved(state=one.rule.start()) for one in bound()}
    assert outcome.changed == {key: fresh[key] for key in ("sos:bed", "low:oximeter")}
    assert "sos:bed" not in {alert.key for alert in engine.feed(press(60)).alerts}
    assert engine.rebind(left[:1]).changed.keys() <= {"now:oximeter", "held:oximeter"}, "what saw nothing is not saved"
    (again,) = (alert for alert in (engine.rebind(bound()), engine.feed(press(90)))[1].alerts if alert.key == "sos:bed")
    assert again.state is FIRING


def test_a_rule_whose_limits_are_others_is_woken_at_once():
    engine = Engine(bound(), {})
    engine.feed(press(0))
    engine.advance(at(20), mono(20))
    assert engine.rebind(bound(), {"sos:bed", "low:oximeter"}).next_wake == mono(20), "it has seen something"
    engine.advance(at(20), mono(20))
    assert engine.rebind(bound(), {"low:oximeter"}).next_wake != mono(20), "what saw nothing has nothing to judge"


def test_an_alarm_stands_while_there_is_a_rule_of_its_key_that_saw_something():
    engine = Engine(bound(), {})
    engine.feed(press(0))
    assert engine.stands("sos:bed")
    assert not engine.stands("low:oximeter")
    assert not engine.stands("gone:bed")
    assert rule_of("sos:bed:grandmother") == "sos"


def test_two_rules_of_one_key_change_nothing():
    engine = Engine(bound(), {})
    engine.feed(press(0))
    with pytest.raises(ValueError, match="two rules have the key"):
        engine.rebind(bound() * 2)
    assert engine.feed(reset(1, "sos:bed")).alerts


def test_what_waits_is_known_by_its_key_and_its_moment():
    box = Box([Fall(kind="fall", id="fall", confirm=timedelta(seconds=3), cancel_window=timedelta(seconds=5))])
    assert box.engine.waits() == {}
    assert box.engine.count == 1
    box.feed(fall(0))
    assert box.engine.waits() == {"fall:radar": mono(3)}
