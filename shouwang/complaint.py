"""A pydantic error as one sentence for the person who installs a home: what is wrong there, and what to do."""

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
        return f"needs {need}, not {_seen(place.node)}; {_remedy(remedy, place.node)}"
    if kind in _BOUNDS:
        sign, name = _BOUNDS[kind]
        return f"{_seen(place.node)} is out of range; it must be {sign} {_limit(place, name, error)}"
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind in _ANSWERS:
        return _ANSWERS[kind](place)
    message = error["msg"]
    return f"{message[0].lower()}{message[1:]}; change {_seen(place.node)}{_described(place)}"


def nearest(word: str, right: Sequence[str]) -> str:
    """`did you mean "x"?` where one of the right words is near, else the list of them."""
    near = difflib.get_close_matches(word, right, n=1, cutoff=_NEAR)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"possible here: {', '.join(right)}" if right else "nothing is possible here; take it out"


def duration_text(duration: timedelta) -> str:
    """The duration as it is written in YAML, in the largest unit that divides it: `90s`, `2m`, `500ms`."""
    ms = duration // timedelta(milliseconds=1)
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if ms % size == 0 and (ms or unit == "s"):
            return f"{ms // size}{unit}"
    return f"{ms}ms"


_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_QUOTES = 'put it in quotes: "{}"'
_BARE = "write it bare, without quotes or unit, e.g. 90"
_DASHES = 'begin each entry on a line of its own with "- "'
_LINES = 'write "key: value" lines under it, indented'
_NEEDED = {
    "string_type": ("text", _QUOTES),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), ("a whole number", _BARE)),
    **dict.fromkeys(("float_type", "float_parsing"), ("a number", _BARE)),
    **dict.fromkeys(("bool_type", "bool_parsing"), ("true or false", "write one of the two, without quotes")),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), ("a list", _DASHES)),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), ("keys of its own", _LINES)),
    **dict.fromkeys(("path_type", "url_type"), ("text", _QUOTES)),
}


def _missing(place: Place) -> str:
    return f'is missing; add "{place.key}: ..."{_described(place)}'


def _not_a_choice(place: Place) -> str:
    return f"{_seen(place.node)} is not possible here; {nearest(_text(place.node), _choices(place.annotation))}"


def _unknown_key(place: Place) -> str:
    around = place.around
    right = list(_fields(around.model)) if around is not None and around.model is not None else []
    if place.key.lower() in _SECRETS:
        beside = f"{place.key.lower()}_file"
        instead = beside if beside in right else next((key for key in right if key.endswith("_file")), "")
        hint = f'; write it into a file that only the gateway may read, and name that with "{instead}: ..."'
        return f"a secret must not stand in this file{hint if instead else '; take it out'}"
    return f"is not a key here; {nearest(place.key, right)}"


def _unknown_kind(place: Place) -> str:
    around = place.around.models if place.around is not None else ()
    known = [kind for model in around for kind in kinds_of(model)]
    if place.node is None:
        return f"is missing; write one of: {', '.join(known)}"
    return f"{_seen(place.node)} is not known; {nearest(_text(place.node), known)}"


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
        return "keys"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    text = _text(node)
    return f'"{text[:40]}"' if text else "nothing"


def _remedy(remedy: str, node: yaml.Node | None) -> str:
    text = _text(node)
    if remedy == _QUOTES:
        return remedy.format(text[:40]) if text else "write it on this line"
    if remedy == _DASHES and text:
        return f"write it in brackets: [{text[:40]}], or {remedy}"
    return colon_hint(text) or remedy if remedy == _LINES else remedy


def _limit(place: Place, name: str, error: ErrorDetails) -> str:
    # the model is asked, since pydantic's error holds a timedelta as Python code
    for mark in getattr(place.field, "metadata", ()):
        limit = getattr(mark, name, None)
        if isinstance(limit, timedelta):
            return duration_text(limit)
    return str(error["ctx"][name])


_ANSWERS: dict[str, Callable[[Place], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _unknown_kind,
    "literal_error": _not_a_choice,
    "enum": _not_a_choice,
}
