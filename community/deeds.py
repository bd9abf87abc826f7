"""What an order changes in a case besides its state: each deed gives the fields that become others."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from community.casefile import Answered, Case, Context, Disposition, Offer, Order
from community.workflow import Deed

_ENDS = {
    "mark_test": Disposition.TEST,
    "mark_false": Disposition.FALSE_ALARM,
    "merge": Disposition.MERGED,
    "clear": Disposition.AUTO_CLEARED,
    "sample": Disposition.AUTO_CLEARED,
}
"""Orders that say by their name how the case ended."""

Fields = dict[str, Any]


def _own(case: Case, order: Order, _: Context) -> Fields:
    """Relatives and callers have no console: what they bring back belongs to nobody yet, and rings for all."""
    if order.role in {"family", "caller"}:
        return {"owner": None}
    owner = order.targets[0] if order.command == "hand_over" else order.by
    return {"owner": owner, "handlers": _with(case.handlers, owner), "has_spoken": case.has_spoken or order.spoke}


def _disown(_case: Case, _order: Order, _: Context) -> Fields:
    return {"owner": None}


def _keep_owner(_case: Case, _order: Order, _: Context) -> Fields:
    return {"responder": None}


def _offer(case: Case, order: Order, context: Context) -> Fields:
    asked = tuple(Offer(to=to, at_e=context.now_e) for to in order.targets)
    return {"offers": (*case.offers, *asked)}


def _take_offer(case: Case, order: Order, _: Context) -> Fields:
    who = order.targets[0] if order.targets else order.by
    answers = {True: Answered.ACCEPTED, False: Answered.TAKEN}
    offers = tuple(
        msgspec.structs.replace(offer, answer=answers[offer.to == who]) if offer.answer is Answered.ASKED else offer
        for offer in case.offers
    )
    return {"offers": offers, "responder": who, "handlers": _with(case.handlers, who)}


def _drop_offer(case: Case, order: Order, _: Context) -> Fields:
    """Who declined has answered; where a clock did it, all that were asked have let it pass."""
    who = order.targets[0] if order.targets else order.by
    is_clock = order.role == "system"
    answer = Answered.EXPIRED if is_clock else Answered.DECLINED
    open_answers = (Answered.ASKED, Answered.ACCEPTED)
    return {
        "offers": tuple(
            msgspec.structs.replace(offer, answer=answer)
            if offer.answer in open_answers and (is_clock or offer.to == who)
            else offer
            for offer in case.offers
        )
    }


def _ask_units(case: Case, order: Order, context: Context) -> Fields:
    """Whoever was asked already is asked once more: the first call is waited for no longer."""
    asked = tuple(Offer(to=to, at_e=context.now_e) for to in dict.fromkeys(order.targets))
    return {"tasks": (*_answered(case.tasks, frozenset(order.targets), Answered.EXPIRED), *asked)}


def _unit_answers(answer: Answered) -> Callable[[Case, Order, Context], Fields]:
    def answers(case: Case, order: Order, _: Context) -> Fields:
        who = order.targets[0] if order.targets else order.by
        return {"tasks": _answered(case.tasks, frozenset({who}), answer)}

    return answers


def _answered(tasks: tuple[Offer, ...], whose: frozenset[str], answer: Answered) -> tuple[Offer, ...]:
    return tuple(
        msgspec.structs.replace(task, answer=answer) if task.answer is Answered.ASKED and task.to in whose else task
        for task in tasks
    )


def _arrive(_case: Case, _order: Order, _: Context) -> Fields:
    return {"has_visited": True}


def _report(case: Case, order: Order, _: Context) -> Fields:
    return {
        "reporter": order.by,
        "handlers": _with(case.handlers, order.by),
        "disposition": _ENDS.get(order.command, order.disposition),
        "has_spoken": case.has_spoken or order.spoke,
    }


def _acted(_case: Case, _order: Order, _: Context) -> Fields:
    return {"has_acted": True}


def _end(case: Case, order: Order, _: Context) -> Fields:
    how = _ENDS.get(order.command) or order.disposition or case.disposition
    return {"disposition": how, "merged_into": order.into if order.command == "merge" else case.merged_into}


def _help(number: str) -> Callable[[Case, Order, Context], Fields]:
    def call(case: Case, order: Order, _: Context) -> Fields:
        asked = f"{number}:{order.reference}" if order.reference else number
        return {"helpers": _with(case.helpers, asked)}

    return call


def _complain(case: Case, _order: Order, _: Context) -> Fields:
    return {"complaints": case.complaints + 1, "disposition": None, "tries": 0, "tried_e": None}


def _tried(case: Case, _order: Order, context: Context) -> Fields:
    return {"tries": case.tries + 1, "tried_e": context.now_e}


def _note(_case: Case, _order: Order, _: Context) -> Fields:
    return {}


def _with(known: tuple[str, ...], one: str) -> tuple[str, ...]:
    return known if one in known else (*known, one)


DEEDS: Mapping[Deed, Callable[[Case, Order, Context], Fields]] = {
    "own": _own,
    "disown": _disown,
    "keep_owner": _keep_owner,
    "offer": _offer,
    "take_offer": _take_offer,
    "drop_offer": _drop_offer,
    "ask_units": _ask_units,
    "unit_accepts": _unit_answers(Answered.ACCEPTED),
    "unit_declines": _unit_answers(Answered.DECLINED),
    "arrive": _arrive,
    "report": _report,
    "acted": _acted,
    "end": _end,
    "help_120": _help("120"),
    "help_119": _help("119"),
    "help_110": _help("110"),
    "complain": _complain,
    "tried": _tried,
    "note": _note,
}
