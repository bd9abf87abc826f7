"""When a notice still matters, which ways are used, and when the ladder need not wait any more."""

import pytest

from community.casefile import Answered, Offer
from community.channels.port import Outcome, Way
from community.notice_rules import Glance, is_hopeless, is_needed, is_stale, pause_ceiling_s, ways_for
from shouwang.alert import Severity

MINUTE = 60_000


def case(state: str = "OPEN", priority: Severity = Severity.P1, **more: object) -> Glance:
    return Glance(workflow="emergency", state=state, priority=priority, home_key="h", **more)


@pytest.mark.parametrize(
    ("state", "step", "audience", "needed"),
    [
        ("OPEN", "ladder", "operators", True),
        ("DISPATCHED", "ladder", "family", True),
        ("ACKED", "ladder", "operators", False),
        ("EN_ROUTE", "ladder", "family", False),
        ("CLOSED", "ladder", "operators", False),
        ("CLOSED", "close.red", "supervisor", False),
        ("OPEN", "triage.red", "supervisor", True),
        ("FEEDBACK", "verify.red", "owner", True),
    ],
)
def test_a_notice_is_needed_while_nobody_has_what_it_asks_for(
    state: str, step: str, audience: str, *, needed: bool
) -> None:
    assert is_needed(case(state), step=step, audience=audience, to="") is needed


def test_who_has_acted_is_not_told_that_nobody_has() -> None:
    assert is_needed(case("ACKED"), step="total.red", audience="supervisor", to="")
    assert not is_needed(case("ACKED", has_acted=True), step="total.red", audience="supervisor", to="")


@pytest.mark.parametrize(
    ("answer", "needed"),
    [(Answered.ASKED, True), (Answered.TAKEN, False), (Answered.DECLINED, False), (Answered.EXPIRED, False)],
)
def test_an_offer_is_told_only_while_it_stands(answer: Answered, *, needed: bool) -> None:
    offered = case("DISPATCHED", offers=(Offer(to="liu", at_e=0, answer=answer),))
    assert is_needed(offered, step="ladder", audience="responders", to="liu") is needed


def test_whoever_went_is_asked_how_it_is() -> None:
    on_scene = case("ON_SCENE", responder="liu")
    assert is_needed(on_scene, step="ping.red", audience="responders", to="")
    assert not is_needed(on_scene, step="ladder", audience="responders", to="chen")


def test_no_telephone_rings_for_technical_things() -> None:
    ways = ((Way.VOICE, "138"), (Way.SMS, "138"))
    assert ways_for(case(), ways) == ways
    assert ways_for(case(priority=Severity.P3), ways) == ((Way.SMS, "138"),)


@pytest.mark.parametrize(("way", "minutes"), [(Way.VOICE, 10), (Way.SMS, 30), (Way.MAIL, 24 * 60)])
def test_words_go_stale(way: Way, minutes: int) -> None:
    assert not is_stale(way, minutes * MINUTE)
    assert is_stale(way, minutes * MINUTE + 1)
    assert not is_stale(Way.CONSOLE, 10**12)


def test_the_ladder_waits_for_one_more_try_and_for_no_dead_channel() -> None:
    assert not is_hopeless(Outcome.QUEUED, 1, is_channel_up=True)
    assert is_hopeless(Outcome.QUEUED, 2, is_channel_up=True)
    assert is_hopeless(Outcome.QUEUED, 0, is_channel_up=False)
    assert is_hopeless(Outcome.FAILED, 0, is_channel_up=True)
    assert not is_hopeless(Outcome.SENT, 9, is_channel_up=False)


def test_pauses_double_up_to_a_cap() -> None:
    assert [pause_ceiling_s(tries) for tries in (0, 1, 2, 3, 99)] == [1, 1, 2, 4, 60]


def test_the_last_rung_of_a_ladder() -> None:
    assert case().last_rung == 4
    assert Glance(workflow="care", state="OPEN", priority=Severity.P1, home_key="h").last_rung == -1
