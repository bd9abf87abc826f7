"""A pydantic error as one sentence for the person who installs a home: what is wrong there, and what to do.

In English, and in Chinese along with it (shouwang.bilingual).
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from shouwang.bilingual import Bilingual, both, told_by
from shouwang.nodes import Path, colon_hint, line_of

KIND = "kind"
"""The key that says which of several models an entry follows."""
_NEAR = 0.55
"""How alike two words must be (difflib's ratio) for one to be a slip of the other."""
_SECRETS = frozenset({"password", "passwd", "pwd", "passphrase", "secret", "token"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A part of a document: its line, its path, its node (None where it is missing) and what may stand there.

    `around` is the place that it is a part of.
    """

    line: int
    path: Path
    node: yaml.Node | None
    annotation: object
    around: "Place | None" = None

    def within(self, part: str | int) -> "Place":
        """The place of one of its keys or entries; the line is that of the whole where the part is missing."""
        line, node = self._entry(part)
        return Place(line=line, path=(*self.path, part), node=node, annotation=self._inside(part), around=self)

    @property
    def key(self) -> str:
        """The last step of the path."""
        return str(self.path[-1]) if self.path else ""

    @property
    def models(self) -> tuple[type[BaseModel], ...]:
        """The models that may stand here."""
        return tuple(a for a in alternatives(self.annotation) if isinstance(a, type) and issubclass(a, BaseModel))

    @property
    def model(self) -> type[BaseModel] | None:
        """The model that stands here: the only one, or the one whose kind is written."""
        if len(self.models) == 1:
            return self.models[0]
        _, written = self._entry(KIND)
        kind = written.value if isinstance(written, yaml.ScalarNode) else None
        return next((model for model in self.models if kind in kinds_of(model)), None)

    @property
    def field(self) -> FieldInfo | None:
        """What the model around it says of this key."""
        model = None if self.around is None else self.around.model
        return None if model is None else _fields(model).get(self.key)

    def _entry(self, part: str | int) -> tuple[int, yaml.Node | None]:
        if isinstance(self.node, yaml.MappingNode):
            for key, value in self.node.value:
                if isinstance(key, yaml.ScalarNode) and key.value == part:
                    return line_of(key), value
        if isinstance(self.node, yaml.SequenceNode) and isinstance(part, int) and part < len(self.node.value):
            return line_of(self.node.value[part]), self.node.value[part]
        return self.line, None

    def _inside(self, part: str | int) -> object:
        if self.models:
            field = None if self.model is None else _fields(self.model).get(str(part))
            return None if field is None else field.annotation
        for alternative in alternatives(self.annotation):
            if get_origin(alternative) in (list, tuple, set, frozenset, Sequence, dict, Mapping):
                return get_args(alternative)[-1 if get_origin(alternative) in (dict, Mapping) else 0]
        return None


def place_of(root: Place, loc: Path) -> Place:
    """Where a pydantic error's `loc` is written: without the tags that it holds where several types are possible."""
    place = root
    is_tag = False
    for part in loc:
        if is_tag:
            is_tag = False
        elif isinstance(place.node, yaml.CollectionNode):
            place = place.within(part)
            is_tag = len([a for a in alternatives(place.annotation) if a is not NoneType]) > 1
    return place


def kinds_of(model: type[BaseModel]) -> tuple[str, ...]:
    """What `kind` says for this model; empty where it has none."""
    field = model.model_fields.get(KIND)
    return () if field is None else _choices(field.annotation)


def in_words(error: ErrorDetails, place: Place) -> str:
    """What is wrong at `place`, and after a semicolon what to do."""
    kind = error["type"]
    if kind in _NEEDED:
        need, remedy = _NEEDED[kind]
        words = "needs {need}, not {seen}; {remedy}", "这里要{need}，不能是{seen}；{remedy}"
        return both(*words, need=need, seen=_seen(place.node), remedy=_remedy(remedy, place.node))
    if kind in _BOUNDS:
        sign, name = _BOUNDS[kind]
        words = "{seen} is out of range; it must be {sign} {limit}", "{seen}超出范围，应{sign} {limit}"
        return both(*words, seen=_seen(place.node), sign=sign, limit=_limit(place, name, error))
    if kind == "value_error":
        return told_by(error["ctx"]["error"])
    if kind in _ANSWERS:
        return _ANSWERS[kind](place)
    message = error["msg"]
    words = "{message}; change {seen}{more}", "{seen}不能用在这里，请改正（{message}）"
    return both(*words, message=f"{message[0].lower()}{message[1:]}", seen=_seen(place.node), more=_described(place))


def nearest(word: str, right: Sequence[str]) -> str:
    """`did you mean "x"?` where one of the right words is near, else the list of them."""
    small = {one.lower(): one for one in right}
    near = difflib.get_close_matches(word.lower(), small, n=1, cutoff=_NEAR)
    if near:
        return both('did you mean "{word}"?', "是不是想写“{word}”？", word=small[near[0]])
    if not right:
        return Bilingual("nothing is possible here; take it out", zh="这里什么都不能写，请删去")
    return both("possible here: {words}", "这里可以写：{words}", words=", ".join(right))


def duration_text(duration: timedelta) -> str:
    """The duration as it is written in YAML, in the largest unit that divides it: `90s`, `2m`, `500ms`."""
    ms = duration // timedelta(milliseconds=1)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if ms % size == 0 and (ms or unit == "s"):
            return f"{ms // size}{unit}"
    return f"{ms}ms"


_BOUNDS = {
    "greater_than": (Bilingual("more than", zh="大于"), "gt"),
    "greater_than_equal": (Bilingual("at least", zh="不小于"), "ge"),
    "less_than": (Bilingual("less than", zh="小于"), "lt"),
    "less_than_equal": (Bilingual("at most", zh="不大于"), "le"),
}
_QUOTES = 'put it in quotes: "{text}"', '请加上引号："{text}"'
_BARE = Bilingual("write it bare, without quotes or unit, e.g. 90", zh="只写数字，不带引号和单位，例如 90")
_EITHER = Bilingual("write one of the two, without quotes", zh="写 true 或 false，不带引号")
_DASHES = Bilingual('begin each entry on a line of its own with "- "', zh="每一项另起一行，以“- ”开头")
_LINES = Bilingual('write "key: value" lines under it, indented', zh="在下面缩进写“键: 值”，一行一个")
_TEXT = Bilingual("text", zh="文字")
_NEEDED: dict[str, tuple[Bilingual, Bilingual | tuple[str, str]]] = {
    "string_type": (_TEXT, _QUOTES),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), (Bilingual("a whole number", zh="整数"), _BARE)),
    **dict.fromkeys(("float_type", "float_parsing"), (Bilingual("a number", zh="数字"), _BARE)),
    **dict.fromkeys(("bool_type", "bool_parsing"), (Bilingual("true or false", zh=" true 或 false"), _EITHER)),
    **dict.fromkeys(
        ("list_type", "tuple_type", "set_type", "frozen_set_type"), (Bilingual("a list", zh="列表"), _DASHES)
    ),
    **dict.fromkeys(
        ("model_type", "model_attributes_type", "dict_type"), (Bilingual("keys of its own", zh="若干键"), _LINES)
    ),
    **dict.fromkeys(("path_type", "url_type"), (_TEXT, _QUOTES)),
}


def _missing(place: Place) -> str:
    words = 'is missing; add "{key}: ..."{more}', "缺少，请加上“{key}: ...”"
    return both(*words, key=place.key, more=_described(place))


def _not_a_choice(place: Place) -> str:
    near = nearest(_text(place.node), _choices(place.annotation))
    return both("{seen} is not possible here; {near}", "这里不能写{seen}；{near}", seen=_seen(place.node), near=near)


def _unknown_key(place: Place) -> str:
    around = place.around
    right = list(_fields(around.model)) if around is not None and around.model is not None else []
    if place.key.lower() in _SECRETS:
        beside = f"{place.key.lower()}_file"
        instead = beside if beside in right else next((key for key in right if key.endswith("_file")), "")
        if not instead:
            return Bilingual("a secret must not stand in this file; take it out", zh="密码、密钥不能写在这里，请删去")
        return both(*_SECRET_ELSEWHERE, instead=instead)
    return both("is not a key here; {near}", "这里没有这个键；{near}", near=nearest(place.key, right))


def _unknown_kind(place: Place) -> str:
    around = place.around.models if place.around is not None else ()
    known = [kind for model in around for kind in kinds_of(model)]
    if place.node is None:
        return both("is missing; write one of: {known}", "缺少，请写其中之一：{known}", known=", ".join(known))
    near = nearest(_text(place.node), known)
    return both("{seen} is not known; {near}", "不认识{seen}；{near}", seen=_seen(place.node), near=near)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The model's fields by the keys that people write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def alternatives(annotation: object) -> tuple[object, ...]:
    """The types of which a value of this annotation may be."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(found for part in get_args(annotation) for found in alternatives(part))
    return (annotation,)


def _choices(annotation: object) -> tuple[str, ...]:
    found: list[str] = []
    for alternative in alternatives(annotation):
        if get_origin(alternative) is Literal:
            found += [str(value) for value in get_args(alternative)]
        elif isinstance(alternative, type) and issubclass(alternative, Enum):
            found += [str(member.value) for member in alternative]
    return tuple(found)


def _described(place: Place) -> str:
    return f" ({place.field.description})" if place.field is not None and place.field.description else ""


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _seen(node: yaml.Node | None) -> str:
    if isinstance(node, yaml.MappingNode):
        return Bilingual("keys", zh="若干键")
    if isinstance(node, yaml.SequenceNode):
        return Bilingual("a list", zh="列表")
    text = _text(node)
    return both('"{text}"', "“{text}”", text=text[:40]) if text else Bilingual("nothing", zh="空白")


def _remedy(remedy: Bilingual | tuple[str, str], node: yaml.Node | None) -> str:
    text = _text(node)
    if isinstance(remedy, tuple):
        return both(*remedy, text=text[:40]) if text else Bilingual("write it on this line", zh="请写在这一行")
    if remedy == _DASHES and text:
        words = "write it in brackets: [{text}], or {remedy}", "请写在方括号里：[{text}]，或者{remedy}"
        return both(*words, text=text[:40], remedy=remedy)
    return colon_hint(text) or remedy if remedy == _LINES else remedy


def _limit(place: Place, name: str, error: ErrorDetails) -> str:
    # the model is asked, since pydantic's error holds a timedelta as Python code
    for mark in getattr(place.field, "metadata", ()):
        limit = getattr(mark, name, None)
        if isinstance(limit, timedelta):
            return duration_text(limit)
    return str(error["ctx"][name])


_SECRET_ELSEWHERE = (
    (
        "a secret must not stand in this file; write it into a file that only the gateway may read, and name that "
        'with "{instead}: ..."'
    ),
    "密码、密钥不能写在这里；请写进只有网关能读的文件，再用“{instead}: ...”指明那个文件",
)
_ANSWERS: dict[str, Callable[[Place], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _unknown_kind,
    "literal_error": _not_a_choice,
    "enum": _not_a_choice,
}
