"""`shouwang rules ...`: try rules before they are trusted."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from config.loader import load
from config.presets import preset, preset_names
from config.recorded import RecordedReadings
from config.replay import Bind, Replay
from rules.bound import BoundRule, HomeFacts
from rules.preset import rules_of
from shouwang.alert import Alert
from shouwang.quantities import Quantity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    replay = commands.add_parser("replay", help="print the alerts that rules give on recorded readings, as JSON lines")
    rules = replay.add_mutually_exclusive_group(required=True)
    rules.add_argument("--config", "-c", type=Path, metavar="home.yaml", help="the home whose rules are tried")
    rules.add_argument("--preset", choices=preset_names(), help="one preset, on each sensor of the file by itself")
    replay.add_argument(
        "--readings", type=Path, required=True, metavar="FILE", help="CSV at,sensor_id,quantity,value, or JSON lines"
    )
    replay.add_argument("--timezone", type=_zone, default=UTC, help="of times that name none, e.g. Asia/Shanghai")
    replay.set_defaults(func=_replay)
    presets = commands.add_parser("presets", help="list the presets that come with Shouwang")
    presets.set_defaults(func=_presets)


def _replay(options: argparse.Namespace) -> int:
    readings = RecordedReadings(options.readings, zone=options.timezone)
    replay = Replay(_bind(options), by_sensor=options.preset is not None)
    try:
        for alert in replay.alerts(readings):
            print(json.dumps(_written(alert, is_dated=readings.is_dated), ensure_ascii=False))
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the alerts has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _bind(options: argparse.Namespace) -> Bind:
    if options.preset is None:
        bound = load(options.config).bound_rules()
        return lambda _: bound
    rules = rules_of(preset(options.preset))

    def bind(sensor_id: str) -> Iterator[BoundRule]:
        facts = HomeFacts(resident_id="resident", emits={sensor_id: frozenset(Quantity)})
        return (bound for rule in rules for bound in rule.bind(facts))

    return bind


def _written(alert: Alert, *, is_dated: bool) -> dict[str, object]:
    return {
        "at": alert.at.isoformat() if is_dated else (alert.at - _EPOCH).total_seconds(),
        "rule_id": alert.rule_id,
        "key": alert.key,
        "severity": alert.severity.value,
        "state": alert.state.value,
        "resident_id": alert.resident_id,
        "explanation": {"zh": alert.why.zh, "en": alert.why.en},
    }


def _presets(_options: argparse.Namespace) -> int:
    for name in preset_names():
        found = preset(name)
        print(f"{name}: {found.about.en} / {found.about.zh}")
        for key, setting in found.settings.items():
            possible = " or ".join(setting.choices or ()) or "{:g} to {:g}".format(*(setting.range or (0, 0)))
            print(f"  {key} ({possible}): {setting.about.en} / {setting.about.zh}")
    return 0


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise argparse.ArgumentTypeError(f'"{name}" is no time zone; write e.g. Asia/Shanghai') from None
