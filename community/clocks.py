"""The clocks of a case: which run in a state, when they turn yellow and red, and how the ladder climbs. Pure."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from community.casefile import Answered, Card, Case, Clock, Colour, Order
from community.workflow import Timer, Workflow
from shouwang.alert import Severity

_MS = timedelta(milliseconds=1)
_AGAIN_AT_LEAST_MS = 60_000
"""A red clock that names no pause goes red again after half its limit, but not sooner than a person can act."""
_ARRIVE = "arrive"
_ETA_SHARE = (3, 2)  # whoever said ten minutes is asked after fifteen


class Clocks:
    """The clocks that a table gives a case, at one moment."""

    LADDER: Final = "ladder"

    def __init__(self, table: Workflow, now_e: int) -> None:
        """`now_e`: engine time, ms."""
        self._table = table
        self._now_e = now_e

    def on_entering(self, case: Case, before: str) -> tuple[Clock, ...]:
        """The clocks of a case that has just come from the state `before`."""
        if case.state in self._table.final:
            return ()
        found = [self._timer(case, name, timer, before) for name, timer in self._table.timers.items()]
        return _sorted([*found, self._ladder(case)])

    def on_raising(self, case: Case) -> tuple[Clock, ...]:
        """The case has grown more urgent: no due time gets later, most get nearer."""
        return _sorted(self._raised(case, clock) for clock in case.clocks)

    def on_climbing(self, case: Case) -> tuple[Clock, ...]:
        """A rung was called: when the next one is."""
        others = [clock for clock in case.clocks if clock.name != self.LADDER]
        old = case.clock(self.LADDER)
        return _sorted([*others, None if old is None else self._next_rung(case, old)])

    def settled(self, case: Case, order: Order) -> tuple[Clock, ...]:
        """After an order: what the first effective action ends, and the arrival that a responder promised."""
        timers = self._table.timers
        left = [
            clock
            for clock in case.clocks
            if clock.name == self.LADDER or not (timers[clock.name].until_acted and case.has_acted)
        ]
        left = [self._answered(case, clock, order) for clock in left]
        if order.eta_ms is not None:
            left = [self._promised(clock, order.eta_ms) if clock.name == _ARRIVE else clock for clock in left]
        return _sorted(left)

    def yellow(self, case: Case, name: str) -> tuple[Card, tuple[Clock, ...]]:
        """The yellow card of this clock."""
        clock = _of(case, name)
        card = self._card(case, clock, Colour.YELLOW)
        return card, _with(case.clocks, msgspec.structs.replace(clock, yellow_e=None))

    def red(self, case: Case, name: str) -> tuple[Card | None, tuple[Clock, ...]]:
        """The red card (None: this clock draws none), and the clock as it goes on."""
        clock, timer = _of(case, name), self._table.timers[name]
        card = self._card(case, clock, Colour.RED) if timer.yellow else None
        again = max(_AGAIN_AT_LEAST_MS, clock.limit_ms // 2) if timer.red.again is None else timer.red.again // _MS
        on = msgspec.structs.replace(clock, due_e=self._now_e + again, reds=clock.reds + 1)
        return card, _with(case.clocks, on)

    # ---- one clock ----

    def _timer(self, case: Case, name: str, timer: Timer, before: str) -> Clock | None:
        old, runs = case.clock(name), case.state in timer.during
        if timer.until_acted and case.has_acted:
            return None
        if timer.starts == "case" and old is not None:
            return msgspec.structs.replace(old, stands=not runs)
        if not runs:
            return None
        return old if old is not None and before in timer.during else self._begun(name, timer, case.priority)

    def _begun(self, name: str, timer: Timer, priority: Severity) -> Clock:
        limit = timer.limit[priority] // _MS
        return Clock(
            name=name,
            started_e=self._now_e,
            limit_ms=limit,
            due_e=self._now_e + limit,
            yellow_e=self._now_e + _share(limit, timer, priority) if timer.yellow else None,
        )

    def _ladder(self, case: Case) -> Clock | None:
        if not self._table.ladder.get(case.priority):
            return None
        climbs = case.state in self._table.ladder_on
        old = case.clock(self.LADDER)
        if old is not None:
            return msgspec.structs.replace(old, stands=not climbs)
        if not climbs:
            return None
        return self._next_rung(case, Clock(name=self.LADDER, started_e=self._now_e, limit_ms=0, due_e=self._now_e))

    def _next_rung(self, case: Case, old: Clock) -> Clock:
        rungs = self._table.ladder[case.priority]
        number = case.rung + 1
        if number < len(rungs):
            due = max(self._now_e, old.started_e + rungs[number].at // _MS)
        else:
            due = self._now_e + (rungs[-1].again or timedelta(0)) // _MS
        return msgspec.structs.replace(old, due_e=due, stands=case.state not in self._table.ladder_on)

    def _raised(self, case: Case, clock: Clock) -> Clock:
        if clock.name == self.LADDER:
            climbed = self._next_rung(case, clock)
            return msgspec.structs.replace(climbed, due_e=min(clock.due_e, climbed.due_e))
        timer = self._table.timers[clock.name]
        limit = timer.limit[case.priority] // _MS
        yellow = clock.yellow_e
        if yellow is not None:
            yellow = min(yellow, self._now_e + _share(limit, timer, case.priority))
        due = min(clock.due_e, self._now_e + limit)
        return msgspec.structs.replace(clock, limit_ms=min(limit, clock.limit_ms), due_e=due, yellow_e=yellow)

    def _answered(self, case: Case, clock: Clock, order: Order) -> Clock:
        """What a person said lets it begin anew; a red clock, which has its own name for an order, does not."""
        is_said = order.role != "system" and clock.name != self.LADDER
        if not is_said or order.command not in self._table.timers[clock.name].answered_by:
            return clock
        return self._begun(clock.name, self._table.timers[clock.name], case.priority)

    def _promised(self, clock: Clock, eta_ms: int) -> Clock:
        times, by = _ETA_SHARE
        limit = min(clock.limit_ms, max(_AGAIN_AT_LEAST_MS, eta_ms * times // by))
        due = min(clock.due_e, clock.started_e + limit)
        yellow = None if clock.yellow_e is None else min(clock.yellow_e, clock.started_e + limit // 2)
        return msgspec.structs.replace(clock, limit_ms=limit, due_e=due, yellow_e=yellow)

    def _card(self, case: Case, clock: Clock, colour: Colour) -> Card:
        return Card(
            step=clock.name,
            colour=colour,
            responsible=responsible(case, clock.name),
            limit_ms=clock.limit_ms,
            actual_ms=self._now_e - clock.started_e,
            level=clock.reds,
        )


_OF_RESPONDERS = frozenset({"accept", "arrive", "handle", "ping"})


def responsible(case: Case, step: str) -> str:
    """Who answers for this step of the case now; empty where nobody does: the whole shift."""
    if step == "accept":
        asked = [offer.to for offer in case.offers if offer.answer is Answered.ASKED]
        return asked[-1] if asked else case.owner or ""
    if step in _OF_RESPONDERS:
        return case.responder or case.owner or ""
    return case.owner or ""


def _share(limit: int, timer: Timer, priority: Severity) -> int:
    return limit * timer.yellow.get(priority, 100) // 100


def _of(case: Case, name: str) -> Clock:
    return next(clock for clock in case.clocks if clock.name == name)


def _with(clocks: Iterable[Clock], new: Clock) -> tuple[Clock, ...]:
    return _sorted([*(clock for clock in clocks if clock.name != new.name), new])


def _sorted(clocks: Iterable[Clock | None]) -> tuple[Clock, ...]:
    return tuple(sorted((clock for clock in clocks if clock is not None), key=lambda clock: clock.name))
