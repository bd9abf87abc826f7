"""Rules of one home that get in each other's way, told in plain words."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from rules import AnyRule
from rules.bound import HomeFacts
from rules.sos import Sos
from rules.threshold import Limit, Threshold


def conflicts(rules: Iterable[AnyRule], facts: HomeFacts) -> Iterator[tuple[str, str]]:
    """The later rule's id, and what is wrong with it beside which other."""
    for one, other in combinations(rules, 2):
        shared = set(one.watched(facts)) & set(other.watched(facts))
        if not shared:
            continue
        if isinstance(one, Threshold) and isinstance(other, Threshold) and one.quantity is other.quantity:
            yield from _limits(one, other)
        elif isinstance(one, Sos) and isinstance(other, Sos):
            yield other.id, f"a press of {', '.join(sorted(shared))} would be two alarms: {one.id} listens to it too"


def _limits(one: Threshold, other: Threshold) -> Iterator[tuple[str, str]]:
    limit, beside = Limit(one), Limit(other)
    if limit.is_upper is not beside.is_upper:
        high, low = (limit, beside) if limit.is_upper else (beside, limit)
        if high.fires_at <= low.fires_at:
            yield other.id, f"with {one.id} there is no value that is right: every one is an alarm of the two"
        return
    if one.hold == other.hold and limit.fires_at == beside.fires_at and one.again == other.again:
        yield other.id, f"says the same as {one.id}; drop one of the two"
        return
    outer, inner = (one, other) if limit.farther_out(beside) else (other, one)
    if outer.severity.rank > inner.severity.rank and outer.hold >= inner.hold:
        order = f"{outer.id} lies beyond {inner.id} but is less urgent ({outer.severity} after {inner.severity})"
        yield other.id, f"{order}: it would tell nothing new; turn the priorities round"
