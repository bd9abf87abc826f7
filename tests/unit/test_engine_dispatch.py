"""Offers in the emergency table: who is told, the next one at once, races, and the lone worker's ping."""

import pytest
from fixtures.casework import FOUND, Casework

from community.casefile import Answered
from community.workflow import Workflow, workflow
from shouwang.errors import IllegalMove

PEOPLE = ("liu", "zhao")


def sent(*targets: str) -> Casework:
    work = Casework(candidates=PEOPLE)
    work.order("ack")
    work.order("dispatch", targets=targets or PEOPLE)
    return work


def told(work: Casework) -> list[tuple[str, str, str]]:
    """Whom the last step calls."""
    return [(call.audience, call.to, call.prompt) for call in work.steps[-1].calls]


def on_scene() -> Casework:
    work = sent()
    work.order("accept", by="liu", role="responder", eta_ms=240_000)
    work.order("arrive", by="liu", role="responder")
    return work


def test_an_operators_dispatch_calls_everybody_whom_it_names():
    assert told(sent()) == [("responders", "liu", ""), ("responders", "zhao", "")]


def test_the_first_accept_wins_and_the_other_one_is_told():
    work = sent()
    work.order("accept", by="zhao", role="responder")
    assert (work.case.state, work.case.responder) == ("EN_ROUTE", "zhao")
    assert told(work) == [("responders", "liu", "taken")]
    with pytest.raises(IllegalMove):
        work.order("accept", by="liu", role="responder")
    with pytest.raises(IllegalMove):
        work.order("decline", by="liu", role="responder")
    assert work.case.responder == "zhao"


def test_a_decline_keeps_the_case_out_while_somebody_else_was_asked():
    work = sent()
    work.order("decline", by="liu", role="responder")
    assert (work.case.state, told(work)) == ("DISPATCHED", [])
    work.order("accept", by="zhao", role="responder")
    assert work.case.responder == "zhao"


def test_the_last_decline_gives_it_back_to_its_owner_and_asks_the_next_one_and_the_family():
    work = sent("liu")
    work.order("decline", by="liu", role="responder")
    assert (work.case.state, work.case.owner) == ("ACKED", "li")
    assert told(work) == [("next_candidate", "", ""), ("family", "", "")]


def test_a_supervisor_declines_for_one_while_another_one_was_asked():
    work = sent()
    work.order("decline", by="wang", role="supervisor", targets=("liu",))
    assert work.case.state == "DISPATCHED"
    work.order("decline", by="wang", role="supervisor", targets=("zhao",))
    assert work.case.state == "ACKED"


def test_a_decline_on_the_way_asks_the_next_one():
    work = sent()
    work.order("accept", by="liu", role="responder")
    work.order("decline", by="liu", role="responder")
    assert (work.case.state, work.case.responder) == ("ACKED", None)
    assert ("next_candidate", "", "") in told(work)


def test_nobody_owns_it_and_a_decline_leaves_it_open():
    work = Casework(candidates=PEOPLE)
    work.wait(120)
    assert work.case.state == "DISPATCHED"
    work.order("decline", by="liu", role="responder")
    assert (work.case.state, work.case.owner) == ("OPEN", None)


@pytest.mark.parametrize("by", ["li", None])
def test_the_next_one_is_offered_by_the_system_from_hand_or_queue(by):
    work = Casework(candidates=PEOPLE)
    if by:
        work.order("ack", by=by)
    work.order("offer_next", by="system", role="system", targets=("zhao",))
    assert work.case.state == "DISPATCHED"
    assert work.case.has_acted is False  # whether anybody goes is not known yet: the supervisor's clock runs on
    assert told(work) == [("responders", "zhao", "")]
    work.order("accept", by="zhao", role="responder")
    assert work.case.state == "EN_ROUTE"


def test_no_person_orders_what_the_system_offers():
    work = Casework(candidates=PEOPLE)
    for role in ("operator", "supervisor", "responder"):
        with pytest.raises(IllegalMove):
            work.order("offer_next", role=role, targets=("zhao",))
    assert "offer_next" not in work.table.commands("OPEN")


def test_whoever_does_not_arrive_is_told_so_and_the_next_one_is_asked():
    work = sent()
    work.order("accept", by="liu", role="responder")
    work.wait(15 * 60)
    assert (work.case.state, work.case.responder) == ("ACKED", None)
    red = next(step for step in work.steps if step.name == "arrive.red")
    assert [(call.audience, call.to, call.prompt) for call in red.calls] == [
        ("responders", "liu", "withdrawn"),
        ("next_candidate", "", ""),
        ("supervisor", "", ""),
        ("operators", "", ""),
    ]
    assert work.folded() == work.case


def test_whoever_was_only_slower_may_be_asked_again():
    work = sent()
    work.order("accept", by="liu", role="responder")
    work.wait(15 * 60)
    work.order("offer_next", by="system", role="system", targets=("zhao",))
    work.order("accept", by="zhao", role="responder")
    assert work.case.responder == "zhao"
    assert [(offer.to, offer.answer) for offer in work.case.offers] == [
        ("liu", Answered.EXPIRED),
        ("zhao", Answered.TAKEN),
        ("zhao", Answered.ACCEPTED),
    ]


# ---- the lone worker ----


def test_a_lone_worker_is_asked_each_ten_minutes_and_silence_calls_the_supervisor():
    work = on_scene()
    begin = len(work.steps)
    work.wait(20 * 60)
    fired = [(step.name, [call.audience for call in step.calls]) for step in work.steps[begin:]]
    assert ("ping.red", ["responders"]) in fired
    assert ("silent.red", ["supervisor"]) in fired


