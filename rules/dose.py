"""Carbon monoxide by dose: how much of it for how long, as detectors for homes alarm (EN 50291-1).

    30 ppm: not before 120 min    50 ppm: 60 to 90 min    100 ppm: 10 to 40 min    300 ppm: within 3 min

For each level a clock runs while the air holds at least so much; a level that is full fires. A value below the level
lets its clock run back as fast as it ran up, so that one lower reading in an hour does not begin the hour anew. The
alarm ends when the air is below `clear` for `clear_after`, or, latching, when a person resets it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.limits import Number
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "carbon-monoxide"
EN_50291: Mapping[int, timedelta] = {
    30: timedelta(minutes=125),
    50: timedelta(minutes=75),
    100: timedelta(minutes=25),
    300: timedelta(minutes=2),
}
"""Within the windows of EN 50291-1 for 30, 50, 100 and 300 ppm (nano-sense.com/de/EN50291)."""
STALE = timedelta(minutes=10)
"""A value says nothing of the air so much later: the clocks stand still. Set by this project."""


class DoseState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="dose"):
    """The last value, how full the clock of each level is (ms) and up to which engine ms that is counted, the worst
    value, since when the air is clear."""

    last: Reading | None = None
    upto: int = 0
    filled: tuple[int, ...] = ()
    worst: Reading | None = None
    clear_since: int | None = None
    stage: Stage = Stage()


class Dose(RuleModel):
    """Fires when there was too much carbon monoxide for too long."""

    kind: Literal["dose"]
    clear: Annotated[Number, Field(ge=0, le=50)] = Field(
        default=10.0, description="ppm below which the air counts as clear again (WHO: 10 mg/m3, 9 ppm, for 8 h)"
    )
    clear_after: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=2))] = Field(
        default=timedelta(minutes=5), description="how long the air must be clear before the alarm ends, e.g. 5m"
    )
    latching: bool = Field(
        default=True, description="true: goes on until a person resets it, also when the air is clear"
    )
    severity: Severity = Field(default=Severity.P1, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """Carbon monoxide in ppm."""
        return Quantity.CARBON_MONOXIDE

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        return tuple(
            BoundRule(rule=DoseRule(self, home, sensor), readings=frozenset({(sensor, Quantity.CARBON_MONOXIDE)}))
            for sensor in self.watched(home)
        )


class DoseRule:
    """One sensor."""

    def __init__(self, config: Dose, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._config = config
        self._levels = tuple((level, ms_of(full)) for level, full in sorted(EN_50291.items()))
        self._clear_ms = ms_of(config.clear_after)
        self._alarm = config.alarm(home, sensor_id, hazard=HAZARD, version=RULE_VERSION, latching=config.latching)
        self._stages = Stages(self._alarm, 0)

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> DoseState:
        """Nothing was measured yet."""
        return DoseState(filled=(0,) * len(self._levels))

    def step(self, state: DoseState, event: Event) -> Step:
        """The air was so for a while; then it is measured anew."""
        state, alerts = self._pass(state, event)
        if isinstance(event, Reset):
            stage, more = self._stages.reset(state.stage, event)
            if more:
                state = msgspec.structs.replace(state, stage=stage, filled=(0,) * len(self._levels))
                alerts += more
        elif isinstance(event, Reading) and event.quality is Quality.GOOD:
            is_clear = event.value < self._config.clear
            since = None if not is_clear else event.mono if state.clear_since is None else state.clear_since
            worst = event if state.worst is None or event.value >= state.worst.value else state.worst
            state = msgspec.structs.replace(
                state, last=event, upto=event.mono, clear_since=since, worst=None if is_clear else worst
            )
        return Step(state=state, alerts=alerts, wake_at=self._due(state))

    def _pass(self, state: DoseState, event: Event) -> tuple[DoseState, tuple[Alert, ...]]:
        """The clocks up to now: the air was as the last value said, for as long as a value says anything."""
        last = state.last
        if last is None:
            return state, ()
        passed = max(0, min(event.mono, last.mono + _STALE_MS) - state.upto)
        filled = tuple(
            min(full, had + passed) if last.value >= level else max(0, had - passed)
            for had, (level, full) in zip(state.filled, self._levels, strict=True)
        )
        state = msgspec.structs.replace(state, filled=filled, upto=event.mono)
        full_levels = [
            (level, full)
            for had, (level, full) in zip(filled, self._levels, strict=True)
            if had >= full and last.value >= level
        ]
        if full_levels and state.stage.called is None:
            stage, alerts = self._stages.begin(
                state.stage, event, tuple(dict.fromkeys((state.worst or last, last))), self._why(last, *full_levels[-1])
            )
            return msgspec.structs.replace(state, stage=stage), alerts
        since = state.clear_since
        if since is not None and not self._config.latching and event.mono - since >= self._clear_ms:
            why = Sentence(zh=f"{last.sensor_id} 处空气已清", en=f"the air at {last.sensor_id} is clear")
            stage, alerts = self._stages.end(state.stage, event, why, last)
            return msgspec.structs.replace(state, stage=stage), alerts
        return state, ()

    def _due(self, state: DoseState) -> int | None:
        last = state.last
        if last is None:
            return None
        if state.stage.called is not None:
            since = state.clear_since
            return None if self._config.latching or since is None else since + self._clear_ms
        full = [
            state.upto + limit - had
            for had, (level, limit) in zip(state.filled, self._levels, strict=True)
            if last.value >= level
        ]
        due = min(full, default=None)
        return due if due is not None and due <= last.mono + _STALE_MS else None

    def _why(self, last: Reading, level: int, full: int) -> Sentence:
        now, limit = words.value(last.quantity, last.value), words.value(last.quantity, level)
        lasted = words.span(full)
        return Sentence(
            zh=f"{last.sensor_id} 一氧化碳 {now.zh}，达到 {limit.zh} 已有 {lasted.zh}（EN 50291）",
            en=f"{last.sensor_id}: carbon monoxide {now.en}, {limit.en} or more for {lasted.en} (EN 50291)",
        )


_STALE_MS = ms_of(STALE)
