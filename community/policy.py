"""The centre's own numbers for a workflow: limits, yellow shares, the ladder. Within bounds, laid over its table. Pure.

The table that comes with the server says what may happen; a policy says how fast, and who is called when. No policy can
take away the first ring, the ladder's last word, an audience or a clock.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec
from pydantic import ValidationError

from community.step_words import name_of_audience, name_of_clock
from community.workflow import Audience, Rung, Workflow
from shouwang.alert import Sentence, Severity
from shouwang.bilingual import Bilingual, in_a_row
from shouwang.errors import ConfigError

CENTRE_FROM = 1000
"""Versions of the centre's own begin above this; those that come with the server never get there."""
LEAST_MS = 10_000
"""Nobody reads an alarm and answers it in less (set by this project)."""
SHORTEST_SHARE = 4
"""A limit is at least a quarter of the shipped one: shorter ones draw cards that nobody can avoid (this project)."""
LONGEST_TIMES: Mapping[Severity, int] = {Severity.P1: 2, Severity.P2: 2, Severity.P3: 4, Severity.P4: 4}
"""A limit or a rung is at most so many times the shipped one. Twice 60 s for P1: within TSA's 180 s for 99 of 100."""
LAST_WORD_MS = 600_000
"""The ladder of a life says "call 120" within ten minutes, whatever else is set (this project)."""
LEAST_AGAIN_MS = 30_000
YELLOW = (10, 95)
"""The share in per cent at which a yellow card may be drawn."""
ON_LADDER: tuple[Audience, ...] = (
    "operators",
    "supervisor",
    "team_lead",
    "duty_leader",
    "command_centre",
    "responders",
    "family",
    "keyholder",
)
"""Whom a rung may call: those that need no case to be known."""

_MS = timedelta(milliseconds=1)
_PRIORITIES = {
    Severity.P1: ("急救", "LIFE"),
    Severity.P2: ("紧急", "URGENT"),
    Severity.P3: ("技术", "TECH"),
    Severity.P4: ("关怀", "CARE"),
}


class RungNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """One rung: when, whom it calls, and after how long again."""

    at_ms: int
    call: tuple[str, ...]
    again_ms: int | None = None


