"""The wallboard in values: what must be seen from afar. Numbers, and places down to buildings; no people. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from community.channels.port import Way
from community.desk import StormRow
from community.dispatch import OUTSIDE, Duty, Responder
from community.kpi import PHASES, Figure, StepTime
from community.plan import Block, Group, State
from community.users import EVERYWHERE

HISTORY = timedelta(hours=24)
"""How far the depth of the queue is drawn back (the console's wireframe)."""
MARK_EVERY = timedelta(minutes=30)
BLOCKS, GROUPS = 60, 8
"""More buildings or grids cannot be told apart from five metres: then each grid is one block. Set by this project."""
LATE_S = 30.0
"""A message that waits longer for its channel is late: a rung of the ladder is not long. Set by this project."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One of the six steps: cases that stand in it now, and how long cases stood in it this month."""

    phase: str
    open: int
    p50_ms: int | None
    p90_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """A way to reach people. `worked_at`: when it last carried something; `waits_since`: its oldest queued message."""

    name: str
    way: Way
    is_up: bool
    since: datetime
    worked_at: datetime | None
    waits_since: datetime | None

    def late_s(self, now: datetime) -> float:
        """How long its oldest message waits; 0: none does, or not long."""
        waited = 0.0 if self.waits_since is None else (now - self.waits_since).total_seconds()
        return waited if waited >= LATE_S else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class People:
    """Responders at this moment. `asked`: their answer is waited for; `silent`: on scene without a sign of life."""

    free: int = 0
    asked: int = 0
    busy: int = 0
    silent: int = 0
    away: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """Operators: so many the roster wants now, so many of them are signed in, so many are signed in at all.

    `ringing`, `mute`: at so many open consoles the last alarm was heard, or could not be.
    """

    rostered: int
    came: int
    signed_in: int
    ringing: int = 0
    mute: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """Open cases, without tests and without what storms hold back. `waiting`: alarms that nobody has taken."""

    life: int
    life_since: datetime | None
    waiting: int
    waiting_since: datetime | None
    by_phase: Mapping[str, int]
    depth: tuple[int, ...]
    """How many were open at each mark of the last day, the oldest first, now last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Boxes:
    """Homes and their boxes. One may be silent and on battery at once."""

    homes: int
    silent: int
    battery: int
    never: int
    no_box: int

    @property
    def heard(self) -> int:
        """Boxes that are heard."""
        return self.homes - self.silent - self.never - self.no_box


@dataclass(frozen=True, kw_only=True, slots=True)
class TestAlarm:
    """The newest that came. `took_s` None: its clock was not right."""

    at: datetime
    took_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wall:
    """Everything on it, as it stood at `as_of`, after the entry `seq` of the audit log."""

    as_of: datetime
    seq: int
    figures: tuple[Figure, ...]
    red_today: int
    queue: Queue
    steps: tuple[Step, ...]
    desk: Desk
    people: People
    channels: tuple[Channel, ...]
    boxes: Boxes
    groups: tuple[Group, ...]
    last_test: TestAlarm | None
    storms: tuple[StormRow, ...]

    @property
    def most(self) -> int:
        """The deepest the queue was; at least 1, so that it can be drawn."""
        return max((*self.queue.depth, 1))


def steps_of(by_phase: Mapping[str, int], times: Iterable[StepTime]) -> tuple[Step, ...]:
    """The six steps in their order."""
    took = {one.phase: one for one in times}
    return tuple(
        Step(
            phase=phase,
            open=by_phase.get(phase, 0),
            p50_ms=took[phase].p50_ms if phase in took else None,
            p90_ms=took[phase].p90_ms if phase in took else None,
        )
        for phase in PHASES
    )


def depth_of(spans: Iterable[tuple[int, int | None, int]], marks: int) -> tuple[int, ...]:
    """How many were open at each mark. A span: the first mark that is in it, the first that is no more, how many."""
    change = [0] * (marks + 1)
    for first, end, number in spans:
        if first < marks:
            change[first] += number
            change[marks if end is None else min(end, marks)] -= number
    return tuple(accumulate(change[:marks]))


def people_of(responders: Iterable[Responder], areas: frozenset[str], silent: frozenset[str]) -> People:
    """Those who go for these areas; whoever has no area goes everywhere."""
    counts = dict.fromkeys(("free", "asked", "busy", "silent", "away"), 0)
    for one in responders:
        is_mine = areas == EVERYWHERE or not one.areas or bool(one.areas & areas)
        if is_mine and one.kind not in OUTSIDE:
            counts[_now(one, silent)] += 1
    return People(**counts)


def _now(one: Responder, silent: frozenset[str]) -> str:
    if one.duty is Duty.BUSY:
        return "silent" if one.responder_id in silent else "busy"
    if one.duty is Duty.FREE:
        return "asked" if one.asked_elsewhere else "free"
    return "away"


def rolled_up(groups: Sequence[Group]) -> tuple[Group, ...]:
    """As they are where they can be told apart; else one block for each grid, side by side in its community."""
    if len(groups) <= GROUPS and sum(len(group.blocks) for group in groups) <= BLOCKS:
        return tuple(groups)
    around: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        around.setdefault(group.names[:-1], []).append(group)
    return tuple(
        Group(place_id=found[0].place_id, names=names, blocks=tuple(map(_whole, found)))
        for names, found in around.items()
    )


def _whole(group: Group) -> Block:
    counts: dict[State, int] = {}
    for block in group.blocks:
        for state, number in block.counts.items():
            counts[state] = counts.get(state, 0) + number
    return Block(place_id=group.place_id, name=group.names[-1] if group.names else "", counts=counts)
