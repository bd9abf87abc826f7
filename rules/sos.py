"""SOS: a press calls for help at once, every time, until a person resets it."""

from typing import Literal

import msgspec
from pydantic import Field

from rules.alarm import Alarm, episode_begin, reset_by, says
from rules.bound import BoundRule, HomeFacts, RuleModel, key_of
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "sos"
DEBOUNCE_MS = 2000
"""Frames of one press come again within this time (radio repeats, QoS 1). Set by this project, far below the 30 s in
which call centres join two presses into one case: what is one case is theirs to say, here no press is lost."""


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One press that counted; `is_on` until a person resets it."""

    since: Moment
    press: Reading
    is_on: bool


class SosState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="sos"):
    """The last call, over or not."""

    call: Call | None = None


class Sos(RuleModel):
    """Calls for help on every press of an SOS button."""

    kind: Literal["sos"]
    severity: Severity = Field(default=Severity.P1, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """A press."""
        return Quantity.SOS

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per button."""
        return tuple(
            BoundRule(rule=SosRule(self, home, sensor), readings=frozenset({(sensor, Quantity.SOS)}))
            for sensor in self.watched(home)
        )


class SosRule:
    """FIRING on every press, also where the last one was never reset: a lost reset must not swallow a call."""

    def __init__(self, config: Sos, home: HomeFacts, sensor_id: str) -> None:
        """Watch one button."""
        self._alarm = Alarm(
            key=key_of(config.id, sensor_id),
            rule_id=config.id,
            rule_version=RULE_VERSION,
            hazard=HAZARD,
            severity=config.severity,
            resident_id=home.resident_id,
            sensor_id=sensor_id,
            latching=True,
        )

    @property
    def key(self) -> str:
        """Rule and button."""
        return self._alarm.key

    def start(self) -> SosState:
        """Nothing pressed."""
        return SosState()

    def step(self, state: SosState, event: Event) -> Step:
        """A press raises, a reset ends."""
        call = state.call
        if isinstance(event, Reading) and says(event, Quantity.SOS):
            is_repeat = call is not None and event.mono - call.press.mono < DEBOUNCE_MS
            return Step(state=state) if is_repeat else self._press(call, event)
        if isinstance(event, Reset) and event.key == self.key and call is not None and call.is_on:
            ended = SosState(call=msgspec.structs.replace(call, is_on=False))
            return Step(state=ended, alerts=(self._ended(call, event, reset_by(event)),))
        return Step(state=state)

    def _press(self, last: Call | None, event: Reading) -> Step:
        alerts: list[Alert] = []
        if last is not None and last.is_on:
            alerts.append(self._ended(last, event, _SUPERSEDED))
        since = episode_begin(event.at, None if last is None else last.since)
        why = Sentence(
            zh=f"有人按下了紧急呼叫按钮（{event.sensor_id}）", en=f"the SOS button was pressed ({event.sensor_id})"
        )
        alerts.append(self._alarm.alert(AlertState.FIRING, event, since=since, why=why, evidence=(event,)))
        return Step(state=SosState(call=Call(since=since, press=event, is_on=True)), alerts=tuple(alerts))

    def _ended(self, call: Call, event: Event, why: Sentence) -> Alert:
        return self._alarm.alert(AlertState.RESOLVED, event, since=call.since, why=why, evidence=(call.press,))


_SUPERSEDED = Sentence(
    zh="同一按钮再次按下，由新的呼叫接替", en="the same button was pressed again; the new call takes over"
)
