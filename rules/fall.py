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
from rules.alarm import Alarm, episode_begin, ms_of, reset_by, says
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds, key_of
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "fall"
CONFIRM = timedelta(seconds=60)
CANCEL_WINDOW = timedelta(seconds=30)
"""After the installation guides of fall radars (Vayyar family: about 52 s to confirm and 40 s to cancel aloud)."""
_LONGEST = timedelta(minutes=10)
"""Longer leaves a person on the floor; the makers' sum is about 90 s. Set by this project."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A confirmed fall that the home asks about since the engine millisecond `mono`."""

    since: Moment
    fall: Reading
    mono: int


class Called(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fall that help was called for."""

    since: Moment
    fall: Reading


class FallState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fall"):
    """`is_down`: what the radar said last; `suspect`: a fall being confirmed, alone or beside `called`, never beside
    `asked`; `past`: when the last episode that is over began."""

    is_down: bool = False
    suspect: Reading | None = None
    asked: Asked | None = None
    called: Called | None = None
    past: Moment | None = None


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
        self._window_ms = ms_of(config.cancel_window)
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
            alerts += more
        elif isinstance(event, Reading) and state.asked is not None and _is_cancel(event):
            state, more = self._cancel(state, state.asked, event)
            alerts += more
        elif isinstance(event, Reset) and event.key == self.key and state.called is not None:
            # a PREALARM is not reset: the order may be a late one for the fall before, and this one nobody has seen yet
            state, more = self._reset(state, state.called, event)
            alerts += more
        return Step(state=state, alerts=alerts, wake_at=self._due(state))

    def _due(self, state: FallState) -> int | None:
        if state.suspect is not None:
            return state.suspect.mono + self._confirm_ms
        return None if state.asked is None else state.asked.mono + self._window_ms

    def _ripen(self, state: FallState, event: Event) -> tuple[FallState, tuple[Alert, ...]]:
        """What has been waited for long enough goes on to its next stage."""
        if state.suspect is not None and event.mono - state.suspect.mono >= self._confirm_ms:
            return self._confirmed(state, state.suspect, event)
        if state.asked is not None and event.mono - state.asked.mono >= self._window_ms:
            return self._unanswered(state, state.asked, event)
        return state, ()

    def _confirmed(self, state: FallState, fall: Reading, event: Event) -> tuple[FallState, tuple[Alert, ...]]:
        """Ask; where an alarm is on that nobody answered, call out the new fall at once."""
        seen = self._seen()
        if state.called is None:
            window = words.span(self._window_ms)
            why = Sentence(
                zh=f"{seen.zh}；正在询问，{window.zh}内可取消", en=f"{seen.en}; asking, {window.en} to cancel"
            )
            asked = Asked(since=episode_begin(fall.at, state.past), fall=fall, mono=event.mono)
            alert = self._alert(AlertState.PREALARM, event, asked, why)
            return FallState(is_down=state.is_down, asked=asked, past=state.past), (alert,)
        called = Called(since=episode_begin(fall.at, state.called.since), fall=fall)
        again = Sentence(zh=f"{seen.zh}；此前的跌倒报警尚未解除", en=f"{seen.en}, while an earlier fall alarm is on")
        alerts = (
            self._alert(AlertState.RESOLVED, event, state.called, _SUPERSEDED),
            self._alert(AlertState.FIRING, event, called, again),
        )
        return FallState(is_down=state.is_down, called=called, past=state.called.since), alerts

    def _unanswered(self, state: FallState, asked: Asked, event: Event) -> tuple[FallState, tuple[Alert, ...]]:
        seen, window = self._seen(), words.span(self._window_ms)
        why = Sentence(
            zh=f"{seen.zh}；询问后 {window.zh}内无人取消", en=f"{seen.en}; asked, nobody cancelled in {window.en}"
        )
        called = Called(since=asked.since, fall=asked.fall)
        alert = self._alert(AlertState.FIRING, event, called, why)
        return FallState(is_down=state.is_down, called=called, past=state.past), (alert,)

    def _cancel(self, state: FallState, asked: Asked, event: Reading) -> tuple[FallState, tuple[Alert, ...]]:
        why = Sentence(zh=f"已用 {event.sensor_id} 取消", en=f"cancelled with {event.sensor_id}")
        alert = self._alert(AlertState.CANCELLED, event, asked, why, event)
        return FallState(is_down=state.is_down, past=asked.since), (alert,)

    def _reset(self, state: FallState, called: Called, event: Reset) -> tuple[FallState, tuple[Alert, ...]]:
        alert = self._alert(AlertState.RESOLVED, event, called, reset_by(event))
        return FallState(is_down=state.is_down, suspect=state.suspect, past=called.since), (alert,)

    def _alert(self, state: AlertState, event: Event, episode: Asked | Called, why: Sentence, *more: Reading) -> Alert:
        return self._alarm.alert(state, event, since=episode.since, why=why, evidence=(episode.fall, *more))

    def _seen(self) -> Sentence:
        sensor, lasted = self._alarm.sensor_id, words.span(self._confirm_ms)
        if not self._confirm_ms:
            return Sentence(zh=f"{sensor} 发现有人跌倒", en=f"{sensor} saw a fall")
        return Sentence(
            zh=f"{sensor} 发现有人跌倒，{lasted.zh}内没有起身",
            en=f"{sensor} saw a fall and nobody got up within {lasted.en}",
        )


def _after(state: FallState, event: Reading) -> FallState:
    """The state after the radar's word; a fall begins where it said none before."""
    if event.quality is Quality.IMPLAUSIBLE:
        return state
    if not says(event, Quantity.FALL):
        suspect = None if event.quality is Quality.GOOD else state.suspect
        return msgspec.structs.replace(state, is_down=False, suspect=suspect)
    is_new = not state.is_down and state.suspect is None and state.asked is None
    return msgspec.structs.replace(state, is_down=True, suspect=event if is_new else state.suspect)


def _is_cancel(event: Reading) -> bool:
    return says(event, Quantity.CANCEL) and event.quality is Quality.GOOD


_SUPERSEDED = Sentence(zh="又发现一次跌倒，由新的报警接替", en="another fall was seen; the new alarm takes over")
