"""NEWS2 at home: the score of what was measured within an hour, partial as a rule, never reported as complete.

What is missing can only add to the score, so a total that reaches the limit without it is an alarm all the same.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules.alarm import MAX_WAIT, ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.modes import HOME_SENSOR
from rules.news2 import RANK, Consciousness, Risk, Score, points_alone, score
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
HAZARD = "vital"
FRESH = timedelta(minutes=60)
"""All values of one score lie within an hour. Set by this project; hospitals take them at one time."""
MEASURED = {
    Quantity.RESPIRATORY_RATE: "respiratory_rate",
    Quantity.SPO2: "spo2",
    Quantity.OXYGEN_THERAPY: "on_oxygen",
    Quantity.SYSTOLIC: "systolic",
    Quantity.HEART_RATE: "heart_rate",
    Quantity.CONSCIOUSNESS: "consciousness",
    Quantity.BODY_TEMPERATURE: "temperature",
}
"""The parameter that each quantity is."""
_AWAKE = tuple(Consciousness)


class News2State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="news2"):
    """The last reading of each parameter, and the alarm."""

    last: dict[str, Reading] = {}
    stage: Stage = Stage()


class News2Home(RuleModel):
    """Fires when the early warning score says so."""

    kind: Literal["news2"]
    risk: Literal["low-medium", "medium", "high"] = Field(
        description="fires at this risk or more: low-medium (one value scores 3), medium (5 or more), high (7 or more)"
    )
    exactly: bool = Field(
        default=False, description="true: only at this risk, not at a higher one, for which another rule is there"
    )
    spo2_scale: Literal[1, 2] = Field(
        default=1, description="2 only where a clinician prescribed an oxygen saturation of 88 to 92 %"
    )
    on_oxygen: bool | None = Field(
        default=None, description="whether the person breathes extra oxygen at home; left out: unknown unless measured"
    )
    fresh: Annotated[Duration, Field(ge=timedelta(minutes=1), le=MAX_WAIT)] = Field(
        default=FRESH, description="values older than this do not count, e.g. 60m"
    )
    severity: Severity = Field(default=Severity.P2, description="priority at the call centre: P1 life ... P4 care")

    def watched(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors that measure any of it."""
        chosen = home.emits if self.sensors is None else self.sensors
        return tuple(sensor for sensor in chosen if home.emits.get(sensor, frozenset()) & MEASURED.keys())

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance for the resident, over all sensors."""
        sensors = self.watched(home)
        readings = {(sensor, quantity) for sensor in sensors for quantity in MEASURED.keys() & home.emits[sensor]}
        return (BoundRule(rule=News2HomeRule(self, home, sensors), readings=frozenset(readings)),) if sensors else ()


class News2HomeRule:
    """One resident."""

    def __init__(self, config: News2Home, home: HomeFacts, sensors: tuple[str, ...]) -> None:
        """Watch the home's resident."""
        self._config = config
        self._rank = RANK[Risk(config.risk)]
        self._fresh_ms = ms_of(config.fresh)
        sensor = sensors[0] if len(sensors) == 1 else HOME_SENSOR
        self._alarm = config.alarm(home, sensor, hazard=HAZARD, version=RULE_VERSION, latching=False)
        self._stages = Stages(self._alarm, 0)

    @property
    def key(self) -> str:
        """Rule and sensor, or `home` for several."""
        return self._alarm.key

    def start(self) -> News2State:
        """Nothing was measured yet."""
        return News2State()

    def step(self, state: News2State, event: Event) -> Step:
        """A value more: the score may reach the limit, or leave it."""
        if isinstance(event, Reset):
            stage, alerts = self._stages.reset(state.stage, event)
            return Step(state=News2State(last=state.last, stage=stage) if alerts else state, alerts=alerts)
        if not isinstance(event, Reading) or not _counts(event):
            return Step(state=state)
        name, oldest = MEASURED[event.quantity], event.mono - self._fresh_ms
        last = {one: reading for one, reading in state.last.items() if reading.mono > oldest}
        before = last.get(name)
        last[name] = event
        if before is not None and len(last) == len(state.last) and _is_worth_the_same(name, before, event):
            return Step(state=News2State(last=last, stage=state.stage))
        scored = self._score(last)
        state = News2State(last=last, stage=state.stage)
        rank = RANK[scored.risk]
        if rank == self._rank or (rank > self._rank and not self._config.exactly):
            return self._tell(state, scored, event)
        return self._calm(state, scored, event)

    def _tell(self, state: News2State, scored: Score, event: Reading) -> Step:
        if state.stage.called is not None:
            return Step(state=state)
        stage, alerts = self._stages.begin(state.stage, event, _evidence(state.last, event), _told(scored))
        return Step(state=News2State(last=state.last, stage=stage), alerts=alerts)

    def _calm(self, state: News2State, scored: Score, event: Reading) -> Step:
        """It ends where what raised it was measured anew and is better, not where a value became too old."""
        called = state.stage.called
        alerts: tuple[Alert, ...] = ()
        stage = state.stage
        if called is not None:
            cause = {MEASURED[one.quantity]: one for one in called.cause}
            points = self._score(cause).parameters
            is_worse = RANK[scored.risk] > self._rank  # the rule for that risk tells it
            if is_worse or {name for name in cause if points.get(name)} <= state.last.keys():
                stage, alerts = self._stages.end(state.stage, event, _told(scored), event)
        return Step(state=News2State(last=state.last, stage=stage), alerts=alerts)

    def _score(self, last: Mapping[str, Reading]) -> Score:
        value = {name: reading.value for name, reading in last.items()}
        oxygen = value.get("on_oxygen")
        awake = value.get("consciousness")
        return score(
            respiratory_rate=value.get("respiratory_rate"),
            spo2=value.get("spo2"),
            spo2_scale=self._config.spo2_scale,
            on_oxygen=self._config.on_oxygen if oxygen is None else oxygen == 1,
            systolic=value.get("systolic"),
            heart_rate=value.get("heart_rate"),
            consciousness=None if awake is None else _AWAKE[int(awake)],
            temperature=value.get("temperature"),
        )


def _counts(event: Reading) -> bool:
    return event.quality is Quality.GOOD and QUANTITIES[event.quantity].is_plausible(event.value)


def _is_worth_the_same(name: str, before: Reading, event: Reading) -> bool:
    points = points_alone(name, event.value)
    return points is not None and points == points_alone(name, before.value)


def _evidence(last: Mapping[str, Reading], event: Reading) -> tuple[Reading, ...]:
    """The newest last, all that the score was made of."""
    others = [reading for reading in last.values() if reading != event]
    return (event, *sorted(others, key=lambda reading: reading.mono))


def _told(scored: Score) -> Sentence:
    known = len(scored.parameters)
    worst = ", ".join(f"{name} {points}" for name, points in scored.parameters.items() if points)
    if scored.complete:
        return Sentence(zh=f"NEWS2 {scored.total} 分（{worst}）", en=f"NEWS2 {scored.total} ({worst})")
    return Sentence(
        zh=f"部分 NEWS2：7 项中 {known} 项，至少 {scored.total} 分（{worst}）",
        en=f"partial NEWS2, {known} of 7, at least {scored.total} ({worst})",
    )
