"""When an order may be carried out: each guard raises NotNow (or StaleVersion) with a sentence for who ordered."""

from collections.abc import Callable, Mapping

from community.casefile import Answered, Case, Context, NotNow, Order, StaleVersion
from community.lanes import LIFE_LANE
from community.workflow import Guard
from shouwang.alert import Sentence, Severity

MAX_LIVE_P1 = 2
"""An operator speaks with one person and watches over a second; more are somebody else's."""
ENOUGH_TRIES = 3
"""A call-back that reaches nobody so often is closed as it was reported (incident model, revisit)."""
TRIES_APART_MS = 30 * 60_000
"""Three calls in a minute are one try. Set by this project."""

LOW_SCORE = 2
"""Of 1 to 5: a request rated so low is opened again (source-systems S19; the same bound as community.kpi.POOR)."""


def _not(zh: str, en: str) -> NotNow:
    return NotNow(Sentence(zh=zh, en=en))


def _seen(case: Case, order: Order, _: Context) -> None:
    if order.version != case.version:
        raise StaleVersion(
            Sentence(
                zh=f"警情已经变化（第 {case.version} 版，负责人{case.owner or '无'}），请再看一遍",
                en=f"the case is at version {case.version} ({case.state}, owner {case.owner or 'nobody'}), "
                f"not at {order.version}: look again",
            )
        )


def _is_owner(case: Case, order: Order, _: Context) -> None:
    if order.role != "supervisor" and case.owner != order.by:
        raise _not(
            f"只有负责人可以这样做，目前负责人是{case.owner or '无'}",
            f"only its owner may do this, and that is {case.owner or 'nobody'}",
        )


def _has_reason(_case: Case, order: Order, _: Context) -> None:
    if not order.reason.strip():
        raise _not("请写明原因", f"say why: {order.command} needs a reason")


def _has_target(_case: Case, order: Order, _: Context) -> None:
    if not order.targets:
        raise _not("请选择人员", f"{order.command} needs somebody to go to")


def _target_confirms(case: Case, order: Order, _: Context) -> None:
    """Its owner or a supervisor gives it; whoever takes it himself names the owner with whom he has agreed."""
    if order.targets[:1] != (order.confirmed_by,):
        raise _not("接手的人必须先同意", "who takes the case over must say so first")
    is_given = order.role == "supervisor" or order.by == case.owner
    is_taken = order.by == order.confirmed_by and order.second == (case.owner or "")
    if not (is_given or is_taken):
        raise _not(
            f"只有负责人（{case.owner or '无'}）可以移交，或由接手的人本人与其商定后接手",
            f"only its owner ({case.owner or 'nobody'}) hands it over, or who takes it, as agreed with the owner",
        )


def _below_live_limit(case: Case, _order: Order, context: Context) -> None:
    if case.priority is Severity.P1 and context.live_p1 >= MAX_LIVE_P1:
        raise _not(
            f"您手上已有 {context.live_p1} 起急救，请先移交一起",
            f"you work on {context.live_p1} life alarms already: hand one over first",
        )


def _candidate_was_asked(case: Case, order: Order, _: Context) -> None:
    who = order.targets[0] if order.targets else order.by
    asked = {offer.to for offer in case.offers if offer.answer in (Answered.ASKED, Answered.ACCEPTED)}
    if who not in asked:
        raise _not(f"{who} 没有被派单，或者已经答复过", f"{who} was not asked, or has answered already")


def _unit_was_asked(case: Case, order: Order, _: Context) -> None:
    who = order.targets[0] if order.targets else order.by
    if who not in {task.to for task in case.tasks if task.answer is Answered.ASKED}:
        raise _not(f"{who} 没有被请求协助，或者已经答复过", f"{who} was not called in, or has answered already")


def _is_responder(case: Case, order: Order, _: Context) -> None:
    if order.role == "responder" and case.responder != order.by:
        raise _not(
            f"在途的是{case.responder or '无'}，不是 {order.by}",
            f"{case.responder or 'nobody'} is on the way, not {order.by}",
        )


def _has_disposition(_case: Case, order: Order, _: Context) -> None:
    if order.disposition is None or not order.note_id:
        raise _not("请选择处置结果，并用几个字写明情况", "say how it ended, and in a few words what was found")


