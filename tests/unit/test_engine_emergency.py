"""The emergency table in the hands of the engine: each row, each clock, the attacks that random play does not find."""

import msgspec
import pytest
from fixtures.casework import EVERYBODY, FOUND, Casework, alert

from community import engine
from community.casefile import Answered, Disposition, Order, StaleVersion
from community.workflow import workflow
from shouwang.alert import AlertState, Severity
from shouwang.errors import IllegalMove

TABLES = ("emergency", "technical", "care", "request")


def taken(**more) -> Casework:
    work = Casework(**more)
    work.order("ack")
    return work


def en_route() -> Casework:
    work = taken()
    work.order("dispatch", targets=("liu", "zhao"))
    work.order("accept", by="liu", role="responder", eta_ms=240_000)
    return work


def to_feedback() -> Casework:
    work = en_route()
    work.order("arrive", by="liu", role="responder")
    work.order("report", by="liu", role="responder", **FOUND)
    return work


def test_an_emergency_goes_through_the_six_steps():
    work = to_feedback()
    assert (work.case.state, work.case.reporter, work.case.owner) == ("FEEDBACK", "liu", "li")
    work.order("verify_ok")
    assert work.case.state == "REVISIT"
    work.order("revisit_ok", by="chen", role="caller")
    assert (work.case.state, work.case.disposition, work.case.clocks) == ("CLOSED", Disposition.HELPED, ())
    phases = [
        workflow("emergency").states[state].phase for state in ("OPEN", "ACKED", "EN_ROUTE", "FEEDBACK", "REVISIT")
    ]
    assert phases == ["reported", "assigned", "handled", "fed_back", "revisited"]


def test_nobody_answers_and_every_rung_is_called_at_its_time():
    work = Casework(candidates=())
    work.wait(420)
    assert [rung for audience, rung in work.calls() if audience == "operators" and rung == 4] == [4]
    missed = [call for step in work.steps for call in step.calls if call.is_missed]
    assert [(call.audience, call.rung) for call in missed] == [("responders", 2)]
    prompts = [call.prompt for step in work.steps for call in step.calls if call.prompt]
    assert set(prompts) == {"call_120"}
    before = len(prompts)
    work.wait(300)
    after = [call.prompt for step in work.steps for call in step.calls if call.prompt]
    assert len(after) - before == 10  # two audiences, each minute, until a person acts


def test_a_clock_goes_red_again_until_somebody_acts_and_each_card_is_a_level_higher():
    work = Casework()
    work.wait(240)
    reds = [card for step in work.steps for card in step.cards if (card.step, card.colour) == ("ack", "red")]
    assert [(card.level, card.actual_ms) for card in reds] == [(0, 60_000), (1, 120_000), (2, 180_000), (3, 240_000)]


def test_a_ladder_that_jumps_calls_every_rung_on_its_way():
    work = Casework()
    work.wait(10)
    work.order("ack")
    work.wait(140)
    work.order("release", reason="wrong button")
    work.order("ack", by="wu")
    work.wait(150)  # taken all the time, and nothing was done: the whole is too late
    assert [(audience, rung) for audience, rung in work.calls() if rung in (1, 2)] == [
        ("operators", 1),
        ("supervisor", 1),
        ("responders", 2),
    ]


def test_a_rung_that_reaches_nobody_is_followed_by_the_next_at_once():
    work = Casework(reachable=frozenset({"supervisor"}))
    assert work.case.rung == 1  # no operator at all: the supervisor is called in the same moment
    assert work.now_ms == 0


def test_a_rung_whose_attempts_all_failed_is_followed_by_the_next_at_once():
    work = Casework()
    made = engine.rung_failed(work.case, 0, work.context(), at=work.wall())
    assert made is not None
    assert made[0].rung == 1
    assert engine.rung_failed(made[0], 0, work.context(), at=work.wall()) is None  # told twice