class Numbers(msgspec.Struct, frozen=True, kw_only=True):
    """What of a table a centre may set. By clock and priority, by priority and rung."""

    limits: dict[str, dict[str, int]]
    yellow: dict[str, dict[str, int]]
    ladder: dict[str, tuple[RungNumbers, ...]]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One number that changes: what it is, what it was, what it becomes."""

    what: Sentence
    old: Sentence
    new: Sentence


def numbers_of(table: Workflow) -> Numbers:
    """The numbers of a table."""
    return Numbers(
        limits={name: _in_ms(timer.limit) for name, timer in table.timers.items()},
        yellow={
            name: {priority.value: share for priority, share in timer.yellow.items()}
            for name, timer in table.timers.items()
            if timer.yellow
        },
        ladder={priority.value: tuple(map(_rung, rungs)) for priority, rungs in table.ladder.items()},
    )


def laid_over(table: Workflow, numbers: Numbers, version: int) -> Workflow:
    """The table with these numbers. Raises ConfigError where they break a bound, or what every table must be."""
    found = tuple(faults(table, numbers))
    if found:
        raise ConfigError(in_a_row(Bilingual(fault.en, zh=fault.zh) for fault in found))
    written = table.model_dump(by_alias=True)
    written["version"] = version
    for name, limits in numbers.limits.items():
        timer = written["timers"][name]
        timer["limit"] = {priority: ms * _MS for priority, ms in limits.items()}
        timer["yellow"] = dict(numbers.yellow.get(name, {}))
    for priority, rungs in numbers.ladder.items():
        for rung, set_to in zip(written["ladder"][Severity(priority)], rungs, strict=True):
            rung["at"] = set_to.at_ms * _MS
            rung["again"] = None if set_to.again_ms is None else set_to.again_ms * _MS
            rung["call"] = set_to.call
    try:
        return Workflow.model_validate(written)
    except ValidationError as error:
        raise ConfigError("; ".join(str(one["msg"]) for one in error.errors(include_url=False))) from None


def faults(table: Workflow, numbers: Numbers) -> Iterator[Sentence]:
    """Which bounds these numbers break, by the table that comes with the server."""
    ours = numbers_of(table)
    if _shape(ours) != _shape(numbers):
        yield Sentence(
            zh="时限、黄牌或呼叫级别有缺失或多余", en="a clock, a card or a rung is missing, or one too many"
        )
        return
    for name, limits in numbers.limits.items():
        for priority, ms in limits.items():
            yield from _outside(_clock(name, priority), ms, *limit_bounds(ours.limits[name][priority], priority))
    for name, shares in numbers.yellow.items():
        for priority, share in shares.items():
            if not YELLOW[0] <= share <= YELLOW[1]:
                what = _clock(name, priority)
                yield Sentence(
                    zh=f"{what.zh}：黄牌须在 {YELLOW[0]}% 到 {YELLOW[1]}% 之间",
                    en=f"{what.en}: yellow is between {YELLOW[0]} % and {YELLOW[1]} %",
                )
    for priority, rungs in numbers.ladder.items():
        yield from _ladder_faults(priority, ours.ladder[priority], rungs)


def limit_bounds(shipped_ms: int, priority: str) -> tuple[int, int]:
    """The shortest and the longest that a limit of this priority may become."""
    least = min(shipped_ms, max(LEAST_MS, shipped_ms // SHORTEST_SHARE))
    return least, shipped_ms * LONGEST_TIMES[Severity(priority)]


def rung_bound(shipped_ms: int, priority: str) -> int:
    """The latest that a rung of this priority may be called."""
    latest = shipped_ms * LONGEST_TIMES[Severity(priority)]
    return min(latest, LAST_WORD_MS) if priority == Severity.P1.value else latest


def differences(old: Numbers, new: Numbers) -> tuple[Difference, ...]:
    """What changes from one to the other, in words; clocks first, then the ladder."""
    return tuple(
        Difference(what=what, old=before, new=after)
        for (what, before), (_, after) in zip(_told(old), _told(new), strict=True)
        if before != after
    )


def span(ms: int) -> Sentence:
    """A time in words."""
    parts = []
    for size, zh, en in ((3_600_000, "小时", "h"), (60_000, "分", "min"), (1000, "秒", "s")):
        count, ms = divmod(ms, size)
        if count:
            parts.append((f"{count} {zh}", f"{count} {en}"))
    return Sentence(zh=" ".join(zh for zh, _ in parts) or "立即", en=" ".join(en for _, en in parts) or "at once")


# ---- how it is judged and said ----


def _ladder_faults(priority: str, ours: tuple[RungNumbers, ...], theirs: tuple[RungNumbers, ...]) -> Iterator[Sentence]:
    if theirs[0].at_ms != 0:
        what = _of_rung(priority, 0)
        yield Sentence(zh=f"{what.zh}：首次响铃不能推迟", en=f"{what.en}: the first ring cannot wait")
    for number, (shipped, rung) in enumerate(zip(ours, theirs, strict=True)):
        what = _of_rung(priority, number)
        if number:
            yield from _outside(what, rung.at_ms, 1000, rung_bound(shipped.at_ms, priority))
        if number and rung.at_ms <= theirs[number - 1].at_ms:
            yield Sentence(zh=f"{what.zh}：须晚于上一级", en=f"{what.en}: it comes after the one before")
        if (shipped.again_ms is None) != (rung.again_ms is None):
            yield Sentence(zh=f"{what.zh}：最后一级必须反复呼叫", en=f"{what.en}: the last rung calls again and again")
        elif shipped.again_ms is not None and rung.again_ms is not None:
            longest = shipped.again_ms * LONGEST_TIMES[Severity(priority)]
            yield from _outside(what, rung.again_ms, LEAST_AGAIN_MS, longest)
        yield from _call_faults(what, shipped, rung, is_bound=number in {0, len(ours) - 1})
    lost = {one for rung in ours for one in rung.call} - {one for rung in theirs for one in rung.call}
    for one in sorted(lost):
        who, of = name_of_audience(one), _priority(priority)
        yield Sentence(zh=f"{of.zh}：呼叫阶梯中不能没有{who.zh}", en=f"{of.en}: the ladder must call {who.en}")


def _call_faults(what: Sentence, shipped: RungNumbers, rung: RungNumbers, *, is_bound: bool) -> Iterator[Sentence]:
    """The first rung, the last and the one that sends a responder keep whom they call; others may exchange."""
    kept = set(shipped.call) if is_bound else set(shipped.call) & {"responders"}
    for one in sorted(kept - set(rung.call)):
        who = name_of_audience(one)
        yield Sentence(zh=f"{what.zh}：必须呼叫{who.zh}", en=f"{what.en}: it must call {who.en}")
    if not rung.call:
        yield Sentence(zh=f"{what.zh}：没有呼叫任何人", en=f"{what.en}: it calls nobody")
    if set(rung.call) - set(ON_LADDER):
        yield Sentence(zh=f"{what.zh}：有不认识的对象", en=f"{what.en}: it calls somebody unknown")


def _outside(what: Sentence, ms: int, least: int, most: int) -> Iterator[Sentence]:
    if not least <= ms <= most:
        low, high = span(least), span(most)
        yield Sentence(
            zh=f"{what.zh}：须在 {low.zh} 到 {high.zh} 之间", en=f"{what.en}: between {low.en} and {high.en}"
        )


def _told(numbers: Numbers) -> Iterator[tuple[Sentence, Sentence]]:
    for name, limits in numbers.limits.items():
        for priority, ms in limits.items():
            yield _clock(name, priority), span(ms)
            share = numbers.yellow.get(name, {}).get(priority)
            if share is not None:
                what = _clock(name, priority)
                said = f"{share} %"
                yield Sentence(zh=f"{what.zh}，黄牌", en=f"{what.en}, yellow card"), Sentence(zh=said, en=said)
    for priority, rungs in numbers.ladder.items():
        for number, rung in enumerate(rungs):
            what = _of_rung(priority, number)
            yield what, _called(rung)


def _called(rung: RungNumbers) -> Sentence:
    who = [name_of_audience(one) for one in rung.call]
    at = span(rung.at_ms)
    zh, en = f"{at.zh}：{'、'.join(one.zh for one in who)}", f"{at.en}: {', '.join(one.en for one in who)}"
    if rung.again_ms is None:
        return Sentence(zh=zh, en=en)
    again = span(rung.again_ms)
    return Sentence(zh=f"{zh}；此后每 {again.zh} 一次", en=f"{en}; then every {again.en}")


def _shape(numbers: Numbers) -> object:
    """Which numbers there are."""
    return (
        {name: sorted(limits) for name, limits in numbers.limits.items()},
        {name: sorted(shares) for name, shares in numbers.yellow.items()},
        {priority: len(rungs) for priority, rungs in numbers.ladder.items()},
    )


def _clock(name: str, priority: str) -> Sentence:
    said, of = name_of_clock(name), _priority(priority)
    return Sentence(zh=f"{of.zh} · {said.zh}", en=f"{of.en} · {said.en}")


def _of_rung(priority: str, number: int) -> Sentence:
    of = _priority(priority)
    return Sentence(zh=f"{of.zh} · 呼叫第 {number + 1} 级", en=f"{of.en} · rung {number + 1}")


def _priority(priority: str) -> Sentence:
    zh, en = _PRIORITIES[Severity(priority)]
    return Sentence(zh=zh, en=en)


def _in_ms(limits: Mapping[Severity, timedelta]) -> dict[str, int]:
    return {priority.value: limit // _MS for priority, limit in limits.items()}


def _rung(rung: Rung) -> RungNumbers:
    return RungNumbers(
        at_ms=rung.at // _MS, call=tuple(rung.call), again_ms=None if rung.again is None else rung.again // _MS
    )
