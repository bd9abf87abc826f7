"""Silence: a sensor that is not heard for long enough is a technical alarm, until it is heard again."""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import MAX_WAIT, Alarm, episode_begin, ms_of, reset_by
from rules.bound import BoundRule, HomeFacts, RuleModel, key_of
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.document import Duration
from shouwang.reading import Moment
from shouwang.rule import Event, Reset, Step
from shouwang.status import SensorState, SensorStatus

RULE_VERSION = 1
HAZARD = "sensor-silent"
AFTER = timedelta(minutes=2)
"""EN 50136-1, class SP4/DP3, has a lost path known at the centre within 3 min: this, and the 60 s that an oximeter may
say nothing before it counts as silent. The gateway has then tried more than once to reach it again (every 60 s)."""

_REASON_CHARS = 200


class Quiet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Not heard: since the engine millisecond `mono`; `is_told` once it has fired, `is_over` once a person reset it."""

    since: Moment
    mono: int
    reason: str
    reason_zh: str = ""
    is_told: bool = False
    is_over: bool = False


class SilenceState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="silence"):
    """Heard, or `quiet`; `past` is when the last silence that is over began."""

    quiet: Quiet | None = None
    past: Moment | None = None


class Silence(RuleModel):
    """Tells the centre that a sensor is not heard."""

    kind: Literal["silence"]
    after: Annotated[Duration, Field(ge=timedelta(0), le=MAX_WAIT)] = Field(
        default=AFTER, description="how long a sensor must be lost or silent before it is told, e.g. 2m"
    )
    severity: Severity = Field(default=Severity.P3, description="priority at the call centre: P1 life ... P4 care")

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        return tuple(
            BoundRule(rule=SilenceRule(self, home, sensor), statuses=frozenset({sensor}))
            for sensor in self.watched(home)
        )


class SilenceRule:
    """One sensor's status."""

    def __init__(self, config: Silence, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._after_ms = ms_of(config.after)
        self._alarm = Alarm(
            key=key_of(config.id, sensor_id),
            rule_id=config.id,
            rule_version=RULE_VERSION,
            hazard=HAZARD,
            severity=config.severity,
            resident_id=home.resident_id,
            sensor_id=sensor_id,
            latching=False,
        )

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> SilenceState:
        """Heard."""
        return SilenceState()

    def step(self, state: SilenceState, event: Event) -> Step:
        """A silence begins, is told, ends; a reset ends the alarm, not the silence, so that nobody is told twice."""
        state, alerts = self._ripen(state, event)
        if isinstance(event, SensorStatus):
            state, more = self._hear(state, event)
            alerts += more
        elif isinstance(event, Reset) and event.key == self.key and state.quiet is not None and _is_on(state.quiet):
            alerts += (self._alert(AlertState.RESOLVED, event, state.quiet, reset_by(event)),)
            state = msgspec.structs.replace(state, quiet=msgspec.structs.replace(state.quiet, is_over=True))
        quiet = state.quiet
        return Step(
            state=state,
            alerts=alerts,
            wake_at=None if quiet is None or quiet.is_told else quiet.mono + self._after_ms,
        )

    def _hear(self, state: SilenceState, event: SensorStatus) -> tuple[SilenceState, tuple[Alert, ...]]:
        quiet = state.quiet
        if event.state is not SensorState.UP:
            begun = Quiet(
                since=episode_begin(event.at, state.past),
                mono=event.mono,
                reason=event.reason[:_REASON_CHARS],
                reason_zh=event.reason_zh[:_REASON_CHARS],
            )
            known = (
                begun
                if quiet is None
                else msgspec.structs.replace(quiet, reason=begun.reason, reason_zh=begun.reason_zh)
            )
            return self._ripen(SilenceState(quiet=known, past=state.past), event)
        if quiet is None:
            return state, ()
        lasted = words.span(event.mono - quiet.mono)
        why = Sentence(
            zh=f"传感器 {event.sensor_id} 在 {lasted.zh}后恢复",
            en=f"{event.sensor_id} is heard again after {lasted.en}",
        )
        alerts = (self._alert(AlertState.RESOLVED, event, quiet, why),) if _is_on(quiet) else ()
        return SilenceState(past=quiet.since), alerts

    def _ripen(self, state: SilenceState, event: Event) -> tuple[SilenceState, tuple[Alert, ...]]:
        quiet = state.quiet
        if quiet is None or quiet.is_told or event.mono - quiet.mono < self._after_ms:
            return state, ()
        sensor, lasted = self._alarm.sensor_id, words.span(event.mono - quiet.mono)
        zh_reason, en_reason = _reasons(quiet)
        why = Sentence(
            zh=f"传感器 {sensor} 已有 {lasted.zh}没有信号{zh_reason}",
            en=f"{sensor} not heard for {lasted.en}{en_reason}",
        )
        alert = self._alert(AlertState.FIRING, event, quiet, why)
        return msgspec.structs.replace(state, quiet=msgspec.structs.replace(quiet, is_told=True)), (alert,)

    def _alert(self, state: AlertState, event: Event, quiet: Quiet, why: Sentence) -> Alert:
        return self._alarm.alert(state, event, since=quiet.since, why=why)


def _is_on(quiet: Quiet) -> bool:
    return quiet.is_told and not quiet.is_over


def _reasons(quiet: Quiet) -> tuple[str, str]:
    """Behind the sentence in Chinese, and in English; a driver may have none."""
    zh = quiet.reason_zh or quiet.reason
    return (f"：{zh}", f": {quiet.reason}") if quiet.reason else ("", "")
