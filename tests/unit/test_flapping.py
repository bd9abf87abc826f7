"""Alarms that come and go, and cases that end by themselves."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml

from community import flapping, lanes, quiet
from community.workflow import Workflow, workflow
from shouwang.alert import Severity
from shouwang.document import parse
from shouwang.errors import ConfigError

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def minutes(*ago: float) -> list[datetime]:
    return [NOON - timedelta(minutes=each) for each in ago]


@pytest.mark.parametrize(
    ("ago", "does"),
    [
        ((0, 1, 2, 3), True),
        ((0, 1, 2), False),
        ((0, 10, 20, 30), True),
        ((0, 10, 20, 30.1), False),
        ((0, 0, 0, 0), False),
        ((-5, 0, 1, 2), False),
    ],
)
def test_four_episodes_in_half_an_hour_flap(ago: tuple[float, ...], does: bool) -> None:
    assert flapping.flaps(minutes(*ago), NOON) is does


def test_it_is_calm_after_two_hours() -> None:
    assert flapping.is_calm(NOON, NOON + timedelta(hours=2))
    assert not flapping.is_calm(NOON, NOON + timedelta(minutes=119))


def test_only_technical_and_care_cases_end_by_themselves() -> None:
    ends = {name: workflow(name).quiet for name in ("emergency", "request", "technical", "care")}
    assert [name for name, after in ends.items() if after is not None] == ["technical", "care"]
    for table in ("technical", "care"):
        after = workflow(table).quiet
        assert after is not None
        assert (quiet.wait_ms(after, is_flapping=False), quiet.wait_ms(after, is_flapping=True)) == (600_000, 1_800_000)


def test_one_in_twenty_is_looked_at_and_always_the_same() -> None:
    drawn = [number for number in range(1, 20_001) if quiet.is_sampled(number, 5)]
    assert 900 <= len(drawn) <= 1100
    assert drawn == [number for number in range(1, 20_001) if quiet.is_sampled(number, 5)]
    assert not any(quiet.is_sampled(number, 0) for number in range(100))
    assert all(quiet.is_sampled(number, 100) for number in range(100))


def test_a_table_that_ends_cases_unasked_is_refused() -> None:
    table = yaml.safe_load(workflow("technical").model_dump_json(by_alias=True))
    for row in table["transitions"]:
        if row["command"] == "clear":
            row["if"] = ["condition_is_cleared"]
    table["transitions"] = [row for row in table["transitions"] if row["command"] != "sample"]
    with pytest.raises(ConfigError) as refused:
        parse(yaml.safe_dump(table), Workflow, name="table.yaml")
    assert "there is no command sample" in str(refused.value)
    assert "the command clear is the system's alone" in str(refused.value)


@pytest.mark.parametrize(
    ("severity", "hazard", "hours", "is_old"),
    [
        (Severity.P3, "mains", 1.01, True),
        (Severity.P4, "care", 5, True),
        (Severity.P3, "mains", 0.99, False),
        (Severity.P2, "leak", 99, False),
        (Severity.P1, "sos", 999, False),
        (Severity.P3, "clock-error", 99_999, False),
    ],
)
def test_old_technical_news_are_history_and_life_alarms_never(
    severity: Severity, hazard: str, hours: float, is_old: bool
) -> None:
    assert lanes.is_old_news(severity, hazard, NOON - timedelta(hours=hours), NOON) is is_old
