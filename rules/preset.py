"""A preset: rules that go together, with what a home may set in a few words. Pure: values in, rules out.

preset: vitals-home
settings:
  spo2_scale:                       # a choice of changes ...
    default: 1
    choices: {1: {}, 2: {spo2-low: {below: 83}}}
  resting_pulse:                    # ... or a number from which limits follow
    range: [35, 110]
    sets: [{rule: pulse-low, key: below, plus: -10, at_most: 40}]
rules: [...]
"""

import math
from collections.abc import Mapping
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from rules import AnyRule
from shouwang.alert import Sentence
from shouwang.document import Id
from shouwang.errors import ConfigError

Scalar = bool | int | float | str
Changes = Mapping[Id, Mapping[str, Scalar | tuple[Scalar, ...]]]
"""New values of keys, by rule; a list where the key has one, e.g. `sensors: [hob]`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Words(_Part):
    """The same in both languages."""

    zh: str
    en: str

    def sentence(self) -> Sentence:
        """As alerts say it."""
        return Sentence(zh=self.zh, en=self.en)


class Follows(_Part):
    """A limit that follows from a number that the home sets."""

    rule: Id = Field(description="the rule that it is a limit of")
    key: str = Field(description="the key of that limit, e.g. below")
    plus: float = Field(description="what is added to the number")
    at_least: float = Field(default=-math.inf, description="the limit is never lower")
    at_most: float = Field(default=math.inf, description="the limit is never higher")

    def limit(self, number: float) -> float:
        """For this number."""
        return min(self.at_most, max(self.at_least, number + self.plus))


class Setting(_Part):
    """One thing that a home may say of itself, e.g. `spo2_scale: 2`."""

    about: Words
    default: Scalar | None = Field(default=None, description="what holds where the home says nothing")
    choices: Mapping[str, Changes] | None = Field(default=None, description="what each choice changes in the rules")
    range: tuple[float, float] | None = Field(default=None, description="lowest and highest number that makes sense")
    sets: tuple[Follows, ...] = Field(default=(), description="limits that follow from the number")

    @model_validator(mode="after")
    def _is_of_one_sort(self) -> Self:
        if (self.choices is None) == (self.range is None):
            raise ValueError("has choices and a range, or neither; give one of them")
        return self


class Preset(_Part):
    """Rules that go together."""

    preset: Id = Field(description="its name")
    about: Words
    sources: tuple[str, ...] = Field(default=(), description="where its numbers are from")
    settings: Mapping[Id, Setting] = Field(default_factory=dict)
    rules: tuple[AnyRule, ...] = Field(min_length=1)


class Use(_Part):
    """That a home uses a preset, and how it differs there."""

    use: Id = Field(description="name of the preset (shouwang rules presets lists them)")
    settings: Mapping[Id, Scalar] = Field(
        default_factory=dict, description="what the preset asks of the home, e.g. {spo2_scale: 2, resting_pulse: 48}"
    )
    rules: Changes = Field(
        default_factory=dict, description="keys of its rules that are different here, e.g. {pulse-high: {above: 120}}"
    )
    without: tuple[Id, ...] = Field(default=(), description="rules of the preset that this home does without")


def rules_of(preset: Preset, use: Use | None = None) -> tuple[AnyRule, ...]:
    """The preset's rules as this home has them. Raises ConfigError: a line for each thing that does not fit."""
    use = use or Use(use=preset.preset)
    written = {rule.id: rule.model_dump(exclude_unset=True, by_alias=True) for rule in preset.rules}
    troubles = [*_unknown(preset, use, written)]
    if troubles:
        raise ConfigError("\n".join(troubles))
    for changes in (*_by_settings(preset, use), use.rules):
        for rule, keys in changes.items():
            written[rule] |= keys
    return tuple(_rule(preset, written[rule.id]) for rule in preset.rules if rule.id not in use.without)


def _unknown(preset: Preset, use: Use, written: Mapping[str, object]) -> list[str]:
    found = []
    for name, value in use.settings.items():
        setting = preset.settings.get(name)
        if setting is None:
            known = ", ".join(preset.settings) or "none"
            found.append(f"preset {preset.preset} has no setting {name}; it has: {known}")
        elif trouble := _misfit(setting, value):
            found.append(f"preset {preset.preset}: {name}: {trouble}")
    has = f"preset {preset.preset} has no rule {{}}; it has: {', '.join(written)}"
    found += [has.format(rule) for rule in (*use.rules, *use.without) if rule not in written]
    fixed = [(rule, key) for rule, keys in use.rules.items() for key in keys if key in ("id", "kind")]
    return found + [f"preset {preset.preset}: rule {rule}: its {key} cannot be changed" for rule, key in fixed]


def _misfit(setting: Setting, value: Scalar) -> str:
    if setting.choices is not None:
        return "" if str(value) in setting.choices else f"{value} is no choice; write {' or '.join(setting.choices)}"
    low, high = setting.range or (0.0, 0.0)
    if isinstance(value, bool | str) or not low <= value <= high:
        return f"{value} makes no sense; write a number from {low:g} to {high:g}"
    return ""


def _by_settings(preset: Preset, use: Use) -> list[Changes]:
    found: list[Changes] = []
    for name, setting in preset.settings.items():
        value = use.settings.get(name, setting.default)
        if value is None:
            continue
        if setting.choices is not None:
            found.append(setting.choices[str(value)])
        else:
            found += [{one.rule: {one.key: one.limit(float(value))}} for one in setting.sets]
    return found


def _rule(preset: Preset, written: Mapping[str, object]) -> AnyRule:
    try:
        return _rules().validate_python(written)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        told = f"preset {preset.preset}: rule {written['id']}" + (f": {where}" if where else "")
        raise ConfigError(f"{told}: {first['msg'].removeprefix('Value error, ')}") from None


@cache
def _rules() -> TypeAdapter[AnyRule]:
    return TypeAdapter(AnyRule)
