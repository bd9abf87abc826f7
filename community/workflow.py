"""A workflow as data: states, commands, timers and the ladder of a kind of case, read from YAML and checked.

The emergency of an alarm, the request of a resident, a technical fault and a care task are tables of this one shape;
the engine (community.engine) knows none of them by name. What a table may say is closed: guards and deeds are words
that the engine implements, and a table that could leave a case without an owner's clock is refused when it is loaded.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shouwang.alert import Severity
from shouwang.bilingual import Bilingual
from shouwang.document import Duration, Id, parse
from shouwang.errors import ConfigError

Role = Literal["operator", "supervisor", "responder", "caller", "family", "system"]
Audience = Literal[
    "operators",
    "owner",
    "supervisor",
    "duty_leader",
    "command_centre",
    "responders",
    "family",
    "keyholder",
    "team_lead",
    "next_candidate",
]
"""Whom a rung or a red clock calls; who that is stands in rosters and contacts."""

MANAGEMENT: tuple[Audience, ...] = ("team_lead", "supervisor", "duty_leader", "command_centre")
"""Who stands over whom: a clock that goes red again calls one level more each time (incident model, Cards)."""

Guard = Literal[
    "seen",  # the command names the version that the person saw
    "is_owner",
    "has_reason",
    "has_target",
    "target_confirms",  # hand-over: whoever takes it says so
    "below_live_limit",  # an operator works on at most so many P1 at once
    "candidate_was_asked",  # only who was offered the case accepts or declines
    "unit_was_asked",  # the same of a unit that was called in
    "is_responder",
    "has_disposition",
    "spoke_or_second",  # P1 ends from afar only after a voice contact, or with a second person
    "spoke_or_visited",  # a false alarm of P1 was heard from, or seen
    "not_reporter",
    "not_handler",
    "tries_apart",
    "tried_enough",
    "not_rated_low",  # who is not content has not had his request settled
    "no_life_flag",
    "condition_is_cleared",
    "same_home",
    "is_test",
]
Deed = Literal[
    "own",
    "disown",
    "keep_owner",  # back to whoever owned it before the responder; nobody: the state `else_to`
    "offer",
    "take_offer",
    "drop_offer",
    "ask_units",
    "unit_accepts",
    "unit_declines",
    "arrive",
    "report",
    "acted",  # the first effective action: ends the clock `total`
    "end",
    "help_120",
    "help_119",
    "help_110",
    "complain",
    "tried",
    "note",
]


_ENDS_SAFELY: frozenset[Guard] = frozenset({"condition_is_cleared", "no_life_flag"})
"""What must be asked before a case ends by itself."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Title(_Row):
    """What people read."""

    zh: str
    en: str


class State(_Row):
    """Where a case of this table may stand."""

    phase: Literal["found", "reported", "assigned", "handled", "fed_back", "revisited", "done"]
    title: Title
    owner: Literal["nobody", "operator", "responder", "anybody"] = "nobody"
    final: bool = False
    rings: bool = Field(default=False, description="true: consoles ring while a case stands here")


class Red(_Row):
    """What a clock does when its time is over."""

    to: Id | None = Field(default=None, description="the state that follows; left out: it stays")
    else_to: Id | None = Field(default=None, description="the state where it has no owner to go back to")
    do: tuple[Deed, ...] = ()
    call: tuple[Audience, ...] = ()
    rung: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="the ladder climbs at least to this rung"
    )
    again: Duration | None = Field(
        default=None, description="and again after this long, for ever; left out: after half the limit, 60s at least"
    )


def levels_above(called: Iterable[Audience], repeats: int) -> tuple[Audience, ...]:
    """Whom a clock calls beside these when it went red so often before: as many levels above the highest of them."""
    highest = max((MANAGEMENT.index(who) for who in called if who in MANAGEMENT), default=-1)
    return MANAGEMENT[highest + 1 : highest + 1 + repeats]


class Timer(_Row):
    """A clock that runs in some states. `limit` per priority; yellow at this share of it, red at all of it."""

    during: tuple[Id, ...] = Field(min_length=1, description="the states in which it runs")
    starts: Literal["state", "case"] = Field(
        default="state", description="state: anew whenever one of its states is entered; case: once, at the beginning"
    )
    until_acted: bool = Field(default=False, description="true: it ends with the first effective action")
    limit: dict[Severity, Duration]
    yellow: dict[Severity, Annotated[int, Field(ge=1, le=100)]] = Field(
        default={}, description="the share in percent at which a yellow card is drawn; left out: no cards"
    )
    answered_by: tuple[Id, ...] = Field(default=(), description="commands that let it begin anew while it runs")
    red: Red = Red()


class Rung(_Row):
    """One step of the ladder."""

    at: Duration
    call: tuple[Audience, ...] = ()
    do: Literal["offer_best"] | None = None
    to: Id | None = None
    prompt: Literal["call_120"] | None = None
    again: Duration | None = None


