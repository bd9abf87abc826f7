"""What people write in YAML, read into a pydantic model: every problem at once, with its line and what to do about it.

Pure: text in, values out; nothing here opens a file.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, PlainSerializer, ValidationError, WithJsonSchema

from shouwang.bilingual import Bilingual, both, by_lines
from shouwang.complaint import KIND, Place, duration_text, in_words, place_of
from shouwang.errors import ConfigError
from shouwang.nodes import Path, Problem, compose, line_of, plain, spelled

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Document(Generic[M]):
    """What was read, and where each part stands, for checks that look at more than one part."""

    value: M
    root: Place

    def problem(self, path: Path, message: str) -> Problem:
        """A complaint about the part at `path` (without union tags), with its line."""
        place = self.root
        for part in path:
            place = place.within(part)
        return Problem(line=place.line, path=spelled(place.path), message=message)


def parse(text: str, model: type[M], *, name: str) -> M:
    """The value that `text` describes. Raises ConfigError: one line per problem, each `name:line: path: what; do`."""
    return read(text, model, name=name).value


def read(text: str, model: type[M], *, name: str) -> Document[M]:
    """As `parse`, with the places kept. Raises ConfigError."""
    node = compose(text, name=name)
    if node is None:
        needed = ", ".join(field.alias or key for key, field in model.model_fields.items() if field.is_required())
        raise ConfigError(both(*_NOTHING, name=name, needed=needed))
    problems: list[Problem] = []
    root = Place(line=line_of(node), path=(), node=node, annotation=model)
    data = plain(node, problems)
    try:
        value = model.model_validate(data)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            place = place_of(root, detail["loc"])
            if detail["type"].startswith("union_tag"):
                place = place.within(KIND)
            problems.append(Problem(line=place.line, path=spelled(place.path), message=in_words(detail, place)))
        raise refusal(name, problems) from None  # pydantic's own words would show what was written, secrets too
    if problems:
        raise refusal(name, problems)
    return Document(value=value, root=root)


def refusal(name: str, problems: Iterable[Problem]) -> ConfigError:
    """All problems as one error, a line each, in the order of the file."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    return ConfigError(by_lines(dict.fromkeys(problem.said(name) for problem in ordered)))


_NOTHING = (
    "{name}:1: nothing is written here; start with these keys: {needed}",
    "{name}:1：什么都没有写；请从这些键写起：{needed}",
)


_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}


def _duration(written: object) -> timedelta:
    if isinstance(written, timedelta):
        return written
    match = re.fullmatch(r"([0-9]{1,9})(ms|s|m|h)", str(written))
    if match:
        return int(match[1]) * _UNITS[match[2]]
    if re.fullmatch(r"[0-9]+", str(written)):
        raise ValueError(both(*_UNITLESS, written=written))
    raise ValueError(_NO_DURATION)


def _id(written: str) -> str:
    if not re.fullmatch(_ID, written):
        raise ValueError(both(*_NO_NAME, written=written[:40]))
    return written


_UNITLESS = (
    '{written} lacks a unit; write "{written}s", "{written}m" or "{written}h"',
    "{written} 没有单位；请写 {written}s、{written}m 或 {written}h",
)
_NO_DURATION = Bilingual(
    "is not a duration; write a whole number and its unit without a space: 500ms, 10s, 2m or 24h",
    zh="不是时长；请写整数加单位，中间不留空格：500ms、10s、2m 或 24h",
)
_NO_NAME = (
    '"{written}" cannot be a name; use up to 64 letters, digits, "-", "_" or ".", no spaces',
    "“{written}”不能作名称；最多 64 个英文字母、数字、“-”、“_”、“.”，不要空格",
)


_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"

Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration_text),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}(ms|s|m|h)$", "examples": ["500ms", "10s", "2m", "24h"]}),
]
"""A duration with its unit: `500ms`, `10s`, `2m`, `24h`."""

Id = Annotated[str, AfterValidator(_id), WithJsonSchema({"type": "string", "pattern": f"^{_ID}$"})]
"""A name that people give to a sensor, rule, resident or gateway; it stands in keys, topics and logs."""
