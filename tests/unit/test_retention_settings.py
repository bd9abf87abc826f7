"""How long things are kept: what community.yaml may say of it, and that every kind has its setting and its word."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from community.retention_rounds import due
from community.retention_settings import CASE_DAYS, HANDLING_DAYS, LOG_DAYS, WAGE_DAYS, RetentionEntry
from community.retention_words import held_back, named, runs_or_not
from community.store.retention import KINDS, SPENT_AFTER
from community.store.retention_people import NAME
from community.store.round_clock import Reckoned
from community.web.admin_words import KEPT, KEPT_NAMES
from shouwang.bilingual import chinese

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_defaults_are_those_of_the_design() -> None:
    entry = RetentionEntry()
    assert entry.of("case_days") == timedelta(days=CASE_DAYS)
    assert CASE_DAYS == 3653  # ten years with their leap days
    assert entry.of("person_days") == timedelta(days=HANDLING_DAYS)
    assert RetentionEntry(person_days=None).of("person_days") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"case_days": HANDLING_DAYS - 1},
        {"register_days": HANDLING_DAYS - 1},
        {"call_days": LOG_DAYS - 1},
        {"hand_over_days": LOG_DAYS - 1},
        {"person_days": LOG_DAYS - 1},
        {"duty_days": WAGE_DAYS - 1},
        {"photo_days": 29},
        {"letter_days": 13},
        {"command_days": 13},
        {"hour": 24},
        {"voice_days": 90},
    ],
)
def test_nothing_ends_before_the_law_lets_it(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        RetentionEntry(**wrong)


@pytest.mark.parametrize("name", ["photo_days", "call_days", "hand_over_days"])
def test_nothing_of_a_case_is_kept_longer_than_the_case(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        RetentionEntry(case_days=1500, **{name: 1501})
    assert RetentionEntry(case_days=1500, **{name: 1500}).case_days == 1500


def test_nothing_ends_by_itself_unless_the_centre_says_so() -> None:
    assert not RetentionEntry().runs
    assert "nothing is ended by itself" in runs_or_not(RetentionEntry())
    assert "from 3 o'clock on" in runs_or_not(RetentionEntry(runs=True, hour=3))


def test_where_nothing_is_sealed_nothing_is_due() -> None:
    nothing = Reckoned(now=None, clock=NOW)
    assert list(due(RetentionEntry(), nothing)) == []
    assert "nothing ends" in held_back(nothing)


def test_every_kind_is_due_and_has_its_setting_and_its_word_on_the_page() -> None:
    dues = {kind.name: before for kind, before in due(RetentionEntry(photo_days=40), Reckoned(now=NOW, clock=NOW))}
    assert list(dues) == [kind.name for kind in KINDS]
    assert dues["photos"] == NOW - timedelta(days=40)
    assert dues["nonces"] == NOW - SPENT_AFTER
    said = {name: setting for name, setting, _ in KEPT}
    assert said == {kind.name: kind.setting for kind in KINDS} | {NAME: "person_days"}
    assert all(chinese(named(name)) not in ("", name) for name in KEPT_NAMES), "at a terminal too"
