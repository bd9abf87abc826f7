"""Leaving the bed, by a sensor on the chest: sitting up is told at home, standing up calls.

    lying -- trunk upright --> PREALARM: sitting up; somebody near can help before a fall
          -- walking, or out of reach of the bed's antenna --> FIRING
          -- sitting calmly, or lying again --> RESOLVED (or CANCELLED, where nothing but sitting up was seen)

Once a person has reset it, somebody is there: nothing is told until the person lies again.

How walking looks was learned from recordings (`rules.wearable.posture`).
"""

import math
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

import msgspec
from pydantic import Field, model_validator

from rules.alarm import episode_begin, ms_of, reset_by
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.wearable.forest import Forest, forest
from rules.wearable.posture import Held, features, is_upright, remembered
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "bed-exit"
LOST_AFTER = timedelta(seconds=4)
"""Tags at the bed are heard twice a second, one that walks away once in several seconds (Torres et al. 2016)."""
_AXES = ("x", "y", "z")


class Episode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person who sat up (`cause`), and whether they are out of bed."""

    since: Moment
    cause: Reading
    is_out: bool


class BedExitState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="bed-exit-wearable"):
    """What was heard last, whether the trunk is upright (None: never heard), and the episode that is on.

    `past`: when the last one that is over began; `is_helped`: a person reset it, and the other has not lain down since.
    """

    held: tuple[Held, ...] = ()
    is_up: bool | None = None
    episode: Episode | None = None
    past: Moment | None = None
    is_helped: bool = False


Moved = tuple[BedExitState, tuple[Alert, ...]]


class BedExitWearable(RuleModel):
    """Recognises that a person with a sensor on the chest leaves the bed."""

    kind: Literal["bed_exit_wearable"]
    front: Literal["x", "y", "z"] = Field(default="x", description="axis that points away from the chest")
    up: Literal["x", "y", "z"] = Field(default="y", description="axis that points to the head")
    lost_after: Annotated[Duration, Field(ge=timedelta(seconds=2), le=timedelta(minutes=10))] = Field(
        default=LOST_AFTER, description="a person who sat up and is not heard for this long is out of bed, e.g. 4s"
    )
    severity: Severity = Field(default=Severity.P2, description="priority at the call centre: P1 life ... P4 care")

    @model_validator(mode="after")
    def _axes_are_two(self) -> Self:
        if self.front == self.up:
            raise ValueError(f"front and up are both {self.front}; the axis to the head is another one")
        return self

    @property
    def needs(self) -> Quantity:
        """Accelerations."""
        return Quantity.ACCELERATION

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        return tuple(
            BoundRule(
                rule=BedExitWearableRule(self, home, sensor), readings=frozenset({(sensor, Quantity.ACCELERATION)})
            )
            for sensor in self.watched(home)
        )


class BedExitWearableRule:
    """One sensor."""

    def __init__(self, config: BedExitWearable, home: HomeFacts, sensor_id: str, learned: Forest | None = None) -> None:
        """Watch one sensor; `learned` elsewhere than what comes with Shouwang, where it is measured."""
        self._forest = forest("bed_exit") if learned is None else learned
        front, up = _AXES.index(config.front), _AXES.index(config.up)
        side = ({0, 1, 2} - {front, up}).pop()
        self._axes = (front, up, side)
        self._lost_ms = ms_of(config.lost_after)
        self._alarm = config.alarm(home, sensor_id, hazard=HAZARD, version=RULE_VERSION, latching=False)

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> BedExitState:
        """Nothing was heard yet."""
        return BedExitState()

    def step(self, state: BedExitState, event: Event) -> Step:
        """The person sits up, leaves, sits calmly, lies; or is not heard any more."""
        state, alerts = self._miss(state, event)
        if isinstance(event, Reading):
            state, more = self._hear(state, event)
            alerts += more
        elif isinstance(event, Reset) and event.key == self.key and state.episode is not None and state.episode.is_out:
            state, more = self._end(state, state.episode, event, reset_by(event))
            state, alerts = msgspec.structs.replace(state, is_helped=True), alerts + more
        return Step(state=state, alerts=alerts, wake_at=self._due(state))

    def _due(self, state: BedExitState) -> int | None:
        is_out = state.episode is not None and state.episode.is_out
        return state.held[-1].mono + self._lost_ms if state.is_up and not is_out and not state.is_helped else None

    def _miss(self, state: BedExitState, event: Event) -> Moved:
        due = self._due(state)
        if due is None or event.mono < due:
            return state, ()
        last = state.held[-1]
        late = timedelta(milliseconds=event.mono - last.mono)
        reading = self._reading(last, event.at - late)
        what = Sentence(zh="坐起后离开了床边天线的范围", en="sat up and went out of the bed antenna's reach")
        return self._leave(state, event, reading, what)

    def _hear(self, state: BedExitState, event: Reading) -> Moved:
        now = self._held(event)
        held = state.held if now is None else remembered(state.held, now)
        if now is None or held is state.held:
            return state, ()
        is_up = is_upright(now)
        heard = msgspec.structs.replace(state, held=held, is_up=is_up, is_helped=state.is_helped and is_up)
        if heard.is_helped:
            return heard, ()
        if is_up:
            return self._watch(heard, event, was_up=state.is_up)
        what = Sentence(zh="已重新躺下", en="lies again")
        return (heard, ()) if state.episode is None else self._end(heard, state.episode, event, what)

    def _watch(self, state: BedExitState, event: Reading, *, was_up: bool | None) -> Moved:
        """The trunk is upright."""
        chance = self._forest.chance(features(state.held))
        episode = state.episode
        if chance >= self._forest.limit and (episode is None or not episode.is_out):
            return self._leave(state, event, event, Sentence(zh="离开床走动", en="left the bed and walks"))
        if chance < self._forest.calm and episode is not None and episode.is_out:
            return self._end(state, episode, event, Sentence(zh="安静地坐着", en="sits calmly"))
        if was_up is False and episode is None:
            return self._sit_up(state, event)
        return state, ()

    def _sit_up(self, state: BedExitState, event: Reading) -> Moved:
        episode = Episode(since=episode_begin(event.at, state.past), cause=event, is_out=False)
        what = self._why(Sentence(zh="在床上坐起", en="sat up in bed"))
        alert = self._alarm.alert(AlertState.PREALARM, event, since=episode.since, why=what, evidence=(event,))
        return msgspec.structs.replace(state, episode=episode), (alert,)

    def _leave(self, state: BedExitState, event: Event, reading: Reading, what: Sentence) -> Moved:
        since = episode_begin(reading.at, state.past) if state.episode is None else state.episode.since
        cause = reading if state.episode is None else state.episode.cause
        evidence = tuple(dict.fromkeys((cause, reading)))
        alert = self._alarm.alert(AlertState.FIRING, event, since=since, why=self._why(what), evidence=evidence)
        return msgspec.structs.replace(state, episode=Episode(since=since, cause=cause, is_out=True)), (alert,)

    def _end(self, state: BedExitState, episode: Episode, event: Event, what: Sentence) -> Moved:
        over = AlertState.RESOLVED if episode.is_out else AlertState.CANCELLED
        evidence = (episode.cause, event) if isinstance(event, Reading) else (episode.cause,)
        alert = self._alarm.alert(over, event, since=episode.since, why=self._why(what), evidence=evidence)
        return msgspec.structs.replace(state, episode=None, past=episode.since), (alert,)

    def _why(self, what: Sentence) -> Sentence:
        sensor = self._alarm.sensor_id
        return Sentence(zh=f"佩戴 {sensor} 的人{what.zh}", en=f"the person who wears {sensor}: {what.en}")

    def _held(self, event: Reading) -> Held | None:
        if event.axes is None or event.quality is not Quality.GOOD or not math.isfinite(sum(event.axes)):
            return None
        front, up, side = (event.axes[axis] for axis in self._axes)
        return Held(event.mono, front, up, side)

    def _reading(self, held: Held, at: datetime) -> Reading:
        axes = [0.0, 0.0, 0.0]
        for axis, value in zip(self._axes, held[1:], strict=True):
            axes[axis] = value
        return Reading(
            sensor_id=self._alarm.sensor_id,
            quantity=Quantity.ACCELERATION,
            value=math.hypot(*axes),
            at=at,
            mono=held.mono,
            axes=(axes[0], axes[1], axes[2]),
        )
