"""A value that rises or falls too much within a time: weight of a failing heart, a temperature that climbs.

    against: extreme    the value is so much above the lowest (below the highest) within the time
    against: average    the value is so much away from the average of the time, which follows a person's usual course

It ends when less than half of the change is left. Only good readings count; at most one in a hundredth of the time.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

import msgspec
from pydantic import Field, model_validator

from rules import words
from rules.alarm import ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
_KEPT = 100
_LONGEST = timedelta(days=92)
_DIGITS = 6
"""72.2 - 70.2 must be 2, not 1.9999999."""
_FEW = 3
"""An average of fewer says nothing of what is usual."""


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A value and its engine millisecond."""

    mono: int
    value: float


class TrendState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="trend"):
    """The values of the time, oldest first, and the alarm."""

    points: tuple[Point, ...] = ()
    stage: Stage = Stage()


class Trend(RuleModel):
    """Fires when a value changes too much within a time."""

    kind: Literal["trend"]
    quantity: Quantity = Field(description="what is measured, e.g. weight, temperature")
    rise: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="fires when it rises by so much, in its unit, e.g. 2"
    )
    fall: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="fires when it falls by so much, in its unit"
    )
    within: Annotated[Duration, Field(ge=timedelta(minutes=1), le=_LONGEST)] = Field(
        description="within which time, e.g. 72h"
    )
    against: Literal["extreme", "average"] = Field(
        default="extreme", description="compared with the lowest or highest value of the time, or with its average"
    )
    severity: Severity = Field(default=Severity.P3, description="priority at the call centre: P1 life ... P4 care")

    @model_validator(mode="after")
    def _has_one_direction(self) -> Self:
        if (self.rise is None) == (self.fall is None):
            raise ValueError("needs rise or fall, one of them; write a second rule for the other direction")
        return self

    @property
    def needs(self) -> Quantity:
        """The measured value."""
        return self.quantity

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        return tuple(
            BoundRule(rule=TrendRule(self, home, sensor), readings=frozenset({(sensor, self.quantity)}))
            for sensor in self.watched(home)
        )


class TrendRule:
    """One value of one sensor."""

    def __init__(self, config: Trend, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._quantity = config.quantity
        self._is_rise = config.rise is not None
        self._limit = config.rise or config.fall or 0.0
        self._by_average = config.against == "average"
        self._within_ms = ms_of(config.within)
        self._apart_ms = self._within_ms // _KEPT
        self._alarm = config.alarm(home, sensor_id, hazard=config.quantity.value, version=RULE_VERSION, latching=False)
        self._stages = Stages(self._alarm, 0)

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> TrendState:
        """Nothing was measured yet."""
        return TrendState()

    def step(self, state: TrendState, event: Event) -> Step:
        """A value more."""
        if isinstance(event, Reset):
            stage, alerts = self._stages.reset(state.stage, event)
            points = state.points[-1:] if alerts else state.points  # what was told is told: compare anew from here
            return Step(state=TrendState(points=points, stage=stage), alerts=alerts)
        if not isinstance(event, Reading) or event.quality is not Quality.GOOD:
            return Step(state=state)
        past = tuple(one for one in state.points if event.mono - one.mono <= self._within_ms)
        change = self._change(past, event.value)
        is_kept = not past or event.mono - past[-1].mono >= self._apart_ms
        points = (*past, Point(event.mono, event.value)) if is_kept else past
        stage, alerts = self._judge(state.stage, change, event)
        return Step(state=TrendState(points=points, stage=stage), alerts=alerts)

    def _change(self, past: tuple[Point, ...], value: float) -> float:
        """How far it has gone in the watched direction."""
        values = [one.value for one in past]
        if not values or (self._by_average and len(values) < _FEW):
            return 0.0
        extreme = min(values) if self._is_rise else max(values)
        reference = sum(values) / len(values) if self._by_average else extreme
        return round(value - reference if self._is_rise else reference - value, _DIGITS)

    def _judge(self, stage: Stage, change: float, event: Reading) -> tuple[Stage, tuple[Alert, ...]]:
        if stage.called is None and change >= self._limit:
            return self._stages.begin(stage, event, (event,), self._why(change, event))
        if stage.called is not None and change < self._limit / 2:
            return self._stages.end(stage, event, self._why(change, event), event)
        return stage, ()

    def _why(self, change: float, event: Reading) -> Sentence:
        name, now = words.name(self._quantity), words.value(self._quantity, event.value)
        by, within = words.value(self._quantity, abs(change)), words.span(self._within_ms)
        is_up = self._is_rise == (change >= 0)
        zh_way, en_way = ("升高", "up") if is_up else ("降低", "down")
        zh_from, en_from = ("平均值", "the average") if self._by_average else ("最低" if self._is_rise else "最高", "")
        en_ref = en_from or ("the lowest" if self._is_rise else "the highest")
        return Sentence(
            zh=f"{name.zh} {now.zh}，比 {within.zh}内{zh_from}{zh_way} {by.zh}",
            en=f"{name.en} {now.en}, {en_way} by {by.en} from {en_ref} of {within.en}",
        )
