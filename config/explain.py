"""What rules do, in sentences that a care planner can check, in Chinese and English."""

from datetime import timedelta
from functools import singledispatch

from rules import AnyRule, words
from rules.alarm import ms_of
from rules.away import AwayActivity
from rules.baseline import Baseline
from rules.bed_exit_wearable import BedExitWearable
from rules.bound import HomeFacts, RuleModel
from rules.combine import Clue, Combine
from rules.count import Count
from rules.dose import EN_50291, Dose
from rules.expected import Expected
from rules.fall import Fall
from rules.fall_wearable import FallWearable
from rules.inactivity import Inactivity
from rules.lasting import Lasting, Sign
from rules.limits import OfValue
from rules.news2_home import News2Home
from rules.silence import Silence
from rules.sos import Sos
from rules.threshold import Threshold
from rules.trend import Trend
from shouwang.alert import Sentence
from shouwang.quantities import QUANTITIES


def explained(rule: AnyRule, facts: HomeFacts) -> Sentence:
    """What it does, and which sensors it watches in this home."""
    what = _what(rule)
    watched = ", ".join(rule.watched(facts))
    severity = getattr(rule, "severity", "P2")
    return Sentence(
        zh=f"{rule.id}（{severity}）：{what.zh}。监视：{watched or '家中没有这样的传感器'}",
        en=f"{rule.id} ({severity}): {what.en}. Watches: {watched or 'nothing in this home'}",
    )


@singledispatch
def _what(rule: RuleModel) -> Sentence:
    raise AssertionError(f"no words for {type(rule).__name__}")


@_what.register
def _threshold(rule: Threshold) -> Sentence:
    limit = rule.above if rule.above is not None else rule.below
    name, value = words.name(rule.quantity), words.value(rule.quantity, limit or 0.0)
    side_zh, side_en = ("达到或高于", "at or above") if rule.above is not None else ("达到或低于", "at or below")
    hold = _for(rule.hold)
    zh, en = f"{name.zh}{side_zh} {value.zh}{hold.zh}即报警", f"fires when {name.en} is {side_en} {value.en}{hold.en}"
    if rule.median > 1:
        zh, en = f"{zh}（取 {rule.median} 个值的中位数）", f"{en} (the middle one of {rule.median} values)"
    if rule.again is not None:
        again = _span(rule.again)
        zh, en = f"{zh}，须在 {again.zh}内复测确认", f"{en}, and a second measurement within {again.en} says the same"
    return Sentence(zh=zh, en=f"{en}; {_ends(latching=rule.latching).en}")


@_what.register
def _sos(rule: Sos) -> Sentence:  # noqa: ARG001 - all its presses are alike
    return Sentence(zh="每次按下立即求助", en="calls for help at every press")


@_what.register
def _fall(rule: Fall) -> Sentence:
    confirm, window = _span(rule.confirm), _span(rule.cancel_window)
    return Sentence(
        zh=f"雷达看到跌倒 {confirm.zh}后语音询问，{window.zh}内无人取消即求助",
        en=f"asks aloud when a radar has seen a fall for {confirm.en}, and calls when nobody cancels in {window.en}",
    )


@_what.register
def _fall_wearable(rule: FallWearable) -> Sentence:
    place, window = (
        {"waist": ("腰间", "at the waist"), "wrist": ("手腕", "at the wrist")}[rule.worn],
        _span(rule.cancel_window),
    )
    return Sentence(
        zh=f"{place[0]}加速度计感到跌倒即语音询问，{window.zh}内无人取消即求助",
        en=f"asks aloud when the sensor {place[1]} feels a fall, and calls when nobody cancels in {window.en}",
    )


@_what.register
def _bed_exit(rule: BedExitWearable) -> Sentence:
    lost = _span(rule.lost_after)
    return Sentence(
        zh=f"坐起时在家中提示；走动，或坐起后 {lost.zh}收不到信号，即报警",
        en=f"tells at home that the person sits up; calls when they walk, or are not heard for {lost.en} after it",
    )


@_what.register
def _silence(rule: Silence) -> Sentence:
    after = _span(rule.after)
    return Sentence(zh=f"传感器 {after.zh}收不到即报警", en=f"fires when a sensor is not heard for {after.en}")