def test_a_ping_that_nobody_answers_counts_on():
    work = on_scene()
    work.wait(31 * 60)
    assert work.case.clock("ping").reds == 3


def test_ping_lets_both_clocks_begin_anew():
    work = on_scene()
    for _ in range(2):
        work.wait(11 * 60)
        work.order("ping", by="liu", role="responder")
    begin = len(work.steps)
    assert "silent.red" not in [step.name for step in work.steps]
    work.wait(20 * 60)
    assert [step.name for step in work.steps[begin:] if step.name in ("ping.red", "silent.red")] == [
        "ping.red",
        "ping.red",
        "silent.red",
    ]


def test_ping_does_not_lengthen_the_visit():
    work = on_scene()
    due = work.case.clock("handle").due_e
    work.order("ping", by="liu", role="responder")
    assert work.case.clock("handle").due_e == due


def test_only_who_is_there_says_that_all_is_well():
    work = on_scene()
    with pytest.raises(IllegalMove):
        work.order("ping", by="zhao", role="responder")
    work.order("ping", by="li", role="operator")  # heard on the telephone
    work.order("report", by="liu", role="responder", **FOUND)
    with pytest.raises(IllegalMove):
        work.order("ping", by="liu", role="responder")
    assert work.case.clock("ping") is work.case.clock("silent") is None


# ---- shifts ----


@pytest.mark.parametrize("state", ["ACKED", "DISPATCHED", "EN_ROUTE", "ON_SCENE", "FEEDBACK"])
def test_a_case_goes_to_the_next_shift_wherever_it_stands(state):
    work = on_scene()
    if state == "FEEDBACK":
        work.order("report", by="liu", role="responder", **FOUND)
    elif state != "ON_SCENE":
        work = sent()
        if state == "EN_ROUTE":
            work.order("accept", by="liu", role="responder")
        elif state == "ACKED":
            work.order("decline", by="liu", role="responder")
            work.order("decline", by="zhao", role="responder")
    before = work.case
    assert before.state == state
    work.order("hand_over", targets=("chen",), confirmed_by="chen")
    assert (work.case.state, work.case.owner, work.case.responder) == (state, "chen", before.responder)
    assert work.case.clocks == before.clocks  # nobody gains time by leaving


def test_units_are_called_in_beside_whoever_goes_and_each_answers_for_itself():
    work = sent()
    work.order("accept", by="liu", role="responder")
    before = work.case
    work.order("call_unit", targets=("property", "clinic"))
    assert told(work) == [("units", "property", ""), ("units", "clinic", "")]
    assert {call.rung for call in work.steps[-1].calls} == {-1}  # a unit that is reached proves no rung of the ladder
    work.order("unit_accept", by="property", role="responder")  # by a key of its telephone
    work.order("unit_decline", targets=("clinic",))  # told to the desk
    answers = [(task.to, task.answer) for task in work.case.tasks]
    assert answers == [("property", Answered.ACCEPTED), ("clinic", Answered.DECLINED)]
    assert (work.case.state, work.case.responder, work.case.offers) == ("EN_ROUTE", "liu", before.offers)
    assert work.case.clocks == before.clocks


def test_a_unit_answers_once_and_only_where_it_was_called_in():
    work = sent()
    for who in ("property", "liu"):
        with pytest.raises(IllegalMove, match="was not called in"):
            work.order("unit_accept", by=who, role="responder")
    work.order("call_unit", targets=("property", "property"))
    assert len(work.case.tasks) == 1
    work.order("unit_accept", by="property", role="responder")
    with pytest.raises(IllegalMove, match="answered already"):
        work.order("unit_decline", by="property", role="responder")


def test_a_unit_that_did_not_answer_may_be_called_in_once_more():
    work = sent()
    work.order("call_unit", targets=("property",))
    work.order("call_unit", targets=("property",))
    assert [task.answer for task in work.case.tasks] == [Answered.EXPIRED, Answered.ASKED]
    assert told(work) == [("units", "property", "")]


@pytest.mark.parametrize(
    ("by", "role", "second", "is_done"),
    [
        ("li", "operator", "", True),  # the owner gives
        ("boss", "supervisor", "", True),
        ("chen", "operator", "li", True),  # whoever takes it has agreed with the owner he sees
        ("chen", "operator", "", False),
        ("chen", "operator", "wu", False),
        ("wu", "operator", "", False),  # a third person gives away what is not his
        ("wu", "operator", "li", False),
    ],
)
def test_a_case_is_given_by_its_owner_or_taken_as_agreed_with_him(by, role, second, is_done):
    work = Casework()
    work.order("ack")
    details = {"targets": ("chen",), "confirmed_by": "chen", "second": second}
    if is_done:
        work.order("hand_over", by, role, **details)
    else:
        with pytest.raises(IllegalMove, match="only its owner"):
            work.order("hand_over", by, role, **details)
    assert work.case.owner == ("chen" if is_done else "li")


def test_a_case_without_an_owner_goes_to_whoever_takes_it():
    work = Casework(candidates=("liu",))
    work.wait(121)  # nobody took it: the ladder sends
    assert (work.case.state, work.case.owner) == ("DISPATCHED", None)
    work.order("hand_over", "chen", targets=("chen",), confirmed_by="chen")
    assert work.case.owner == "chen"


def test_a_clock_answered_by_nothing_known_is_refused():
    table = workflow("emergency").model_dump(by_alias=True)
    table["timers"]["ping"]["answered_by"] = ("wave",)
    with pytest.raises(ValueError, match="answered by wave"):
        Workflow.model_validate(table)
