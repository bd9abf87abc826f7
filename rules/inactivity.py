"""Nothing moves at home for too long: first a spoken warning, then an alarm; none while the person is out.

    no activity for `after` (within `waking`: `waking_after`) --> PREALARM -- warn --> FIRING
    any activity                                              --> CANCELLED, RESOLVED

Activity is what people do: motion, doors, switches, buttons, coming and going, getting into bed or out of it. That
somebody is still there, and still in bed, is none: so does who lies on the floor. The last of it at an exit door, and
nothing within for `settle` after: the person has left, and nothing is alarming until `out_at_most`. In the modes away
and hospital nothing is expected. Sensors in `ignore` do not count: a sick person still moves in bed. A cancel button
always does. Only good readings count.
"""

from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds
from rules.hours import HoursOfDay, look_again, mono_at
from rules.modes import HOME_SENSOR, Mode, mode_of
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step
from shouwang.status import SensorState, SensorStatus

RULE_VERSION = 1
HAZARD = "inactivity"
AFTER = timedelta(hours=12)
WARN = timedelta(minutes=5)
"""Tunstall: 12 or 24 h, a spoken warning of 5 to 10 min that is repeated."""
SETTLE = timedelta(minutes=3)
"""Who has closed the door behind them may still be seen in the hall. Set by this project."""
OUT_AT_MOST = timedelta(hours=24)
"""Longer without a word is a reason to ask (no use of the door for 48 h is one in Shanghai). Set by this project."""
_LONGEST = timedelta(hours=48)

MOVES = {Quantity.MOTION: 1.0, Quantity.BODY_MOVEMENT: 2.0, Quantity.VIBRATION: 1.0}
"""Activity from this value on. Radars say a body movement of 1 %, and a motion of 1 beside a motion of 2, for who holds
still (R60 manuals): from a sensor that was heard to say a motion of 2, only that is one."""
DEEDS = (Quantity.DOOR, Quantity.BED, Quantity.SWITCH, Quantity.PRESENCE)
"""Activity when they change. A door that is said again to be open is one too: some contacts tell only their opening."""
PRESSES = (Quantity.BUTTON, Quantity.SOS, Quantity.CANCEL)


class InactivityState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="inactivity"):
    """The last activity and the last use of an exit (engine ms of each), what deeds were said last, who is not heard.

    `is_told`: this stillness was called out; activity ends it.
    """

    last: Reading | None = None
    exit_mono: int | None = None
    levels: dict[str, float] = {}
    deaf: frozenset[str] = frozenset()
    mode: Mode = Mode.HOME
    is_told: bool = False
    stage: Stage = Stage()


