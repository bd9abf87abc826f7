"""Says in plain words whether a home's YAML can be used, and what it will do."""

import sys
from collections.abc import Sequence
from pathlib import Path

from config.home import Home
from config.loader import Checked, check_home
from shouwang.bilingual import Bilingual, both, chinese, told_by
from shouwang.errors import ConfigError
from shouwang.spoken import said_here


def check(path: Path) -> int:
    """Print what is wrong (standard error, exit code 1), or what is watched and what is odd (exit code 0)."""
    try:
        checked = check_home(path)
    except ConfigError as error:
        print(said_here(told_by(error)), file=sys.stderr)
        count = len(str(error).splitlines())
        print(said_here(both(*(_ONE_PROBLEM if count == 1 else _PROBLEMS), path=path, count=count)), file=sys.stderr)
        return 1
    for line in _summary(checked):
        print(said_here(line))
    for warning in checked.warnings:
        print(said_here(both("warning: {what}", "注意：{what}", what=warning)))
    print(said_here(both(*(_TO_LOOK_AT if checked.warnings else _USABLE), path=path, count=len(checked.warnings))))
    return 0


def _summary(checked: Checked) -> list[str]:
    home, facts = checked.home, checked.home.facts()
    whole = {"gateway": home.gateway.id, "resident": home.resident.id, "url": home.uplink.url}
    lines: list[str] = [both(*_WATCHES, **whole)]
    lines += [both(*_SENSOR, id=sensor.id, kind=sensor.kind) for sensor in home.sensors]
    lines += [both(*_ANNUNCIATOR, id=getattr(part, "id", part.kind), kind=part.kind) for part in home.annunciators]
    lines += [both(*_CUT_OFF, id=part.id, dangers=", ".join(sorted(part.closed_by))) for part in home.cut_offs]
    if all(part.kind == "console" for part in home.annunciators):
        lines.append(_NOBODY_HEARS)
    own = {rule.id for rule in home.rules}
    idle = 0
    for rule in home.all_rules():
        watched = _watched(rule.watched(facts), home, rule.sensors)
        if watched == _NOTHING and rule.id not in own:
            idle += 1
            continue
        words = _IDLE_RULE if watched == _NOTHING else _RULE
        lines.append(both(*words, id=rule.id, kind=rule.kind, severity=rule.severity, watched=watched))
    if idle:
        lines.append(both(*(_ONE_IDLE if idle == 1 else _IDLE), count=idle))
    return lines


def _watched(sensors: Sequence[str], home: Home, named: Sequence[str] | None) -> str:
    """The sensors of a rule in words; one that names none also watches what joins."""
    joining = [_WHAT_JOINS] if home.hubs() and named is None else []
    listed = [*sensors, *joining]
    return Bilingual(", ".join(listed), zh="、".join(chinese(one) or one for one in listed)) if listed else _NOTHING


_NOTHING = "nothing"
_WHAT_JOINS = Bilingual("what joins", zh="以后加入的")
_ONE_PROBLEM = "{path}: 1 problem; nothing was started", "{path}：1 处有错；什么都没有启动"
_PROBLEMS = "{path}: {count} problems; nothing was started", "{path}：{count} 处有错；什么都没有启动"
_USABLE = "{path}: can be used", "{path}：可以用"
_TO_LOOK_AT = "{path}: can be used, {count} to look at", "{path}：可以用，有 {count} 处要看"
_WATCHES = (
    "gateway {gateway} watches over resident {resident}, reports to {url}",
    "网关 {gateway} 守护 {resident}，上报到 {url}",
)
_SENSOR = "  sensor {id} ({kind})", "  传感器 {id}（{kind}）"
_ANNUNCIATOR = "  annunciator {id} ({kind})", "  报警设备 {id}（{kind}）"
_CUT_OFF = "  cut-off {id} closes at {dangers}", "  切断装置 {id} 在这些情况下关闭：{dangers}"
_NOBODY_HEARS = Bilingual(
    "  nobody hears an alarm in this home: add speech or a siren under annunciators",
    zh="  这个家没人听得到报警：请在 annunciators 下加上语音或警笛",
)
_RULE = "  rule {id} ({kind}, {severity}) on {watched}", "  规则 {id}（{kind}，{severity}）监视 {watched}"
_IDLE_RULE = "  rule {id} ({kind}, {severity}) on {watched}", "  规则 {id}（{kind}，{severity}）：没有可监视的传感器"
_ONE_IDLE = (
    "  1 more rule of the presets: no sensor here says what they watch",
    "  预设里还有 1 条规则：这里没有传感器报它要看的内容",
)
_IDLE = (
    "  {count} more rules of the presets: no sensor here says what they watch",
    "  预设里还有 {count} 条规则：这里没有传感器报它们要看的内容",
)
