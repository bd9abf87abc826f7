"""Several signs that mean something together: a fall and nothing that moves elsewhere, smoke and heat.

    needs: all       every sign of `of` within `within`, in any order
    needs: any       one of them
    needs: sequence  one after the other, in their order, all within `within`

Complete, it waits for `wait`: a sign of `unless` in that time makes it nothing (without a wait: one up to `within`
before). Then it asks or calls, and goes on until a person resets it.
"""

import math
from datetime import timedelta
from typing import Annotated, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from rules.alarm import MAX_WAIT, ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds
from rules.hours import HoursOfDay
from rules.limits import Condition, Number
from rules.modes import HOME_SENSOR
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1


class Clue(BaseModel):
    """A sign: a value of a quantity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantity: Quantity = Field(description="what is said, e.g. fall")
    sensors: SensorIds | None = Field(default=None, description="by which sensors; left out: all that can")
    equals: Number | None = Field(default=None, description="it is this value, e.g. 1")
    below: Number | None = Field(default=None, description="it is this value or less")
    above: Number | None = Field(default=None, description="it is this value or more")

    @model_validator(mode="after")
    def _is_one_state(self) -> Self:
        self.condition()
        return self

    def condition(self) -> Condition:
        """On the value."""
        return Condition.of(self.quantity, equals=self.equals, below=self.below, above=self.above)

    def watched(self, home: HomeFacts) -> frozenset[tuple[str, Quantity]]:
        """What may say it."""
        return frozenset((sensor, self.quantity) for sensor in self.sensors or home.sensors_with(self.quantity))


class CombineState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="combine"):
    """The reading of each sign, by its place; the last denial, and since when all is complete (engine ms)."""

    found: dict[int, Reading] = {}
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
    unless: tuple[Clue, ...] = Field(default=(), description="signs that make it nothing")
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
        self._denials = tuple((clue.watched(home), clue.condition()) for clue in config.unless)
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

    def _full(self, state: CombineState) -> int | None:
        return None if state.complete is None else state.complete + self._wait_ms

    def _hear(self, state: CombineState, event: Reading) -> CombineState:
        place = (event.sensor_id, event.quantity)
        if any(place in signs and _surely(condition, event) for signs, condition in self._denials):
            return CombineState(denied=event.mono, stage=state.stage)
        found = {number: one for number, one in state.found.items() if event.mono - one.mono <= self._within_ms}
        for number, (signs, condition) in enumerate(self._signs):
            is_next = self._config.needs_signs != "sequence" or number == 0 or number - 1 in found
            is_time = bool(found) or self._is_time(event)
            if place in signs and condition.holds(event) and is_next and is_time and number not in found:
                found[number] = event
                break
        if len(found) == len(state.found) and state.complete is not None:
            return state
        enough = 1 if self._config.needs_signs == "any" else len(self._signs)
        is_complete = len(found) >= enough and not self._is_denied(state, event)
        complete = (state.complete or event.mono) if is_complete else None
        return CombineState(found=found, denied=state.denied, complete=complete, stage=state.stage)

    def _is_time(self, event: Reading) -> bool:
        between = self._config.between
        return between is None or between.contains(event.at, self._zone)

    def _is_denied(self, state: CombineState, event: Reading) -> bool:
        if self._wait_ms:
            return False  # what is said after it counts, not what was said before
        return event.mono - (state.denied if state.denied is not None else -math.inf) <= self._within_ms

    def _ripen(self, state: CombineState, event: Event) -> tuple[CombineState, tuple[Alert, ...]]:
        stage, alerts = self._stages.ripen(state.stage, event)
        if stage is not state.stage:
            state = msgspec.structs.replace(state, stage=stage)
        full = self._full(state)
        if full is None or event.mono < full:
            return state, alerts
        cause = tuple(sorted(state.found.values(), key=lambda one: one.mono))
        stage, more = self._stages.begin(state.stage, event, cause, self._why(cause))
        return CombineState(denied=state.denied, stage=stage), alerts + more

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


def _surely(condition: Condition, event: Reading) -> bool:
    return event.quality is Quality.GOOD and condition.holds(event)
