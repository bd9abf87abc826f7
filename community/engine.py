"""What happens to a case: an order, an alarm or a clock, and a case, give one step; the case is the fold of its steps.

Pure: no clock, no SQL, no loop; the table (community.workflow) says what may happen, this module what it means. What
the table does not list raises IllegalMove and changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from community.alert_refs import AlertRef, firing, newest
from community.casefile import (
    SYSTEM,
    Answered,
    Call,
    Case,
    Context,
    Disposition,
    NotNow,
    Offer,
    Order,
    Step,
)
from community.clocks import Clocks
from community.deeds import DEEDS
from community.guards import GUARDS, PERSONAL
from community.workflow import Deed, Transition, Workflow, kept_workflow, levels_above
from shouwang.alert import AlertState, Sentence
from shouwang.errors import IllegalMove


def opened(
    table: Workflow,
    home_key: str,
    lane: str,
    alerts: tuple[AlertRef, ...],
    context: Context,
    *,
    at: datetime,
    is_held: bool = False,
    is_test: bool = False,
    previous: int | None = None,
    storm: int | None = None,
) -> tuple[Case, Step]:
    """A case begins with an alert (then earlier steps of the same alarm); `is_test`: it only proves that one would.

    `is_held`: it waits, where its table has a state for that; `storm`: which one it waits for.
    """
    state = table.held if is_held and table.held else table.initial
    empty = _empty(table, (home_key, lane), alerts[0], context, at)
    told = msgspec.structs.replace(empty, state=state, is_test=is_test, previous=previous, storm=storm)
    draft = _Draft(told, table, context, at)
    draft.take_alerts(alerts)
    draft.enter(state)
    return draft.done("opened", "system", alerts=alerts)


def _empty(table: Workflow, where: tuple[str, str], lead: AlertRef, context: Context, at: datetime) -> Case:
    """A case before its first step. `where`: home and lane."""
    home_key, lane = where
    return Case(
        home_key=home_key,
        lane=lane,
        workflow=table.workflow,
        policy=table.version,
        state=table.initial,
        priority=lead.severity,
        version=0,
        lead=lead,
        alerts=0,
        active=(),
        alarms=(),
        opened_at=at,
        opened_e=context.now_e,
        changed_at=at,
        entered_e=context.now_e,
        is_late=lead.is_late,
    )


def joined(case: Case, alerts: tuple[AlertRef, ...], context: Context, *, at: datetime) -> tuple[Case, Step]:
    """An alert for an open case: it rang once more, grew more urgent, or ended at home.

    Raises IllegalMove where the case has ended: a closed case never gains an alert.
    """
    table = kept_workflow(case.workflow, case.policy)
    _refuse_ended(case, table)
    draft = _Draft(case, table, context, at)
    draft.take_alerts(alerts)
    return draft.done("alert" if alerts[0].state is AlertState.FIRING else "told", "system", alerts=alerts)


def superseded(case: Case, context: Context, *, at: datetime) -> tuple[Case, Step]:
    """A new alarm came after the result of the case was told: it ends, and a new one begins in its place."""
    table = kept_workflow(case.workflow, case.policy)
    if case.state not in table.reopens:
        raise IllegalMove(f"in state {case.state} a new alarm joins the case")
    draft = _Draft(case, table, context, at)
    draft.set(disposition=Disposition.SUPERSEDED)
    draft.enter(min(table.final))
    return draft.done("superseded", "system")


def ordered(case: Case, order: Order, context: Context, *, at: datetime) -> tuple[Case, Step]:
    """Carry an order out.

    Raises StaleVersion where the case has moved on since the person saw it, IllegalMove where the table or a guard does
    not allow it.
    """
    table = kept_workflow(case.workflow, case.policy)
    row = table.row(order.command, case.state)
    if row is None and order.version is not None:
        GUARDS["seen"](case, order, context)  # whoever was too late is told that first
    if row is None or order.role not in row.who:
        who = "" if row is None else f" by a {order.role}"
        title = table.states[case.state].title
        zh = f"本案处于“{title.zh}”，{'此时' if row is None else '您的角色'}不能这样做"
        raise NotNow(Sentence(zh=zh, en=f"{order.command} is not possible{who} in state {case.state}"))
    for guard in row.guards:
        GUARDS[guard](case, order, context)
    draft = _Draft(case, table, context, at)
    draft.carry_out(row, order)
    return draft.done(order.command, order.role, order=order)


def possible(case: Case, by: str, role: str) -> tuple[str, ...]:
    """What this person may order of the case as it stands, as far as that depends on who he is, not on what he says."""
    table = kept_workflow(case.workflow, case.policy)
    found = []
    for command in table.commands(case.state):
        row = table.row(command, case.state)
        if row is not None and role in row.who and _may(case, row, Order(command=command, by=by, role=role)):
            found.append(command)
    return tuple(found)


def _may(case: Case, row: Transition, order: Order) -> bool:
    try:
        for guard in PERSONAL.intersection(row.guards):
            GUARDS[guard](case, order, _NOBODY)
    except IllegalMove:
        return False
    return True


_NOBODY = Context(now_e=0)


def fired(case: Case, context: Context, *, at: datetime) -> tuple[Case, Step] | None:
    """The next clock that is due by now; None where none is."""
    due = min(
        (clock for clock in case.clocks if not clock.stands and clock.next_e <= context.now_e),
        key=lambda clock: (clock.next_e, clock.name),
        default=None,
    )
    if due is None:
        return None
    table = kept_workflow(case.workflow, case.policy)
    draft = _Draft(case, table, context, at)
    if due.name == Clocks.LADDER:
        draft.climb(draft.case.rung + 1)
        return draft.done("ladder", "system")
    if due.yellow_e is not None and due.yellow_e <= due.due_e:
        draft.yellow(due.name)
        return draft.done(f"{due.name}.yellow", "system")
    draft.red(due.name)
    return draft.done(f"{due.name}.red", "system")


def rung_failed(case: Case, rung: int, context: Context, *, at: datetime) -> tuple[Case, Step] | None:
    """Every attempt of this rung has failed: the next one, at once. None where the ladder has gone on already."""
    if case.rung != rung or case.clock(Clocks.LADDER) is None:
        return None
    draft = _Draft(case, kept_workflow(case.workflow, case.policy), context, at)
    draft.climb(rung + 1)
    return draft.done("rung_failed", "system")


def absorbed(case: Case, alerts: tuple[AlertRef, ...], context: Context, *, at: datetime) -> tuple[Case, Step]:
    """The alerts of a case that was merged into this one. Raises IllegalMove where this one has ended."""
    table = kept_workflow(case.workflow, case.policy)
    _refuse_ended(case, table)
    draft = _Draft(case, table, context, at)
    draft.take_alerts(alerts)
    return draft.done("absorbed", "system", alerts=alerts)


def adopted(case: Case, context: Context, *, at: datetime) -> tuple[Case, Step]:
    """A case that was kept before there were clocks: they begin now, its step says all that is known of it."""
    draft = _Draft(case, kept_workflow(case.workflow, case.policy), context, at)
    draft.enter(case.state)
    return draft.done("adopted", "system", is_whole=True)


def folded(case: Case | None, step: Step) -> Case:
    """The case after the step, as read back from the log. Raises IllegalMove where a log begins in its middle."""
    if case is None:
        return msgspec.convert({name: msgspec.json.decode(raw) for name, raw in step.after.items()}, Case)
    changed = {name: msgspec.json.decode(raw, type=_TYPES[name]) for name, raw in step.after.items()}
    return msgspec.structs.replace(case, **changed)


def told_of_offers(before: tuple[Offer, ...], after: tuple[Offer, ...], rung: int) -> list[Call]:
    """Who hears of his offer: who is newly asked, for whom somebody was faster, and who is waited for no longer."""
    known = [*before, *(None for _ in after[len(before) :])]
    found = []
    for old, new in zip(known, after, strict=True):
        prompt = _OFFER_WORDS.get((None if old is None else old.answer, new.answer))
        if prompt is not None:
            found.append(Call(audience="responders", rung=rung, to=new.to, prompt=prompt))
    return found


_OFFER_WORDS = {
    (None, Answered.ASKED): "",
    (Answered.ASKED, Answered.TAKEN): "taken",
    (Answered.ACCEPTED, Answered.EXPIRED): "withdrawn",
}
"""What an offer that changed so is told as; the others said it themselves or have let it pass."""

_TYPES: Mapping[str, Any] = {field.name: field.type for field in msgspec.structs.fields(Case)}


def _refuse_ended(case: Case, table: Workflow) -> None:
    if case.state in table.final:
        raise NotNow(Sentence(zh="本案已结案", en=f"the case has ended ({case.state})"))


class _Draft:
    """A step under way: the case as it becomes, and what is to be told."""

    def __init__(self, case: Case, table: Workflow, context: Context, at: datetime) -> None:
        self.case = case
        self._before = case
        self.table = table
        self.context = context
        self._at = at
        self.clocks = Clocks(table, context.now_e)
        self.cards: list[Any] = []
        self.calls: list[Call] = []

    def set(self, **fields: object) -> None:
        self.case = msgspec.structs.replace(self.case, **fields)

    def enter(self, state: str) -> None:
        """Stand in this state; its clocks start, those of the last one stop."""
        before = self.case.state
        self.set(state=state, entered_e=self.context.now_e)
        self.set(clocks=self.clocks.on_entering(self.case, before))

    def take_alerts(self, alerts: tuple[AlertRef, ...]) -> None:
        case, priority = with_alerts(self.case, alerts), self.case.priority
        self.case = case
        if case.priority.rank < priority.rank:
            self.set(clocks=self.clocks.on_raising(case))

    def carry_out(self, row: Transition, order: Order) -> None:
        stays = row.stays_while_asked and any(
            offer.answer is Answered.ASKED and offer.to != (order.targets[0] if order.targets else order.by)
            for offer in self.case.offers
        )
        self._apply(row.do, None if stays else row.to, None if stays else row.else_to, order)
        if not stays:
            self.calls += [Call(audience=who, rung=self.case.rung) for who in row.call]

    def _apply(self, deeds: Iterable[Deed], to: str | None, else_to: str | None, order: Order) -> None:
        before, tasks = self.case.offers, len(self.case.tasks)
        for deed in deeds:
            self.set(**DEEDS[deed](self.case, order, self.context))
        self.calls += told_of_offers(before, self.case.offers, self.case.rung)
        self.calls += [Call(audience="units", rung=-1, to=task.to) for task in self.case.tasks[tasks:]]
        target = to if else_to is None or self.case.owner is not None else else_to
        if target is not None and target != self.case.state:
            self.enter(target)
        self.set(clocks=self.clocks.settled(self.case, order))

    def yellow(self, name: str) -> None:
        """Half the time is over."""
        card, clocks = self.clocks.yellow(self.case, name)
        self.cards.append(card)
        self.set(clocks=clocks, card=self.case.card or card.colour)

    def red(self, name: str) -> None:
        """The time is over."""
        red = self.table.timers[name].red
        card, clocks = self.clocks.red(self.case, name)
        self.set(clocks=clocks)
        if card is not None:
            self.cards.append(card)
            self.set(card=card.colour)
        self._apply(red.do, red.to, red.else_to, Order(command=name, by=SYSTEM, role="system"))
        if red.rung is not None and self.case.rung < red.rung:
            self.climb(red.rung)
        called = {call.audience for call in self.calls}
        wanted = (*red.call, *levels_above(red.call, 0 if card is None else card.level))
        self.calls += [Call(audience=who, rung=self.case.rung) for who in wanted if who not in called]

    def climb(self, rung: int) -> None:
        """Call for every rung up to this one; one that reaches nobody is told so, and the next one follows at once."""
        last = len(self.table.ladder[self.case.priority]) - 1
        number = min(self.case.rung + 1, last)
        while not self._call(number) or number < rung:
            if number == last:
                break
            number += 1
        self.set(rung=max(self.case.rung, number))
        self.set(clocks=self.clocks.on_climbing(self.case))

    def _call(self, number: int) -> bool:
        rung = self.table.ladder[self.case.priority][number]
        is_reached = False
        is_offered = rung.do == "offer_best" and self.case.responder is None
        best = next(iter(self.context.candidates), None) if is_offered else None
        if best is not None:
            self.set(offers=(*self.case.offers, Offer(to=best, at_e=self.context.now_e)))
            self.calls.append(Call(audience="responders", rung=number, to=best))
            is_reached = True
            if rung.to is not None and self.case.state != rung.to:
                self.enter(rung.to)
            return is_reached
        for audience in rung.call:
            is_here = audience in self.context.reachable and rung.do is None
            is_reached = is_reached or is_here
            self.calls.append(Call(audience=audience, rung=number, prompt=rung.prompt or "", is_missed=not is_here))
        return is_reached

    def done(
        self,
        name: str,
        role: str,
        *,
        order: Order | None = None,
        alerts: tuple[AlertRef, ...] = (),
        is_whole: bool = False,
    ) -> tuple[Case, Step]:
        self.set(version=self._before.version + 1, changed_at=self._at)
        before = None if is_whole or self._before.version == 0 else self._before
        return self.case, Step(
            name=name,
            role=role,
            order=order,
            alerts=alerts,
            cards=tuple(self.cards),
            calls=tuple(self.calls),
            after=_changes(before, self.case),
        )


def _changes(before: Case | None, after: Case) -> dict[str, msgspec.Raw]:
    return {
        name: msgspec.Raw(msgspec.json.encode(getattr(after, name)))
        for name in _TYPES
        if before is None or getattr(before, name) != getattr(after, name)
    }


def with_alerts(case: Case, alerts: tuple[AlertRef, ...]) -> Case:
    """The case with these alerts: the most urgent one names it, and its priority never falls."""
    fired = [ref.episode for ref in firing(alerts)]
    ended = {ref.episode for ref in alerts if ref.state is AlertState.RESOLVED}
    # the first of the most urgent stays: the case keeps the name that the operator saw
    lead = min((case.lead, *firing(alerts)), key=lambda ref: ref.severity.rank)
    return msgspec.structs.replace(
        case,
        priority=min(case.priority, lead.severity, key=lambda severity: severity.rank),
        lead=lead,
        alerts=case.alerts + len(fired),
        active=tuple(sorted(set(newest((*case.active, *fired)).values()) - ended)),
        alarms=tuple(sorted({*case.alarms, *newest(fired)})),
    )