def test_acknowledging_and_releasing_for_ever_does_not_hide_a_case():
    work = Casework()
    for _ in range(20):
        work.wait(29)
        if work.case.state == "OPEN":
            work.order("ack")
        else:
            work.order("release", reason="later")
    assert work.case.rung == 4
    assert ("total", "red") in work.cards()


def test_handing_over_for_ever_does_not_hide_a_case():
    work = taken()
    for turn in range(30):
        work.wait(20)
        if work.case.state != "ACKED":
            break
        other = ("wu", "li")[turn % 2]
        work.order("hand_over", by=work.case.owner, targets=(other,), confirmed_by=other)
    assert ("triage", "red") in work.cards()


def test_a_closed_case_gains_nothing():
    work = to_feedback()
    work.order("verify_ok")
    work.order("revisit_ok", by="chen", role="caller")
    with pytest.raises(IllegalMove, match="has ended"):
        work.ring(alert(9))
    assert work.tick() is None
    work.order("correct", by="boss", role="supervisor")
    assert work.case.state == "CLOSED"


def test_a_new_alarm_while_waiting_for_the_call_back_ends_the_case():
    work = to_feedback()
    work.order("verify_ok")
    case, _ = engine.superseded(work.case, work.context(), at=work.wall())
    assert (case.state, case.disposition) == ("CLOSED", Disposition.SUPERSEDED)
    with pytest.raises(IllegalMove, match="joins"):
        engine.superseded(Casework().case, work.context(), at=work.wall())


def test_an_owner_who_does_nothing_loses_the_case():
    work = taken()
    work.wait(180)
    assert (work.case.state, work.case.owner) == ("OPEN", None)
    assert work.cards() == [("triage", "yellow"), ("total", "yellow"), ("triage", "red")]
    assert ("supervisor", 0) in work.calls()


def test_a_second_more_urgent_alarm_raises_the_case_and_no_due_time_gets_later():
    work = Casework(alert(1, Severity.P2))
    before = {clock.name: clock.due_e for clock in work.case.clocks}
    work.wait(10)
    work.ring(alert(2, Severity.P1, key="smoke:kitchen"))
    assert (work.case.priority, work.case.lead.key, work.case.alerts) == (Severity.P1, "smoke:kitchen", 2)
    after = {clock.name: clock.due_e for clock in work.case.clocks}
    assert all(after[name] <= due for name, due in before.items())
    assert after["ack"] == 70_000
    work.ring(alert(3, Severity.P2))
    assert work.case.priority is Severity.P1


def test_raising_a_case_whose_yellow_card_is_drawn_draws_no_second_one():
    work = Casework(alert(1, Severity.P2))
    work.wait(100)
    work.ring(alert(2, Severity.P1))
    work.wait(60)
    assert work.cards().count(("ack", "yellow")) == 1
    assert ("ack", "red") in work.cards()


def test_a_case_that_is_dispatched_already_asks_the_best_one_too():
    work = taken(candidates=("zhao",))
    work.wait(30)
    work.order("dispatch", targets=("liu",))
    work.wait(90)
    assert [offer.to for offer in work.case.offers] == ["liu", "zhao"]


def test_an_alarm_that_ends_at_home_ends_no_case():
    work = Casework()
    work.ring(alert(1, state=AlertState.RESOLVED))
    assert work.case.is_cleared
    assert work.case.state == "OPEN"
    assert work.steps[-1].name == "told"


def test_a_responder_who_declines_leaves_the_case_with_its_owner():
    work = taken()
    work.order("dispatch", targets=("liu",))
    work.order("decline", by="liu", role="responder")
    assert (work.case.state, work.case.owner, work.case.offers[0].answer) == ("ACKED", "li", Answered.DECLINED)


def test_an_offer_that_nobody_answers_falls_back_to_the_queue():
    work = Casework(candidates=("liu",))
    work.wait(120)
    assert (work.case.state, work.case.owner) == ("DISPATCHED", None)
    work.wait(120)
    assert work.case.state == "OPEN"
    assert work.case.offers[0].answer is Answered.EXPIRED
    assert ("accept", "red") in work.cards()
    assert [card.responsible for step in work.steps for card in step.cards if card.step == "accept"] == ["liu", "liu"]


