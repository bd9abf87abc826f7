"""What is wrong or odd about the rules of a home, beside what each rule's own keys say."""

from collections.abc import Iterator

from config.conflicts import conflicts
from config.home import Home
from config.joining import may_join
from config.presets import preset
from config.presses import ButtonPress
from rules import AnyRule
from rules.away import AwayActivity
from rules.combine import Combine
from rules.fall import Fall
from rules.fall_wearable import FallWearable
from rules.inactivity import Inactivity
from rules.preset import rules_of
from shouwang.bilingual import Bilingual, both, chinese, lines_of, told_by
from shouwang.complaint import nearest
from shouwang.document import Document
from shouwang.errors import ConfigError
from shouwang.nodes import Path as Where
from shouwang.nodes import Problem
from shouwang.quantities import QUANTITIES, Quantity


def rule_oddities(document: Document[Home]) -> Iterator[Problem]:
    """Rules that watch nothing or get in each other's way, and emergencies that nobody listens to."""
    yield from _idle_rules(document)
    yield from _idle_presets(document)
    yield from _unheard(document)
    yield from _uncancelled(document)
    yield from _conflicts(document)


def misused_presets(document: Document[Home]) -> Iterator[Problem]:
    """Presets that do not fit, and those whose rules have the id of another rule."""
    home = document.value
    named = {rule.id for rule in home.rules}
    for index, use in enumerate(home.presets):
        try:
            rules = rules_of(preset(use.use), use)
        except ConfigError as error:
            for line in lines_of(told_by(error)):
                yield document.problem(("presets", index), line)
            continue
        for rule in rules:
            if rule.id in named:
                message = Bilingual(
                    f'"{rule.id}" of preset {use.use} is the id of another rule; write without: [{rule.id}]',
                    zh=f"预设 {use.use} 的“{rule.id}”是另一条规则的编号；请写 without: [{rule.id}]",
                )
                yield document.problem(("presets", index), message)
        named |= {rule.id for rule in rules}


def press_troubles(document: Document[Home]) -> Iterator[Problem]:
    """Buttons that are not there, and presses that mean two things."""
    home, facts = document.value, document.value.facts()
    able = facts.sensors_with(Quantity.BUTTON)
    seen: set[tuple[str, int]] = set()
    parts: list[tuple[Where, tuple[ButtonPress, ...]]] = [(("modes",), home.modes)]
    parts.append((("audio_pause",), home.audio_pause))
    parts += [(("cut_offs", index, "open_by"), cut_off.open_by) for index, cut_off in enumerate(home.cut_offs)]
    for part, index, press in ((part, index, press) for part, all_ in parts for index, press in enumerate(all_)):
        path = (*part, index, "sensor")
        if press.sensor not in facts.emits and not may_join(home):
            message = Bilingual(
                f'no sensor has the id "{press.sensor}"; {nearest(press.sensor, list(facts.emits))}',
                zh=f"没有编号为“{press.sensor}”的传感器；{chinese(nearest(press.sensor, list(facts.emits)))}",
            )
            yield document.problem(path, message)
        elif press.sensor in facts.emits and press.sensor not in able:
            others = ", ".join(able) or Bilingual("none in this home", zh="这个家没有")
            yield document.problem(
                path,
                Bilingual(
                    f'"{press.sensor}" never says "button"; sensors that do: {others}',
                    zh=f"“{press.sensor}”从来不报 button；会报的有：{chinese(others) or others}",
                ),
            )
        if (press.sensor, press.value) in seen:
            yield document.problem(
                (*part, index),
                Bilingual(
                    "this press means something else already; choose another value",
                    zh="这个按法已有别的意思；请换一个值",
                ),
            )
        seen.add((press.sensor, press.value))


def _idle_presets(document: Document[Home]) -> Iterator[Problem]:
    facts = document.value.facts()
    for index, use in enumerate(document.value.presets):
        rules = rules_of(preset(use.use), use)
        if not any(rule.watched(facts) for rule in rules):
            message = Bilingual(
                f"nothing in this home says what {use.use} watches; add a sensor, or drop it",
                zh=f"这个家没有什么能报 {use.use} 要看的内容；请加一个传感器，或删去它",
            )
            yield document.problem(("presets", index), message)


