"""What is saved of a rule is a value; and rules take no notice of events that are none of theirs."""

import pytest
from fixtures.stories import HEARD, LOST, Day, house, rule
from fixtures.timeline import MONO0

from rules.engine import Saved
from shouwang.rule import Reset, Wake

DAY = Day()
HOME = house(all="motion presence door cancel button weight spo2 carbon-monoxide acceleration fall sos heart-rate")
KINDS = (
    rule(kind="away_activity", id="a"),
    rule(kind="trend", id="a", quantity="weight", rise=2, within="72h"),
    rule(kind="baseline", id="a", quantity="heart-rate", least=3),
    rule(kind="news2", id="a", risk="high"),
    rule(kind="count", id="a", quantity="door", equals=1.0, times=2, within="1h"),
    rule(kind="combine", id="a", of=[{"quantity": "door", "equals": 1.0}]),
    rule(kind="dose", id="a"),
    rule(kind="lasting", id="a", quantity="door", equals=1.0, lasts="5m"),
    rule(kind="inactivity", id="a"),
    rule(kind="fall_wearable", id="a", worn="waist"),
    rule(kind="bed_exit_wearable", id="a"),
    rule(kind="threshold", id="a", quantity="spo2", below=90.0),
    rule(kind="fall", id="a"),
    rule(kind="sos", id="a"),
)


def test_what_is_saved_is_a_value():
    one, same, other = Saved(state=b"{}", wake_at=5), Saved(state={}, wake_at=5), Saved(state=b"{}")
    assert (one == same, one == other, one == b"{}") == (True, False, False)
    assert len({one, same, other}) == 2
    assert repr(one) == "Saved(state=b'{}', wake_at=5)"


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
def test_events_that_are_none_of_its_own_change_nothing(config):
    (bound,) = config.bind(HOME)
    start = bound.rule.start()
    others = (
        DAY.status(0, "elsewhere", HEARD),
        DAY.status(1, "elsewhere", LOST),
        Wake(at=DAY.at(2), mono=MONO0),
        Reset(key="another:all", at=DAY.at(3), mono=MONO0, by="op1"),
    )
    for event in others:
        step = bound.rule.step(start, event)
        assert step.alerts == ()
        assert step.state == start or config.kind == "inactivity"  # which notes who is heard
