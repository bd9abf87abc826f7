"""Somebody is in the home although it counts as empty: told, for away the home watches for stillness no more.

    away or in hospital, and `settle` over; signs of a person inside for `lasts` --> FIRING
    the mode says that people are there                                          --> RESOLVED

It may be the person, back early, and then watched less than meant; it may be a neighbour or a thief. Signs more than
`lasts` apart are no stay, but a pet, a curtain, a visit to the flowers. Only good readings count.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import episode_begin, ms_of, reset_by
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.modes import HOME_SENSOR, Mode, mode_of
from shouwang.alert import AlertState, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "away-activity"
GONE = frozenset({Mode.AWAY, Mode.HOSPITAL})
SETTLE = timedelta(minutes=15)
"""Who has said that they leave still packs, and locks up. Set by this project."""
LASTS = timedelta(minutes=10)
"""Shorter is a neighbour at the letters, or a curtain. Set by this project."""
INSIDE = {
    Quantity.MOTION: 1.0,
    Quantity.PRESENCE: 1.0,
    Quantity.BED: 1.0,
    Quantity.BODY_MOVEMENT: 2.0,
    Quantity.BUTTON: 1.0,
}
"""What only a person inside makes a sensor say, from this value on. A door is opened from outside as well."""


def is_inside(reading: Reading) -> bool:
    """Whether this says that somebody is in the home."""
    least = INSIDE.get(reading.quantity)
    return least is not None and reading.value >= least and reading.quality is Quality.GOOD


class AwayState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="away-activity"):
    """The mode, since when (engine ms), the signs of this stay, since when it is told, and when the last began."""

    mode: Mode = Mode.HOME
    since: int = 0
    first: Reading | None = None
    last: Reading | None = None
    told: Moment | None = None
    is_over: bool = False
    past: Moment | None = None


class AwayActivity(RuleModel):
    """Fires when somebody stays in a home that counts as empty."""

    kind: Literal["away_activity"]
    settle: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=2))] = Field(
        default=SETTLE, description="what moves so long after the mode was set is who leaves, e.g. 15m"
    )
    lasts: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=12))] = Field(
        default=LASTS, description="how long somebody must be in, with no longer pause between signs of it, e.g. 10m"
    )
    severity: Severity = Field(default=Severity.P3, description="priority at the call centre: P1 life ... P4 care")

    def watched(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors that can tell of somebody inside."""
        chosen = home.emits if self.sensors is None else self.sensors
        return tuple(sensor for sensor in chosen if not INSIDE.keys().isdisjoint(home.emits.get(sensor, ())))

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance for the home."""
        signs = {(sensor, one) for sensor in self.watched(home) for one in INSIDE if one in home.emits[sensor]}
        if not signs:
            return ()
        rule = AwayActivityRule(self, home)
        return (BoundRule(rule=rule, readings=frozenset(signs | {(HOME_SENSOR, Quantity.MODE)})),)


class AwayActivityRule:
    """One home."""

    def __init__(self, config: AwayActivity, home: HomeFacts) -> None:
        """Watch it while it counts as empty."""
        self._settle_ms = ms_of(config.settle)
        self._lasts_ms = ms_of(config.lasts)
        self._alarm = config.alarm(home, HOME_SENSOR, hazard=HAZARD, version=RULE_VERSION, latching=False)

    @property
    def key(self) -> str:
        """The rule, at home."""
        return self._alarm.key

    def start(self) -> AwayState:
        """People are at home."""
        return AwayState()

    def step(self, state: AwayState, event: Event) -> Step:
        """The mode changes, somebody is in, a person at the centre has seen to it."""
        if isinstance(event, Reset):
            return self._reset(state, event)
        if not isinstance(event, Reading):
            return Step(state=state)
        mode = mode_of(event)
        if mode is not None:
            return self._become(state, event, mode)
        if state.mode not in GONE or state.is_over or not is_inside(event):
            return Step(state=state)
        return self._see(state, event)

    def _become(self, state: AwayState, event: Reading, mode: Mode) -> Step:
        if mode in GONE:
            if state.mode in GONE:  # said again, after a restart: the stay goes on
                return Step(state=msgspec.structs.replace(state, mode=mode))
            return Step(state=AwayState(mode=mode, since=event.mono, past=state.past))
        after = AwayState(mode=mode, since=event.mono, past=state.told or state.past)
        if state.told is None or state.is_over:
            return Step(state=after)
        why = Sentence(zh="家中有人，已不再是外出", en="people are at home again")
        ended = self._alarm.alert(AlertState.RESOLVED, event, since=state.told, why=why, evidence=(event,))
        return Step(state=after, alerts=(ended,))

    def _see(self, state: AwayState, event: Reading) -> Step:
        if event.mono - state.since < self._settle_ms:
            return Step(state=state)
        first = state.first
        if first is None or state.last is None or event.mono - state.last.mono > self._lasts_ms:
            first = event
        seen = msgspec.structs.replace(state, first=first, last=event)
        if state.told is not None or event.mono - first.mono < self._lasts_ms:
            return Step(state=seen)
        since = episode_begin(first.at, state.past)
        lasted = words.span(event.mono - first.mono)
        why = Sentence(
            zh=f"已设为外出，但家中 {lasted.zh}有人活动（最后是 {event.sensor_id}）",
            en=f"the home counts as empty, but somebody has been in for {lasted.en} (last: {event.sensor_id})",
        )
        evidence = (first,) if first is event else (first, event)
        alert = self._alarm.alert(AlertState.FIRING, event, since=since, why=why, evidence=evidence)
        return Step(state=msgspec.structs.replace(seen, told=since), alerts=(alert,))

    def _reset(self, state: AwayState, event: Reset) -> Step:
        """Somebody has asked: it is not told again before the mode changes."""
        if event.key != self.key or state.told is None or state.is_over:
            return Step(state=state)
        alert = self._alarm.alert(AlertState.RESOLVED, event, since=state.told, why=reset_by(event))
        return Step(state=msgspec.structs.replace(state, is_over=True), alerts=(alert,))
