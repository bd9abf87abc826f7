"""A person's own usual: learnt over days, shown to people, and only then watched.

    learning (14 days) --> shown once (P4): what is usual, and what would be an alarm
    switched_on        --> FIRING where a day's median is farther from the usual than `widths` of its spread

Usual is the median of the days, and its spread the median distance of days from it (at least `least`), so that a few
odd days do not shift it. Days on which it fires are not learnt from. What was shown ends when it is switched on.
"""

from typing import Annotated, Literal

import msgspec
from pydantic import Field

from rules import words
from rules.bound import BoundRule, HomeFacts, RuleModel
from rules.stages import Stage, Stages
from shouwang.alert import Alert, Sentence, Severity
from shouwang.quantities import Quantity
from shouwang.reading import Quality, Reading
from shouwang.rule import Event, Reset, Step

RULE_VERSION = 1
DAYS = 14
"""Learning phase of fall radars and activity monitors (Vayyar installation guide: 14 days)."""
WIDTHS = 4.0
"""Of a normal spread, 4 median distances are 2.7 standard deviations: about one day in 150. Set by this project."""
_KEPT_DAYS = 60
_KEPT_VALUES = 48


class Day(msgspec.Struct, frozen=True, array_like=True):
    """A day (its number since 1970 on the home's clocks) and its values, thinned where they are many."""

    number: int
    values: tuple[float, ...]


class BaselineState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="baseline"):
    """The medians of days that are over, the day that goes on, whether the usual was shown, the alarm."""

    medians: tuple[float, ...] = ()
    today: Day | None = None
    is_shown: bool = False
    stage: Stage = Stage()


class Baseline(RuleModel):
    """Learns what is usual for a person, and fires on what is not."""

    kind: Literal["baseline"]
    quantity: Quantity = Field(description="what is measured, e.g. heart-rate, systolic")
    days: Annotated[int, Field(ge=3, le=_KEPT_DAYS)] = Field(default=DAYS, description="how many days it learns first")
    widths: Annotated[float, Field(ge=2, le=20)] = Field(
        default=WIDTHS, description="how many times its own spread a day must be away from the usual"
    )
    least: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        description="the smallest spread that is believed, in the unit of the quantity, e.g. 3 for a pulse"
    )
    switched_on: bool = Field(
        default=False, description="true once somebody has looked at what was learnt; before that it only shows it"
    )
    severity: Severity = Field(default=Severity.P3, description="priority at the call centre: P1 life ... P4 care")

    @property
    def needs(self) -> Quantity:
        """The measured value."""
        return self.quantity

    def bind(self, home: HomeFacts) -> tuple[BoundRule, ...]:
        """One instance per sensor."""
        return tuple(
            BoundRule(rule=BaselineRule(self, home, sensor), readings=frozenset({(sensor, self.quantity)}))
            for sensor in self.watched(home)
        )