def test_the_first_who_accepts_gets_it():
    work = taken()
    work.order("dispatch", targets=("liu", "zhao"))
    work.order("accept", by="zhao", role="responder", eta_ms=600_000)
    assert {offer.to: offer.answer for offer in work.case.offers} == {"liu": Answered.TAKEN, "zhao": Answered.ACCEPTED}
    with pytest.raises(IllegalMove):
        work.order("accept", by="liu", role="responder")
    arrive = work.case.clock("arrive")
    assert arrive is not None
    assert arrive.limit_ms == 900_000  # 10 min promised, asked after 15: no later than the limit


def test_who_promised_four_minutes_is_asked_after_six():
    work = en_route()
    work.wait(360)
    assert work.case.state == "ACKED"
    assert ("arrive", "red") in work.cards()


def test_only_who_was_asked_accepts_and_only_who_accepted_arrives():
    work = taken()
    work.order("dispatch", targets=("liu",))
    with pytest.raises(IllegalMove, match="was not asked"):
        work.order("accept", by="zhao", role="responder")
    work.order("accept", by="liu", role="responder")
    with pytest.raises(IllegalMove, match="not zhao"):
        work.order("arrive", by="zhao", role="responder")
    work.order("arrive", by="li")  # the responder said so by telephone
    assert work.case.has_visited


def test_a_call_for_an_ambulance_is_the_first_effective_action():
    work = taken()
    work.order("call_120", reference="120-7781")
    assert work.case.helpers == ("120:120-7781",)
    assert work.case.clock("total") is None
    assert work.case.state == "ACKED"


@pytest.mark.parametrize(
    ("command", "more", "words"),
    [
        ("resolve_remote", FOUND, "after speaking"),
        ("resolve_remote", {**FOUND, "disposition": None, "spoke": True}, "how it ended"),
        ("release", {}, "say why"),
        ("release", {"by": "wu", "reason": "x"}, "only its owner"),
        ("hand_over", {}, "somebody"),
        ("hand_over", {"targets": ("wu",)}, "must say so"),
        ("mark_test", {}, "says it is a test"),
        ("mark_false", {}, "speaking"),
        ("merge", {"into": 2, "into_home": "home-2", "into_priority": Severity.P1}, "same home"),
        ("merge", {"into": 2, "into_home": "home-1", "into_lane": "life", "into_priority": Severity.P2}, "less urgent"),
        ("take_over", {"reason": "x"}, "not possible by a operator"),
        ("ack", {}, "not possible"),
    ],
)
def test_an_order_whose_guard_fails_changes_nothing(command, more, words):
    work = taken()
    before = work.case
    with pytest.raises(IllegalMove, match=words):
        work.order(command, **more)
    assert work.case is before


def test_an_operator_with_two_life_alarms_takes_no_third():
    work = Casework()
    work.live_p1 = 2
    with pytest.raises(IllegalMove, match="hand one over"):
        work.order("ack")
    calm = Casework(alert(1, Severity.P2))
    calm.live_p1 = 2
    assert calm.order("ack").owner == "li"


def test_a_stale_version_changes_nothing():
    work = Casework()
    with pytest.raises(StaleVersion, match="look again"):
        work.order("ack", version=work.case.version - 1)


def test_who_reported_does_not_verify_and_who_handled_does_not_call_back():
    work = to_feedback()
    with pytest.raises(IllegalMove, match="does not verify"):
        work.order("verify_ok", by="liu", role="supervisor")
    work.order("verify_ok", by="wu")
    for handler in ("li", "liu"):
        with pytest.raises(IllegalMove, match="does not call back"):
            work.order("revisit_ok", by=handler)


