"""Scores of work in time: `100 - 100 * (0.25 yellow + 1.0 red) / timed steps`, per person, team, organisation. Pure.

A timed step is one run of a clock that draws cards. It counts once for everybody, and in every month, that it ended
in or drew a card in: so a month that is over changes by an excuse alone. Yellow and red are the first card of that
colour in a run; a clock that goes red again tells the same lateness one level higher, and is counted as `repeats`.
Excused cards stay and count nothing. Test calls are no work.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import msgspec

from community.casefile import Colour
from community.kpi_facts import Drawn, TimedStep
from community.kpi_months import Window

YELLOW_COSTS, RED_COSTS = Fraction(1, 4), Fraction(1)
"""Of a timed step: the project's incident model."""
SHIFT = ""
"""Whoever was on duty: nobody owned the case."""


class Group(StrEnum):
    """For whom there is a score."""

    CENTRE = "centre"
    STEP = "step"
    PERSON = "person"
    TEAM = "team"
    ORGANISATION = "organisation"


class Belonging(msgspec.Struct, frozen=True, kw_only=True):
    """Where a person belongs; empty where nobody has said."""

    team: str = ""
    organisation: str = ""


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table, with everything that goes into it."""

    group: Group
    name: str
    timed_steps: int
    yellow: int
    red: int
    excused: int
    repeats: int
    cases: tuple[int, ...]

    @property
    def value(self) -> Fraction | None:
        """100 at best, -25 where every step was late; None: no timed step."""
        if not self.timed_steps:
            return None
        return 100 - 100 * (YELLOW_COSTS * self.yellow + RED_COSTS * self.red) / self.timed_steps


def scores(
    runs: Iterable[TimedStep], cards: Iterable[Drawn], window: Window, people: Mapping[str, Belonging]
) -> tuple[Score, ...]:
    """The scores of this span, in the order of groups and names. `runs` and `cards` may hold more than the span."""
    runs = tuple(runs)
    tally = _Tally(people)
    for run in runs:
        if run.responsible is not None and window.holds(run.ended_at):
            tally.count_step(run, run.responsible)
    run_of = _run_finder(runs)
    for card in cards:
        if window.holds(card.at):
            drawn_in = run_of(card)
            if drawn_in is not None:
                tally.count_step(drawn_in, card.responsible, card.organisation)
            tally.count_card(card)
    return tally.scores()


def differences(one: Iterable[Score], other: Iterable[Score]) -> tuple[tuple[Score | None, Score | None], ...]:
    """The rows that are not the same, side by side."""
    left = {(score.group, score.name): score for score in one}
    right = {(score.group, score.name): score for score in other}
    return tuple(
        (left.get(key), right.get(key)) for key in sorted(left.keys() | right.keys()) if left.get(key) != right.get(key)
    )


@dataclass
class _Row:
    steps: set[tuple[int, str, int]] = field(default_factory=set)
    cases: set[int] = field(default_factory=set)
    yellow: int = 0
    red: int = 0
    excused: int = 0
    repeats: int = 0


class _Tally:
    def __init__(self, people: Mapping[str, Belonging]) -> None:
        self._people = people
        self._rows: dict[tuple[Group, str], _Row] = {}

    def count_step(self, run: TimedStep, who: str, organisation: str = "") -> None:
        for row in self._of(run.step, who, organisation):
            row.steps.add((run.incident_id, run.step, run.version))
            row.cases.add(run.incident_id)

    def count_card(self, card: Drawn) -> None:
        for row in self._of(card.step, card.responsible, card.organisation):
            row.cases.add(card.incident_id)
            if card.excused:
                row.excused += 1
            elif card.level:
                row.repeats += 1
            elif card.colour is Colour.RED:
                row.red += 1
            else:
                row.yellow += 1

    def scores(self) -> tuple[Score, ...]:
        return tuple(
            Score(
                group=group,
                name=name,
                timed_steps=len(row.steps),
                yellow=row.yellow,
                red=row.red,
                excused=row.excused,
                repeats=row.repeats,
                cases=tuple(sorted(row.cases)),
            )
            for (group, name), row in sorted(self._rows.items())
        )

    def _of(self, step: str, who: str, organisation: str) -> Iterable[_Row]:
        """`organisation`: what a card says; where it says nothing, the books of today do."""
        belongs = self._people.get(who, Belonging())
        names = {
            Group.CENTRE: "",
            Group.STEP: step,
            Group.PERSON: who,
            Group.TEAM: belongs.team,
            Group.ORGANISATION: organisation or belongs.organisation,
        }
        return [self._rows.setdefault((group, name), _Row()) for group, name in names.items()]


def _run_finder(runs: Iterable[TimedStep]) -> Callable[[Drawn], TimedStep | None]:
    """Which run drew a card: the one of its step that was running when the case came to the card's version."""
    found: dict[tuple[int, str], list[TimedStep]] = {}
    for run in runs:
        found.setdefault((run.incident_id, run.step), []).append(run)

    def of(card: Drawn) -> TimedStep | None:
        for run in found.get((card.incident_id, card.step), ()):
            if run.version < card.version and (run.ended_version is None or card.version <= run.ended_version):
                return run
        return None

    return of
