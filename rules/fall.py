"""Fall: what a fall radar sees is confirmed, asked about aloud, and only then called out.

    FALL 1 -- confirm (60 s; a FALL 0 ends it) --> PREALARM: the home asks aloud
           -- cancel_window (30 s; a cancel button ends it) --> FIRING until a person resets it

Once the home has asked, FALL 0 ends nothing: a radar may lose a person who lies still. A further fall (0, then 1) while
the alarm is on is confirmed likewise, but not asked about: nobody answered the last time; it becomes a new episode.
What raises an alarm may be of QUESTIONABLE quality, what takes one back must be GOOD.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import ms_of, says
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds
from rules.stages import Moved, Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "fall"
CONFIRM = timedelta(seconds=60)
CANCEL_WINDOW = timedelta(seconds=30)
"""After the installation guides of fall radars (Vayyar family: about 52 s to confirm and 40 s to cancel aloud)."""
_LONGEST = timedelta(minutes=10)
"""Longer leaves a person on the floor; the makers' sum is about 90 s. Set by this project."""


class FallState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fall"):
    """`is_down`: what the radar said last; `suspect`: a fall being confirmed, alone or beside a call, never while the
    home asks."""

    is_down: bool = False
    suspect: Reading | None = None
    stage: Stage = Stage()


class Fall(RuleModel):
    """Confirms a fall, asks aloud, then calls for help."""

    kind: Literal["fall"]
    confirm: Annotated[Duration, Field(ge=timedelta(0), le=_LONGEST)] = Field(
        default=CONFIRM, description="how long the radar must go on seeing the fall before the home asks, e.g. 60s"
    )
    cancel_window: Annotated[Duration, Field(ge=timedelta(seconds=5), le=_LONGEST)] = Field(
        default=CANCEL_WINDOW, description="how long the person has to press a cancel button, e.g. 30s"
    )
    cancel_by: SensorIds | None = Field(
        default=None, description="ids of the sensors whose cancel counts; left out: every one in the home"
    )
    severity: Severity = Field(default=Severity.P1, description="priority at the call centre: P1 life ... P4 care")

    def cancellers(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors that may cancel."""
        return home.sensors_with(Quantity.CANCEL) if self.cancel_by is None else self.cancel_by

    @property
    def needs(self) -> Quantity:
        """A fall."""
        return Quantity.FALL

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per radar, each listening to all cancel buttons."""
        cancels = {(sensor, Quantity.CANCEL) for sensor in self.cancellers(home)}
        return tuple(
            BoundRule(rule=FallRule(self, home, sensor), readings=frozenset({(sensor, Quantity.FALL), *cancels}))
            for sensor in self.watched(home)
        )


class FallRule:
    """One radar."""

    def __init__(self, config: Fall, home: HomeFacts, sensor_id: str) -> None:
        """Watch one radar."""
        self._confirm_ms = ms_of(config.confirm)
        self._alarm = config.alarm(home, sensor_id, hazard=HAZARD, version=RULE_VERSION, latching=True)
        self._stages = Stages(self._alarm, ms_of(config.cancel_window))

    @property
    def key(self) -> str:
        """Rule and radar."""
        return self._alarm.key

    def start(self) -> FallState:
        """Nobody fell."""
        return FallState()

    def step(self, state: FallState, event: Event) -> Step:
        """A fall is suspected, confirmed, asked about, called out, cancelled, reset."""
        state, alerts = self._ripen(state, event)
        if isinstance(event, Reading) and event.quantity is Quantity.FALL:
            state, more = self._ripen(_after(state, event), event)
        elif isinstance(event, Reading):
            state, more = _moved(state, self._stages.cancel(state.stage, event))
        elif isinstance(event, Reset):
            state, more = _moved(state, self._stages.reset(state.stage, event))
        else:
            more = ()
        return Step(state=state, alerts=alerts + more, wake_at=self._due(state))

    def _due(self, state: FallState) -> int | None:
        return self._stages.due(state.stage) if state.suspect is None else state.suspect.mono + self._confirm_ms

    def _ripen(self, state: FallState, event: Event) -> tuple[FallState, tuple[Alert, ...]]:
        """What has been waited for long enough goes on to its next stage."""
        fall = state.suspect
        if fall is not None and event.mono - fall.mono >= self._confirm_ms:
            stage, alerts = self._stages.begin(state.stage, event, (fall,), self._seen())
            return FallState(is_down=state.is_down, stage=stage), alerts
        return _moved(state, self._stages.ripen(state.stage, event))

    def _seen(self) -> Sentence:
        sensor, lasted = self._alarm.sensor_id, words.span(self._confirm_ms)
        if not self._confirm_ms:
            return Sentence(zh=f"{sensor} 发现有人跌倒", en=f"{sensor} saw a fall")
        return Sentence(
            zh=f"{sensor} 发现有人跌倒，{lasted.zh}内没有起身",
            en=f"{sensor} saw a fall and nobody got up within {lasted.en}",
        )


def _moved(state: FallState, moved: Moved) -> tuple[FallState, tuple[Alert, ...]]:
    return msgspec.structs.replace(state, stage=moved[0]), moved[1]


def _after(state: FallState, event: Reading) -> FallState:
    """The state after the radar's word; a fall begins where it said none before."""
    if event.quality is Quality.IMPLAUSIBLE:
        return state
    if not says(event, Quantity.FALL):
        suspect = None if event.quality is Quality.GOOD else state.suspect
        return msgspec.structs.replace(state, is_down=False, suspect=suspect)
    is_new = not state.is_down and state.suspect is None and state.stage.asked is None
    return msgspec.structs.replace(state, is_down=True, suspect=event if is_new else state.suspect)
