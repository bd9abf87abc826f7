"""Unit tests of rules as people write them: what is said in a home, and which alerts must come of it.

    rules: {preset: vitals-home, settings: {spo2_scale: 2}}      # or: config: home.yaml, or: rules: [...]
    start: "2026-11-24T21:00"
    tests:
      - name: low oxygen
        say:
          - {sensor: oximeter, quantity: spo2, every: 1s, values: "97x10 88x60"}
          - {sensor: bed, quantity: cancel, at: 30s, values: "1"}
        want:
          - {at: 40s, rule: spo2-red, state: firing}

`values` are said one after another from `at` on; `88x60` says one 60 times, `_` says nothing at its turn. All alerts up
to `until` must be wanted (with `only`: those of these rules).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from config.loader import load
from config.presets import preset
from config.replay import Replay
from rules import AnyRule
from rules.bound import BoundRule, HomeFacts
from rules.preset import Scalar, Use, rules_of
from shouwang.alert import Alert, AlertState
from shouwang.document import Duration, Id, parse
from shouwang.errors import ConfigError
from shouwang.quantities import QUANTITIES, Quantity
from shouwang.reading import Quality, Reading

MAX_VALUES = 100_000
_TURN = re.compile(r"(_|-?[0-9]+(?:\.[0-9]+)?)(?:x([0-9]{1,6}))?")
_MS = timedelta(milliseconds=1)
_MONO = 1_000_000
"""Where engine time stands at the beginning; no rule may depend on it."""


def _moment(written: str) -> str:
    try:
        datetime.fromisoformat(written)
    except ValueError:
        raise ValueError(f'"{written[:40]}" is no moment; write e.g. "2026-11-24T21:00"') from None
    return written


def _known_zone(written: str) -> str:
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{written[:40]}" is no time zone; write e.g. "Asia/Shanghai"') from None
    return written


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Said(_Part):
    """What one sensor says."""

    sensor: Id
    quantity: Quantity
    at: Duration = Field(default=timedelta(0), description="when it begins, from the start")
    every: Duration = Field(default=timedelta(seconds=1), description="how far apart the values are")
    values: str = Field(min_length=1, description='e.g. "97x10 88x60 _x5 97"')

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        total = sum(count for _, count in self._turns())
        if total > MAX_VALUES:
            raise ValueError(f"{total} values are more than {MAX_VALUES}; say less")
        return self

    def offsets(self) -> Iterator[tuple[timedelta, float]]:
        """When each value is said, and the value."""
        number = 0
        for value, count in self._turns():
            for _ in range(count):
                if value is not None:
                    yield self.at + number * self.every, value
                number += 1

    def _turns(self) -> Iterator[tuple[float | None, int]]:
        for turn in self.values.split():
            match = _TURN.fullmatch(turn)
            if not match:
                raise ValueError(f'"{turn[:20]}" is no value; write 97, 97x10 for ten times, or _ for none')
            yield None if match[1] == "_" else float(match[1]), int(match[2] or 1)


class Wanted(_Part):
    """An alert that must come."""

    at: Duration = Field(description="when, from the start")
    rule: Id
    state: AlertState
    sensor: Id | None = None


class Story(_Part):
    """One story."""

    name: str = Field(min_length=1, max_length=120)
    say: tuple[Said, ...] = Field(min_length=1)
    want: tuple[Wanted, ...] = ()
    only: tuple[Id, ...] = Field(default=(), description="look at the alerts of these rules; left out: of all")
    until: Duration | None = Field(default=None, description="how long time goes on; left out: 10 min after the last")


class PresetRules(_Part):
    """The rules of a preset."""

    preset: Id
    settings: dict[Id, Scalar] = Field(default_factory=dict)


class RuleTests(_Part):
    """A file of tests."""

    config: Path | None = Field(default=None, description="the home whose rules are tested")
    rules: PresetRules | tuple[AnyRule, ...] | None = Field(default=None, description="a preset, or rules")
    start: Annotated[str, AfterValidator(_moment)] = Field(
        default="2026-01-05T12:00", description="when the stories begin, on the clocks of the home"
    )
    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    tests: tuple[Story, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_rules(self) -> Self:
        if (self.config is None) == (self.rules is None):
            raise ValueError("needs config or rules, one of them")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What came of one test: nothing in `missing` and `unwanted` where it passed."""

    name: str
    missing: tuple[str, ...]
    unwanted: tuple[str, ...]

    @property
    def is_passed(self) -> bool:
        """Whether all came that was wanted, and nothing else."""
        return not (self.missing or self.unwanted)