class Inactivity(RuleModel):
    """Fires when nobody moves at home for too long."""

    kind: Literal["inactivity"]
    after: Annotated[Duration, Field(ge=timedelta(minutes=10), le=_LONGEST)] = Field(
        default=AFTER, description="how long nothing may move, e.g. 12h"
    )
    waking: HoursOfDay | None = Field(
        default=None, description='hours in which the person is up, e.g. "08:00-21:00"; needs waking_after'
    )
    waking_after: Annotated[Duration, Field(ge=timedelta(minutes=10), le=_LONGEST)] | None = Field(
        default=None, description="how long nothing may move within these hours, e.g. 4h"
    )
    warn: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = Field(
        default=WARN, description="the home asks aloud for so long before it calls, e.g. 5m"
    )
    exits: SensorIds | None = Field(
        default=None, description="ids of the contacts at doors that lead out; left out: every contact that says door"
    )
    settle: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = Field(
        default=SETTLE, description="what moves so long after an exit was used may be the person who leaves, e.g. 3m"
    )
    out_at_most: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=14))] = Field(
        default=OUT_AT_MOST, description="who seems to be out for longer is asked for all the same, e.g. 24h"
    )
    ignore: SensorIds | None = Field(
        default=None, description="ids of sensors whose word is no activity, e.g. the one in the bedroom"
    )
    severity: Severity = Field(default=Severity.P2, description="priority at the call centre: P1 life ... P4 care")

    def signs(self, home: HomeFacts) -> frozenset[tuple[str, Quantity]]:
        """What counts as activity."""
        ignored = self.ignore or ()
        chosen = home.emits if self.sensors is None else self.sensors
        return frozenset(
            (sensor, quantity)
            for sensor in chosen
            if sensor not in ignored
            for quantity in (*MOVES, *DEEDS, *PRESSES)
            if quantity in home.emits.get(sensor, ())
        )

    def cancels(self, home: HomeFacts) -> frozenset[tuple[str, Quantity]]:
        """Who presses a cancel button is well, wherever it is."""
        return frozenset((sensor, Quantity.CANCEL) for sensor in home.sensors_with(Quantity.CANCEL))

    def watched(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors that tell activity."""
        return tuple(dict.fromkeys(sensor for sensor in home.emits for one, _ in self.signs(home) if one == sensor))

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance for the home."""
        signs = self.signs(home)
        if not signs:
            return ()
        return (
            BoundRule(
                rule=InactivityRule(self, home),
                readings=signs | self.cancels(home) | {(HOME_SENSOR, Quantity.MODE)},
                statuses=frozenset(self.watched(home)),
            ),
        )


class InactivityRule:
    """One home."""

    def __init__(self, config: Inactivity, home: HomeFacts) -> None:
        """Watch it."""
        self._config = config
        self._zone = home.zone
        self._after_ms = ms_of(config.after)
        self._waking_ms = None if config.waking_after is None else ms_of(config.waking_after)
        self._settle_ms = ms_of(config.settle)
        self._out_ms = ms_of(config.out_at_most)
        self._exits = frozenset(config.exits or home.sensors_with(Quantity.DOOR))
        self._sensors = frozenset(config.watched(home))
        self._signs = config.signs(home) | config.cancels(home)
        self._alarm = config.alarm(home, HOME_SENSOR, hazard=HAZARD, version=RULE_VERSION, latching=False)
        self._stages = Stages(self._alarm, ms_of(config.warn))

    @property
    def key(self) -> str:
        """The rule, at home."""
        return self._alarm.key

    def start(self) -> InactivityState:
        """Nothing was heard yet: nothing is missed either."""
        return InactivityState()

    def step(self, state: InactivityState, event: Event) -> Step:
        """Somebody moves, leaves, comes back; or nobody does for too long."""
        state, alerts = self._ripen(state, event)
        if isinstance(event, Reading):
            state, more = self._hear(state, event)
            alerts += more
        elif isinstance(event, SensorStatus):
            state = self._notice(state, event)
        elif isinstance(event, Reset):
            stage, more = self._stages.reset(state.stage, event)
            state, alerts = msgspec.structs.replace(state, stage=stage), alerts + more
        return Step(state=state, alerts=alerts, wake_at=self._due(state, event))

    def _hear(self, state: InactivityState, event: Reading) -> tuple[InactivityState, tuple[Alert, ...]]:
        mode = mode_of(event)
        if mode is not None:
            return self._become(state, event, mode)
        if (event.sensor_id, event.quantity) not in self._signs or event.quality is not Quality.GOOD:
            return state, ()
        is_active, level = _activity(event, state.levels.get(_place(event)))
        levels = state.levels
        if level is not None and levels.get(_place(event)) != level:
            levels = {**levels, _place(event): level}
        if not is_active:
            return (state if levels is state.levels else msgspec.structs.replace(state, levels=levels)), ()
        is_exit = event.quantity is Quantity.DOOR and event.sensor_id in self._exits
        why = Sentence(zh=f"{event.sensor_id} 又有活动", en=f"{event.sensor_id} tells activity again")
        stage, alerts = self._stages.end(state.stage, event, why, event)
        active = InactivityState(
            last=event,
            exit_mono=event.mono if is_exit else state.exit_mono,
            levels=levels,
            deaf=state.deaf,
            mode=state.mode,
            stage=stage,
        )
        return active, alerts

    def _become(self, state: InactivityState, event: Reading, mode: Mode) -> tuple[InactivityState, tuple[Alert, ...]]:
        if mode in _GONE:
            why = Sentence(zh="老人不在家", en="the person is not at home")
            stage, alerts = self._stages.end(state.stage, event, why, event)
            return msgspec.structs.replace(state, mode=mode, stage=stage, is_told=False), alerts
        if state.mode in _GONE:  # who comes back is in, and is given the whole time again
            return msgspec.structs.replace(state, mode=mode, last=event, exit_mono=None), ()
        return msgspec.structs.replace(state, mode=mode), ()

    def _notice(self, state: InactivityState, event: SensorStatus) -> InactivityState:
        deaf = state.deaf - {event.sensor_id} if event.state is SensorState.UP else state.deaf | {event.sensor_id}
        if deaf == state.deaf:
            return state
        if state.deaf >= self._sensors and state.last is not None:  # one is heard again: the time before says nothing
            heard = msgspec.structs.replace(state.last, at=event.at, mono=event.mono)
            return msgspec.structs.replace(state, deaf=deaf, last=heard)
        return msgspec.structs.replace(state, deaf=deaf)

    def _ripen(self, state: InactivityState, event: Event) -> tuple[InactivityState, tuple[Alert, ...]]:
        stage, alerts = self._stages.ripen(state.stage, event)
        if stage is not state.stage:
            state = msgspec.structs.replace(state, stage=stage)
        last = state.last
        limit = self._limit(state, event)
        if last is None or limit is None or state.is_told or event.mono - last.mono < limit:
            return state, alerts
        stage, more = self._stages.begin(state.stage, event, (last,), self._why(state, last, event))
        return msgspec.structs.replace(state, stage=stage, is_told=True), alerts + more

    def _limit(self, state: InactivityState, event: Event) -> int | None:
        """How long nothing may move now, in engine ms; None where nobody can say."""
        if state.mode in _GONE or self._sensors <= state.deaf:
            return None
        if self._is_out(state):
            return self._out_ms
        waking = self._config.waking
        if waking is None or self._waking_ms is None or not waking.contains(event.at, self._zone):
            return self._after_ms
        return min(self._after_ms, self._waking_ms)

    def _is_out(self, state: InactivityState) -> bool:
        return (
            state.last is not None
            and state.exit_mono is not None
            and state.last.mono - state.exit_mono <= self._settle_ms
        )

    def _due(self, state: InactivityState, event: Event) -> int | None:
        asked = self._stages.due(state.stage)
        limit = self._limit(state, event)
        if state.last is None or limit is None or state.is_told:
            return asked
        due = state.last.mono + limit
        waking = self._config.waking
        if waking is not None and self._waking_ms is not None and not self._is_out(state):
            # the shorter time may be over when the hours begin
            opens = mono_at(waking.opens(event.at, self._zone), event.at, event.mono)
            due = look_again(min(due, max(opens, state.last.mono + self._waking_ms)), event.mono)
        return due if asked is None else min(due, asked)

    def _why(self, state: InactivityState, last: Reading, event: Event) -> Sentence:
        lasted = words.span(event.mono - last.mono)
        if self._is_out(state):
            return Sentence(
                zh=f"出门后 {lasted.zh}没有动静（最后是 {last.sensor_id}）",
                en=f"gone out and nothing heard for {lasted.en} (last: {last.sensor_id})",
            )
        return Sentence(
            zh=f"家中 {lasted.zh}没有活动（最后是 {last.sensor_id}）",
            en=f"no activity at home for {lasted.en} (last: {last.sensor_id})",
        )


def _activity(event: Reading, level: float | None) -> tuple[bool, float | None]:
    """Whether this is activity after what the sensor said before (`level`), and what is kept of it (None: nothing)."""
    value = event.value
    if event.quantity in DEEDS:
        is_new = value >= 1 if level is None else value != level
        return is_new or (event.quantity is Quantity.DOOR and value >= 1), value
    if event.quantity is Quantity.MOTION and (level is not None or value > 1):
        return value > 1, _MOVING
    return value >= MOVES.get(event.quantity, 1.0), None


def _place(event: Reading) -> str:
    return f"{event.sensor_id}/{event.quantity}"


_MOVING = 2.0
_GONE = frozenset({Mode.AWAY, Mode.HOSPITAL})
