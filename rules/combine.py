"""Several signs that mean something together: a fall and nothing that moves elsewhere, smoke and heat.

    needs: all       every sign of `of` within `within`, in any order
    needs: any       one of them
    needs: sequence  one after the other, in their order, all within `within`

Complete, it waits for `wait`: a sign of `unless` in that time makes it nothing (without a wait: one up to `within`
before). Then it asks or calls, and goes on until a person resets it. A state that is only said again after that is no
new sign; in a sequence a state counts when it begins.
"""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

import msgspec
from pydantic import Field, model_validator

from rules.alarm import MAX_WAIT, ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds
from rules.hours import HoursOfDay
from rules.limits import Condition, OfValue
from rules.modes import HOME_SENSOR
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
_LAPSE_MS = 21_600_000
"""A state that is said to be on 6 h after it was said last has begun anew: some detectors never say that it ends, and
those that do tell it again every 4 h at most (sensor supervision). Set by this project."""


class Clue(OfValue):
    """A sign: a value of a quantity."""

    sensors: SensorIds | None = Field(default=None, description="by which sensors; left out: all that can")

    def watched(self, home: HomeFacts) -> frozenset[tuple[str, Quantity]]:
        """What may say it."""
        return frozenset((sensor, self.quantity) for sensor in self.sensors or home.sensors_with(self.quantity))


class Denial(Clue):
    """A sign that makes it nothing."""

    after: Annotated[Duration, Field(ge=timedelta(0), le=MAX_WAIT)] = Field(
        default=timedelta(0),
        description="what is said sooner after the signs does not count, e.g. 1m: who goes out is seen on the way",
    )


class CombineState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="combine"):
    """The last reading of each sign, by its place (in a sequence with those before it); the states that are on
    (as place/sensor, with the engine ms at which they were said last), and those of them that are no new sign; the last
    denial, and since when all is complete (engine ms)."""

    found: dict[int, tuple[Reading, ...]] = {}
    on: dict[str, int] = {}
    spent: frozenset[str] = frozenset()
    denied: int | None = None
    complete: int | None = None
    stage: Stage = Stage()