def test_who_is_not_reached_by_three_calls_is_called_no_more():
    work = to_feedback()
    work.order("verify_ok")
    for tries in range(3):
        assert "revisit_unreached" not in engine.possible(work.case, "chen", "caller")
        with pytest.raises(IllegalMove, match=f"there were {tries}"):
            work.order("revisit_unreached", by="chen", role="caller")
        work.order("revisit_missed", by="chen", role="caller")
        with pytest.raises(IllegalMove, match="tried just now"):
            work.order("revisit_missed", by="chen", role="caller")
        work.wait(30 * 60)
    with pytest.raises(IllegalMove, match="does not call back"):
        work.order("revisit_unreached", by="li")
    found = work.case.disposition
    work.order("revisit_unreached", by="chen", role="caller")
    assert (work.case.state, work.case.disposition) == ("CLOSED", found)


@pytest.mark.parametrize(("promised_s", "asked_after_s"), [(3600, 15 * 60), (600, 15 * 60), (120, 180), (0, 60)])
def test_promise_brings_the_arrival_nearer_and_never_puts_it_off(promised_s, asked_after_s):
    work = Casework(candidates=("liu",))
    work.order("ack")
    work.order("dispatch", targets=("liu",))
    work.order("accept", by="liu", role="responder", eta_ms=promised_s * 1000)
    arrive = work.case.clock("arrive")
    assert (arrive.due_e - arrive.started_e, arrive.limit_ms) == (asked_after_s * 1000, asked_after_s * 1000)


def test_case_that_grows_more_urgent_climbs_by_the_ladder_of_its_new_priority():
    work = Casework(alert(1, Severity.P2))
    work.wait(100)
    assert work.case.rung == 0
    work.ring(alert(2, Severity.P1, key="sos:bath"))
    work.wait(0)
    assert work.case.rung == 1  # of P1 it is due 60 s after the beginning, of P2 180 s


def test_case_that_grows_more_urgent_gets_no_clock_later_than_it_was():
    work = Casework(alert(1, Severity.P2))
    work.wait(170)
    before = {clock.name: clock.due_e for clock in work.case.clocks}
    work.ring(alert(2, Severity.P1, key="sos:bath"))
    assert all(clock.due_e <= before[clock.name] for clock in work.case.clocks)
    assert work.case.clock("ack").due_e == 180_000  # a P1 anew would have until 230 s


def test_a_request_whose_filer_is_not_content_is_not_closed():
    work = Casework(alert(1, Severity.P4), table="request")
    work.order("ack")
    work.order("report", **FOUND)
    work.order("verify_ok", by="boss", role="supervisor")
    with pytest.raises(IllegalMove, match="rated 2"):
        work.order("revisit_ok", by="chen", role="caller", score=2)
    work.order("revisit_ok", by="chen", role="caller", score=3)
    assert work.case.state == "CLOSED"


def test_tries_of_an_earlier_call_back_do_not_count_for_a_later_one():
    work = to_feedback()
    work.order("verify_ok")
    work.order("revisit_missed", by="chen", role="caller")
    work.order("revisit_bad", by="chen", role="supervisor", reason="nobody came")
    assert work.case.tries == 0


def test_a_bad_call_back_opens_the_case_again_and_is_a_complaint():
    work = to_feedback()
    work.order("verify_ok")
    work.order("revisit_bad", by="chen", role="supervisor", reason="nobody came")
    assert (work.case.state, work.case.owner, work.case.complaints) == ("ACKED", "chen", 1)


def test_a_false_alarm_is_called_back_and_a_test_is_not():
    spoken = taken()
    spoken.order("mark_false", spoke=True)
    assert (spoken.case.state, spoken.case.disposition) == ("REVISIT", Disposition.FALSE_ALARM)
    test = Casework(is_test=True)
    test.order("ack")
    test.order("mark_test")
    assert (test.case.state, test.case.disposition) == ("CLOSED", Disposition.TEST)


