"""A fall that a worn accelerometer feels: an impact, what led to it and what followed, judged as a whole.

    impact -- 3 s --> PREALARM where it looks like a fall: the home asks aloud
           -- cancel_window (20 s; a cancel button ends it) --> FIRING until a person resets it

What a fall looks like was learned from recordings (`rules.wearable`); 20 to 200 samples a second serve alike.
"""

import math
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.alarm import ms_of
from rules.bound import BoundRule, HomeFacts, RuleModel, SensorIds
from rules.fall import HAZARD
from rules.stages import Stage, Stages
from rules.wearable.features import NAMES, features
from rules.wearable.forest import forest
from rules.wearable.window import BEFORE, Impact, Window, add, close
from shouwang.alert import Alert, Sentence, Severity
from shouwang.document import Duration
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
CANCEL_WINDOW = timedelta(seconds=20)
"""Fall pendants ask for 10 to 20 s after an impact and stillness (Climax Mobile Pro, page 62)."""
_LONGEST = timedelta(minutes=10)
_TURNED = NAMES.index("turned")


class WearableState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="fall-wearable"):
    """The last seconds, and the stage of the alarm."""

    window: Window = Window()
    stage: Stage = Stage()


class FallWearable(RuleModel):
    """Recognises a fall by a worn accelerometer, asks aloud, then calls for help."""

    kind: Literal["fall_wearable"]
    worn: Literal["waist", "wrist"] = Field(description="where the sensor is worn: waist (belt, pocket) or wrist")
    chance: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="how likely a fall must be, 0 to 1; less finds more falls and asks more often for nothing; "
        "left out: what was measured best for this place",
    )
    cancel_window: Annotated[Duration, Field(ge=timedelta(0), le=_LONGEST)] = Field(
        default=CANCEL_WINDOW, description="how long the person has to press a cancel button, e.g. 20s; 0s asks nothing"
    )
    cancel_by: SensorIds | None = Field(
        default=None, description="ids of the sensors whose cancel counts; left out: every one in the home"
    )
    severity: Severity = Field(default=Severity.P1, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """Accelerations."""
        return Quantity.ACCELERATION

    def cancellers(self, home: HomeFacts) -> tuple[str, ...]:
        """The sensors that may cancel."""
        return home.sensors_with(Quantity.CANCEL) if self.cancel_by is None else self.cancel_by

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per worn sensor, each listening to all cancel buttons."""
        cancels = {(sensor, Quantity.CANCEL) for sensor in self.cancellers(home)}
        return tuple(
            BoundRule(
                rule=FallWearableRule(self, home, sensor),
                readings=frozenset({(sensor, Quantity.ACCELERATION), *cancels}),
            )
            for sensor in self.watched(home)
        )


class FallWearableRule:
    """One worn sensor."""

    def __init__(self, config: FallWearable, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._forest = forest(f"fall_{config.worn}")
        self._chance = self._forest.limit if config.chance is None else config.chance
        self._alarm = config.alarm(home, sensor_id, hazard=HAZARD, version=RULE_VERSION, latching=True)
        self._stages = Stages(self._alarm, ms_of(config.cancel_window))

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> WearableState:
        """Nothing was felt yet."""
        return WearableState()

    def step(self, state: WearableState, event: Event) -> Step:
        """A sample, a cancel, a reset, or time that has passed."""
        window, stage = state.window, state.stage
        alerts: tuple[Alert, ...] = ()
        impacts: tuple[Impact, ...] = ()
        if stage.asked is not None:
            stage, alerts = self._stages.ripen(stage, event)
        if isinstance(event, Reading):
            if event.quantity is Quantity.ACCELERATION:
                axes = event.axes if _counts(event) else None
                if axes is not None and math.isfinite(sum(axes)):
                    window, impacts = add(window, event.mono, *axes)
            else:
                stage, more = self._stages.cancel(stage, event)
                alerts += more
        elif isinstance(event, Reset):
            stage, more = self._stages.reset(stage, event)
            alerts += more
        else:
            window, impacts = close(window, event.mono)
        for impact in impacts:
            stage, more = self._judge(stage, event, impact)
            alerts += more
        due = window.due
        if stage.asked is not None:
            due = min(filter(None, (due, self._stages.due(stage))))
        return Step(state=WearableState(window=window, stage=stage), alerts=alerts, wake_at=due)

    def _judge(self, stage: Stage, event: Event, impact: Impact) -> tuple[Stage, tuple[Alert, ...]]:
        found = features(impact.bins)
        if self._forest.chance(found) < self._chance:
            return stage, ()
        felt = self._reading(event, impact)
        force, turned = words.value(Quantity.ACCELERATION, felt.value), round(found[_TURNED])
        sensor = self._alarm.sensor_id
        what = Sentence(
            zh=f"{sensor} 感到一次像跌倒的撞击（{force.zh}，姿势改变 {turned}°）",
            en=f"{sensor} felt an impact like a fall ({force.en}, posture changed by {turned}°)",
        )
        return self._stages.begin(stage, event, (felt,), what)

    def _reading(self, event: Event, impact: Impact) -> Reading:
        peak = impact.bins[BEFORE]
        return Reading(
            sensor_id=self._alarm.sensor_id,
            quantity=Quantity.ACCELERATION,
            value=round(peak.most, 2),
            at=event.at - timedelta(milliseconds=event.mono - impact.mono),
            mono=impact.mono,
            axes=(round(peak.x, 3), round(peak.y, 3), round(peak.z, 3)),
        )


_MOST_G = QUANTITIES[Quantity.ACCELERATION].high


def _counts(event: Reading) -> bool:
    return event.quality is not Quality.IMPLAUSIBLE and math.isfinite(event.value) and event.value <= _MOST_G
