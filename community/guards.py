"""When an order may be carried out: each guard raises IllegalMove (or StaleVersion) with a sentence for who ordered."""

from collections.abc import Callable, Mapping

from community.casefile import Answered, Case, Context, Order, StaleVersion
from community.workflow import Guard
from shouwang.alert import Severity
from shouwang.errors import IllegalMove

MAX_LIVE_P1 = 2
"""An operator speaks with one person and watches over a second; more are somebody else's."""


def _seen(case: Case, order: Order, _: Context) -> None:
    if order.version != case.version:
        raise StaleVersion(
            f"the case is at version {case.version} ({case.state}, owner {case.owner or 'nobody'}), "
            f"not at {order.version}: look again"
        )


def _is_owner(case: Case, order: Order, _: Context) -> None:
    if order.role != "supervisor" and case.owner != order.by:
        raise IllegalMove(f"only its owner may do this, and that is {case.owner or 'nobody'}")


def _has_reason(_case: Case, order: Order, _: Context) -> None:
    if not order.reason.strip():
        raise IllegalMove(f"say why: {order.command} needs a reason")


def _has_target(_case: Case, order: Order, _: Context) -> None:
    if not order.targets:
        raise IllegalMove(f"{order.command} needs somebody to go to")


def _target_confirms(_case: Case, order: Order, _: Context) -> None:
    if order.targets[:1] != (order.confirmed_by,):
        raise IllegalMove("who takes the case over must say so first")


def _below_live_limit(case: Case, _order: Order, context: Context) -> None:
    if case.priority is Severity.P1 and context.live_p1 >= MAX_LIVE_P1:
        raise IllegalMove(f"you work on {context.live_p1} life alarms already: hand one over first")


def _candidate_was_asked(case: Case, order: Order, _: Context) -> None:
    who = order.targets[0] if order.targets else order.by
    asked = {offer.to for offer in case.offers if offer.answer in (Answered.ASKED, Answered.ACCEPTED)}
    if who not in asked:
        raise IllegalMove(f"{who} was not asked, or has answered already")


def _is_responder(case: Case, order: Order, _: Context) -> None:
    if order.role == "responder" and case.responder != order.by:
        raise IllegalMove(f"{case.responder or 'nobody'} is on the way, not {order.by}")


def _has_disposition(_case: Case, order: Order, _: Context) -> None:
    if order.disposition is None or not order.note_id:
        raise IllegalMove("say how it ended, and in a few words what was found")


def _spoke_or_second(case: Case, order: Order, _: Context) -> None:
    is_seconded = bool(order.second) and order.second != order.by
    if case.priority is Severity.P1 and not (order.spoke or case.has_spoken or is_seconded):
        raise IllegalMove("a life alarm ends from afar only after speaking with the person, or with a second colleague")


def _spoke_or_visited(case: Case, order: Order, _: Context) -> None:
    if case.priority is Severity.P1 and not (order.spoke or case.has_spoken or case.has_visited):
        raise IllegalMove("a life alarm is false only after speaking with the person or seeing them")


def _not_reporter(case: Case, order: Order, _: Context) -> None:
    if case.reporter == order.by:
        raise IllegalMove("who reported the result does not verify it")


def _not_handler(case: Case, order: Order, _: Context) -> None:
    if order.by in case.handlers:
        raise IllegalMove("who handled the case does not call back")


def _no_life_flag(case: Case, _order: Order, _: Context) -> None:
    if case.priority.rank <= Severity.P2.rank:
        raise IllegalMove("a life alarm never ends by itself")


def _condition_is_cleared(case: Case, _order: Order, _: Context) -> None:
    if not case.is_cleared:
        raise IllegalMove("its cause has not ended")


def _same_home(case: Case, order: Order, _: Context) -> None:
    if order.into is None or order.into_home != case.home_key or order.into_priority is None:
        raise IllegalMove("a case is merged only into an open one of the same home")
    if order.into_priority.rank > case.priority.rank:
        raise IllegalMove("a case is not merged into a less urgent one")


def _is_test(case: Case, _order: Order, _: Context) -> None:
    if not case.is_test:
        raise IllegalMove("only an alarm that says it is a test ends as a test")


GUARDS: Mapping[Guard, Callable[[Case, Order, Context], None]] = {
    "seen": _seen,
    "is_owner": _is_owner,
    "has_reason": _has_reason,
    "has_target": _has_target,
    "target_confirms": _target_confirms,
    "below_live_limit": _below_live_limit,
    "candidate_was_asked": _candidate_was_asked,
    "is_responder": _is_responder,
    "has_disposition": _has_disposition,
    "spoke_or_second": _spoke_or_second,
    "spoke_or_visited": _spoke_or_visited,
    "not_reporter": _not_reporter,
    "not_handler": _not_handler,
    "no_life_flag": _no_life_flag,
    "condition_is_cleared": _condition_is_cleared,
    "same_home": _same_home,
    "is_test": _is_test,
}

PERSONAL: frozenset[Guard] = frozenset({"is_owner", "is_responder", "not_reporter", "not_handler", "is_test"})
"""Guards that ask who somebody is, and what the case is; not what he says."""