def _spoke_or_second(case: Case, order: Order, _: Context) -> None:
    is_seconded = bool(order.second) and order.second != order.by
    if case.priority is Severity.P1 and not (order.spoke or case.has_spoken or is_seconded):
        raise _not(
            "急救只有在与本人通话之后，或有另一位同事确认，才能电话处置",
            "a life alarm ends from afar only after speaking with the person, or with a second colleague",
        )


def _spoke_or_visited(case: Case, order: Order, _: Context) -> None:
    if case.priority is Severity.P1 and not (order.spoke or case.has_spoken or case.has_visited):
        raise _not(
            "急救只有在与本人通话或见到本人之后，才能标记为误报",
            "a life alarm is false only after speaking with the person or seeing them",
        )


def _not_reporter(case: Case, order: Order, _: Context) -> None:
    if case.reporter == order.by:
        raise _not("反馈结果的人不能自己核实", "who reported the result does not verify it")


def _not_handler(case: Case, order: Order, _: Context) -> None:
    if order.by in case.handlers:
        raise _not("处置过本案的人不能做回访", "who handled the case does not call back")


def _not_rated_low(_case: Case, order: Order, _: Context) -> None:
    if order.score is not None and order.score <= LOW_SCORE:
        raise _not(
            f"评分 {order.score} 分：不满意的诉求要重新处置，不能办结",
            f"rated {order.score}: whoever is not content gets his request handled anew, it is not closed",
        )


def _tries_apart(case: Case, _order: Order, context: Context) -> None:
    if case.tried_e is not None and context.now_e - case.tried_e < TRIES_APART_MS:
        raise _not(
            "刚刚才打过：请过半小时以上再打一次", "this was tried just now: try again after half an hour or later"
        )


def _tried_enough(case: Case, _order: Order, _: Context) -> None:
    if case.tries < ENOUGH_TRIES:
        raise _not(
            f"联系不上要试满 {ENOUGH_TRIES} 次才能结案，目前 {case.tries} 次",
            f"not reached: only after {ENOUGH_TRIES} tries is it closed, and there were {case.tries}",
        )


def _no_life_flag(case: Case, _order: Order, _: Context) -> None:
    if case.priority.rank <= Severity.P2.rank:
        raise _not("急救不会自动结案", "a life alarm never ends by itself")


def _condition_is_cleared(case: Case, _order: Order, _: Context) -> None:
    if not case.is_cleared:
        raise _not("原因尚未消除", "its cause has not ended")


def _same_home(case: Case, order: Order, _: Context) -> None:
    if order.into is None or order.into_home != case.home_key or order.into_priority is None:
        raise _not("只能并入同一户的未结警情", "a case is merged only into an open one of the same home")
    if order.into_priority.rank > case.priority.rank:
        raise _not("不能并入紧急程度更低的警情", "a case is not merged into a less urgent one")
    if case.lane == LIFE_LANE and order.into_lane != LIFE_LANE:
        raise _not("急救不能并入其他类别的警情", "a life alarm is not merged into a case of another kind")


def _is_test(case: Case, _order: Order, _: Context) -> None:
    if not case.is_test:
        raise _not("只有标明是测试的报警才能按测试结案", "only an alarm that says it is a test ends as a test")


GUARDS: Mapping[Guard, Callable[[Case, Order, Context], None]] = {
    "seen": _seen,
    "is_owner": _is_owner,
    "has_reason": _has_reason,
    "has_target": _has_target,
    "target_confirms": _target_confirms,
    "below_live_limit": _below_live_limit,
    "candidate_was_asked": _candidate_was_asked,
    "unit_was_asked": _unit_was_asked,
    "is_responder": _is_responder,
    "has_disposition": _has_disposition,
    "spoke_or_second": _spoke_or_second,
    "spoke_or_visited": _spoke_or_visited,
    "not_reporter": _not_reporter,
    "not_handler": _not_handler,
    "not_rated_low": _not_rated_low,
    "tries_apart": _tries_apart,
    "tried_enough": _tried_enough,
    "no_life_flag": _no_life_flag,
    "condition_is_cleared": _condition_is_cleared,
    "same_home": _same_home,
    "is_test": _is_test,
}

PERSONAL: frozenset[Guard] = frozenset(
    {"is_owner", "is_responder", "not_reporter", "not_handler", "is_test", "tried_enough"}
)
"""Guards that ask who somebody is, and what the case is; not what he says."""
