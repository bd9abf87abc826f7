"""Says in plain words whether a home's YAML can be used, and what it will do."""

import sys
from pathlib import Path

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
    lines += [
        f"  rule {rule.id} ({rule.kind}, {rule.severity}) on {', '.join(rule.watched(facts)) or 'nothing'}"
        for rule in home.rules
    ]
    return lines