def test_merging_ends_the_case_in_another():
    work = taken()
    work.order("merge", into=7, into_home="home-1", into_lane="life", into_priority=Severity.P1)
    assert (work.case.state, work.case.merged_into, work.case.disposition) == ("CLOSED", 7, Disposition.MERGED)


def test_a_second_colleague_may_end_a_life_alarm_from_afar():
    work = taken()
    with pytest.raises(IllegalMove):
        work.order("resolve_remote", **FOUND, second="li")  # oneself is no second
    work.order("resolve_remote", **FOUND, second="wu")
    assert work.case.state == "FEEDBACK"


@pytest.mark.parametrize("table", TABLES)
def test_what_a_table_does_not_list_changes_nothing(table):
    rows = workflow(table)
    work = Casework(alert(1, rows.priorities[0]), table=table)
    commands = {row.command for row in rows.transitions}
    for state in rows.states:
        for command in commands | {"unheard_of"}:
            if rows.row(command, state) is not None:
                continue
            standing = engine.msgspec.structs.replace(work.case, state=state)
            with pytest.raises(IllegalMove, match="not possible"):
                engine.ordered(
                    standing, Order(command=command, by="x", role="supervisor"), work.context(), at=work.wall()
                )


def test_technical_cases_end_by_themselves_and_life_alarms_never():
    work = Casework(alert(1, Severity.P3), table="technical")
    with pytest.raises(IllegalMove, match="has not ended"):
        work.order("clear", by="system", role="system")
    work.ring(alert(1, Severity.P3, AlertState.RESOLVED))
    work.order("clear", by="system", role="system")
    assert (work.case.state, work.case.disposition) == ("CLOSED", Disposition.AUTO_CLEARED)
    urgent = Casework(alert(1, Severity.P2), table="technical")
    urgent.ring(alert(1, Severity.P2, AlertState.RESOLVED))
    with pytest.raises(IllegalMove, match="never ends by itself"):
        urgent.order("clear", by="system", role="system")


def test_a_held_case_is_let_go_in_the_end_and_its_clocks_begin_then():
    work = Casework(alert(1, Severity.P3), table="technical", is_held=True)
    assert work.case.state == "HELD"
    assert work.case.rung == -1
    work.wait(24 * 3600 - 1)
    assert work.case.state == "HELD"
    work.wait(1)
    assert work.case.state == "OPEN"
    assert work.case.rung == 0
    ack = work.case.clock("ack")
    assert ack is not None
    assert ack.due_e == (24 * 60 + 15) * 60_000


def test_a_request_goes_through_its_four_links():
    work = Casework(alert(1, Severity.P4), table="request")
    work.order("ack")
    work.order("report", **FOUND)
    work.order("verify_ok", by="boss", role="supervisor")
    work.order("revisit_ok", by="chen", role="caller")
    assert work.case.state == "CLOSED"


def test_the_log_alone_gives_the_case():
    work = to_feedback()
    work.wait(4000)
    assert work.folded() == work.case


def test_everybody_of_the_tables_is_an_audience_that_tests_can_reach():
    named = {
        audience
        for name in TABLES
        for rungs in workflow(name).ladder.values()
        for rung in rungs
        for audience in rung.call
    }
    assert named <= EVERYBODY


def test_a_red_clock_that_goes_red_again_calls_one_level_more_each_time():
    work = Casework()
    work.wait(241)
    reds = [{call.audience for call in step.calls} for step in work.steps if step.name == "ack.red"]
    levels = [sorted(called & {"supervisor", "duty_leader", "command_centre"}) for called in reds]
    assert levels == [
        ["supervisor"],
        ["duty_leader", "supervisor"],
        ["command_centre", "duty_leader", "supervisor"],
        ["command_centre", "duty_leader", "supervisor"],
    ]


