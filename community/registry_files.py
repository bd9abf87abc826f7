"""A register in files: one YAML file, or a folder of tables (CSV). Every row is read by itself, with its line.

Text in, values out; what cannot be read is told with file, line and what to do, and keeps no other row away.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from community.registry import TABLES, Reading, Refusal, Register, Row, Written
from shouwang.bilingual import both, by_lines
from shouwang.complaint import Place, alternatives, in_words, nearest, place_of
from shouwang.errors import ConfigError
from shouwang.nodes import Problem, compose, line_of, plain, spelled

MAX_CHARS = 2 * 1024 * 1024
"""Of one YAML file: some 2,000 homes. Larger registers come as tables, which are read a hundred times faster."""
_BETWEEN = ";"
"""Between the entries of a list in one cell of a table."""
_EMPTIED = "-"
"""In a cell: what is on file there goes. An empty cell leaves it."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""A spreadsheet runs a cell that begins so; it is written with an apostrophe before it, and read without."""


def read_yaml(text: str, *, name: str) -> Reading:
    """The register in a YAML file. Raises ConfigError where the file as a whole is no YAML."""
    root = compose(text, name=name, limit=MAX_CHARS)
    found = _Found(name)
    for key, value in [] if root is None else root.value:
        table = str(key.value)
        if table not in TABLES:
            found.refuse(line_of(key), both(*_NO_TABLE, table=_shown(table), near=nearest(table, list(TABLES))))
        elif isinstance(value, yaml.SequenceNode):
            for number, node in enumerate(value.value):
                found.take(table, node, f"{table}[{number}]")
        elif value.value not in ("", "~", "null"):
            found.refuse(line_of(value), both(*_DASHES, table=table))
    return found.reading()


def read_csv(text: str, table: str, *, name: str) -> Reading:
    """The rows of one table; its first line names the columns. Raises ConfigError where there is no such line."""
    model = TABLES[table]
    found = _Found(name)
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        heads = [head.strip() for head in next(lines, [])]
    except csv.Error as error:
        raise ConfigError(both(*_NO_CSV, name=name, error=error)) from error
    _check_heads(heads, model, name)
    line = lines.line_num + 1
    try:
        for cells in lines:
            if len(cells) > len(heads):
                found.refuse(line, both(*_MANY_CELLS, cells=len(cells), heads=len(heads)))
            elif any(cell.strip() for cell in cells):
                found.take(table, _as_node(dict(zip(heads, cells, strict=False)), model, line), "")
            line = lines.line_num + 1
    except csv.Error as error:
        found.refuse(line, both(*_BROKEN_CSV, error=error))
    return found.reading()


def read_table(text: str, *, name: str) -> Reading:
    """The rows of one table, told by the name of its file. Raises ConfigError."""
    table = name.removesuffix(".csv")
    if table not in TABLES:
        raise ConfigError(both(*_UNNAMED, name=name, names=", ".join(f"{one}.csv" for one in TABLES)))
    return read_csv(text, table, name=name)


_NO_ENCODING = "{encoding} is no encoding; write utf-8 or gb18030", "没有 {encoding} 这种编码；请写 utf-8 或 gb18030"


def decoded(body: bytes, encoding: str, *, name: str) -> str:
    """The text of a file. Raises ConfigError."""
    try:
        return body.decode(encoding)
    except LookupError as error:
        raise ConfigError(both(*_NO_ENCODING, encoding=encoding)) from error
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise ConfigError(both(*_OTHER_TEXT, name=name, line=line, encoding=encoding)) from error


def joined(readings: Iterable[Reading]) -> Reading:
    """Several tables as one register."""
    read = list(readings)
    register = Register(entries=tuple(one for part in read for one in part.register.entries))
    return Reading(register=register, refusals=tuple(one for part in read for one in part.refusals))


def write_yaml(register: Register) -> str:
    """The register as one file; what is at its default is left out."""
    tables = {
        table: [row.model_dump(mode="json", exclude_defaults=True) for row in rows]
        for table, model in TABLES.items()
        if (rows := register.rows(model))
    }
    return yaml.dump(tables, Dumper=_Plainly, allow_unicode=True, sort_keys=False, width=120) if tables else ""


def write_csv(rows: Sequence[Row], table: str) -> str:
    """One table. A spreadsheet program reads it as UTF-8 by the mark at its beginning."""
    heads = list(TABLES[table].model_fields)
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(heads)
    for row in rows:
        cells = row.model_dump(mode="json")
        writer.writerow([_as_cell(cells[head]) for head in heads])
    return "\ufeff" + out.getvalue()


class _Found:
    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: list[Written[Row]] = []
        self._refusals: list[Refusal] = []

    def take(self, table: str, node: yaml.Node, path: str) -> None:
        problems: list[Problem] = []
        data = plain(node, problems)
        if not problems:
            try:
                row = TABLES[table].model_validate(data)
            except ValidationError as error:
                root = Place(line=line_of(node), path=(), node=node, annotation=TABLES[table])
                for detail in error.errors(include_url=False):
                    place = place_of(root, detail["loc"])
                    problems.append(Problem(line=place.line, path=spelled(place.path), message=in_words(detail, place)))
            else:
                self._rows.append(Written(row=row, where=f"{self._name}:{line_of(node)}"))
                return
        key = _key_of(table, data)
        for one in problems:
            where = ": ".join(part for part in (path, one.path) if part)
            message = both("{where}: {message}", "{where}：{message}", where=where, message=one.message)
            self.refuse(one.line, message if where else one.message, table=table, key=key)

    def refuse(self, line: int, message: str, *, table: str = "", key: str = "") -> None:
        self._refusals.append(Refusal(where=f"{self._name}:{line}", message=message, table=table, key=key))

    def reading(self) -> Reading:
        return Reading(register=Register(entries=tuple(self._rows)), refusals=tuple(self._refusals))