class Quiet(_Row):
    """When a case ends by itself: by the commands `clear` and, of the sampled ones, `sample`."""

    after: Duration = Field(description="once every cause has ended for so long")
    flapping: Duration = Field(description="the same where the alarm comes and goes")
    sampled: Annotated[int, Field(ge=0, le=100)] = Field(description="so many per cent are looked at by a person first")


class Transition(_Row):
    """What a command does in a state. Anything that is not listed changes nothing."""

    command: Id
    sources: tuple[Id, ...] = Field(alias="from", min_length=1)
    to: Id | None = Field(default=None, description="left out: the state stays")
    else_to: Id | None = None
    who: tuple[Role, ...] = Field(min_length=1)
    guards: tuple[Guard, ...] = Field(default=(), alias="if")
    do: tuple[Deed, ...] = ()
    call: tuple[Audience, ...] = Field(default=(), description="whom it calls, where the case moves on")
    stays_while_asked: bool = Field(
        default=False, description="true: it stands where it is while somebody else was asked and has not answered"
    )


class Workflow(_Row):
    """One table."""

    workflow: Id
    version: Annotated[int, Field(ge=1)]
    title: Title
    priorities: tuple[Severity, ...] = Field(min_length=1)
    initial: Id
    held: Id | None = Field(default=None, description="where a case waits that a storm holds back")
    reopens: tuple[Id, ...] = Field(
        default=(), description="states in which a new alarm ends the case and opens one anew"
    )
    states: dict[Id, State]
    timers: dict[Id, Timer]
    ladder: dict[Severity, tuple[Rung, ...]] = {}
    ladder_on: tuple[Id, ...] = Field(default=(), description="the states in which the ladder climbs")
    quiet: Quiet | None = Field(default=None, description="left out: no case of this table ever ends by itself")
    transitions: tuple[Transition, ...]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        found = [*self._unknown_names(), *self._timer_faults(), *self._ladder_faults()]
        if not found:  # the rest can only be asked of a table whose names are known
            found = [*self._lost_states(), *self._ownerless(), *self._doubles(), *self._quiet_faults()]
        if found:
            raise ValueError("; ".join(dict.fromkeys(found)))
        return self

    @property
    def final(self) -> frozenset[str]:
        """The states that end a case."""
        return frozenset(name for name, state in self.states.items() if state.final)

    def row(self, command: str, state: str) -> Transition | None:
        """What the command does in this state; None: nothing."""
        for row in self.transitions:
            if row.command == command and state in row.sources:
                return row
        return None

    def commands(self, state: str) -> tuple[str, ...]:
        """What persons may order in this state, in the order of the table."""
        return tuple(row.command for row in self.transitions if state in row.sources and row.who != ("system",))

    def limit_ms(self, timer: str, priority: Severity) -> int:
        """How long this clock gives a case of this priority."""
        return self.timers[timer].limit[priority] // timedelta(milliseconds=1)

    # ---- what a table must be ----

    def _targets(self) -> Iterable[tuple[str, str]]:
        for row in self.transitions:
            for target in (row.to, row.else_to):
                if target is not None:
                    yield f"the transition {row.command}", target
        for name, timer in self.timers.items():
            for target in (timer.red.to, timer.red.else_to):
                if target is not None:
                    yield f"the timer {name}", target
        for priority, rungs in self.ladder.items():
            for rung in rungs:
                if rung.to is not None:
                    yield f"the ladder of {priority}", rung.to

    def _unknown_names(self) -> Iterable[str]:
        named = [("initial", self.initial), *self._targets()]
        named += [("held", self.held)] if self.held else []
        named += [("reopens", state) for state in self.reopens]
        named += [("ladder_on", state) for state in self.ladder_on]
        named += [(f"the transition {row.command}", state) for row in self.transitions for state in row.sources]
        named += [(f"the timer {name}", state) for name, timer in self.timers.items() for state in timer.during]
        for where, state in named:
            if state not in self.states:
                yield f"{where} names the state {state}, which is not among the states"

    def _timer_faults(self) -> Iterable[str]:
        for name, timer in self.timers.items():
            for what, given in (("limit", set(timer.limit)), ("yellow", set(timer.yellow) or set(timer.limit))):
                lacking = set(self.priorities) - given
                if lacking:
                    yield f"the timer {name} has no {what} for {', '.join(sorted(lacking))}"
            if any(limit <= timedelta(0) for limit in timer.limit.values()):
                yield f"the timer {name} has a limit of nothing"
            commands = {row.command for row in self.transitions}
            for command in sorted(set(timer.answered_by) - commands):
                yield f"the timer {name} is answered by {command}, which is not among the commands"
            ended = sorted(state for state in timer.during if state in self.states and self.states[state].final)
            if ended:
                yield f"the timer {name} runs in {', '.join(ended)}, where the case has ended"

    def _ladder_faults(self) -> Iterable[str]:
        for priority, rungs in self.ladder.items():
            times = [rung.at for rung in rungs]
            if times != sorted(set(times)):
                yield f"the rungs of the ladder of {priority} are not in the order of their times"
            if not rungs or rungs[-1].again is None:
                yield f"the ladder of {priority} falls silent: its last rung needs again"
        if self.ladder and not self.ladder_on:
            yield "the ladder climbs nowhere: name the states in ladder_on"
        for name, timer in self.timers.items():
            for priority in self.priorities:
                if (timer.red.rung or 0) >= len(self.ladder.get(priority, ())) and timer.red.rung:
                    yield f"the timer {name} climbs to rung {timer.red.rung}, which the ladder of {priority} has not"

    def _ways(self) -> Iterable[tuple[str, str]]:
        """Every way from a state to another."""
        moves: list[tuple[Iterable[str], tuple[str | None, ...]]] = [
            *((row.sources, (row.to, row.else_to)) for row in self.transitions),
            *((timer.during, (timer.red.to, timer.red.else_to)) for timer in self.timers.values()),
            *((self.ladder_on, (rung.to,)) for rungs in self.ladder.values() for rung in rungs),
            *((self.reopens, (end,)) for end in self.final),
        ]
        for sources, targets in moves:
            for source in sources:
                yield from ((source, target) for target in targets if target is not None and target != source)

    def _lost_states(self) -> Iterable[str]:
        ways = tuple(self._ways())
        born = {self.initial} | ({self.held} if self.held else set())
        for name in sorted(set(self.states) - _reached(ways, born)):
            yield f"no way leads to the state {name}"
        for name in sorted(set(self.states) - _reached(((to, origin) for origin, to in ways), self.final)):
            yield f"no way leads from the state {name} to an end"
        for name in sorted({origin for origin, _ in ways} & self.final):
            yield f"the state {name} is an end, and yet something leads on from it"

    def _ownerless(self) -> Iterable[str]:
        """A case must always have a clock: in each state that is no end, for each priority."""
        for name, state in self.states.items():
            runs = any(name in timer.during and not timer.until_acted for timer in self.timers.values())
            if not state.final and not runs:
                yield f"no clock runs in the state {name}: a case could be forgotten there"

    def _quiet_faults(self) -> Iterable[str]:
        for name in ("clear", "sample"):
            rows = [row for row in self.transitions if row.command == name]
            if self.quiet is not None and not rows:
                yield f"a case is to end by itself, and there is no command {name}"
            if any(row.who != ("system",) or not set(row.guards) >= _ENDS_SAFELY for row in rows):
                yield f"the command {name} is the system's alone, and asks for {' and '.join(sorted(_ENDS_SAFELY))}"

    def _doubles(self) -> Iterable[str]:
        seen: set[tuple[str, str]] = set()
        for row in self.transitions:
            for source in row.sources:
                if (row.command, source) in seen:
                    yield f"the command {row.command} stands twice for the state {source}"
                seen.add((row.command, source))