def run_tests(path: Path) -> list[Verdict]:
    """The verdicts of a file. Raises ConfigError where it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}); check its name, and save it as UTF-8") from error
    tests = parse(text, RuleTests, name=str(path))
    return [_verdict(tests, test, path.parent) for test in tests.tests]


def _verdict(tests: RuleTests, test: Story, folder: Path) -> Verdict:
    start = datetime.fromisoformat(tests.start)
    start = (start if start.tzinfo is not None else start.replace(tzinfo=ZoneInfo(tests.timezone))).astimezone(UTC)
    readings = sorted(_readings(test, start), key=lambda one: one.mono)
    bound = _bound(tests, test, folder)
    last = (readings[-1].mono - _MONO) * _MS if readings else timedelta(0)
    run_on = timedelta(minutes=10) if test.until is None else max(timedelta(0), test.until - last)
    alerts = Replay(lambda _: bound, by_sensor=False).alerts(readings, run_on=run_on)
    seen = [alert for alert in alerts if not test.only or alert.rule_id in test.only]
    wanted = list(test.want)
    unwanted = []
    for alert in seen:
        match = next((one for one in wanted if _is(one, alert)), None)
        if match is None:
            unwanted.append(f"{_offset(alert)} {alert.rule_id} {alert.state.value} ({alert.why.en})")
        else:
            wanted.remove(match)
    missing = tuple(f"{one.at.total_seconds():g} s {one.rule} {one.state.value}" for one in wanted)
    return Verdict(name=test.name, missing=missing, unwanted=tuple(unwanted))


def _readings(test: Story, start: datetime) -> Iterator[Reading]:
    for said in test.say:
        info = QUANTITIES[said.quantity]
        for offset, value in said.offsets():
            yield Reading(
                sensor_id=said.sensor,
                quantity=said.quantity,
                value=value,
                at=start + offset,
                mono=_MONO + offset // _MS,
                quality=Quality.GOOD if info.is_plausible(value) else Quality.IMPLAUSIBLE,
            )


def _bound(tests: RuleTests, test: Story, folder: Path) -> tuple[BoundRule, ...]:
    if tests.config is not None:
        return load(folder / tests.config).bound_rules()
    if isinstance(tests.rules, PresetRules):
        use = Use(use=tests.rules.preset, settings=tests.rules.settings)
        rules = rules_of(preset(tests.rules.preset), use)
    else:
        rules = tests.rules or ()
    emits: dict[str, frozenset[Quantity]] = {}
    for said in test.say:
        emits[said.sensor] = emits.get(said.sensor, frozenset()) | {said.quantity}
    facts = HomeFacts(resident_id="resident", emits=emits, zone=ZoneInfo(tests.timezone))
    return tuple(bound for rule in rules for bound in rule.bind(facts))


def _is(wanted: Wanted, alert: Alert) -> bool:
    at = (alert.mono - _MONO) * _MS
    is_near = abs(at - wanted.at) < timedelta(milliseconds=500)
    is_same = (wanted.rule, wanted.state) == (alert.rule_id, alert.state)
    return is_near and is_same and wanted.sensor in (None, alert.sensor_id)


def _offset(alert: Alert) -> str:
    return f"{(alert.mono - _MONO) / 1000:g} s"
