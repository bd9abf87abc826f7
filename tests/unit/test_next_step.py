"""What a case's page shows as the next right order, and what each rung of its ladder is said to do."""

from datetime import UTC, datetime

import msgspec
import pytest

from community import engine
from community.alert_refs import AlertRef
from community.casefile import Case, Context
from community.ladder_words import rungs
from community.next_step import next_order
from community.workflow import workflow
from shouwang.alert import AlertState, Severity

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)


def case(priority: Severity = Severity.P1, *, rung: int = -1) -> Case:
    lead = AlertRef(
        gateway_id="gw-1",
        alert_id="sos/1",
        key="sos",
        hazard="sos",
        severity=priority,
        state=AlertState.FIRING,
        since=NOW,
        is_late=False,
        digest="",
    )
    made, _ = engine.opened(workflow("emergency"), "home-1", "life", (lead,), Context(now_e=0), at=NOW)
    return msgspec.structs.replace(made, rung=rung)


@pytest.mark.parametrize(
    ("state", "possible", "following"),
    [
        ("OPEN", ("ack", "call_120", "note"), "ack"),
        ("ACKED", ("dispatch", "resolve_remote", "release", "note"), "dispatch"),
        ("ACKED", ("call_120", "note"), ""),
        ("DISPATCHED", ("accept", "decline", "note"), ""),
        ("ON_SCENE", ("report", "ping", "note"), ""),
        ("WORKING", ("report", "note"), "report"),
        ("FEEDBACK", ("verify_ok", "verify_bad", "note"), "verify_ok"),
        ("FEEDBACK", ("note", "mark_false"), ""),
        ("REVISIT", ("revisit_ok", "revisit_bad"), "revisit_ok"),
    ],
)
def test_next_order_by_state_and_by_who_looks(state: str, possible: tuple[str, ...], following: str) -> None:
    made = msgspec.structs.replace(case(), state=state)
    assert next_order(made, possible) == following


def test_each_rung_says_when_whom_and_what() -> None:
    told = rungs(case(rung=1))
    assert [one.at.total_seconds() for one in told] == [0, 60, 120, 240, 420]
    assert [one.is_climbed for one in told] == [True, True, False, False, False]
    assert told[1].says.en == "calls all operators, the supervisor"
    assert told[2].says.en == "calls responders; the best responder is asked by itself"
    assert told[4].says.zh.endswith("全屏提示“请拨 120”")
    assert all(one.says.zh and one.says.en for one in told)
