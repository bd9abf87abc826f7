"""Threshold: a measured value at or beyond a limit for long enough.

    below: 92        a value of 92 or less begins a breach          (above: 111 - a value of 111 or more)
    hold: 30s        it must last 30 s without a value on the good side; then it fires, also if nothing more is read
    hysteresis: 2    a value of more than 94 ends the alarm         (above: less than 109)
    median: 3        the middle one of the last 3 values is judged, so that one odd value is nothing; values of 5 min
                     only, so that what is measured once a day is judged by itself
    renew: 12h       a breach so long after the last is a new alarm, for what is measured once a day
    again: 10m       a breach asks for a second measurement (PREALARM), and fires only where that is a breach too; a
                     breach within 10 s is the first one, told twice

Only readings of quality GOOD count. A value on the good side while the hold runs ends the breach.
"""

import math
from datetime import timedelta
from typing import Annotated, Literal, Self

import msgspec
from pydantic import AfterValidator, Field, Strict, model_validator

from rules import words
from rules.alarm import MAX_WAIT, Alarm, episode_begin, ms_of, reset_by
from rules.bound import BoundRule, HomeFacts, RuleModel, key_of
from shouwang.alert import Alert, AlertState, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Moment, Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 2
VITAL = "vital"
"""Hazard of pulse and oxygen alarms; for any other quantity the hazard is the quantity's own name, e.g. `battery`."""
_VITALS = frozenset({Quantity.HEART_RATE, Quantity.SPO2})


class Breach(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values at or beyond the limit while the hold runs: the first, the farthest, the last."""

    first: Reading
    worst: Reading
    last: Reading


class Episode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alarm that is on, its farthest value, and the engine ms of the last value that was one."""

    since: Moment
    worst: Reading
    last: int = 0


class ThresholdState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="threshold"):
    """All well, or in `breach`, or in `episode`; `past` is when the last episode that is over began.

    `asked`: a breach after which a second measurement is awaited since the engine ms `asked_at`. `recent`: the values
    before with their engine ms, where a median is judged.
    """

    breach: Breach | None = None
    asked: Episode | None = None
    asked_at: int = 0
    episode: Episode | None = None
    past: Moment | None = None
    recent: tuple[tuple[int, float], ...] = ()


def _measured(quantity: Quantity) -> Quantity:
    if QUANTITIES[quantity].life_safety:
        raise ValueError(f'"{quantity}" is no measured value and has no limits; use a rule of kind sos or fall')
    return quantity


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
_RENEW_AT_MOST = timedelta(days=31)
_MEDIAN_MS = 300_000
"""Values of one measurement lie within 5 min: a finger that settles takes seconds. Set by this project."""
_APART_MS = 10_000
"""No cuff measures twice in 10 s, but messages are sent twice. Set by this project."""