@pytest.mark.parametrize("seconds", [0, 100])
def test_an_alarm_after_the_result_begins_a_case_of_its_own(seconds):
    """It would have no ladder in the old one: nobody is on the way any more."""
    work = taken()
    work.order("resolve_remote", spoke=True, **FOUND)
    work.wait(seconds)
    assert work.case.state in work.table.reopens
    case, _ = engine.superseded(work.case, work.context(), at=work.wall())
    assert (case.state, case.disposition) == ("CLOSED", Disposition.SUPERSEDED)


@pytest.mark.parametrize("role", ["family", "caller"])
def test_what_a_relative_complains_of_belongs_to_nobody_and_rings(role):
    work = to_feedback()
    work.order("verify_ok", by="wu")
    work.order("revisit_bad", by="daughter", role=role, reason="nobody came")
    assert (work.case.state, work.case.owner, work.case.complaints) == ("OPEN", None, 1)
    assert "daughter" not in work.case.handlers
    work.wait(61)
    assert {"operators", "supervisor"} <= {call.audience for call in work.steps[-1].calls}


@pytest.mark.parametrize(
    ("lane", "is_merged"), [("life", True), ("tech:offline", False), ("care:dose", False), ("", False)]
)
def test_a_life_alarm_is_never_swallowed_by_a_case_of_another_kind(lane, is_merged):
    work = Casework(alert(1, Severity.P2))
    wish = {"into": 2, "into_home": "home-1", "into_lane": lane, "into_priority": Severity.P2}
    if is_merged:
        assert work.order("merge", **wish).state == "CLOSED"
    else:
        with pytest.raises(IllegalMove, match="another kind"):
            work.order("merge", **wish)
        assert work.case.state == "OPEN"


def test_who_went_there_does_not_call_back_whoever_reported():
    work = taken()
    work.order("dispatch", targets=("liu",))
    work.order("accept", by="liu", role="responder")
    work.order("arrive", by="liu", role="responder")
    work.order("report", by="boss", role="supervisor", **FOUND)
    work.order("verify_ok", by="wu")
    with pytest.raises(IllegalMove, match="does not call back"):
        work.order("revisit_ok", by="liu", role="caller", score=5)


def test_a_number_called_twice_stands_once_and_its_reference_beside_it():
    work = taken()
    for reference in ("", "", "A-17", "A-17"):
        work.order("call_120", reference=reference)
    work.order("call_119")
    assert work.case.helpers == ("120", "120:A-17", "119")


def test_a_case_that_has_ended_takes_no_alerts_of_a_merged_one():
    work = taken()
    work.order("merge", into=7, into_home="home-1", into_lane="life", into_priority=Severity.P1)
    with pytest.raises(IllegalMove, match="has ended"):
        engine.absorbed(work.case, (alert(9),), work.context(), at=work.wall())


def test_alerts_of_a_merged_case_are_worked_on_in_the_one_that_lives():
    work = Casework(alert(severity=Severity.P2))
    case, step = engine.absorbed(work.case, (alert(9, key="fall:bath"),), work.context(), at=work.wall())
    assert (case.priority, case.alerts, case.version) == (Severity.P1, 2, work.case.version + 1)
    assert (step.name, step.role, [ref.key for ref in step.alerts]) == ("absorbed", "system", ["fall:bath"])
    assert engine.folded(work.case, step) == case


def test_a_case_from_before_there_were_clocks_begins_them_and_its_step_says_all_of_it():
    work = Casework()
    old = msgspec.structs.replace(work.case, clocks=())
    case, step = engine.adopted(old, work.context(), at=work.wall())
    assert {clock.name for clock in case.clocks} == {clock.name for clock in work.case.clocks}
    assert engine.folded(None, step) == case


def test_the_ladder_stands_while_somebody_is_on_the_way_and_makes_up_for_it_then():
    work = Casework(candidates=("liu",))
    work.wait(120)
    work.order("accept", by="liu", role="responder")
    work.wait(600)
    assert (work.case.state, work.case.rung) == ("EN_ROUTE", 2)
    work.order("decline", by="liu", role="responder")
    work.wait(0)
    assert (work.case.state, work.case.rung) == ("OPEN", 4)
