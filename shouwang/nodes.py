"""YAML text as nodes that know their lines, and as plain Python values.

Read as YAML 1.2's core schema: the older one makes the radio address 11:22:33:44:55:10 a number and the word `no` a
falsehood. Anchors, aliases and tags are refused: a home is short enough to be written out, and no bomb hides in it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import yaml
from yaml.reader import ReaderError

from shouwang.bilingual import Bilingual, both
from shouwang.errors import ConfigError

Path = tuple[str | int, ...]

MAX_CHARS = 64 * 1024
"""A home with fifty sensors is under 20 000 characters; a Pi needs a second or two for this many."""
MAX_DEPTH = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong, or only odd: where, what, and what to do."""

    line: int
    path: str
    message: str

    def said(self, name: str) -> str:
        """The one line that a person reads, e.g. `home.yaml:8: sensors[1].prot: is not a key here; ...`."""
        where = ": ".join(part for part in (f"{name}:{self.line}", self.path) if part)
        return both("{where}: {message}", "{where}：{message}", where=where, message=self.message)


def spelled(path: Path) -> str:
    """The path as people write it, e.g. `sensors[1].port`."""
    written = ""
    for part in path:
        written += f"[{part}]" if isinstance(part, int) else f".{part}" if written else part
    return written


def line_of(node: yaml.Node) -> int:
    """The line, from 1, in which the node begins."""
    return int(node.start_mark.line) + 1


def compose(text: str, *, name: str, limit: int = MAX_CHARS) -> yaml.MappingNode | None:
    """The document's keys with their lines; None where it is empty. Raises ConfigError with the line."""
    if len(text) > limit:
        raise _told(name, 1, both(*_TOO_LONG, limit=limit))
    try:
        root = _Composer(text).get_single_node()
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise _told(name, line, _NOT_SHOWN) from error
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(text, name, error) from error
    if root is None or isinstance(root, yaml.MappingNode):
        return root
    hint = _hint(text, line_of(root)) or _KEYS
    raise _told(name, line_of(root), both("there are no keys here; {hint}", "这里没有键；{hint}", hint=hint))


def _told(name: str, line: int, message: str) -> ConfigError:
    return ConfigError(Problem(line=line, path="", message=message).said(name))


_TOO_LONG = (
    "longer than {limit} characters; this cannot be the right file",
    "超过 {limit} 个字符，不会是要用的文件",
)
_NOT_SHOWN = Bilingual(
    "a character that cannot be shown; delete it and write it anew", zh="有一个无法显示的字符，请删掉重写"
)
_KEYS = Bilingual('write keys with values, e.g. "language: zh"', zh="请写“键: 值”，例如 language: zh")


def plain(node: yaml.Node, problems: list[Problem], path: Path = ()) -> object:
    """The node as dicts, lists, strings, numbers, bools and None; keys written twice are added to `problems`."""
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, problems, path)
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, problems, (*path, index)) for index, item in enumerate(node.value)]
    written = str(node.value)
    return _READ[node.tag](written) if node.tag in _READ else written