class Threshold(RuleModel):
    """Fires when a measured value stays at or beyond a limit."""

    kind: Literal["threshold"]
    quantity: Annotated[Quantity, AfterValidator(_measured)] = Field(
        description="what is measured, e.g. spo2 (%), heart-rate (per minute), battery (%)"
    )
    below: Number | None = Field(default=None, description="fires at this value or less; a clinician sets it")
    above: Number | None = Field(default=None, description="fires at this value or more; a clinician sets it")
    hysteresis: Annotated[Number, Field(ge=0)] = Field(
        default=0.0, description="the alarm ends only when the value is better than the limit by more than this"
    )
    hold: Annotated[Duration, Field(ge=timedelta(0), le=MAX_WAIT)] = Field(
        default=timedelta(0), description="how long the value must stay there before it fires, e.g. 30s"
    )
    median: Annotated[int, Field(ge=1, le=9)] = Field(
        default=1, description="judge the middle one of so many values, an odd number, e.g. 3; 1 judges each"
    )
    again: Annotated[Duration, Field(gt=timedelta(0), le=MAX_WAIT)] | None = Field(
        default=None, description="fire only if a second measurement within this time says the same, e.g. 10m"
    )
    renew: Annotated[Duration, Field(gt=timedelta(0), le=_RENEW_AT_MOST)] | None = Field(
        default=None,
        description="a breach so long after the last one is a new alarm, though the first is on: for what is measured "
        "once a day, e.g. 12h; left out: never",
    )
    severity: Severity = Field(default=Severity.P2, description="priority at the call centre: P1 life ... P4 care")
    latching: bool = Field(default=False, description="true: goes on until a person resets it, also when all is well")

    @model_validator(mode="after")
    def _has_a_middle(self) -> Self:
        if self.median % 2 == 0:
            raise ValueError(f"median: {self.median} values have no middle one; write an odd number")
        return self

    @model_validator(mode="after")
    def _limits_can_be_crossed(self) -> Self:
        if (self.below is None) == (self.above is None):
            given = "neither below nor above is" if self.below is None else "below and above are both"
            raise ValueError(f"{given} given; give one of them, and write a second rule for the other side")
        info = QUANTITIES[self.quantity]
        reach = f"{self.quantity} goes from {info.low:g} to {info.high:g} {info.unit}"
        limit = Limit(self)
        if not info.is_plausible(limit.fires_at):
            raise ValueError(f"{reach}, so {limit.fires_at:g} is never reached; change the limit")
        if not (info.low < limit.clears_past if limit.is_upper else limit.clears_past < info.high):
            raise ValueError(f"{reach}, so the alarm would never end past {limit.clears_past:g}; change the hysteresis")
        return self

    @property
    def needs(self) -> Quantity:
        """The measured value."""
        return self.quantity

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor, and one more for each further resident whom it tells apart."""
        return tuple(
            BoundRule(
                rule=ThresholdRule(self, home, sensor, person),
                person=person,
                readings=frozenset({(sensor, self.quantity)}),
            )
            for sensor in self.watched(home)
            for person in ("", *home.others.get(sensor, ()))
        )


class Limit:
    """Which values breach, which end an alarm, which of two is farther out."""

    def __init__(self, config: Threshold) -> None:
        """From a configuration that gives one of below and above."""
        self.is_upper = config.above is not None
        self.fires_at = float((config.above if config.above is not None else config.below) or 0)
        self.clears_past = self.fires_at + (-config.hysteresis if self.is_upper else config.hysteresis)

    def is_breach(self, value: float) -> bool:
        """At the limit or beyond."""
        return value >= self.fires_at if self.is_upper else value <= self.fires_at

    def is_clear(self, value: float) -> bool:
        """Better than the limit by more than the hysteresis."""
        return value < self.clears_past if self.is_upper else value > self.clears_past

    def farther_out(self, other: "Limit") -> bool:
        """Whether this limit is crossed only after the other one, of the same side."""
        return self.fires_at > other.fires_at if self.is_upper else self.fires_at < other.fires_at

    def farther(self, one: Reading, other: Reading) -> Reading:
        """The reading farther out; the earlier one where both are equal."""
        is_farther = other.value > one.value if self.is_upper else other.value < one.value
        return other if is_farther else one


class ThresholdRule:
    """One limit on one sensor."""

    def __init__(self, config: Threshold, home: HomeFacts, sensor_id: str, person: str = "") -> None:
        """Watch one sensor; `person` is a further resident, empty for the home's own."""
        self._person = person
        self._quantity = config.quantity
        self._limit = Limit(config)
        self._hold_ms = ms_of(config.hold)
        self._median = config.median
        self._again_ms = None if config.again is None else ms_of(config.again)
        self._renew_ms = None if config.renew is None else ms_of(config.renew)
        self._alarm = Alarm(
            key=key_of(config.id, sensor_id, person),
            rule_id=config.id,
            rule_version=RULE_VERSION,
            hazard=VITAL if config.quantity in _VITALS else config.quantity.value,
            severity=config.severity,
            resident_id=person or home.resident_id,
            sensor_id=sensor_id,
            latching=config.latching,
        )

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> ThresholdState:
        """All well."""
        return ThresholdState()

    def step(self, state: ThresholdState, event: Event) -> Step:
        """A breach begins, ends, ripens into an alarm; an alarm ends."""
        if self._is_ordinary(state, event):
            return Step(state=state)
        state, alerts = self._ripen(self._valid(state), event)
        if isinstance(event, Reading) and self._counts(event):
            state, event = self._middle(state, event)
            state, ended = self._judge(state, event)
            state, fired = self._ripen(state, event)
            alerts += ended + fired
        elif isinstance(event, Reset) and event.key == self.key and state.episode is not None:
            state, ended = self._end(state, state.episode, event, reset_by(event), (state.episode.worst,))
            alerts += ended
        return Step(state=state, alerts=alerts, wake_at=self._due(state))

    def _is_ordinary(self, state: ThresholdState, event: Event) -> bool:
        """Whether nothing can come of it, as of nearly all readings."""
        is_well = state.breach is None and state.asked is None and state.episode is None and self._median == 1
        return is_well and isinstance(event, Reading) and not self._limit.is_breach(event.value)

    def _due(self, state: ThresholdState) -> int | None:
        if state.breach is not None:
            return state.breach.first.mono + self._hold_ms
        return None if state.asked is None or self._again_ms is None else state.asked_at + self._again_ms

    def _middle(self, state: ThresholdState, event: Reading) -> tuple[ThresholdState, Reading]:
        """The reading with the middle one of the last values."""
        if self._median == 1:
            return state, event
        past = (one for one in state.recent[1 - self._median :] if event.mono - one[0] <= _MEDIAN_MS)
        recent = (*past, (event.mono, event.value))
        middle = sorted(value for _, value in recent)[len(recent) // 2]
        return msgspec.structs.replace(state, recent=recent), msgspec.structs.replace(event, value=middle)

    def _valid(self, state: ThresholdState) -> ThresholdState:
        """Without a breach that is none by the limit of today: the configuration may have changed since."""
        if state.breach is None:
            return state
        first = state.breach.first
        is_still_one = first.quantity is self._quantity and self._limit.is_breach(first.value)
        return state if is_still_one else msgspec.structs.replace(state, breach=None)

    def _counts(self, event: Reading) -> bool:
        return event.quantity is self._quantity and event.quality is Quality.GOOD and math.isfinite(event.value)

    def _judge(self, state: ThresholdState, event: Reading) -> tuple[ThresholdState, tuple[Alert, ...]]:
        if state.episode is not None:
            return self._judge_alarm(state, state.episode, event)
        if state.asked is not None:
            return self._judge_again(state, state.asked, event)
        if not self._limit.is_breach(event.value):
            return (state if state.breach is None else msgspec.structs.replace(state, breach=None)), ()
        breach = state.breach or Breach(first=event, worst=event, last=event)
        breach = Breach(first=breach.first, worst=self._limit.farther(breach.worst, event), last=event)
        return msgspec.structs.replace(state, breach=breach), ()

    def _judge_again(
        self, state: ThresholdState, asked: Episode, event: Reading
    ) -> tuple[ThresholdState, tuple[Alert, ...]]:
        """The second measurement."""
        name, now = words.name(self._quantity), self._value(event.value)
        evidence = (asked.worst, event)
        if not self._limit.is_breach(event.value):
            why = Sentence(
                zh=f"复测{name.zh} {now.zh}，未达界限", en=f"measured again: {name.en} {now.en}, within the limit"
            )
            alert = self._alarm.alert(AlertState.CANCELLED, event, since=asked.since, why=why, evidence=evidence)
            return msgspec.structs.replace(state, asked=None, past=asked.since), (alert,)
        if event.mono - asked.last < _APART_MS:
            return state, ()
        first, limit = self._value(asked.worst.value), self._value(self._limit.fires_at)
        why = Sentence(
            zh=f"{name.zh}两次达到界限 {limit.zh}：{first.zh}，复测 {now.zh}",
            en=f"{name.en} twice at the limit {limit.en}: {first.en}, then {now.en}",
        )
        alert = self._alarm.alert(AlertState.FIRING, event, since=asked.since, why=why, evidence=evidence)
        worst = self._limit.farther(asked.worst, event)
        return msgspec.structs.replace(
            state, asked=None, episode=Episode(since=asked.since, worst=worst, last=event.mono)
        ), (alert,)

    def _judge_alarm(
        self, state: ThresholdState, episode: Episode, event: Reading
    ) -> tuple[ThresholdState, tuple[Alert, ...]]:
        if self._limit.is_clear(event.value) and not self._alarm.latching:
            return self._end(state, episode, event, self._why_ended(episode, event), (episode.worst, event))
        if not self._limit.is_breach(event.value):
            return state, ()
        if self._renew_ms is not None and event.mono - episode.last >= self._renew_ms:
            state, alerts = self._end(state, episode, event, _SUPERSEDED, (episode.worst, event))
            return msgspec.structs.replace(state, breach=Breach(first=event, worst=event, last=event)), alerts
        worst = self._limit.farther(episode.worst, event)
        if worst is episode.worst and self._renew_ms is None:
            return state, ()
        return msgspec.structs.replace(state, episode=Episode(since=episode.since, worst=worst, last=event.mono)), ()

    def _ripen(self, state: ThresholdState, event: Event) -> tuple[ThresholdState, tuple[Alert, ...]]:
        """The state and the alarm once the hold has passed; the end of waiting for a second measurement."""
        breach, asked = state.breach, state.asked
        if asked is not None and self._again_ms is not None and event.mono - state.asked_at >= self._again_ms:
            why = Sentence(zh="没有复测", en="not measured again")
            alert = self._alarm.alert(AlertState.CANCELLED, event, since=asked.since, why=why, evidence=(asked.worst,))
            return msgspec.structs.replace(state, asked=None, past=asked.since), (alert,)
        if breach is None or event.mono - breach.first.mono < self._hold_ms:
            return state, ()
        since = episode_begin(breach.first.at, state.past)
        evidence = tuple(dict.fromkeys((breach.first, breach.worst, breach.last)))
        why = self._why_fired(breach, event.mono - breach.first.mono)
        episode = Episode(since=since, worst=breach.worst, last=breach.last.mono)
        if self._again_ms is None:
            alert = self._alarm.alert(AlertState.FIRING, event, since=since, why=why, evidence=evidence)
            return msgspec.structs.replace(state, breach=None, episode=episode), (alert,)
        within = words.span(self._again_ms)
        why = Sentence(zh=f"{why.zh}；请在 {within.zh}内复测", en=f"{why.en}; measure again within {within.en}")
        alert = self._alarm.alert(AlertState.PREALARM, event, since=since, why=why, evidence=evidence)
        return msgspec.structs.replace(state, breach=None, asked=episode, asked_at=event.mono), (alert,)

    def _end(
        self, state: ThresholdState, episode: Episode, event: Event, why: Sentence, evidence: tuple[Reading, ...]
    ) -> tuple[ThresholdState, tuple[Alert, ...]]:
        alert = self._alarm.alert(AlertState.RESOLVED, event, since=episode.since, why=why, evidence=evidence)
        return ThresholdState(past=episode.since, recent=state.recent), (alert,)

    def _why_fired(self, breach: Breach, lasted_ms: int) -> Sentence:
        name, sensor = words.name(self._quantity), self._alarm.sensor_id
        last, worst = self._value(breach.last.value), self._value(breach.worst.value)
        limit, lasted = self._value(self._limit.fires_at), words.span(lasted_ms)
        zh_side, en_side = ("达到或高于", "at or above") if self._limit.is_upper else ("达到或低于", "at or below")
        zh_most, en_most = ("最高", "highest") if self._limit.is_upper else ("最低", "lowest")
        for_zh, for_en = (f"，已持续 {lasted.zh}", f" for {lasted.en}") if lasted_ms else ("", "")
        whose_zh, whose_en = (f"住户 {self._person} 的", f"{self._person}'s ") if self._person else ("", "")
        zh_rest, en_rest = f"{zh_most} {worst.zh}；传感器 {sensor}", f"{en_most} {worst.en}; sensor {sensor}"
        return Sentence(
            zh=f"{whose_zh}{name.zh} {last.zh}，{zh_side}界限 {limit.zh}{for_zh}（{zh_rest}）",
            en=f"{whose_en}{name.en} {last.en}, {en_side} the limit {limit.en}{for_en} ({en_rest})",
        )

    def _why_ended(self, episode: Episode, event: Reading) -> Sentence:
        name, now, worst = words.name(self._quantity), self._value(event.value), self._value(episode.worst.value)
        clear = self._value(self._limit.clears_past)
        zh_side, en_side = ("低于", "below") if self._limit.is_upper else ("高于", "above")
        zh_most, en_most = ("最高", "highest") if self._limit.is_upper else ("最低", "lowest")
        return Sentence(
            zh=f"{name.zh}回到 {now.zh}，{zh_side}解除界限 {clear.zh}（报警期间{zh_most} {worst.zh}）",
            en=f"{name.en} is back at {now.en}, {en_side} {clear.en} ({en_most} during the alarm: {worst.en})",
        )

    def _value(self, number: float) -> Sentence:
        return words.value(self._quantity, number)


_SUPERSEDED = Sentence(zh="再次测得，由新的报警接替", en="measured again; the new alarm takes over")
