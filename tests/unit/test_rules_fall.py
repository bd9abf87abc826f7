"""Fall: confirm, ask aloud, call; what a person and the radar may still take back, and when."""

from datetime import timedelta

import pytest
from fixtures.timeline import HOME, Box, at, cancel, fall, play, press, reset, said
from pydantic import ValidationError

from rules.fall import Fall
from shouwang.alert import Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality

KEY = "fall:radar"
FALL = Fall(kind="fall", id="fall")
POOR, BAD = Quality.QUESTIONABLE, Quality.IMPLAUSIBLE
ASKED = (60, "prealarm")
CALLED = (90, "firing")

EXAMPLES = {
    "nobody gets up, nobody cancels": ([fall(0)], [ASKED, CALLED]),
    "got up in time": ([fall(0), fall(59.999, 0)], []),
    "got up too late": ([fall(0), fall(60, 0)], [ASKED, CALLED]),
    "the radar loses a person who lies still": ([fall(0), fall(70, 0)], [ASKED, CALLED]),
    "the radar repeats itself": ([fall(0), fall(30), fall(61), fall(80)], [ASKED, CALLED]),
    "cancelled": ([fall(0), cancel(89.999)], [ASKED, (89.999, "cancelled")]),
    "cancelled too late": ([fall(0), cancel(90)], [ASKED, CALLED]),
    "cancelled before anybody asked": ([fall(0), cancel(30)], [ASKED, CALLED]),
    "cancelled when all is over": ([fall(0), cancel(100)], [ASKED, CALLED]),
    "another press is no cancel": ([fall(0), press(70)], [ASKED, CALLED]),
    "a doubtful cancel is none": ([fall(0), cancel(70, quality=POOR)], [ASKED, CALLED]),
    "a doubtful fall is one": ([fall(0, quality=POOR)], [ASKED, CALLED]),
    "an impossible fall is none": ([fall(0, quality=BAD)], []),
    "a doubtful getting up is none": ([fall(0), fall(30, 0, POOR)], [ASKED, CALLED]),
    "an impossible getting up is none": ([fall(0), fall(30, 0, BAD)], [ASKED, CALLED]),
    "cancelled, and the radar still sees the same fall": (
        [fall(0), cancel(70), fall(80), fall(400)],
        [ASKED, (70, "cancelled")],
    ),
    "cancelled, got up, fell again": (
        [fall(0), cancel(70), fall(80, 0), fall(100)],
        [ASKED, (70, "cancelled"), (160, "prealarm"), (190, "firing")],
    ),
    "a fall again while it is confirmed starts the wait over": (
        [fall(0), fall(30, 0), fall(40)],
        [(100, "prealarm"), (130, "firing")],
    ),
    "reset": ([fall(0), reset(100, KEY)], [ASKED, CALLED, (100, "resolved")]),
    "an order to reset does not cancel what nobody has seen yet": ([fall(0), reset(70, KEY)], [ASKED, CALLED]),
    "reset of another key": ([fall(0), reset(100, "fall:other")], [ASKED, CALLED]),
    "falls again before anybody came": (
        [fall(0), fall(100, 0), fall(110)],
        [ASKED, CALLED, (170, "resolved"), (170, "firing")],
    ),
    "falls again while it is on, but gets up": ([fall(0), fall(100, 0), fall(110), fall(120, 0)], [ASKED, CALLED]),
    "falls again, and the first alarm is reset meanwhile": (
        [fall(0), fall(100, 0), fall(110), reset(120, KEY)],
        [ASKED, CALLED, (120, "resolved"), (170, "prealarm"), (200, "firing")],
    ),
    "a doubtful 0 does not start the wait over": ([fall(0), fall(30, 0, POOR), fall(40)], [ASKED, CALLED]),
    "falls again while the home asks": ([fall(0), fall(70, 0), fall(75)], [ASKED, CALLED]),
    "a doubtful 0 lets the next fall count": (
        [fall(0), fall(100, 0, POOR), fall(110)],
        [ASKED, CALLED, (170, "resolved"), (170, "firing")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_fall_example(name):
    events, wanted = EXAMPLES[name]
    assert said(play([FALL], events, until=1000)) == wanted


def test_without_confirmation_the_home_asks_at_once():
    alerts = play([Fall(kind="fall", id="fall", confirm=timedelta(0))], [fall(0)], until=1000)
    assert said(alerts) == [(0, "prealarm"), (30, "firing")]
    assert alerts[0].why.en == "radar saw a fall; asking, 30 s to cancel"


def test_any_cancel_button_counts_unless_some_are_named():
    assert said(play([FALL], [fall(0), cancel(70, "bath")], until=1000)) == [ASKED, (70, "cancelled")]
    only_bed = Fall(kind="fall", id="fall", cancel_by=("bed",))
    events = [fall(0), cancel(70, "bath")]
    assert said(play([only_bed], events, until=1000)) == [ASKED, CALLED]
    assert said(play([only_bed], [*events, cancel(71, "bed")], until=1000)) == [ASKED, (71, "cancelled")]


def test_the_alert_explains_itself():
    prealarm, firing, resolved, again = play([FALL], [fall(0), fall(100, 0), fall(110)], until=1000)
    assert (firing.key, firing.hazard, firing.severity, firing.latching) == (KEY, "fall", Severity.P1, True)
    assert prealarm.why.zh == "radar 发现有人跌倒，1 分钟内没有起身；正在询问，30 秒内可取消"
    assert prealarm.why.en == "radar saw a fall and nobody got up within 1 min; asking, 30 s to cancel"
    assert firing.why.zh == "radar 发现有人跌倒，1 分钟内没有起身；询问后 30 秒内无人取消"
    assert firing.why.en == "radar saw a fall and nobody got up within 1 min; asked, nobody cancelled in 30 s"
    assert prealarm.evidence == firing.evidence == (fall(0),)
    assert prealarm.since == firing.since == resolved.since == at(0)
    assert resolved.why.en == "it happened again; the new alarm takes over"
    assert again.since == at(110)
    assert again.why.en == "radar saw a fall and nobody got up within 1 min, while an earlier alarm is on"
    *_, cancelled = play([FALL], [fall(0), cancel(70, "bath")])
    assert (cancelled.why.zh, cancelled.why.en) == ("已用 bath 取消", "cancelled with bath")
    assert cancelled.evidence == (fall(0), cancel(70, "bath"))


@pytest.mark.parametrize("cut", [1, 30, 59.9, 60, 75, 89.9])
def test_a_countdown_goes_on_after_a_power_cut(cut):
    box = Box([FALL])
    box.feed(fall(0))
    box.advance(cut)
    box.power_cut()
    box.advance(5000)
    assert said(box.alerts) == [ASKED, CALLED]


def test_late_events_do_not_take_back_what_was_due():
    rule = FALL.bind(HOME)[0].rule
    suspected = rule.step(rule.start(), fall(0))
    asked = rule.step(suspected.state, fall(61, 0))
    assert [alert.state for alert in asked.alerts] == ["prealarm"]
    called = rule.step(asked.state, cancel(95))
    assert [alert.state for alert in called.alerts] == ["firing"]
    assert rule.step(called.state, reset(96, "other:radar")).alerts == ()


def test_a_changed_wait_after_a_restart():
    box = Box([FALL])
    box.feed(fall(0))
    box.boot([Fall(kind="fall", id="fall", confirm=timedelta(minutes=5))])
    box.advance(299)
    assert box.alerts == []
    box.advance(1000)
    assert said(box.alerts) == [(300, "prealarm"), (330, "firing")]


def test_it_listens_to_radars_and_cancel_buttons():
    (bound,) = FALL.bind(HOME)
    assert bound.readings == {
        ("radar", Quantity.FALL),
        ("bed", Quantity.CANCEL),
        ("bath", Quantity.CANCEL),
    }


@pytest.mark.parametrize("settings", [{"confirm": timedelta(hours=1)}, {"cancel_window": timedelta(seconds=1)}])
def test_waits_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(ValidationError):
        Fall(kind="fall", id="fall", **settings)