@_what.register
def _lasting(rule: Lasting) -> Sentence:
    state = _state(rule)
    lasts, between, asks = _for(rule.lasts), _between(str(rule.between or "")), _asks(rule.cancel_window)
    unless = _signs(rule.unless)
    return Sentence(
        zh=f"{between.zh}{state.zh}{lasts.zh}{unless.zh}{asks.zh}即报警；{_ends(latching=rule.latching).zh}",
        en=f"fires when {state.en}{lasts.en}{between.en}{unless.en}{asks.en}; {_ends(latching=rule.latching).en}",
    )


@_what.register
def _expected(rule: Expected) -> Sentence:
    name, grace = words.name(rule.quantity), _asks(rule.grace)
    return Sentence(
        zh=f"每天 {rule.between} 之间没有“{name.zh}”{grace.zh}即报警",
        en=f"fires when there is no {name.en} between {rule.between} on a day{grace.en}",
    )


@_what.register
def _inactivity(rule: Inactivity) -> Sentence:
    after, asks = _span(rule.after), _asks(rule.warn)
    zh, en = f"家中 {after.zh}没有活动", f"fires when nobody moves at home for {after.en}"
    if rule.waking is not None and rule.waking_after is not None:
        short = _span(rule.waking_after)
        zh, en = f"{zh}（{rule.waking} 之间 {short.zh}）", f"{en} (between {rule.waking} for {short.en})"
    out = _span(rule.out_at_most)
    return Sentence(
        zh=f"{zh}{asks.zh}即报警；最后一次活动在出入门处则视为外出，至多 {out.zh}",
        en=f"{en}{asks.en}; whoever was last seen at a door out is away, for {out.en} at most",
    )


@_what.register
def _away_activity(rule: AwayActivity) -> Sentence:
    settle, lasts = _span(rule.settle), _span(rule.lasts)
    return Sentence(
        zh=f"设为外出或住院 {settle.zh}后，家中仍有人活动{_for(rule.lasts).zh}即报警",
        en=f"fires when somebody is in for {lasts.en} though the mode was away or hospital for {settle.en}",
    )


@_what.register
def _count(rule: Count) -> Sentence:
    state = _state(rule)
    within, between = _span(rule.within), _between(str(rule.between or ""))
    return Sentence(
        zh=f"{between.zh}{within.zh}内{state.zh} {rule.times} 次即报警",
        en=f"fires when {state.en} {rule.times} times within {within.en}{between.en}",
    )


@_what.register
def _combine(rule: Combine) -> Sentence:
    joints = {"all": ("且", " and "), "any": ("或", " or "), "sequence": ("，随后", ", then ")}
    zh_joint, en_joint = joints[rule.needs_signs]
    each = [_clue(clue) for clue in rule.of]
    within, wait = _span(rule.within), _span(rule.wait)
    zh, en = zh_joint.join(one.zh for one in each), en_joint.join(one.en for one in each)
    if len(each) > 1:
        zh, en = f"{within.zh}内{zh}", f"{en} within {within.en}"
    between, asks = _between(str(rule.between or "")), _asks(rule.cancel_window)
    en = f"{en}{between.en}"
    if rule.unless:
        denials = [_clue(clue) for clue in rule.unless]
        zh_when, en_when = ("之后", "after it") if rule.wait else ("之前", "before it")
        span = wait if rule.wait else within
        zh = f"{zh}，且{zh_when} {span.zh}内没有{'或'.join(one.zh for one in denials)}"
        en = f"{en}, unless {' or '.join(one.en for one in denials)} within {span.en} {en_when}"
    return Sentence(zh=f"{between.zh}{zh}{asks.zh}即报警", en=f"fires when {en}{asks.en}")


@_what.register
def _dose(rule: Dose) -> Sentence:
    levels = [(level, words.span(ms_of(full))) for level, full in EN_50291.items()]
    zh = "、".join(f"{level} ppm {full.zh}" for level, full in levels)
    en = ", ".join(f"{level} ppm for {full.en}" for level, full in levels)
    ends = _ends(latching=rule.latching)
    return Sentence(zh=f"一氧化碳达到 {zh} 即报警（EN 50291）；{ends.zh}", en=f"fires at {en} (EN 50291); {ends.en}")


