"""An item of improvement: Plan, Do, Check, Act (S89). Its steps are added, never changed; the item follows. Pure.

A red card, a poor call-back and a figure that missed its target each open one. Whether the measure helped is counted,
not felt: the item's metric over 30 days before and after.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction

import msgspec

from community.casefile import NotNow
from shouwang.alert import Sentence
from shouwang.reading import Moment

CHECK_DAYS = 30
"""Before and after the measure (the project's incident model)."""


class Phase(StrEnum):
    """What the item waits for next."""

    PLAN = "plan"
    DO = "do"
    CHECK = "check"
    ACT = "act"
    DONE = "done"


class Verdict(StrEnum):
    """What becomes of the measure."""

    KEEP = "keep"
    ROLL_BACK = "roll_back"


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """The metric over some days."""

    numerator: int
    denominator: int

    @property
    def value(self) -> Fraction | None:
        """None: nothing to count."""
        return Fraction(self.numerator, self.denominator) if self.denominator else None


class Planned(msgspec.Struct, frozen=True, kw_only=True, tag="plan"):
    """Why it happened, what shall be done against it, by whom, until when."""

    cause: str
    measure: str
    owner: str
    due_on: date


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="do"):
    """The measure is in force. `change`: the id of the change (a rule, a policy version, a roster), to find it by."""

    change: str


class Checked(msgspec.Struct, frozen=True, kw_only=True, tag="check"):
    """What the metric says; counted, never written by hand."""

    before: Count
    after: Count


class Acted(msgspec.Struct, frozen=True, kw_only=True, tag="act"):
    """The measure stays, or is taken back; `change`: the id of that change, where there is one."""

    verdict: Verdict
    change: str = ""


Move = Planned | Done | Checked | Acted
_NEXT: dict[type, tuple[Phase, Phase]] = {
    Planned: (Phase.PLAN, Phase.DO),
    Done: (Phase.DO, Phase.CHECK),
    Checked: (Phase.CHECK, Phase.ACT),
    Acted: (Phase.ACT, Phase.DONE),
}


class ItemStep(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what, when."""

    by: str
    at: Moment
    move: Move


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item. `source`: `card:<case>:<step>`, `revisit:<case>` or `kpi:<figure>:<month>`; `metric`: see `store`."""

    item_id: int
    source: str
    metric: str
    opened_at: Moment
    incident_id: int | None = None
    steps: tuple[ItemStep, ...] = ()

    @property
    def phase(self) -> Phase:
        """What it waits for."""
        return _NEXT[type(self.steps[-1].move)][1] if self.steps else Phase.PLAN

    @property
    def plan(self) -> Planned | None:
        """Its plan, once there is one."""
        return next((step.move for step in self.steps if isinstance(step.move, Planned)), None)

    @property
    def done_at(self) -> datetime | None:
        """When the measure came into force."""
        return next((step.at for step in self.steps if isinstance(step.move, Done)), None)

    @property
    def change(self) -> str:
        """What the measure changed; empty before."""
        return next((step.move.change for step in self.steps if isinstance(step.move, Done)), "")

    @property
    def check(self) -> Checked | None:
        """What the metric said."""
        return next((step.move for step in self.steps if isinstance(step.move, Checked)), None)

    @property
    def verdict(self) -> Acted | None:
        """What became of it."""
        return next((step.move for step in self.steps if isinstance(step.move, Acted)), None)

    def is_late(self, today: date) -> bool:
        """Whether its measure should be in force by now and is not."""
        return self.phase is Phase.DO and self.plan is not None and self.plan.due_on < today


_PLAN_LACKS = Sentence(
    zh="计划要写明原因、措施、责任人和期限", en="a plan says the cause, the measure, who answers for it and until when"
)
_UNNAMED = Sentence(zh="请写明改了什么，以便查找和撤回", en="name the change, so that it can be found and taken back")
_TOO_EARLY = Sentence(
    zh=f"措施落实满 {CHECK_DAYS} 天后才能核对", en=f"the check needs {CHECK_DAYS} days after the measure"
)
_PHASES = {Phase.PLAN: "计划", Phase.DO: "实施", Phase.CHECK: "核对", Phase.ACT: "处理", Phase.DONE: "完成"}


def moved(item: Item, move: Move, *, by: str, at: datetime) -> Item:
    """The item one step further. Raises IllegalMove where it is another step's turn, or something is left out."""
    turn, _ = _NEXT[type(move)]
    if item.phase is not turn:
        waits, given = _PHASES[item.phase], _PHASES[turn]
        raise NotNow(
            Sentence(
                zh=f"这一项现在等待“{waits}”，不是“{given}”",
                en=f"this item waits for {item.phase.value}, not for {turn.value}",
            )
        )
    if isinstance(move, Planned) and not all((move.cause.strip(), move.measure.strip(), move.owner.strip())):
        raise NotNow(_PLAN_LACKS)
    if isinstance(move, Done) and not move.change.strip():
        raise NotNow(_UNNAMED)
    if isinstance(move, Checked) and not may_be_checked(item, at):
        raise NotNow(_TOO_EARLY)
    return msgspec.structs.replace(item, steps=(*item.steps, ItemStep(by=by, at=at, move=move)))


def may_be_checked(item: Item, now: datetime) -> bool:
    """Whether the days after the measure are over."""
    return item.done_at is not None and now - item.done_at >= timedelta(days=CHECK_DAYS)
