"""A policy tried on what has happened: which cards and rungs the same cases would have had by other numbers. Pure.

Only the times are replayed: people would have acted as they did. A case that grew more urgent is judged as if it had
been so from its beginning; calls that a red clock repeats are not counted again.
"""

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from community import engine
from community.casefile import Case
from community.clocks import Clocks
from community.kpi_facts import Reckoning, Sealed
from community.workflow import Workflow
from shouwang.alert import Severity

_MS = timedelta(milliseconds=1)


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """A clock ran for so long, once."""

    clock: str
    ms: int


class CaseTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How long each clock of a case ran; `priority`: its last."""

    priority: Severity
    ran: tuple[Ran, ...]


class StepCount(msgspec.Struct, frozen=True, kw_only=True):
    """Cards of one clock: how often it ran, and how often it came to yellow and to red."""

    ran: int = 0
    yellow: int = 0
    red: int = 0


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What a table makes of past cases. `rungs`: how many cases came to each rung, by priority."""

    steps: dict[str, StepCount]
    rungs: dict[str, tuple[int, ...]]

    @property
    def yellow(self) -> int:
        """All yellow cards."""
        return sum(one.yellow for one in self.steps.values())

    @property
    def red(self) -> int:
        """All red cards."""
        return sum(one.red for one in self.steps.values())

    @property
    def called(self) -> int:
        """All rungs that were called."""
        return sum(sum(counts) for counts in self.rungs.values())


def times_of(entries: Iterable[Sealed]) -> CaseTimes | None:
    """The times of one case from its entries in order; None for one that began before there were steps."""
    running: dict[tuple[str, int], int] = {}
    case: Case | None = None
    reckoning: Reckoning | None = None
    for entry in entries:
        if entry.event is None:
            if case is None:
                return None
            continue
        before, case = case, engine.folded(case, entry.event)
        reckoning = reckoning or Reckoning(entry.at)
        now_e = reckoning.now(before, case, entry.at)
        for clock in () if before is None else before.clocks:
            if not clock.stands:  # it ran until this moment
                running[clock.name, clock.started_e] = max(0, now_e - clock.started_e)
    if case is None:
        return None
    ran = tuple(Ran(clock=name, ms=ms) for (name, _), ms in sorted(running.items()))
    return CaseTimes(priority=case.priority, ran=ran)


def tried(table: Workflow, cases: Iterable[CaseTimes]) -> Trial:
    """What this table would have made of these cases."""
    counts = {name: [0, 0, 0] for name, timer in table.timers.items() if timer.yellow}
    rungs = {priority.value: [0] * len(table.ladder[priority]) for priority in table.ladder}
    for case in cases:
        if case.priority not in table.priorities:
            continue
        highest = -1
        for run in case.ran:
            if run.clock in counts:
                _count(table, case.priority, run, counts[run.clock])
            highest = max(highest, _climbed(table, case.priority, run))
        for number in range(highest + 1):
            rungs[case.priority.value][number] += 1
    return Trial(
        steps={name: StepCount(ran=ran, yellow=yellow, red=red) for name, (ran, yellow, red) in counts.items()},
        rungs={priority: tuple(found) for priority, found in rungs.items()},
    )


def _count(table: Workflow, priority: Severity, run: Ran, into: list[int]) -> None:
    timer = table.timers[run.clock]
    limit = timer.limit[priority] // _MS
    into[0] += 1
    into[1] += run.ms >= limit * timer.yellow[priority] // 100
    into[2] += run.ms >= limit


def _climbed(table: Workflow, priority: Severity, run: Ran) -> int:
    """The highest rung that this clock had called; -1: none."""
    ladder = table.ladder.get(priority, ())
    if run.clock == Clocks.LADDER:
        return sum(rung.at // _MS <= run.ms for rung in ladder) - 1
    timer = table.timers.get(run.clock)
    if timer is None or timer.red.rung is None or not ladder or run.ms < timer.limit[priority] // _MS:
        return -1
    return min(timer.red.rung, len(ladder) - 1)
