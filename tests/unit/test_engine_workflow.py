"""A table that could lose a case is refused when it is loaded, with the reason in words."""

from importlib.resources import files

import pytest
import yaml

from community.workflow import Workflow, workflow
from shouwang.alert import Severity
from shouwang.document import parse
from shouwang.errors import ConfigError


def written(name: str = "emergency") -> dict:
    return yaml.safe_load((files("community") / "workflows" / f"{name}.yaml").read_text(encoding="utf-8"))


def refusal(table: dict) -> str:
    with pytest.raises(ConfigError) as told:
        parse(yaml.safe_dump(table, allow_unicode=True), Workflow, name="table.yaml")
    return str(told.value)


def test_the_tables_that_come_with_the_server_hold_together():
    assert [workflow(name).workflow for name in ("emergency", "technical", "care", "request")] == [
        "emergency",
        "technical",
        "care",
        "request",
    ]
    assert workflow("emergency").final == {"CLOSED"}
    assert workflow("emergency").limit_ms("ack", Severity.P1) == 60_000
    assert workflow("emergency").commands("CLOSED") == ("correct",)
    with pytest.raises(ConfigError, match="no workflow"):
        workflow("wedding")


def test_a_state_without_a_clock_is_refused():
    table = written()
    for name in ("triage", "close"):
        table["timers"][name]["during"] = [state for state in table["timers"][name]["during"] if state != "ACKED"]
    table["timers"]["triage"]["during"] = ["OPEN"]
    assert "no clock runs in the state ACKED: a case could be forgotten there" in refusal(table)


def test_names_that_nobody_knows_are_refused():
    table = written()
    table["transitions"][0]["to"] = "TAKEN"
    table["timers"]["ack"]["during"] = ["OPENED"]
    table["timers"]["triage"]["red"]["to"] = "NOWHERE"
    table["ladder"]["P1"][2]["to"] = "SENT"
    words = refusal(table)
    for name in ("TAKEN", "OPENED", "NOWHERE", "SENT"):
        assert f"names the state {name}, which is not among the states" in words


def test_states_that_cannot_be_reached_or_left_are_refused():
    table = written()
    table["states"]["LIMBO"] = {"phase": "handled", "title": {"zh": "无", "en": "limbo"}}
    table["timers"]["close"]["during"].append("LIMBO")
    words = refusal(table)
    assert "no way leads to the state LIMBO" in words
    assert "no way leads from the state LIMBO to an end" in words


def test_an_end_that_goes_on_is_refused():
    table = written()
    table["transitions"].append({"command": "reopen", "from": ["CLOSED"], "to": "OPEN", "who": ["supervisor"]})
    assert "the state CLOSED is an end, and yet something leads on from it" in refusal(table)


def test_a_clock_of_an_end_is_refused():
    table = written()
    table["timers"]["close"]["during"].append("CLOSED")
    assert "runs in CLOSED, where the case has ended" in refusal(table)


def test_limits_and_shares_are_needed_for_every_priority():
    table = written()
    del table["timers"]["ack"]["limit"]["P2"]
    del table["timers"]["triage"]["yellow"]["P1"]
    table["timers"]["arrive"]["limit"]["P1"] = "0s"
    words = refusal(table)
    assert "the timer ack has no limit for P2" in words
    assert "the timer triage has no yellow for P1" in words
    assert "the timer arrive has a limit of nothing" in words


def test_a_ladder_out_of_order_or_nowhere_is_refused():
    table = written()
    table["ladder"]["P1"].reverse()
    table["ladder_on"] = []
    table["timers"]["total"]["red"]["rung"] = 9
    words = refusal(table)
    assert "not in the order of their times" in words
    assert "the ladder climbs nowhere" in words
    assert "the ladder of P1 falls silent" in words
    assert "climbs to rung 9, which the ladder of P1 has not" in words


def test_a_command_twice_in_one_state_is_refused():
    table = written()
    table["transitions"].append({"command": "ack", "from": ["OPEN"], "to": "ACKED", "who": ["supervisor"]})
    assert "the command ack stands twice for the state OPEN" in refusal(table)


def test_words_that_the_engine_does_not_know_are_refused_with_their_line():
    table = written()
    table["transitions"][0]["if"] = ["looked_at"]
    words = refusal(table)
    assert words.startswith("table.yaml:")
    assert "looked_at" in words or "seen" in words
