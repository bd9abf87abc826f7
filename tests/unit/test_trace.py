"""The way of an alarm, from what is kept: stages with their gaps, and what is not for whoever looks."""

from datetime import UTC, datetime, timedelta

import pytest

from community.desk import Timing
from community.trace import KeptAlert, Known, Seal, Stage, way_of
from community.web.trace_words import NOT_KEPT, STAGES, gap
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Reading

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SEAL = Seal(seq=4, hash="ab" * 32, is_right=True)


def kept(*quantities: Quantity, severity: Severity = Severity.P1, message: str = "gw-1/0/0/1") -> KeptAlert:
    evidence = tuple(
        Reading(sensor_id="s", quantity=one, value=1, at=NOW - timedelta(seconds=2), mono=1, frame=b"\x01\xff")
        for one in quantities
    )
    alert = Alert(
        alert_id="a",
        key="k",
        rule_id="r",
        rule_version=3,
        hazard="vital",
        severity=severity,
        state=AlertState.FIRING,
        resident_id="",
        sensor_id="s",
        since=NOW - timedelta(seconds=30),
        at=NOW,
        mono=1,
        why=Sentence(zh="因为", en="because"),
        evidence=evidence,
    )
    later = NOW + timedelta(milliseconds=1500)
    at = later if message else None
    return KeptAlert(
        gateway_id="gw-1",
        alert=alert,
        told_at=NOW,
        timing=Timing.RIGHT,
        received_at=later,
        message=message,
        message_at=at,
        seal=SEAL,
        is_unchanged=True,
    )


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (0.25, "+250 ms"),
        (-0.25, "-250 ms"),
        (0.9999, "+999 ms"),
        (12.3456, "+12.346 s"),
        (61, "+1:01"),
        (-3725, "-1:02:05"),
    ],
)
def test_gaps_are_written_as_fine_as_they_matter(after: float, said: str) -> None:
    assert gap(timedelta(seconds=after)) == said


def test_gaps_are_told_from_one_kept_stage_to_the_next() -> None:
    rang, taken = NOW + timedelta(seconds=4), NOW + timedelta(seconds=24)
    way = way_of(kept(Quantity.SPO2), Known(rings=[NOW - timedelta(hours=1), rang], taken=[taken]), is_hidden=False)
    found = {one.stage: one for one in way.stages}
    assert found[Stage.RECEIVED].after == timedelta(milliseconds=1500)
    assert found[Stage.SENT].at is None
    assert found[Stage.RANG].after == timedelta(milliseconds=2500)
    assert found[Stage.TAKEN].after == timedelta(seconds=20)
    assert way.to_the_ear == timedelta(seconds=6)


def test_alarm_of_a_case_in_hand_says_so() -> None:
    way = way_of(kept(Quantity.SPO2), Known(taken=[NOW - timedelta(minutes=1)]), is_hidden=False)
    taken = way.stages[-1]
    assert (taken.is_earlier, taken.after, way.to_the_ear) == (True, None, None)


def test_alarm_without_a_message_has_no_receipt_by_the_internet() -> None:
    way = way_of(kept(message=""), Known(), is_hidden=False)
    assert Stage.RECEIVED not in {one.stage for one in way.stages}


@pytest.mark.parametrize(
    ("quantities", "severity", "is_said"),
    [
        ((Quantity.SPO2,), Severity.P1, False),
        ((Quantity.SMOKE,), Severity.P1, True),
        ((Quantity.SMOKE, Quantity.PRESENCE), Severity.P1, False),
        ((), Severity.P1, False),
        ((), Severity.P3, True),
        ((Quantity.BATTERY,), Severity.P3, True),
        ((Quantity.HEART_RATE,), Severity.P3, False),
    ],
)
def test_health_is_left_out_for_who_may_not_see_it(
    quantities: tuple[Quantity, ...], severity: Severity, *, is_said: bool
) -> None:
    way = way_of(kept(*quantities, severity=severity), Known(), is_hidden=True)
    assert (way.why is not None) is is_said
    assert all(frame.frame is None for frame in way.frames)
    of_house = {Quantity.SMOKE, Quantity.BATTERY}
    assert [frame.value is not None for frame in way.frames] == [one in of_house for one in quantities]
    assert way.seal == SEAL


def test_every_stage_has_its_words() -> None:
    assert set(STAGES) == set(Stage)
    always = {Stage.BEGAN, Stage.RAISED, Stage.RECEIVED, Stage.RECEIVED_BY_SMS}
    assert set(NOT_KEPT) == set(Stage) - always


@pytest.mark.parametrize("is_heard_first", [True, False])
def test_ring_at_a_desk_stands_where_it_was_told(*, is_heard_first: bool) -> None:
    first, second = NOW + timedelta(seconds=2), NOW + timedelta(seconds=3)
    heard, called = (first, second) if is_heard_first else (second, first)
    way = way_of(kept(), Known(rings=[called], heard=[NOW, heard], taken=[]), is_hidden=False)
    order = [one.stage for one in way.stages if one.stage in {Stage.HEARD, Stage.RANG}]
    assert order == ([Stage.HEARD, Stage.RANG] if is_heard_first else [Stage.RANG, Stage.HEARD])
    after = {one.stage: one.after for one in way.stages}
    assert after[order[0]] == timedelta(milliseconds=500)
    assert after[order[1]] == timedelta(seconds=1)
