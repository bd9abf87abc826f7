"""Quiet days and emergencies in a home with every preset: nobody is called for nothing, and once when it matters."""

from datetime import timedelta
from pathlib import Path

import pytest

from config.loader import load
from config.rule_tests import RuleTests, Story, run_tests
from shouwang.alert import AlertState
from shouwang.document import parse

DAYS = Path(__file__).resolve().parent.parent / "rules"
URGENT = ("P1", "P2")


def stories(file: str) -> tuple[Story, ...]:
    return parse((DAYS / file).read_text(encoding="utf-8"), RuleTests, name=file).tests


@pytest.fixture(scope="module")
def severities() -> dict[str, str]:
    return {rule.id: getattr(rule, "severity", "P2") for rule in load(DAYS / "home.yaml").all_rules()}


@pytest.mark.parametrize("file", ["quiet-days.yaml", "emergencies.yaml"])
def test_what_is_wanted_of_a_day_comes_and_nothing_else(file):
    verdicts = run_tests(DAYS / file)
    assert [verdict for verdict in verdicts if not verdict.is_passed] == []


@pytest.mark.parametrize(("file", "urgent"), [("quiet-days.yaml", 0), ("emergencies.yaml", 1)])
def test_how_often_somebody_is_called(file, urgent, severities):
    told = stories(file)
    assert len(told) >= 30
    assert len({story.name for story in told}) == len(told)
    for story in told:
        calls = [one.rule for one in story.want if one.state is AlertState.FIRING and severities[one.rule] in URGENT]
        assert len(calls) == urgent, story.name
        assert story.until == timedelta(hours=24)
        assert story.only == ()