def _idle_rules(document: Document[Home]) -> Iterator[Problem]:
    facts = document.value.facts()
    for index, rule in enumerate(document.value.rules):
        if not rule.watched(facts) and not may_join(document.value):
            needed = (
                both('says "{what}"', "会报“{what}”的传感器", what=rule.needs)
                if rule.needs is not None
                else _ANY_AT_ALL
            )
            yield document.problem(
                ("rules", index),
                Bilingual(
                    f"watches nothing: no sensor {needed}; add one, or drop the rule",
                    zh=f"什么也没有监视：没有{chinese(needed)}；请加一个，或删去这条规则",
                ),
            )


def _unheard(document: Document[Home]) -> Iterator[Problem]:
    facts = document.value.facts()
    calls = [rule for rule in document.value.all_rules() if _calls_alone(rule)]
    watched = {watch for rule in calls for bound in rule.bind(facts) for watch in bound.readings}
    for index, sensor in enumerate(document.value.sensors):
        for quantity in sorted(getattr(sensor, "will_say", sensor.emits)):
            needs_rule = QUANTITIES[quantity].life_safety and quantity is not Quantity.CANCEL
            if needs_rule and (sensor.id, quantity) not in watched:
                remedy = both(*_RULE_OF, kind=quantity) if quantity in _OWN_KIND else _HOME_SAFETY
                message = Bilingual(
                    f'says "{quantity}", but no rule listens: nobody would come; add {remedy}',
                    zh=f"会报“{quantity}”，但没有规则在听：不会有人来；请加上{chinese(remedy)}",
                )
                yield document.problem(("sensors", index), message)


_ANY_AT_ALL = Bilingual("is there", zh="任何传感器")
_RULE_OF = "a rule of kind {kind}", "一条 kind: {kind} 的规则"
_HOME_SAFETY = Bilingual("the preset home-safety", zh="预设 home-safety")
_OWN_KIND = (Quantity.SOS, Quantity.FALL)


def _calls_alone(rule: AnyRule) -> bool:
    """Whether one word of an emergency is enough for it: not where it is a sign of life, or one sign of several."""
    if isinstance(rule, Combine):
        return rule.needs_signs == "any" or len(rule.of) == 1
    return not isinstance(rule, Inactivity | AwayActivity)


def _uncancelled(document: Document[Home]) -> Iterator[Problem]:
    home, facts = document.value, document.value.facts()
    if facts.sensors_with(Quantity.CANCEL):
        return
    message = Bilingual(
        "nothing in this home can cancel a false alarm; give an SOS button a cancel action",
        zh="这个家没有什么能取消误报；请给 SOS 按钮设一个取消动作",
    )
    for index, rule in enumerate(home.rules):
        if isinstance(rule, Fall | FallWearable):
            yield document.problem(("rules", index), message)
    for index, use in enumerate(home.presets):
        rules = rules_of(preset(use.use), use)
        if any(isinstance(rule, Fall | FallWearable) and rule.watched(facts) for rule in rules):
            yield document.problem(("presets", index), message)


def _conflicts(document: Document[Home]) -> Iterator[Problem]:
    home = document.value
    own = {rule.id: ("rules", index) for index, rule in enumerate(home.rules)}
    for rule_id, message in conflicts(home.all_rules(), home.facts()):
        path = own.get(rule_id) or _preset_with(home, rule_id)
        yield document.problem(path, both("{rule}: {message}", "{rule}：{message}", rule=rule_id, message=message))


def _preset_with(home: Home, rule_id: str) -> tuple[str | int, ...]:
    """Where its preset stands; one that every home has stands nowhere."""
    found = (i for i, use in enumerate(home.presets) if rule_id in {rule.id for rule in rules_of(preset(use.use), use)})
    index = next(found, None)
    return ("box",) if index is None else ("presets", index)
