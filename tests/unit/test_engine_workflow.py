"""A table that could lose a case is refused when it is loaded, with the reason in words."""

from importlib.resources import files

import pytest
import yaml
from fixtures.casework import Casework

from community.workflow import Workflow, kept_workflow, levels_above, workflow
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


# ---- a case keeps its table ----


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """A folder of tables in the place of those that come with the server."""
    folder = tmp_path / "workflows"
    folder.mkdir()
    monkeypatch.setattr("community.workflow.files", lambda _: tmp_path)
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    workflow.cache_clear()
    kept_workflow.cache_clear()


def put(folder, name: str, version: int, ack: str) -> None:
    table = written()
    table["version"] = version
    table["timers"]["ack"]["limit"]["P1"] = ack
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(table, allow_unicode=True), encoding="utf-8")


def test_a_case_goes_on_by_the_table_it_was_opened_with(tables):
    put(tables, "emergency", 1, "60s")
    old = Casework()
    put(tables, "emergency", 2, "30s")
    put(tables, "emergency@1", 1, "60s")
    _forget()
    new = Casework()
    for work in (old, new):
        work.order("ack")
        work.order("release", reason="r")
    limits = [(work.case.policy, work.case.clock("ack").limit_ms) for work in (old, new)]
    assert limits == [(1, 60_000), (2, 30_000)]


def test_a_case_whose_table_is_gone_goes_on_by_the_present_one(tables):
    put(tables, "emergency", 7, "30s")
    assert kept_workflow("emergency", 3).version == 7
    with pytest.raises(ConfigError, match="no workflow"):
        kept_workflow("wedding", 1)


def test_no_table_leaves_without_its_earlier_versions():
    folder = files("community") / "workflows"
    for name in ("emergency", "technical", "care", "request"):
        for version in range(1, workflow(name).version):
            kept = parse((folder / f"{name}@{version}.yaml").read_text("utf-8"), Workflow, name=name)
            assert (kept.workflow, kept.version) == (name, version)


@pytest.mark.parametrize(
    ("called", "repeats", "above"),
    [
        (("operators",), 0, ()),
        (("operators",), 1, ("team_lead",)),
        (("team_lead",), 1, ("supervisor",)),
        (("team_lead",), 2, ("supervisor", "duty_leader")),
        (("operators", "supervisor"), 1, ("duty_leader",)),
        (("supervisor", "owner"), 99, ("duty_leader", "command_centre")),
    ],
)
def test_each_repeat_goes_one_level_up(called, repeats, above):
    assert levels_above(called, repeats) == above


@pytest.mark.parametrize(
    ("table", "timer", "limits"),
    [
        ("emergency", "ack", {"P1": 60, "P2": 180}),
        ("technical", "ack", {"P3": 900}),
        ("care", "ack", {"P4": 28_800}),
        ("emergency", "triage", {"P1": 180, "P2": 300}),
        ("technical", "triage", {"P3": 1800}),
        ("care", "triage", {"P4": 86_400}),
        ("emergency", "total", {"P1": 300, "P2": 600}),
        ("technical", "total", {"P3": 14_400}),
        ("care", "total", {"P4": 259_200}),
        ("emergency", "accept", {"P1": 120, "P2": 180}),
        ("emergency", "arrive", {"P1": 900, "P2": 1200}),
        ("emergency", "handle", {"P1": 1800, "P2": 2700}),
        ("emergency", "ping", {"P1": 600, "P2": 900}),
        ("emergency", "verify", {"P1": 1800, "P2": 3600}),
        ("technical", "verify", {"P3": 14_400}),
        ("care", "verify", {"P4": 86_400}),
        ("emergency", "revisit", {"P1": 86_400, "P2": 172_800}),
        ("request", "revisit", {"P3": 259_200, "P4": 604_800}),
        ("emergency", "close", {"P1": 172_800, "P2": 259_200}),
        ("technical", "close", {"P3": 432_000}),
        ("care", "close", {"P4": 1_209_600}),
    ],
)
def test_the_limits_are_those_of_the_incident_model(table, timer, limits):
    found = workflow(table).timers[timer]
    assert {priority: found.limit[Severity(priority)].total_seconds() for priority in limits} == limits
    share = {"P1": 50, "P2": 50, "P3": 80, "P4": 80}
    assert all(found.yellow.get(Severity(one), share[one]) == share[one] for one in limits)


@pytest.mark.parametrize(
    ("table", "priority", "seconds"),
    [
        ("emergency", "P1", [0, 60, 120, 240, 420]),
        ("emergency", "P2", [0, 180, 420, 900]),
        ("technical", "P3", [0, 900]),
        ("care", "P4", [0, 28_800]),
    ],
)
def test_the_ladders_are_those_of_the_incident_model(table, priority, seconds):
    rungs = workflow(table).ladder[Severity(priority)]
    assert [rung.at.total_seconds() for rung in rungs] == seconds
    assert (rungs[-1].prompt == "call_120") is (priority == "P1")


def test_a_table_that_ends_cases_by_itself_needs_its_commands_and_their_guards():
    table = written("technical")
    unsafe = [row for row in table["transitions"] if row["command"] == "clear"]
    unsafe[0]["if"] = ["condition_is_cleared"]
    assert "the command clear is the system's alone" in refusal(table)
    table = written("technical")
    table["transitions"] = [row for row in table["transitions"] if row["command"] != "sample"]
    assert "a case is to end by itself, and there is no command sample" in refusal(table)