class BaselineRule:
    """One value of one sensor."""

    def __init__(self, config: Baseline, home: HomeFacts, sensor_id: str) -> None:
        """Watch one sensor."""
        self._config = config
        self._zone = home.zone
        shown = config if config.switched_on else config.model_copy(update={"severity": Severity.P4})
        self._alarm = shown.alarm(home, sensor_id, hazard=config.quantity.value, version=RULE_VERSION, latching=False)
        self._stages = Stages(self._alarm, 0)

    @property
    def key(self) -> str:
        """Rule and sensor."""
        return self._alarm.key

    def start(self) -> BaselineState:
        """Nothing was learnt yet."""
        return BaselineState()

    def step(self, state: BaselineState, event: Event) -> Step:
        """A value more; with the first of a new day, the day before is judged and learnt."""
        if isinstance(event, Reset):
            stage, alerts = self._stages.reset(state.stage, event)
            return Step(state=msgspec.structs.replace(state, stage=stage) if alerts else state, alerts=alerts)
        if not isinstance(event, Reading) or event.quality is not Quality.GOOD:
            return Step(state=state)
        number = event.at.astimezone(self._zone).toordinal()
        state, alerts = self._hide(state, event)
        today = state.today
        if today is not None and not today.number - 1 <= number <= today.number:
            # far less where the clock was set back: it had been wrong; a little less comes late over midnight
            state, more = self._learn(state, median(today.values), event)
            alerts += more
            today = None
        values = () if today is None else today.values
        kept = (*values, event.value) if len(values) < _KEPT_VALUES else values
        day = Day(number if today is None else today.number, kept)
        return Step(state=msgspec.structs.replace(state, today=day), alerts=alerts)

    def _hide(self, state: BaselineState, event: Reading) -> tuple[BaselineState, tuple[Alert, ...]]:
        """Once it is switched on, what was shown is no alarm that could hide one."""
        if not self._config.switched_on or not state.is_shown:
            return state, ()
        why = Sentence(zh="已启用", en="it is switched on now")
        stage, alerts = self._stages.end(state.stage, event, why)
        return msgspec.structs.replace(state, is_shown=False, stage=stage), alerts

    def _learn(self, state: BaselineState, day: float, event: Reading) -> tuple[BaselineState, tuple[Alert, ...]]:
        if len(state.medians) < self._config.days:
            medians = (*state.medians, day)
            learnt = msgspec.structs.replace(state, medians=medians)
            is_due = len(medians) == self._config.days and not self._config.switched_on and not state.is_shown
            return self._show(learnt, event) if is_due else (learnt, ())
        usual, width = self._usual(state.medians)
        if abs(day - usual) <= width:
            why = Sentence(zh=f"{self._said(day).zh}，恢复平常", en=f"{self._said(day).en}: usual again")
            stage, alerts = (
                (state.stage, ()) if not self._config.switched_on else self._stages.end(state.stage, event, why)
            )
            return msgspec.structs.replace(state, medians=(*state.medians, day)[-_KEPT_DAYS:], stage=stage), alerts
        if not self._config.switched_on or state.stage.called is not None:
            return state, ()
        stage, alerts = self._stages.begin(state.stage, event, (event,), self._why(day, usual, width))
        return msgspec.structs.replace(state, stage=stage), alerts

    def _show(self, state: BaselineState, event: Reading) -> tuple[BaselineState, tuple[Alert, ...]]:
        usual, width = self._usual(state.medians)
        low, high = self._said(usual - width), self._said(usual + width)
        name, days = words.name(self._config.quantity), self._config.days
        what = Sentence(
            zh=f"已学习 {days} 天：{name.zh}平常为 {self._said(usual).zh}，"
            f"{low.zh} 至 {high.zh} 之外将报警；确认后请启用",
            en=f"learnt {days} days: {name.en} is usually {self._said(usual).en}; "
            f"outside {low.en} to {high.en} would be an alarm; switch it on if that is right",
        )
        stage, alerts = self._stages.begin(state.stage, event, (event,), what)
        return msgspec.structs.replace(state, stage=stage, is_shown=True), alerts

    def _usual(self, medians: tuple[float, ...]) -> tuple[float, float]:
        usual = median(medians)
        spread = median(tuple(abs(day - usual) for day in medians))
        return usual, self._config.widths * max(spread, self._config.least)

    def _why(self, day: float, usual: float, width: float) -> Sentence:
        name, low, high = words.name(self._config.quantity), self._said(usual - width), self._said(usual + width)
        return Sentence(
            zh=f"昨日{name.zh} {self._said(day).zh}，平常在 {low.zh} 至 {high.zh} 之间",
            en=f"{name.en} of the day before {self._said(day).en}, usually {low.en} to {high.en}",
        )

    def _said(self, value: float) -> Sentence:
        return words.value(self._config.quantity, value)


def median(values: tuple[float, ...]) -> float:
    """The middle one, or the mean of the two in the middle; of no values, 0."""
    if not values:
        return 0.0
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
