"""`shouwang rules ...`: try rules before they are trusted."""

import argparse
import functools
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from config.explain import explained
from config.home import Home
from config.loader import check_home, load
from config.presets import preset, preset_names
from config.recorded import RecordedReadings
from config.replay import Bind, Replay
from config.rule_tests import run_tests
from rules.bound import BoundRule, HomeFacts
from rules.preset import rules_of
from shouwang.alert import Alert, AlertState
from shouwang.quantities import Quantity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def register(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    replay = commands.add_parser("replay", help="print the alerts that rules give on recorded readings, as JSON lines")
    _add_rules(replay, "one preset, on each sensor of the file by itself")
    replay.add_argument(
        "--readings", type=Path, required=True, metavar="FILE", help="CSV at,sensor_id,quantity,value, or JSON lines"
    )
    replay.add_argument(
        "--timezone", type=_zone, help="of times that name none, e.g. Asia/Shanghai; left out: the home's, or UTC"
    )
    replay.add_argument(
        "--compare", type=Path, metavar="old.yaml", help="print only what is different from this home's rules"
    )
    replay.set_defaults(func=functools.partial(_replay, replay))
    test = commands.add_parser("test", help="run unit tests of rules: what is said, which alerts are wanted")
    test.add_argument("file", type=Path, nargs="+", metavar="FILE.yaml")
    test.set_defaults(func=_test)
    explain = commands.add_parser("explain", help="say in words what each rule does")
    _add_rules(explain, "the rules of a preset")
    explain.set_defaults(func=_explain)
    lint = commands.add_parser("lint", help="tell rules that watch nothing or get in each other's way")
    lint.add_argument("--config", "-c", type=Path, required=True, metavar="home.yaml")
    lint.set_defaults(func=_lint)
    presets = commands.add_parser("presets", help="list the presets that come with Shouwang")
    presets.set_defaults(func=_presets)


def _add_rules(parser: argparse.ArgumentParser, about_preset: str) -> None:
    rules = parser.add_mutually_exclusive_group(required=True)
    rules.add_argument("--config", "-c", type=Path, metavar="home.yaml", help="the home whose rules are meant")
    rules.add_argument("--preset", choices=preset_names(), help=about_preset)


def _replay(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    if options.compare is not None and options.config is None:
        parser.error("--compare goes with --config")
    home = None if options.config is None else load(options.config)
    zone = options.timezone or (UTC if home is None else home.gateway.zone)
    readings = RecordedReadings(options.readings, zone=zone)
    replay = Replay(_bind(options.preset, home, zone), by_sensor=home is None)
    try:
        for row in _rows(options, readings, replay):
            print(json.dumps(row, ensure_ascii=False))
        sys.stdout.flush()
    except BrokenPipeError:  # who reads the alerts has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _rows(options: argparse.Namespace, readings: RecordedReadings, replay: Replay) -> Iterator[dict[str, object]]:
    if options.compare is None:
        yield from (_written(alert, is_dated=readings.is_dated) for alert in replay.alerts(readings))
        return
    before = load(options.compare).bound_rules()
    new = list(replay.alerts(readings))
    old = list(Replay(lambda _: before, by_sensor=False).alerts(readings))
    known_new, known_old = ({_step(alert) for alert in alerts} for alerts in (new, old))
    told = [("new", alert) for alert in new if _step(alert) not in known_old]
    told += [("old", alert) for alert in old if _step(alert) not in known_new]
    for only, alert in sorted(told, key=lambda one: one[1].at):
        yield {"only": only, **_written(alert, is_dated=readings.is_dated)}
    counts = {
        name: sum(alert.state is AlertState.FIRING for alert in alerts) for name, alerts in (("old", old), ("new", new))
    }
    print(f"alarms: {counts['old']} before, {counts['new']} after", file=sys.stderr)


def _step(alert: Alert) -> tuple[str, datetime, str]:
    return alert.key, alert.at, alert.state.value


def _test(options: argparse.Namespace) -> int:
    failed = 0
    for file in options.file:
        for verdict in run_tests(file):
            print(f"{'ok' if verdict.is_passed else 'FAILED'}  {file}: {verdict.name}")
            for line in verdict.missing:
                print(f"        did not come: {line}")
            for line in verdict.unwanted:
                print(f"        not wanted:   {line}")
            failed += not verdict.is_passed
    if failed:
        print(f"{failed} failed", file=sys.stderr)
    return 1 if failed else 0


def _explain(options: argparse.Namespace) -> int:
    if options.preset is not None:
        facts = HomeFacts(resident_id="resident", emits={"every sensor": frozenset(Quantity)})
        rules = rules_of(preset(options.preset))
    else:
        home = load(options.config)
        facts, rules = home.facts(), home.all_rules()
    for rule in rules:
        said = explained(rule, facts)
        print(said.zh, said.en, sep="\n")
    return 0


def _lint(options: argparse.Namespace) -> int:
    warnings = check_home(options.config).about_rules
    for warning in warnings:
        print(warning)
    print(f"{options.config}: {len(warnings)} to look at" if warnings else f"{options.config}: nothing to complain of")
    return 1 if warnings else 0


def _bind(name: str, home: Home | None, zone: tzinfo) -> Bind:
    if home is not None:
        bound = home.bound_rules()
        return lambda _: bound
    rules = rules_of(preset(name))

    def bind(sensor_id: str) -> Iterator[BoundRule]:
        facts = HomeFacts(resident_id="resident", emits={sensor_id: frozenset(Quantity)}, zone=zone)
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
