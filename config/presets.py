"""The presets that come with Shouwang: `rules/presets/*.yaml`, read when they are asked for."""

from functools import cache
from importlib.resources import files

from rules.preset import Preset
from shouwang.bilingual import both
from shouwang.complaint import nearest
from shouwang.document import parse
from shouwang.errors import ConfigError

_FOLDER = files("rules") / "presets"
_SUFFIX = ".yaml"
_NO_PRESET = 'there is no preset "{name}"; {near}', "没有预设“{name}”；{near}"


@cache
def preset_names() -> tuple[str, ...]:
    """All of them, in the order of the alphabet."""
    return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in _FOLDER.iterdir() if file.name.endswith(_SUFFIX)))


@cache
def preset(name: str) -> Preset:
    """One of them. Raises ConfigError where there is none of this name."""
    if name not in preset_names():
        raise ConfigError(both(*_NO_PRESET, name=name, near=nearest(name, list(preset_names()))))
    text = (_FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
    return parse(text, Preset, name=f"preset {name}")
