"""The figures of the centre, by written formulas (docs/kpi.md): each with numerator, denominator and its cases. Pure.

The same facts and the same `as_of` give the same numbers. Only life alarms (`emergency`) that are no test calls count
in the figures of answering and visiting; a case merged into another one counts there, with its alarms.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

import msgspec

from community.casefile import Disposition
from community.kpi_facts import CaseFacts, Drawn
from community.kpi_months import Window

_MS = timedelta(milliseconds=1)
ANSWER_SOON_MS, ANSWER_AT_LAST_MS = 60_000, 180_000
"""TSA code of practice: alarm calls are answered within 60 s (97.5 %) and within 180 s (99 %)."""
ON_SITE_SOON_MS, ON_SITE_AT_LAST_MS = 45 * 60_000, 60 * 60_000
"""The same: somebody is there within 45 min (90 %) and within 60 min (100 %) of the decision to send him."""
REPEATS = 3
"""Life alarms of one home in one month from which it counts as a repeat caller: ours; one a week is a pattern."""
POOR = 2
"""A call-back score up to this opens an item of improvement (the project's incident model)."""


class Kpi(StrEnum):
    """The figures."""

    ANSWERED_SOON = "answered_60s"
    ANSWERED_AT_LAST = "answered_180s"
    ON_SITE_SOON = "on_site_45min"
    ON_SITE_AT_LAST = "on_site_60min"
    FALSE_ALARMS = "false_alarms"
    FALSE_BY_RULE = "false_alarms_by_rule"
    FALSE_BY_DEVICE = "false_alarms_by_device"
    EXCUSED = "excused_cards"
    REVISITED = "revisited"
    REVISIT_SCORE = "revisit_score"
    REPEAT_CALLERS = "repeat_callers"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a share should be: at least this, or at most."""

    share: Fraction
    is_ceiling: bool = False

    def is_met(self, value: Fraction) -> bool:
        """Whether the share is as it should be."""
        return value <= self.share if self.is_ceiling else value >= self.share


TARGETS: Mapping[Kpi, Target] = {
    Kpi.ANSWERED_SOON: Target(share=Fraction(975, 1000)),
    Kpi.ANSWERED_AT_LAST: Target(share=Fraction(99, 100)),
    Kpi.ON_SITE_SOON: Target(share=Fraction(90, 100)),
    Kpi.ON_SITE_AT_LAST: Target(share=Fraction(1)),
    Kpi.EXCUSED: Target(share=Fraction(5, 100), is_ceiling=True),
}
"""TSA code of practice for answering and visiting; the project's incident model for excuses. The others have none."""
PHASES = ("found", "reported", "assigned", "handled", "fed_back", "revisited")
"""The six steps of a case."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One number: `numerator / denominator`; `of`: a rule or a device, where there is one figure for each.

    `cases`: those in the denominator; `hits`: those of them that the numerator counts.
    """

    kpi: Kpi
    numerator: int
    denominator: int
    cases: tuple[int, ...]
    hits: tuple[int, ...]
    of: str = ""

    @property
    def value(self) -> Fraction | None:
        """None: nothing to count."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None

    @property
    def target(self) -> Target | None:
        """What it should be; None: nobody says."""
        return TARGETS.get(self.kpi)

    @property
    def is_red(self) -> bool:
        """Whether it misses its target."""
        return self.value is not None and self.target is not None and not self.target.is_met(self.value)


class StepTime(msgspec.Struct, frozen=True, kw_only=True):
    """How long cases stood in one of the six steps: `p50_ms` and `p90_ms` by nearest rank, None without any stay."""

    phase: str
    stays: int
    p50_ms: int | None
    p90_ms: int | None
    cases: tuple[int, ...]


def figures(facts: Iterable[CaseFacts], cards: Iterable[Drawn], window: Window, as_of: datetime) -> tuple[Figure, ...]:
    """Every figure of this span, as it stood at `as_of`. `facts` and `cards` may hold more than the span."""
    life = [one for one in facts if one.workflow == "emergency" and not one.is_test and not _is_merged(one)]
    came = [one for one in life if window.holds(one.opened_at)]
    ended = [one for one in life if window.holds(one.ended_at)]
    sent = [one for one in life if window.holds(one.deployed_at)]
    return (
        _answered(Kpi.ANSWERED_SOON, came, ANSWER_SOON_MS, as_of),
        _answered(Kpi.ANSWERED_AT_LAST, came, ANSWER_AT_LAST_MS, as_of),
        _on_site(Kpi.ON_SITE_SOON, sent, ON_SITE_SOON_MS, as_of),
        _on_site(Kpi.ON_SITE_AT_LAST, sent, ON_SITE_AT_LAST_MS, as_of),
        _false(Kpi.FALSE_ALARMS, ended, ""),
        *_false_by(Kpi.FALSE_BY_RULE, ended, lambda one: one.rule),
        *_false_by(Kpi.FALSE_BY_DEVICE, ended, lambda one: one.device),
        _excused(cards, window),
        _revisited(ended),
        _revisit_score(life, window),
        _repeat_callers(came),
    )


def step_times(facts: Iterable[CaseFacts], window: Window) -> tuple[StepTime, ...]:
    """The six steps, of all kinds of cases but tests: stays that ended in the span."""
    took: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in facts:
        if not one.is_test:
            for stay in one.stays:
                if window.holds(stay.at):
                    took[stay.phase].append((stay.took_ms, one.incident_id))
    return tuple(_step_time(phase, sorted(took[phase])) for phase in PHASES)


def poor_ratings(facts: Iterable[CaseFacts]) -> tuple[int, ...]:
    """Cases whose call-back was scored POOR or less."""
    return tuple(
        one.incident_id
        for one in facts
        if any(rating.score is not None and rating.score <= POOR for rating in one.ratings)
    )


def _figure(kpi: Kpi, counted: Iterable[CaseFacts], hits: Iterable[CaseFacts], of: str = "") -> Figure:
    cases = tuple(sorted(one.incident_id for one in counted))
    found = tuple(sorted(one.incident_id for one in hits))
    return Figure(kpi=kpi, numerator=len(found), denominator=len(cases), cases=cases, hits=found, of=of)


def _is_merged(one: CaseFacts) -> bool:
    return one.disposition is Disposition.MERGED


def _answered(kpi: Kpi, came: list[CaseFacts], limit_ms: int, as_of: datetime) -> Figure:
    """One that nobody has answered counts from the moment on at which it is too late."""
    counted = [one for one in came if one.answered_ms is not None or (as_of - one.opened_at) // _MS > limit_ms]
    return _figure(
        kpi, counted, [one for one in counted if one.answered_ms is not None and one.answered_ms <= limit_ms]
    )


def _on_site(kpi: Kpi, sent: list[CaseFacts], limit_ms: int, as_of: datetime) -> Figure:
    """One called off in time counts nowhere; one called off too late, or still waited for, was missed."""

    def counts(one: CaseFacts) -> bool:
        if one.on_site_ms is not None:
            return True
        waited = one.called_off_ms if one.called_off_ms is not None else _since(one.deployed_at, as_of)
        return waited > limit_ms

    counted = [one for one in sent if counts(one)]
    return _figure(kpi, counted, [one for one in counted if one.on_site_ms is not None and one.on_site_ms <= limit_ms])


def _since(at: datetime | None, as_of: datetime) -> int:
    return 0 if at is None else (as_of - at) // _MS


def _false(kpi: Kpi, ended: Iterable[CaseFacts], of: str) -> Figure:
    ended = list(ended)
    return _figure(kpi, ended, [one for one in ended if one.disposition is Disposition.FALSE_ALARM], of)


def _false_by(kpi: Kpi, ended: Iterable[CaseFacts], name: Callable[[CaseFacts], str]) -> Iterable[Figure]:
    grouped: dict[str, list[CaseFacts]] = defaultdict(list)
    for one in ended:
        grouped[name(one)].append(one)
    return [_false(kpi, grouped[of], of) for of in sorted(grouped)]


def _excused(cards: Iterable[Drawn], window: Window) -> Figure:
    drawn = [card for card in cards if window.holds(card.at)]
    excused = [card for card in drawn if card.excused]
    return Figure(
        kpi=Kpi.EXCUSED,
        numerator=len(excused),
        denominator=len(drawn),
        cases=tuple(sorted({card.incident_id for card in drawn})),
        hits=tuple(sorted({card.incident_id for card in excused})),
    )


def _revisited(ended: list[CaseFacts]) -> Figure:
    """Of the cases that ended after a call-back was due; a new alarm ends the wait for one."""
    due = [one for one in ended if one.came_to_revisit and one.disposition is not Disposition.SUPERSEDED]
    return _figure(Kpi.REVISITED, due, [one for one in due if one.ratings])


def _revisit_score(life: list[CaseFacts], window: Window) -> Figure:
    """The mean: the sum of the scores over their number; `hits` are the poor ones."""
    scores = [
        (one.incident_id, rating.score)
        for one in life
        for rating in one.ratings
        if rating.score is not None and window.holds(rating.at)
    ]
    return Figure(
        kpi=Kpi.REVISIT_SCORE,
        numerator=sum(score for _, score in scores),
        denominator=len(scores),
        cases=tuple(sorted({case for case, _ in scores})),
        hits=tuple(sorted({case for case, score in scores if score <= POOR})),
    )


def _repeat_callers(came: list[CaseFacts]) -> Figure:
    """Homes, not cases; the cases are those of the homes."""
    by_home: dict[str, list[int]] = defaultdict(list)
    for one in came:
        by_home[one.home_key].append(one.incident_id)
    often = [cases for cases in by_home.values() if len(cases) >= REPEATS]
    return Figure(
        kpi=Kpi.REPEAT_CALLERS,
        numerator=len(often),
        denominator=len(by_home),
        cases=tuple(sorted(one.incident_id for one in came)),
        hits=tuple(sorted(case for cases in often for case in cases)),
    )


def _step_time(phase: str, took: list[tuple[int, int]]) -> StepTime:
    spans = [ms for ms, _ in took]
    return StepTime(
        phase=phase,
        stays=len(spans),
        p50_ms=_rank(spans, 50),
        p90_ms=_rank(spans, 90),
        cases=tuple(sorted({case for _, case in took})),
    )


def _rank(ordered: list[int], percent: int) -> int | None:
    """Nearest rank: the smallest value that at least this share of all do not exceed."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
