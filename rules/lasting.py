"""A state that lasts too long: a door left open, a bed left at night, a stove that nobody watches, water on the floor.

    a reading in the state -- lasts, within the hours --> PREALARM where there is a cancel_window, else FIRING
    a reading out of it                               --> CANCELLED, RESOLVED (latching: a person resets it)

The clock runs only within `between`; what `unless` names starts it anew (motion in the kitchen watches the stove); and
it stands still in the modes that `not_when` names. A doubtful reading may begin the state, only a good one ends it; but
where a person has ended the alarm, a doubtful end lets the next beginning count.
"""

import math
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from rules import words
from rules.alarm import MAX_WAIT, ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds
from rules.hours import HoursOfDay, look_again, mono_at
from rules.limits import Number, OfValue
from rules.modes import HOME_SENSOR, Mode, mode_of
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1


class Sign(BaseModel):
    """Something said elsewhere in the home."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    quantity: Quantity = Field(description="what is said, e.g. motion")
    sensors: SensorIds | None = Field(default=None, description="by which sensors; left out: all that can")
    above: Number = Field(default=1.0, description="it counts from this value on; states are 1")

    def watched(self, home: HomeFacts, *, but: str) -> tuple[str, ...]:
        """The sensors whose word counts."""
        return tuple(sensor for sensor in self.sensors or home.sensors_with(self.quantity) if sensor != but)


class LastingState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="lasting"):
    """The first and the last reading of the state, since when its clock runs (engine ms), the mode, the alarm.

    `is_doubted`: after it was told, a doubtful reading said that it is over.
    """

    first: Reading | None = None
    last: Reading | None = None
    running: int = 0
    mode: Mode = Mode.HOME
    is_told: bool = False
    is_doubted: bool = False
    stage: Stage = Stage()


class Lasting(OfValue, RuleModel):
    """Fires when a state lasts too long."""

    kind: Literal["lasting"]
    lasts: Annotated[Duration, Field(ge=timedelta(0), le=MAX_WAIT)] = Field(
        description="how long it must last, e.g. 15m; 0s fires at once"
    )
    between: HoursOfDay | None = Field(
        default=None, description='only at these hours on the clocks of the home, e.g. "22:00-06:00"'
    )
    unless: tuple[Sign, ...] = Field(default=(), description="what starts the wait anew, e.g. motion in the kitchen")
    not_when: tuple[Literal["away", "hospital", "visitor"], ...] = Field(
        default=(), description="modes of the home in which it waits for nothing, e.g. [visitor]"
    )
    cancel_window: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = Field(
        default=timedelta(0), description="ask aloud first, and let a cancel button answer for so long; 0s asks nothing"
    )
    hazard: str | None = Field(
        default=None, max_length=40, description="kind of danger, for the centre's script; left out: the quantity"
    )
    latching: bool = Field(default=False, description="true: goes on until a person resets it, also when all is well")
    severity: Severity = Field(default=Severity.P2, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """The state."""
        return self.quantity

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        modes = {(HOME_SENSOR, Quantity.MODE)} if self.not_when else set()
        cancels = {(sensor, Quantity.CANCEL) for sensor in home.sensors_with(Quantity.CANCEL) if self.cancel_window}
        return tuple(
            BoundRule(
                rule=LastingRule(self, home, sensor),
                readings=frozenset(
                    {(sensor, self.quantity), *modes, *cancels}
                    | {(other, sign.quantity) for sign in self.unless for other in sign.watched(home, but=sensor)}
                ),
            )
            for sensor in self.watched(home)
        )


class LastingRule:
    """One sensor's state."""

    def __init__(self, config: Lasting, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._config = config
        self._zone = home.zone
        self._sensor_id = sensor_id
        self._condition = config.condition()
        self._lasts_ms = ms_of(config.lasts)
        self._not_when = {Mode[name.upper()] for name in config.not_when}
        self._signs = {
            (other, sign.quantity): sign.above for sign in config.unless for other in sign.watched(home, but=sensor_id)
        }
        self._alarm = config.alarm(
            home,
            sensor_id,
            hazard=config.hazard or config.quantity.value,
            version=RULE_VERSION,
            latching=config.latching,
        )
        self._stages = Stages(self._alarm, ms_of(config.cancel_window))

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> LastingState:
        """Nothing was said yet."""
        return LastingState()

    def step(self, state: LastingState, event: Event) -> Step:
        """The state begins, lasts, is told, ends."""
        if self._is_ordinary(state, event):
            return Step(state=state)
        state, alerts = self._ripen(state, event)
        if isinstance(event, Reset):
            stage, more = self._stages.reset(state.stage, event)
            state = msgspec.structs.replace(state, stage=stage)
        elif isinstance(event, Reading):
            state, more = self._hear(state, event)
        else:
            more = ()
        state, late = self._ripen(state, event)
        return Step(state=state, alerts=(*alerts, *more, *late), wake_at=self._due(state, event))

    def _is_ordinary(self, state: LastingState, event: Event) -> bool:
        """Whether nothing can come of it, as of nearly all readings: nothing lasts, and nothing begins."""
        if state.first is not None or state.stage.asked is not None or not isinstance(event, Reading):
            return False
        is_own = event.quantity is self._condition.quantity and event.sensor_id == self._sensor_id
        return event.quantity is not Quantity.MODE and not (is_own and self._condition.holds(event))

    def _hear(self, state: LastingState, event: Reading) -> tuple[LastingState, tuple[Alert, ...]]:
        if event.quantity is self._condition.quantity and event.sensor_id == self._sensor_id:
            return self._judge(state, event)
        if event.quantity is Quantity.CANCEL:
            stage, alerts = self._stages.cancel(state.stage, event)
            return msgspec.structs.replace(state, stage=stage), alerts
        mode = mode_of(event)
        if mode is not None:
            running = event.mono if state.mode in self._not_when else state.running
            return msgspec.structs.replace(state, mode=mode, running=running), ()
        if state.is_told:
            return state, ()
        above = self._signs.get((event.sensor_id, event.quantity), math.inf)
        if event.value >= above and event.quality is Quality.GOOD:
            return msgspec.structs.replace(state, running=event.mono), ()
        return state, ()

    def _judge(self, state: LastingState, event: Reading) -> tuple[LastingState, tuple[Alert, ...]]:
        if self._condition.holds(event):
            if state.first is None or (state.is_doubted and _is_over(state.stage)):
                begun = msgspec.structs.replace(state, first=event, last=event, running=event.mono)
                return msgspec.structs.replace(begun, is_told=False, is_doubted=False), ()
            return msgspec.structs.replace(state, last=event, is_doubted=False), ()
        if not self._condition.denied_by(event):
            # it ends no alarm, but where a person has ended that, what comes next is no longer the same fire
            is_doubted = state.is_doubted or (state.is_told and event.quality is Quality.QUESTIONABLE)
            return msgspec.structs.replace(state, is_doubted=is_doubted), ()
        over = msgspec.structs.replace(state, first=None, last=None, is_told=False, is_doubted=False)
        if self._config.latching and state.stage.called is not None:
            return over, ()
        lasted = words.span(event.mono - (state.first or event).mono)
        now = self._condition.said(event.value)
        why = Sentence(
            zh=f"{self._sensor_id} {now.zh}（历时 {lasted.zh}）", en=f"{self._sensor_id} {now.en} (after {lasted.en})"
        )
        stage, alerts = self._stages.end(state.stage, event, why, event)
        return msgspec.structs.replace(over, stage=stage), alerts

    def _ripen(self, state: LastingState, event: Event) -> tuple[LastingState, tuple[Alert, ...]]:
        first = state.first
        if first is None and state.stage.asked is None:
            return state, ()
        stage, alerts = self._stages.ripen(state.stage, event)
        if (
            first is None
            or state.is_told
            or not self._counts_now(state, event)
            or event.mono < self._full(state, event)
        ):
            return (state if stage is state.stage else msgspec.structs.replace(state, stage=stage)), alerts
        last = state.last or first
        stage, more = self._stages.begin(
            stage, event, tuple(dict.fromkeys((first, last))), self._why(first, last, event)
        )
        return msgspec.structs.replace(state, stage=stage, is_told=True), alerts + more

    def _counts_now(self, state: LastingState, event: Event) -> bool:
        between = self._config.between
        return state.mode not in self._not_when and (between is None or between.contains(event.at, self._zone))

    def _full(self, state: LastingState, event: Event) -> int:
        """When the wait is over, if nothing stops it: it begins with the state, and anew when the hours begin."""
        running = state.running
        if self._config.between is not None:
            opened = self._config.between.opened(event.at, self._zone)
            running = max(running, mono_at(opened, event.at, event.mono))
        return running + self._lasts_ms

    def _due(self, state: LastingState, event: Event) -> int | None:
        asked = self._stages.due(state.stage)
        if state.first is None or state.is_told or state.mode in self._not_when:
            return asked
        due = self._full(state, event)
        between = self._config.between
        if between is not None:
            if not between.contains(event.at, self._zone):
                due = mono_at(between.opens(event.at, self._zone), event.at, event.mono) + self._lasts_ms
            due = look_again(due, event.mono)
        return due if asked is None else min(due, asked)

    def _why(self, first: Reading, last: Reading, event: Event) -> Sentence:
        state, lasted = self._condition.said(last.value), words.span(event.mono - first.mono)
        sensor, between = self._sensor_id, self._config.between
        at_zh, at_en = ("", "") if between is None else (f"（{between} 之间）", f" (between {between})")
        if not self._lasts_ms:
            return Sentence(zh=f"{sensor} {state.zh}{at_zh}", en=f"{sensor} {state.en}{at_en}")
        return Sentence(
            zh=f"{sensor} {state.zh}，已持续 {lasted.zh}{at_zh}", en=f"{sensor} {state.en} for {lasted.en}{at_en}"
        )


def _is_over(stage: Stage) -> bool:
    return stage.asked is None and stage.called is None
