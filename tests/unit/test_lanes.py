"""Which alert is worked on in which row of a home, and which comes too late to be worked on at all."""

from datetime import UTC, datetime, timedelta

import pytest

from community.lanes import is_late, is_old_news, lane_of, table_of
from community.workflow import workflow
from shouwang.alert import Severity

SEEN = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("severity", "lane", "table"),
    [
        (Severity.P1, "life", "emergency"),
        (Severity.P2, "life", "emergency"),
        (Severity.P3, "tech:low-battery", "technical"),
        (Severity.P4, "care:low-battery", "care"),
    ],
)
def test_life_alarms_share_a_lane_and_all_others_have_one_for_each_hazard(
    severity: Severity, lane: str, table: str
) -> None:
    assert lane_of(severity, "low-battery") == lane
    assert table_of(lane) is workflow(table)


def test_late_is_what_took_longer_than_ten_minutes() -> None:
    assert not is_late(SEEN, SEEN + timedelta(minutes=10))
    assert is_late(SEEN, SEEN + timedelta(minutes=10) + MOMENT)


@pytest.mark.parametrize(
    ("severity", "hazard", "is_kept_only"),
    [
        (Severity.P1, "fall", False),
        (Severity.P2, "vital", False),
        (Severity.P3, "mains", True),
        (Severity.P4, "medicine", True),
        (Severity.P3, "clock-error", False),
    ],
)
def test_what_is_older_than_an_hour_is_history_but_never_a_life(
    severity: Severity, hazard: str, is_kept_only: bool
) -> None:
    assert not is_old_news(severity, hazard, SEEN, SEEN + timedelta(hours=1))
    assert is_old_news(severity, hazard, SEEN, SEEN + timedelta(hours=1) + MOMENT) is is_kept_only