class Combine(RuleModel):
    """Fires when several signs come together."""

    kind: Literal["combine"]
    needs_signs: Literal["all", "any", "sequence"] = Field(
        alias="needs", default="all", description="all of the signs, any of them, or all in their order"
    )
    of: Annotated[tuple[Clue, ...], Field(min_length=1, max_length=8)] = Field(description="the signs")
    within: Annotated[Duration, Field(gt=timedelta(0), le=MAX_WAIT)] = Field(
        default=timedelta(minutes=5), description="all signs must lie within this time, e.g. 5m"
    )
    unless: tuple[Denial, ...] = Field(default=(), description="signs that make it nothing")
    between: HoursOfDay | None = Field(
        default=None,
        description='the first sign must come at these hours on the clocks of the home, e.g. "22:00-06:00"',
    )
    wait: Annotated[Duration, Field(ge=timedelta(0), le=MAX_WAIT)] = Field(
        default=timedelta(0), description="how long to wait for a sign of unless before it counts, e.g. 60s"
    )
    cancel_window: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = Field(
        default=timedelta(0), description="ask aloud first, and let a cancel button answer for so long; 0s asks nothing"
    )
    hazard: str = Field(default="combined", max_length=40, description="kind of danger, for the centre's script")
    severity: Severity = Field(default=Severity.P2, description="priority at the call centre: P1 life ... P4 care")

    @model_validator(mode="after")
    def _denials_can_come(self) -> Self:
        if any(denial.after and denial.after >= self.wait for denial in self.unless):
            raise ValueError("unless: after must be shorter than wait, or the sign never counts")
        return self

    def watched(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors that may say a sign; none where a sign of all can never come."""
        each = [clue.watched(home) for clue in self.of]
        if not any(each) or (self.needs_signs != "any" and not all(each)):
            return ()
        return tuple(sensor for sensor in home.emits if any(sensor == one for signs in each for one, _ in signs))

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance for the home."""
        if not self.watched(home):
            return ()
        signs = {sign for clue in (*self.of, *self.unless) for sign in clue.watched(home)}
        cancels = {(sensor, Quantity.CANCEL) for sensor in home.sensors_with(Quantity.CANCEL) if self.cancel_window}
        return (BoundRule(rule=CombineRule(self, home), readings=frozenset(signs | cancels)),)


class CombineRule:
    """One home."""

    def __init__(self, config: Combine, home: HomeFacts) -> None:
        """Watch it."""
        self._config = config
        self._signs = tuple((clue.watched(home), clue.condition()) for clue in config.of)
        self._denials = tuple((clue.watched(home), clue.condition(), ms_of(clue.after)) for clue in config.unless)
        self._places = frozenset(place for signs, _ in self._signs for place in signs)
        self._is_sequence = config.needs_signs == "sequence"
        self._within_ms, self._wait_ms = ms_of(config.within), ms_of(config.wait)
        self._zone = home.zone
        self._alarm = config.alarm(home, HOME_SENSOR, hazard=config.hazard, version=RULE_VERSION, latching=True)
        self._stages = Stages(self._alarm, ms_of(config.cancel_window))

    @property
    def key(self) -> str:
        """The rule, at home."""
        return self._alarm.key

    def start(self) -> CombineState:
        """No sign yet."""
        return CombineState()

    def step(self, state: CombineState, event: Event) -> Step:
        """A sign, a denial, or time that has passed."""
        if self._is_nothing(state, event):
            return Step(state=state)
        state, alerts = self._ripen(state, event)
        if isinstance(event, Reading):
            stage, more = self._stages.cancel(state.stage, event)
            state = self._hear(msgspec.structs.replace(state, stage=stage), event)
        elif isinstance(event, Reset):
            stage, more = self._stages.reset(state.stage, event)
            state = msgspec.structs.replace(state, stage=stage)
        else:
            more = ()
        state, last = self._ripen(state, event)
        due = [one for one in (self._stages.due(state.stage), self._full(state)) if one is not None]
        return Step(state=state, alerts=(*alerts, *more, *last), wake_at=min(due, default=None))

    def _is_nothing(self, state: CombineState, event: Event) -> bool:
        """Whether it is a denial while there is nothing to deny, as of most motion in a home."""
        is_idle = state.complete is None and state.stage.asked is None and bool(self._wait_ms)
        return is_idle and isinstance(event, Reading) and _place(event) not in self._places

    def _full(self, state: CombineState) -> int | None:
        return None if state.complete is None else state.complete + self._wait_ms

    def _hear(self, state: CombineState, event: Reading) -> CombineState:
        state = self._follow(state, event)
        if state.complete is not None:
            if self._is_denial(event, event.mono - state.complete):
                return CombineState(on=state.on, spent=frozenset(state.on), stage=state.stage)
            return state
        if not self._wait_ms and self._is_denial(event, 0):
            return msgspec.structs.replace(state, denied=event.mono)
        return self._find(state, event)

    def _follow(self, state: CombineState, event: Reading) -> CombineState:
        """Which states are on."""
        if QUANTITIES[event.quantity].event:
            return state
        here = [
            (_mark(number, event), one) for number, (signs, one) in enumerate(self._signs) if _place(event) in signs
        ]
        said = {mark: event.mono for mark, condition in here if condition.holds(event)}
        ended = {mark for mark, condition in here if condition.denied_by(event)}
        ended |= {mark for mark in said if event.mono - state.on.get(mark, event.mono) > _LAPSE_MS}
        on = {mark: mono for mark, mono in state.on.items() if mark not in ended} | said
        return msgspec.structs.replace(state, on=on, spent=state.spent - ended)

    def _is_denial(self, event: Reading, after_ms: int) -> bool:
        return any(
            _place(event) in signs and after_ms >= least and _surely(condition, event)
            for signs, condition, least in self._denials
        )

    def _find(self, state: CombineState, event: Reading) -> CombineState:
        found = {
            number: chain for number, chain in state.found.items() if event.mono - chain[0].mono <= self._within_ms
        }
        numbers = self._numbers(state.spent, event)
        marks = {_mark(number, event) for number in numbers if not QUANTITIES[event.quantity].event}
        if not found and not self._is_time(event):  # what had begun before the hours is no sign within them
            return msgspec.structs.replace(state, found=found, spent=state.spent | marks)
        if self._is_sequence:
            state = msgspec.structs.replace(state, spent=state.spent | marks)
            numbers = [number for number in numbers if number == 0 or number - 1 in found][-1:]
        if not numbers:
            return msgspec.structs.replace(state, found=found)
        number = min(numbers, key=lambda one: found[one][0].mono if one in found else -math.inf)
        before = found.get(number - 1, ()) if self._is_sequence else ()
        found[number] = (*before, event)
        is_complete = self._is_complete(found) and not self._is_denied(state, event)
        return msgspec.structs.replace(state, found=found, complete=event.mono if is_complete else None)

    def _numbers(self, spent: frozenset[str], event: Reading) -> list[int]:
        """The signs that this is."""
        return [
            number
            for number, (signs, condition) in enumerate(self._signs)
            if _place(event) in signs and condition.holds(event) and _mark(number, event) not in spent
        ]

    def _is_complete(self, found: Mapping[int, object]) -> bool:
        if self._is_sequence:
            return len(self._signs) - 1 in found
        return self._config.needs_signs == "any" or len(found) == len(self._signs)

    def _is_time(self, event: Reading) -> bool:
        between = self._config.between
        return between is None or between.contains(event.at, self._zone)

    def _is_denied(self, state: CombineState, event: Reading) -> bool:
        """By what was said before, where nothing is waited for."""
        return not self._wait_ms and state.denied is not None and event.mono - state.denied <= self._within_ms

    def _ripen(self, state: CombineState, event: Event) -> tuple[CombineState, tuple[Alert, ...]]:
        stage, alerts = self._stages.ripen(state.stage, event)
        if stage is not state.stage:
            state = msgspec.structs.replace(state, stage=stage)
        full = self._full(state)
        if full is None or event.mono < full:
            return state, alerts
        chains = [state.found[len(self._signs) - 1]] if self._is_sequence else state.found.values()
        cause = tuple(sorted((one for chain in chains for one in chain), key=lambda one: one.mono))
        stage, more = self._stages.begin(state.stage, event, cause, self._why(cause))
        return CombineState(on=state.on, spent=frozenset(state.on), denied=state.denied, stage=stage), alerts + more

    def _why(self, cause: tuple[Reading, ...]) -> Sentence:
        each = [
            (one.sensor_id, condition.said(one.value))
            for one in cause
            for signs, condition in self._signs
            if (one.sensor_id, one.quantity) in signs
        ]
        told = list(dict.fromkeys((sensor, said.zh, said.en) for sensor, said in each))
        joint_zh, joint_en = ("；随后 ", "; then ") if self._config.needs_signs == "sequence" else ("；", "; ")
        return Sentence(
            zh=joint_zh.join(f"{sensor} {zh}" for sensor, zh, _ in told),
            en=joint_en.join(f"{sensor} {en}" for sensor, _, en in told),
        )


def _place(event: Reading) -> tuple[str, Quantity]:
    return event.sensor_id, event.quantity


def _mark(number: int, event: Reading) -> str:
    return f"{number}/{event.sensor_id}"


def _surely(condition: Condition, event: Reading) -> bool:
    return event.quality is Quality.GOOD and condition.holds(event)