def _key_of(table: str, data: object) -> str:
    """Whom a row is about, also where the rest of it cannot be read; what leans on it is then told so."""
    column = "resident" if "resident" in TABLES[table].model_fields else "id"
    return str(data.get(column, "")) if isinstance(data, dict) else ""


def _check_heads(heads: Sequence[str], model: type[Row], name: str) -> None:
    if not any(heads):
        raise ConfigError(both(*_NO_HEADS, name=name, heads=", ".join(model.model_fields)))
    wrong = [head for head in heads if head not in model.model_fields]
    twice = sorted({head for head in heads if heads.count(head) > 1} - set(wrong))
    lacking = [key for key, field in model.model_fields.items() if field.is_required() and key not in heads]
    columns = list(model.model_fields)
    complaints = [both(*_NO_COLUMN, name=name, head=_shown(head), near=nearest(head, columns)) for head in wrong]
    complaints += [both(*_COLUMN_TWICE, name=name, head=head) for head in twice]
    complaints += [both(*_COLUMN_MISSING, name=name, head=key) for key in lacking]
    if complaints:
        raise ConfigError(by_lines(complaints))


_NO_TABLE = '"{table}" is no table; {near}', "没有“{table}”这张表；{near}"
_DASHES = '{table}: begin each entry on a line of its own with "- "', "{table}：每一项另起一行，以“- ”开头"
_NO_CSV = (
    "{name}:1: this is no table ({error}); look for an open quote in the first line",
    "{name}:1：这不是表格（{error}）；请看第一行有没有没配对的引号",
)
_MANY_CELLS = (
    "has {cells} cells under {heads} columns; put cells that hold a comma in quotes",
    "有 {cells} 格，而表头只有 {heads} 栏；含逗号的格要加引号",
)
_BROKEN_CSV = (
    "this is no table any more from here on ({error}); look for an open quote",
    "从这里起不再是表格（{error}）；请找没配对的引号",
)
_UNNAMED = "{name}: is no table; name it {names}", "{name}：不认识这张表；文件名请用 {names}"
_OTHER_TEXT = (
    "{name}:{line}: is not {encoding} text; save it as CSV UTF-8, or say --encoding gb18030",
    "{name}:{line}：不是 {encoding} 编码；请另存为 CSV UTF-8（命令行可加 --encoding gb18030）",
)
_NO_HEADS = (
    "{name}:1: nothing is written here; the first line names the columns: {heads}",
    "{name}:1：什么都没有写；第一行应是各栏的名称：{heads}",
)
_NO_COLUMN = '{name}:1: "{head}" is no column here; {near}', "{name}:1：没有“{head}”这一栏；{near}"
_COLUMN_TWICE = (
    '{name}:1: the column "{head}" stands here twice; take one out',
    "{name}:1：“{head}”栏写了两次，请去掉一个",
)
_COLUMN_MISSING = '{name}:1: the column "{head}" is missing; add it', "{name}:1：缺少“{head}”栏，请加上"


def _shown(word: str) -> str:
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in word[:40])


def _as_node(cells: dict[str, str], model: type[Row], line: int) -> yaml.MappingNode:
    """A line of a table as the same line of YAML would be read; an empty cell is a key that is not written."""
    mark = yaml.Mark("", 0, line - 1, 0, None, 0)
    pairs: list[tuple[yaml.Node, yaml.Node]] = []
    for head, cell in cells.items():
        if not cell.strip():
            continue
        bare = cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
        field = model.model_fields[head]
        is_emptied = cell.strip() == _EMPTIED and not field.is_required()
        pairs.append((_scalar(head, mark), _nothing(field, mark) if is_emptied else _value(bare, field, mark)))
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, mark, mark)


def _value(cell: str, field: FieldInfo, mark: yaml.Mark) -> yaml.Node:
    if not _is_list(field):
        return _scalar(cell, mark)
    return yaml.SequenceNode("tag:yaml.org,2002:seq", [_scalar(one, mark) for one in _split(cell)], mark, mark)


def _nothing(field: FieldInfo, mark: yaml.Mark) -> yaml.Node:
    if field.default is None:
        return yaml.ScalarNode("tag:yaml.org,2002:null", "", mark, mark)
    return _value("" if _is_list(field) else str(field.default), field, mark)


def _scalar(value: str, mark: yaml.Mark) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", value, mark, mark)


def _is_list(field: FieldInfo) -> bool:
    return any(get_origin(one) is tuple and get_args(one) for one in alternatives(field.annotation))


def _split(cell: str) -> Iterator[str]:
    """The entries of a list in one cell; a semicolon in an entry has a backslash before it."""
    entry, signs = "", iter(cell)
    for sign in signs:
        if sign == "\\":
            entry += next(signs, "")
        elif sign in (_BETWEEN, "；"):
            yield entry
            entry = ""
        else:
            entry += sign
    if entry.strip():
        yield entry


def _as_cell(value: object) -> str:
    if isinstance(value, list):
        cell = _BETWEEN.join("".join(f"\\{sign}" if sign in "\\;；" else sign for sign in str(one)) for one in value)
    elif isinstance(value, bool):
        cell = "yes" if value else "no"
    else:
        cell = "" if value is None else str(value)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


class _Plainly(yaml.SafeDumper):
    """Writes a value that comes twice out twice: readers of these files refuse anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's
        return True