def _reached(ways: Iterable[tuple[str, str]], starts: Iterable[str]) -> set[str]:
    known: Mapping[str, list[str]] = defaultdict(list)
    for origin, to in ways:
        known[origin].append(to)
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        state = waiting.pop()
        if state not in reached:
            reached.add(state)
            waiting.extend(known[state])
    return reached


@cache
def workflow(name: str) -> Workflow:
    """The table of this name that comes with the server. Raises ConfigError."""
    found = _read(name)
    if found is None:
        raise ConfigError(Bilingual(f"there is no workflow {name}", zh=f"没有流程 {name}"))
    return found


@cache
def kept_workflow(name: str, version: int) -> Workflow:
    """The table by which a case of this version goes on: a case keeps the table that it was opened with.

    Old ones lie as NAME@VERSION.yaml beside the present one. Where one is not there the case goes on by the present
    table: a case that no table moves would be forgotten. Versions of the centre's own are told by `keep_policies`.
    Raises ConfigError where nobody knows the name.
    """
    own = _OF_CENTRE.get((name, version))
    if own is not None:
        return own
    present = workflow(name)
    if version == present.version:
        return present
    return _read(f"{name}@{version}") or present


def keep_policies(tables: Iterable[Workflow], *, is_all: bool) -> None:
    """The centre's own versions, from its database; `is_all`: others than these are forgotten."""
    if is_all:
        _OF_CENTRE.clear()
    _OF_CENTRE.update({(table.workflow, table.version): table for table in tables})
    kept_workflow.cache_clear()


_OF_CENTRE: dict[tuple[str, int], Workflow] = {}


def _read(name: str) -> Workflow | None:
    file = files("community") / "workflows" / f"{name}.yaml"
    return parse(file.read_text(encoding="utf-8"), Workflow, name=f"workflows/{name}.yaml") if file.is_file() else None
