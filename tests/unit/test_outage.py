"""An outage is said once, and so is its end."""

import logging

import pytest

from shouwang.outage import Outage

log = logging.getLogger("a.room")


@pytest.fixture(autouse=True)
def _all_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and words of what was logged since the last look."""
    found = [(record.levelname, record.getMessage()) for record in caplog.records]
    caplog.clear()
    return found


def test_it_is_said_once_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, "the door sticks: %s", ends="the door opens")
    outage.over()
    assert not outage.is_on
    assert said(caplog) == []
    for reason in ("rust", OSError("frost"), "rust"):
        outage.begin(reason)
        assert outage.is_on
    assert said(caplog) == [("ERROR", "the door sticks: rust")]
    outage.over()
    outage.over()
    assert not outage.is_on
    assert said(caplog) == [("INFO", "the door opens")]
    outage.begin("frost")
    assert said(caplog) == [("ERROR", "the door sticks: frost")]


def test_a_new_reason_is_said_where_it_is_news(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, "%s", level=logging.WARNING, tells_news=True)
    for reason in ("rust", "rust", "frost", "frost", "rust"):
        outage.begin(reason)
    assert said(caplog) == [("WARNING", "rust"), ("WARNING", "frost"), ("WARNING", "rust")]
    outage.over()
    assert said(caplog) == []
    outage.begin("rust")
    assert said(caplog) == [("WARNING", "rust")]


def test_a_reason_without_words_is_an_outage_too(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, "the door sticks: %s", ends="the door opens", tells_news=True)
    outage.begin("")
    outage.begin("")
    outage.over()
    assert said(caplog) == [("ERROR", "the door sticks: "), ("INFO", "the door opens")]


def test_names_and_reasons_are_said_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, "door 5%d: %s", ends="door 5%d opens")
    outage.begin("100 % rust, %s")
    outage.over()
    assert said(caplog) == [("ERROR", "door 5%d: 100 % rust, %s"), ("INFO", "door 5%d opens")]


def test_it_is_said_in_the_name_and_at_the_line_of_whoever_saw_it(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(log, "%s", ends="over")
    outage.begin("rust")
    outage.over()
    assert {(record.name, record.filename) for record in caplog.records} == {("a.room", "test_outage.py")}
