"""Something that must happen every day by a time: a pill taken, a visit made, the button pressed that says "I am well".

    nothing between the hours --> PREALARM at their end: the home reminds aloud
                              -- grace --> FIRING
    it happens after all      --> CANCELLED or RESOLVED

Hours that had begun before the rule was there are not judged. In the modes of `not_when` nobody is expected. When it
happened is kept in engine time, so that a clock that was wrong makes nothing missed and nothing done.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import MAX_WAIT, ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.hours import HoursOfDay, last_time, look_again, mono_at, next_time
from rules.limits import Number
from rules.modes import HOME_SENSOR, Mode, mode_of
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
GRACE = timedelta(minutes=60)
"""Pill dispensers give up after 60 min of reminders (Aberdeen pill dispenser note); visits are expected within 60 min
(Tunstall)."""
_SET_BACK = timedelta(hours=1)
"""A clock that is now so far before a moment that was judged had been wrong: that day is judged when it comes."""


class ExpectedState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="expected"):
    """The engine ms at which it happened last, the end of the hours that were judged last, the mode, the alarm."""

    seen: int | None = None
    judged: Moment | None = None
    mode: Mode = Mode.HOME
    stage: Stage = Stage()


class Expected(RuleModel):
    """Fires when what is expected every day does not happen."""

    kind: Literal["expected"]
    quantity: Quantity = Field(description="what is expected, e.g. button, medication, door")
    above: Number = Field(default=1.0, description="it counts from this value on; presses and states are 1")
    between: HoursOfDay = Field(description='when it must happen, on the clocks of the home, e.g. "06:00-10:00"')
    grace: Annotated[Duration, Field(ge=timedelta(0), le=MAX_WAIT)] = Field(
        default=GRACE, description="how long the home reminds before it calls, e.g. 60m; 0s calls at once"
    )
    not_when: tuple[Literal["away", "hospital", "visitor"], ...] = Field(
        default=("away", "hospital"), description="modes of the home in which nothing is expected"
    )
    hazard: str = Field(
        default="missed", max_length=40, description="kind of danger, for the centre's script, e.g. medication-missed"
    )
    severity: Severity = Field(default=Severity.P4, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """What is expected."""
        return self.quantity

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance for all sensors: any of them may say it."""
        sensors = self.watched(home)
        if not sensors:
            return ()
        readings = {(sensor, self.quantity) for sensor in sensors} | {(HOME_SENSOR, Quantity.MODE)}
        cancels = {(sensor, Quantity.CANCEL) for sensor in home.sensors_with(Quantity.CANCEL) if self.grace}
        return (
            BoundRule(
                rule=ExpectedRule(self, home, sensors),
                readings=frozenset(readings | cancels),
                statuses=frozenset(sensors),
            ),
        )


class ExpectedRule:
    """One thing that is expected."""

    def __init__(self, config: Expected, home: HomeFacts, sensors: tuple[str, ...]) -> None:
        """Of these sensors."""
        self._config = config
        self._zone = home.zone
        self._not_when = {Mode[name.upper()] for name in config.not_when}
        sensor = sensors[0] if len(sensors) == 1 else HOME_SENSOR
        self._alarm = config.alarm(home, sensor, hazard=config.hazard, version=RULE_VERSION, latching=False)
        self._stages = Stages(self._alarm, ms_of(config.grace))

    @property
    def key(self) -> str:
        """Rule and sensor, or `home` for several."""
        return self._alarm.key

    def start(self) -> ExpectedState:
        """Nothing was expected yet."""
        return ExpectedState()

    def step(self, state: ExpectedState, event: Event) -> Step:
        """It happens, or its time is over."""
        if state.judged is None and isinstance(event, Reading) and event.quality is Quality.IMPLAUSIBLE:
            return Step(state=state)
        stage, alerts = self._stages.ripen(state.stage, event)
        state, more = self._judge(msgspec.structs.replace(state, stage=stage), event)
        alerts += more
        if isinstance(event, Reset):
            stage, more = self._stages.reset(state.stage, event)
            state, alerts = msgspec.structs.replace(state, stage=stage), alerts + more
        elif isinstance(event, Reading):
            state, more = self._hear(state, event)
            alerts += more
        return Step(state=state, alerts=alerts, wake_at=self._due(state, event))

    def _judge(self, state: ExpectedState, event: Event) -> tuple[ExpectedState, tuple[Alert, ...]]:
        """The last day that is over, once."""
        end = last_time(self._config.between.end, event.at, self._zone)
        if state.judged is None:  # it may have happened before anybody listened
            seen = event.mono if self._config.between.contains(event.at, self._zone) else None
            return msgspec.structs.replace(state, judged=end, seen=seen), ()
        if state.judged - event.at > _SET_BACK:
            return msgspec.structs.replace(state, judged=end), ()
        if end <= state.judged:
            return state, ()
        judged = msgspec.structs.replace(state, judged=end)
        begin = last_time(self._config.between.begin, end - timedelta(milliseconds=1), self._zone)
        since = mono_at(begin, event.at, event.mono)
        if state.mode in self._not_when or (state.seen is not None and state.seen >= since):
            return judged, ()
        stage, alerts = self._stages.begin(state.stage, event, (), self._missing())
        return msgspec.structs.replace(judged, stage=stage), alerts

    def _hear(self, state: ExpectedState, event: Reading) -> tuple[ExpectedState, tuple[Alert, ...]]:
        mode = mode_of(event)
        if mode is not None:
            return msgspec.structs.replace(state, mode=mode), ()
        if event.quantity is Quantity.CANCEL and self._config.quantity is not Quantity.CANCEL:
            stage, alerts = self._stages.cancel(state.stage, event)
            return msgspec.structs.replace(state, stage=stage), alerts
        is_it = event.quantity is self._config.quantity and event.value >= self._config.above
        if not is_it or event.quality is not Quality.GOOD:
            return state, ()
        name = words.name(event.quantity)
        why = Sentence(zh=f"“{name.zh}”来得晚了（{event.sensor_id}）", en=f"{name.en} came late ({event.sensor_id})")
        stage, alerts = self._stages.end(state.stage, event, why, event)
        return msgspec.structs.replace(state, seen=event.mono, stage=stage), alerts

    def _due(self, state: ExpectedState, event: Event) -> int:
        end = mono_at(next_time(self._config.between.end, event.at, self._zone), event.at, event.mono)
        asked = self._stages.due(state.stage)
        return look_again(end if asked is None else min(end, asked), event.mono)

    def _missing(self) -> Sentence:
        name, between = words.name(self._config.quantity), self._config.between
        return Sentence(zh=f"{between} 之间没有“{name.zh}”", en=f"no {name.en} between {between}")
