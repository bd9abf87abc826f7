"""Something that happens too often within a time: visits to the toilet at night, presses, opened doors.

    the Nth time within `within` --> FIRING
    fewer than N within it       --> RESOLVED (latching: a person resets it)

It happens at an event, and where a state begins: a state that is said again is the same one still.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import MAX_WAIT, ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.hours import HoursOfDay
from rules.limits import OfValue
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
_MOST = 100


class CountState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="count"):
    """The times that still count, oldest first; the sensors at which the state is on; the alarm."""

    times: tuple[Reading, ...] = ()
    on: frozenset[str] = frozenset()
    stage: Stage = Stage()


class Count(OfValue, RuleModel):
    """Fires when something happens too often."""

    kind: Literal["count"]
    times: Annotated[int, Field(ge=2, le=_MOST)] = Field(description="how often makes an alarm, e.g. 4")
    within: Annotated[Duration, Field(gt=timedelta(0), le=MAX_WAIT)] = Field(description="within which time, e.g. 8h")
    between: HoursOfDay | None = Field(default=None, description='only at these hours, e.g. "22:00-06:00"')
    hazard: str | None = Field(
        default=None, max_length=40, description="kind of danger, for the centre's script; left out: the quantity"
    )
    latching: bool = Field(default=False, description="true: goes on until a person resets it")
    severity: Severity = Field(default=Severity.P3, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """What happens."""
        return self.quantity

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        return tuple(
            BoundRule(rule=CountRule(self, home, sensor), readings=frozenset({(sensor, self.quantity)}))
            for sensor in self.watched(home)
        )


class CountRule:
    """One sensor."""

    def __init__(self, config: Count, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._config = config
        self._zone = home.zone
        self._condition = config.condition()
        self._within_ms = ms_of(config.within)
        self._alarm = config.alarm(
            home,
            sensor_id,
            hazard=config.hazard or config.quantity.value,
            version=RULE_VERSION,
            latching=config.latching,
        )
        self._stages = Stages(self._alarm, 0)

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> CountState:
        """It never happened."""
        return CountState()

    def step(self, state: CountState, event: Event) -> Step:
        """It happens once more, or a time ago no longer counts."""
        state, alerts = self._forget(state, event)
        if isinstance(event, Reading):
            state, more = self._hear(state, event)
            alerts += more
        elif isinstance(event, Reset):
            stage, more = self._stages.reset(state.stage, event)
            if more:  # what was told is told: the count begins anew
                state, alerts = msgspec.structs.replace(state, times=(), stage=stage), alerts + more
        wake_at = state.times[0].mono + self._within_ms if state.times else None
        return Step(state=state, alerts=alerts, wake_at=wake_at)

    def _forget(self, state: CountState, event: Event) -> tuple[CountState, tuple[Alert, ...]]:
        times = tuple(one for one in state.times if event.mono - one.mono < self._within_ms)
        if len(times) == len(state.times):
            return state, ()
        state = msgspec.structs.replace(state, times=times)
        if len(times) >= self._config.times or self._config.latching or state.stage.called is None:
            return state, ()
        name = words.name(self._config.quantity)
        why = Sentence(zh=f"“{name.zh}”已不再频繁", en=f"{name.en} is no longer frequent")
        stage, alerts = self._stages.end(state.stage, event, why)
        return msgspec.structs.replace(state, stage=stage), alerts

    def _hear(self, state: CountState, event: Reading) -> tuple[CountState, tuple[Alert, ...]]:
        if not self._condition.holds(event):
            if event.sensor_id in state.on and self._condition.denied_by(event):
                state = msgspec.structs.replace(state, on=state.on - {event.sensor_id})
            return state, ()
        is_new = QUANTITIES[event.quantity].event or event.sensor_id not in state.on
        state = msgspec.structs.replace(state, on=state.on | {event.sensor_id})
        between = self._config.between
        if not is_new or (between is not None and not between.contains(event.at, self._zone)):
            return state, ()
        times = (*state.times, event)[-_MOST:]
        state = msgspec.structs.replace(state, times=times)
        if len(times) < self._config.times or state.stage.called is not None:
            return state, ()
        name, within = words.name(event.quantity), words.span(self._within_ms)
        what = Sentence(
            zh=f"{event.sensor_id} 在 {within.zh}内“{name.zh}”{len(times)} 次",
            en=f"{event.sensor_id}: {name.en} {len(times)} times within {within.en}",
        )
        stage, alerts = self._stages.begin(state.stage, event, times[-self._config.times :], what)
        return msgspec.structs.replace(state, stage=stage), alerts