def _mapping(node: yaml.MappingNode, problems: list[Problem], path: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    lines: dict[str, int] = {}
    for key_node, value_node in node.value:
        line = line_of(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            problems.append(Problem(line=line, path=spelled(path), message=_PLAIN_WORD))
            continue
        key = str(key_node.value)
        if key in found:
            message = both(*_TWICE, line=lines[key])
            problems.append(Problem(line=line, path=spelled((*path, key)), message=message))
            continue
        lines[key] = line
        found[key] = plain(value_node, problems, (*path, key))
    return found


_PLAIN_WORD = Bilingual("a key must be one plain word", zh="键只能是一个简单的词")
_TWICE = (
    "stands here twice, first in line {line}; keep one of the two",
    "写了两次，第一次在第 {line} 行，请留下一个",
)


class _Refused(yaml.MarkedYAMLError):
    """Sound YAML that a home's file has no use for."""


class _Composer(yaml.SafeLoader):
    """Composes nodes by the resolvers below alone; refuses anchors, aliases, tags and deep nests while it reads."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # not annotated in types-PyYAML
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            message = _ANCHORS
            raise _Refused(problem=message, problem_mark=event.start_mark)
        if event.tag is not None:
            message = both(*_TAGS, tag=event.tag)
            raise _Refused(problem=message, problem_mark=event.start_mark)
        if self._depth == MAX_DEPTH:
            message = both(*_DEEP, depth=MAX_DEPTH)
            raise _Refused(problem=message, problem_mark=event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


_ANCHORS = Bilingual(
    "anchors (&) and aliases (*) are not used here; write the value out, or put it in quotes",
    zh="这里不用锚点（&）和别名（*），请把值写全，或加上引号",
)
_TAGS = (
    "tags are not used here; drop {tag}, or put the value in quotes",
    "这里不用标签，请去掉 {tag}，或给值加上引号",
)
_DEEP = "more than {depth} levels deep; nothing here needs that", "嵌套超过 {depth} 层，这里用不着"
_CORE = "tag:yaml.org,2002:"
_READ: dict[str, Callable[[str], object]] = {
    f"{_CORE}null": lambda _: None,
    f"{_CORE}bool": lambda written: written.lower() == "true",
    f"{_CORE}int": int,
    f"{_CORE}float": float,
}
# Numbers with leading zeros (telephones, flats) and over-long ones stay text.
for _kind, _pattern, _first in (
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", "[-+]?(?:0|[1-9][0-9]{0,14})", [*"-+0123456789"]),
    ("float", r"[-+]?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,15}", [*"-+0123456789"]),
):
    _Composer.add_implicit_resolver(_CORE + _kind, re.compile(f"^(?:{_pattern})$"), _first)


def _syntax_error(text: str, name: str, error: yaml.MarkedYAMLError) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    line = 1 if mark is None else int(mark.line) + 1
    if isinstance(error, _Refused):
        return _told(name, line, error.problem or "")
    began = line if error.context_mark is None else int(error.context_mark.line) + 1
    for suspect in (line, began):
        hint = _hint(text, suspect)
        if hint:
            return _told(name, suspect, both(*_NO_YAML, cure=hint))
    for number, written in enumerate(text.split("\n")[:line], 1):
        if written[: len(written) - len(written.lstrip())].strip(" \t\r"):
            return _told(name, number, both(*_NO_YAML, cure=_WIDE))
    said = f"{error.context} {error.problem}"
    for sign, is_where_it_began, cure in _CURES:
        if sign in said:
            return _told(name, began if is_where_it_began else line, both(*_NO_YAML, cure=cure))
    return _told(name, line, both(*_NO_YAML, cure=_LOOK))


_NO_YAML = "this is not YAML; {cure}", "不是 YAML；{cure}"
_WIDE = Bilingual(
    "the indent holds a wide or no-break space; write ordinary spaces",
    zh="缩进里有全角空格或不间断空格，请改成普通空格",
)
_LOOK = Bilingual("look at this line and the one above", zh="请看这一行和上一行")
_CURES = (
    ("quoted scalar", True, Bilingual("a quote is left open", zh="有一个引号没有配对")),
    (
        "scanning an a",
        True,
        Bilingual('put a value that begins with * or & in quotes: "*100#"', zh='以 * 或 & 开头的值要加引号："*100#"'),
    ),
    (
        "cannot start any token",
        False,
        Bilingual("put a value that begins with @, % or ` in quotes", zh="以 @、% 或 ` 开头的值要加引号"),
    ),
    (
        "flow",
        True,
        Bilingual(
            "a bracket is left open, or a comma is missing between brackets", zh="有括号没有配对，或括号里少了逗号"
        ),
    ),
    (
        "could not find expected ':'",
        True,
        Bilingual("this line lacks a colon after its key", zh="这一行的键后面少了冒号"),
    ),
    (
        "mapping values",
        False,
        Bilingual(
            "two colons in one line, or a wrong indent; put values that hold a colon in quotes",
            zh="一行里有两个冒号，或缩进不对；含冒号的值要加引号",
        ),
    ),
    (
        "another document",
        False,
        Bilingual(
            "a line of three dashes begins a second document; one file is one home",
            zh="三个短横的一行会另起一份文档；一个文件只写一份",
        ),
    ),
    (
        "<block end>",
        False,
        Bilingual(
            "the indent fits no line above; keys of one group begin in the same column",
            zh="缩进与上面哪一行都对不上；同一组的键要从同一列开始",
        ),
    ),
)
"""What PyYAML's words mean for people, and whether the line to look at is the one where the thing began.

This is the only place that looks into those words.
"""


def _hint(text: str, line: int) -> str:
    """What people at a Chinese keyboard, or new to YAML, most often did in this line; empty if none of it."""
    written = dict(enumerate(text.split("\n"), 1)).get(line, "")
    if "\t" in written:
        return Bilingual("there is a tab; indent with spaces only", zh="有制表符，只能用空格缩进")
    return colon_hint(written)


def colon_hint(written: str) -> str:
    """How to mend a `key：value` or `key:value`; empty where it is neither."""
    if "：" in written:
        return Bilingual(
            'there is a Chinese colon "："; write ":" and a space', zh="用了中文冒号“：”，请改成英文冒号“:”加一个空格"
        )
    if re.match(r"^[\s-]*[a-z_]+:\S", written):
        return Bilingual("put a space after the colon", zh="冒号后面要有一个空格")
    return ""
