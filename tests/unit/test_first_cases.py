"""Cases as the version before kept them: what its log says is read for ever."""

import pytest
from fixtures.casework import BEGIN, alert

from community.first_cases import Acked, AlertJoined, Closed, FirstState, Noted, Opened, Refused, StepJoined, evolve
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove


def after(*steps):
    case = None
    for event, state in steps:
        case = evolve(case, event, state, at=BEGIN, actor="zhang")
    return case


OPENED = (Opened(home_key="home-1", lane="life", alerts=(alert(1, Severity.P2),)), FirstState.OPEN)


def test_log_that_begins_in_its_middle_is_no_case():
    with pytest.raises(IllegalMove, match="cannot begin with acked"):
        after((Acked(), FirstState.ACKED))


def test_alarms_join_and_end_and_the_most_urgent_names_the_case():
    second = alert(2, Severity.P1, key="sos:bath")
    ended = alert(2, Severity.P1, AlertState.RESOLVED, key="sos:bath")
    case = after(
        OPENED, (AlertJoined(alerts=(second,)), FirstState.OPEN), (StepJoined(alerts=(ended,)), FirstState.OPEN)
    )
    assert (case.priority, case.lead.key, case.alerts, case.version) == (Severity.P1, "sos:bath", 2, 3)
    assert [episode.key for episode in case.active] == ["sos:bed"]


def test_refusals_count_for_nothing_and_the_end_says_how():
    noted = Noted(note_id="n", digest="d")
    closed = Closed(disposition="helped", note_id="n", digest="d")
    steps = (
        OPENED,
        (Acked(), FirstState.ACKED),
        (Refused(action="close", reason="no"), FirstState.ACKED),
        (noted, FirstState.ACKED),
        (closed, FirstState.CLOSED),
    )
    case = after(*steps)
    assert (case.owner, case.disposition, case.version, case.state) == ("zhang", "helped", 4, FirstState.CLOSED)
