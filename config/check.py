"""Says in plain words whether a home's YAML can be used, and what it will do."""

import sys
from collections.abc import Sequence
from pathlib import Path

from config.home import Home
from config.loader import Checked, check_home
from shouwang.errors import ConfigError


def check(path: Path) -> int:
    """Print what is wrong (standard error, exit code 1), or what is watched and what is odd (exit code 0)."""
    try:
        checked = check_home(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        count = len(str(error).splitlines())
        print(f"{path}: {count} problem{'s' if count > 1 else ''}; nothing was started", file=sys.stderr)
        return 1
    for line in _summary(checked):
        print(line)
    for warning in checked.warnings:
        print(f"warning: {warning}")
    print(f"{path}: can be used" + (f", {len(checked.warnings)} to look at" if checked.warnings else ""))
    return 0


def _summary(checked: Checked) -> list[str]:
    home, facts = checked.home, checked.home.facts()
    lines = [f"gateway {home.gateway.id} watches over resident {home.resident.id}, reports to {home.uplink.url}"]
    lines += [f"  sensor {sensor.id} ({sensor.kind})" for sensor in home.sensors]
    lines += [f"  annunciator {getattr(part, 'id', part.kind)} ({part.kind})" for part in home.annunciators]
    lines += [f"  cut-off {part.id} closes at {', '.join(sorted(part.closed_by))}" for part in home.cut_offs]
    if all(part.kind == "console" for part in home.annunciators):
        lines.append("  nobody hears an alarm in this home: add speech or a siren under annunciators")
    own = {rule.id for rule in home.rules}
    idle = 0
    for rule in home.all_rules():
        watched = _watched(rule.watched(facts), home, rule.sensors)
        if watched == _NOTHING and rule.id not in own:
            idle += 1
            continue
        lines.append(f"  rule {rule.id} ({rule.kind}, {rule.severity}) on {watched}")
    if idle:
        lines.append(f"  {idle} more rule{'s' if idle > 1 else ''} of the presets: no sensor here says what they watch")
    return lines


def _watched(sensors: Sequence[str], home: Home, named: Sequence[str] | None) -> str:
    """The sensors of a rule in words; one that names none also watches what joins."""
    joining = ["what joins"] if home.hubs() and named is None else []
    return ", ".join((*sensors, *joining)) or _NOTHING


_NOTHING = "nothing"
