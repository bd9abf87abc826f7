"""What the sealed steps of a case say of the work on it: the facts that every figure and score is made of. Pure.

The same steps give the same facts, whoever reads them and when: figures are made from here, never from a page.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from community import engine
from community.casefile import Case, Clock, Colour, Disposition, Order, Step
from community.clocks import responsible
from community.workflow import kept_workflow
from shouwang.alert import Severity
from shouwang.reading import Moment

_MS = timedelta(milliseconds=1)
_ANSWERING = frozenset({"operator", "supervisor", "responder"})
_NO_ANSWER = frozenset({"note", "merge"})
"""Orders that leave the person who called without an answer."""
_REVISITS = frozenset({"revisit_ok", "revisit_bad"})
_FOUND, _REVISITED, _DONE = "found", "revisited", "done"
_WITHOUT_VISIT = frozenset({"fed_back", _REVISITED, _DONE})
"""A case that comes here unvisited needs nobody on site any more."""


class CardKey(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A card: of this step and colour, drawn by the step that made the case this `version`."""

    version: int
    step: str
    colour: Colour


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit log, as far as figures need it: a step of a case, or a card excused with a code."""

    incident_id: int
    version: int
    at: Moment
    event: Step | None = None
    excused: CardKey | None = None
    code: str = ""


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """How long a case stood in one of its phases, once; `at`: when it left."""

    phase: str
    took_ms: int
    at: Moment


class Rating(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody called back; `score` (1 to 5) is what the resident said, None where he said none."""

    at: Moment
    score: int | None = None


class TimedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a clock that draws cards: from the version that started it to the one that ended it.

    `responsible` (a login or a responder's id, empty: the whole shift): at its end; None where it still runs.
    """

    incident_id: int
    step: str
    version: int
    ended_version: int | None = None
    ended_at: Moment | None = None
    responsible: str | None = None


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """A card as drawn. `level`: how often its clock had been red before; `excused`: the reason code, else empty.

    `organisation`: whose the responsible person was when it was drawn; empty where that was not known.
    """

    incident_id: int
    version: int
    step: str
    colour: Colour
    responsible: str
    at: Moment
    level: int = 0
    excused: str = ""
    organisation: str = ""

    @property
    def key(self) -> CardKey:
        """Which one of its case."""
        return CardKey(version=self.version, step=self.step, colour=self.colour)


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One case, as far as it has gone. Spans are engine time (ms): no step of a wall clock moves them.

    `answered_ms`: until a person took it up. `deployed_at`: the decision to send somebody; `on_site_ms`: from then
    until somebody stood there; `called_off_ms`: until it ended without. `came_to_revisit`: a call-back was due.
    """

    incident_id: int
    home_key: str
    workflow: str
    priority: Severity
    rule: str
    device: str
    state: str
    opened_at: Moment
    is_test: bool = False
    answered_ms: int | None = None
    deployed_at: Moment | None = None
    on_site_ms: int | None = None
    called_off_ms: int | None = None
    came_to_revisit: bool = False
    ended_at: Moment | None = None
    disposition: Disposition | None = None
    stays: tuple[Stay, ...] = ()
    ratings: tuple[Rating, ...] = ()
    handlers: tuple[str, ...] = ()


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One case whole: its facts, its timed steps, its cards."""

    facts: CaseFacts
    timed_steps: tuple[TimedStep, ...]
    cards: tuple[Drawn, ...]


def history_of(entries: Iterable[Sealed]) -> History | None:
    """The history of one case from its entries in order; None for a case that began before there were steps."""
    first, *others = entries
    if first.event is None:
        return None
    reader = _Reader(first, first.event)
    for entry in others:
        if entry.event is not None:
            reader.step(entry, entry.event)
        elif entry.excused is not None:
            reader.excuse(entry.excused, entry.code)
    return reader.history()


class Reckoning:
    """Engine time along the steps of a case: a change of state says it, in between the wall clock goes on."""

    def __init__(self, at: datetime) -> None:
        """`at`: of its first step."""
        self._mark: tuple[int, datetime] = (0, at)

    def now(self, before: Case | None, after: Case, at: datetime) -> int:
        """Engine time (ms) of the step that made the case `after`; the wall clock never takes it back."""
        last_e, last_at = self._mark
        if before is None or after.entered_e != before.entered_e:
            self._mark = (after.entered_e, at)
            return after.entered_e
        return last_e + max(0, (at - last_at) // _MS)


class _Reader:
    """Reads one case from its first step on."""

    def __init__(self, first: Sealed, step: Step) -> None:
        self._id = first.incident_id
        self._case = engine.folded(None, step)
        self._opened_at = first.at
        self._reckoning = Reckoning(first.at)
        self._deployed_e: int | None = None
        self._phase_e = 0
        self._facts: dict[str, object] = {}
        self._stays: list[Stay] = []
        self._ratings: list[Rating] = []
        self._running: dict[tuple[str, int], TimedStep] = {}
        self._ended: list[TimedStep] = []
        self._cards: dict[CardKey, Drawn] = {}
        self._take(first, step, None)

    def step(self, entry: Sealed, step: Step) -> None:
        before, self._case = self._case, engine.folded(self._case, step)
        self._take(entry, step, before)

    def _take(self, entry: Sealed, step: Step, before: Case | None) -> None:
        after = self._case
        now_e = self._reckoning.now(before, after, entry.at)
        self._cards |= {card.key: card for card in _drawn(entry, step)}
        self._clocks(before, after, entry)
        self._answer(step.order, now_e - after.opened_e)
        self._visit(after, now_e, entry.at)
        self._phases(before, after, now_e, entry.at)
        if step.order is not None and step.order.command in _REVISITS:
            self._ratings.append(Rating(at=entry.at, score=step.order.score))

    def excuse(self, key: CardKey, code: str) -> None:
        if key in self._cards and not self._cards[key].excused:
            self._cards[key] = msgspec.structs.replace(self._cards[key], excused=code)

    def history(self) -> History:
        case = self._case
        rule, _, sensor = case.lead.key.partition(":")
        facts = CaseFacts(
            incident_id=self._id,
            home_key=case.home_key,
            workflow=case.workflow,
            priority=case.priority,
            rule=rule,
            device=f"{case.lead.gateway_id}/{sensor.partition(':')[0]}",
            state=case.state,
            opened_at=self._opened_at,
            is_test=case.is_test,
            disposition=case.disposition,
            stays=tuple(self._stays),
            ratings=tuple(self._ratings),
            handlers=case.handlers,
        )
        return History(
            facts=msgspec.structs.replace(facts, **self._facts),
            timed_steps=tuple(sorted([*self._ended, *self._running.values()], key=lambda run: (run.version, run.step))),
            cards=tuple(self._cards[key] for key in sorted(self._cards)),
        )

    def _clocks(self, before: Case | None, after: Case, entry: Sealed) -> None:
        """A clock that draws cards has its yellow one before it from its first moment on."""
        standing = {_id_of(clock) for clock in after.clocks}
        for key in sorted(self._running.keys() - standing):
            run = self._running.pop(key)
            who = responsible(before, run.step) if before is not None else ""
            self._ended.append(
                msgspec.structs.replace(run, ended_version=after.version, ended_at=entry.at, responsible=who)
            )
        known = set() if before is None else {_id_of(clock) for clock in before.clocks}
        for clock in after.clocks:
            if _id_of(clock) not in known and clock.yellow_e is not None:
                self._running[_id_of(clock)] = TimedStep(incident_id=self._id, step=clock.name, version=after.version)

    def _answer(self, order: Order | None, after_ms: int) -> None:
        if order is not None and order.role in _ANSWERING and order.command not in _NO_ANSWER:
            self._facts.setdefault("answered_ms", after_ms)

    def _visit(self, after: Case, now_e: int, at: datetime) -> None:
        if self._deployed_e is None and after.offers:
            self._deployed_e = now_e
            self._facts["deployed_at"] = at
        if self._deployed_e is not None and after.has_visited:
            self._facts.setdefault("on_site_ms", now_e - self._deployed_e)

    def _phases(self, before: Case | None, after: Case, now_e: int, at: datetime) -> None:
        old, new = (None if before is None else _phase(before)), _phase(after)
        if old is None:
            if not after.is_late and new != _FOUND:
                self._stays.append(Stay(phase=_FOUND, took_ms=_since_raised(after, at), at=at))
        elif old != new:
            waited = _since_raised(after, self._opened_at) if old == _FOUND and not after.is_late else 0
            self._stays.append(Stay(phase=old, took_ms=now_e - self._phase_e + waited, at=at))
        if old != new:
            self._phase_e = now_e
        self._facts["came_to_revisit"] = bool(self._facts.get("came_to_revisit")) or new == _REVISITED
        if new == _DONE:
            self._facts.setdefault("ended_at", at)
        if new in _WITHOUT_VISIT and self._deployed_e is not None and not after.has_visited:
            self._facts.setdefault("called_off_ms", now_e - self._deployed_e)


def _drawn(entry: Sealed, step: Step) -> Iterable[Drawn]:
    for card in step.cards:
        yield Drawn(
            incident_id=entry.incident_id,
            version=entry.version,
            step=card.step,
            colour=card.colour,
            responsible=card.responsible,
            at=entry.at,
            level=card.level,
            organisation=card.organisation,
        )


def _id_of(clock: Clock) -> tuple[str, int]:
    return clock.name, clock.started_e


def _phase(case: Case) -> str:
    """Of the state, as the table of the case says it; a state that it has not is a phase by itself."""
    state = kept_workflow(case.workflow, case.policy).states.get(case.state)
    return case.state if state is None else state.phase


def _since_raised(case: Case, at: datetime) -> int:
    """By the home's clock; one that is ahead says nothing."""
    return max(0, (at - case.lead.since) // _MS)