@_what.register
def _trend(rule: Trend) -> Sentence:
    name, by = words.name(rule.quantity), words.value(rule.quantity, rule.rise or rule.fall or 0.0)
    within, is_rise = _span(rule.within), rule.rise is not None
    zh_way, en_way = ("升高", "rises") if is_rise else ("降低", "falls")
    zh_from, en_from = ("比平均值", " from the average") if rule.against == "average" else ("", "")
    return Sentence(
        zh=f"{name.zh}在 {within.zh}内{zh_from}{zh_way} {by.zh}即报警",
        en=f"fires when {name.en} {en_way} by {by.en}{en_from} within {within.en}",
    )


@_what.register
def _baseline(rule: Baseline) -> Sentence:
    name = words.name(rule.quantity)
    zh_on, en_on = (
        ("", "") if rule.switched_on else ("（尚未启用，只显示）", " (not switched on: it only shows what it learnt)")
    )
    return Sentence(
        zh=f"学习 {rule.days} 天后，{name.zh}偏离本人平常即报警{zh_on}",
        en=f"learns for {rule.days} days, then fires when {name.en} is not what is usual for the person{en_on}",
    )


@_what.register
def _news2(rule: News2Home) -> Sentence:
    fresh = _span(rule.fresh)
    reach = Sentence(zh="为", en="of risk") if rule.exactly else Sentence(zh="达到", en="at or above risk")
    return Sentence(
        zh=f"{fresh.zh}内的测量值按 NEWS2 量表 {rule.spo2_scale} 评分，风险{reach.zh} {rule.risk} 即报警",
        en=f"fires when NEWS2 (oxygen scale {rule.spo2_scale}) of the values of {fresh.en} is {reach.en} {rule.risk}",
    )


def _state(of: OfValue) -> Sentence:
    if of.equals is not None:
        return of.condition().said(of.equals)
    name = words.name(of.quantity)
    value = words.value(of.quantity, of.above if of.above is not None else of.below or 0.0)
    if QUANTITIES[of.quantity].unit == "1" and of.above is not None:
        return name
    zh, en = ("达到或高于", "at or above") if of.above is not None else ("达到或低于", "at or below")
    return Sentence(zh=f"{name.zh}{zh} {value.zh}", en=f"{name.en} is {en} {value.en}")


def _clue(clue: Clue) -> Sentence:
    said = _state(clue)
    by = (
        f"（{'、'.join(clue.sensors)}）" if clue.sensors else "",
        f" ({', '.join(clue.sensors)})" if clue.sensors else "",
    )
    return Sentence(zh=f"{said.zh}{by[0]}", en=f"{said.en}{by[1]}")


def _signs(signs: tuple[Sign, ...]) -> Sentence:
    if not signs:
        return Sentence(zh="", en="")
    names = [words.name(sign.quantity) for sign in signs]
    zh, en = "或".join(one.zh for one in names), " or ".join(one.en for one in names)
    return Sentence(zh=f"（出现{zh}则重新计时）", en=f" ({en} starts the time anew)")


def _asks(window: timedelta) -> Sentence:
    if not window:
        return Sentence(zh="", en="")
    span = _span(window)
    return Sentence(zh=f"，先语音询问 {span.zh}，无人取消", en=f", asked aloud first, and nobody cancels in {span.en}")


def _for(duration: timedelta) -> Sentence:
    if not duration:
        return Sentence(zh="", en="")
    span = _span(duration)
    return Sentence(zh=f" 持续 {span.zh}", en=f" for {span.en}")


def _between(hours: str) -> Sentence:
    return Sentence(zh=f"{hours} 之间 ", en=f" between {hours}") if hours else Sentence(zh="", en="")


def _ends(*, latching: bool) -> Sentence:
    if latching:
        return Sentence(zh="须由人解除", en="goes on until a person resets it")
    return Sentence(zh="恢复后自动结束", en="ends when all is well again")


def _span(duration: timedelta) -> Sentence:
    return words.span(ms_of(duration))
