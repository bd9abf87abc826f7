"""Rules of one home that get in each other's way, told in plain words."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from rules import AnyRule
from rules.bound import HomeFacts
from rules.sos import Sos
from rules.threshold import Limit, Threshold
from shouwang.bilingual import both


def conflicts(rules: Iterable[AnyRule], facts: HomeFacts) -> Iterator[tuple[str, str]]:
    """The later rule's id, and what is wrong with it beside which other."""
    for one, other in combinations(rules, 2):
        shared = set(one.watched(facts)) & set(other.watched(facts))
        if not shared:
            continue
        if isinstance(one, Threshold) and isinstance(other, Threshold) and one.quantity is other.quantity:
            yield from _limits(one, other)
        elif isinstance(one, Sos) and isinstance(other, Sos):
            yield other.id, both(*_TWO_ALARMS, sensors=", ".join(sorted(shared)), rule=one.id)


def _limits(one: Threshold, other: Threshold) -> Iterator[tuple[str, str]]:
    limit, beside = Limit(one), Limit(other)
    if limit.is_upper is not beside.is_upper:
        high, low = (limit, beside) if limit.is_upper else (beside, limit)
        if high.fires_at <= low.fires_at:
            yield other.id, both(*_NO_VALUE, rule=one.id)
        return
    if one.hold == other.hold and limit.fires_at == beside.fires_at and one.again == other.again:
        yield other.id, both(*_SAME, rule=one.id)
        return
    outer, inner = (one, other) if limit.farther_out(beside) else (other, one)
    if outer.severity.rank > inner.severity.rank and outer.hold >= inner.hold:
        severities = {"low": outer.severity, "high": inner.severity}
        yield other.id, both(*_LESS_URGENT, outer=outer.id, inner=inner.id, **severities)


_TWO_ALARMS = (
    "a press of {sensors} would be two alarms: {rule} listens to it too",
    "按一次 {sensors} 会出两个报警：{rule} 也在听它",
)
_NO_VALUE = (
    "with {rule} there is no value that is right: every one is an alarm of the two",
    "与 {rule} 合在一起没有正常值：每个值都会让其中之一报警",
)
_SAME = "says the same as {rule}; drop one of the two", "与 {rule} 说的一样；请删去一条"
_LESS_URGENT = (
    (
        "{outer} lies beyond {inner} but is less urgent ({low} after {high}): it would tell nothing new; turn the "
        "priorities round"
    ),
    "{outer} 的界限比 {inner} 更远，却不如它紧急（{low} 低于 {high}）：它不会带来新消息；请把两者的优先级对调",
)
