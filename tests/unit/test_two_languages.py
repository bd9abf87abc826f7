"""What an installer, an operator or an administrator reads when something goes wrong is in Chinese too, everywhere."""

import ast
import re
import string
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BY_GETTEXT = "community/web/"
"""See test_web_words."""
ROOMS = ("shouwang", "messaging", "config", "drivers", "gateway", "community")
FOR_OTHERS = {
    "community/re*_room.py:Refused": "goes through gettext: the page says it",
    "community/accounts.py:TryLater": "the log-in page says in its own words that too many are before",
    "community/word_tries.py:TriedTooOften": "the page that asked says it in its own words",
    "community/workflow.py:ValueError": "the tables of cases come with the server: nobody here writes them",
    "community/policy.py:ConfigError": "bounds are told by `faults`; what is left only a mistake of ours breaks",
    "community/store/migrations/*": "an older version is put back by whoever develops, with both versions at hand",
    "config/recorded.py:*": "`shouwang rules`, for whoever writes rules and reads the tests of them",
    "config/rule_tests.py:*": "`shouwang rules`, for whoever writes rules and reads the tests of them",
    "shouwang/recording.py:*": "recordings, for whoever writes decoders and rules",
    "drivers/ble/codec/*": "what a caller of ours got wrong: never raised at a home",
    "gateway/doctor/certificate.py:ValueError": "caught in the same file, where it becomes a sentence",
}
"""Who reads instead what is raised there."""
FOR_DEVELOPERS = {
    "DecodeError": "bytes of a device or a wire: for the log, and for whoever writes decoders",
    "IllegalMove": "a form or an address that no page of ours made; what people may not do is NotNow, in both",
}
"""Failures whose words say nothing to the others."""
SENTENCES_OF_ONE = ("gateway/doctor/finding.py", "gateway/doctor/hardware.py", "gateway/doctor/box.py")
"""Have a `both` of their own, which takes what is the same in both languages."""
CHINESE = re.compile("[\u3400-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{3,} [A-Za-z]{2,}")
"""At least two words: what is only an address, a name or a sign is the same in both."""


@dataclass(frozen=True)
class Module:
    """What of a module matters here: calls by the name called, what is kept under names, who inherits from whom."""

    calls: tuple[tuple[str, ast.Call], ...]
    named: dict[str, list[ast.expr]]
    """Anywhere in it."""
    constants: dict[str, list[ast.expr]]
    """Of the module itself."""
    bases: tuple[tuple[str, frozenset[str]], ...]
    imported: tuple[tuple[str, str, str], ...]


@cache
def modules() -> dict[str, Module]:
    files = (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))
    read = ((file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files)
    return {name: looked_through(ast.parse(text)) for name, text in read if not name.startswith(BY_GETTEXT)}


def looked_through(tree: ast.Module) -> Module:
    calls, named, bases, imported = [], {}, [], []
    for one in ast.walk(tree):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name | ast.Attribute):
            calls.append((one.func.id if isinstance(one.func, ast.Name) else f".{one.func.attr}", one))
        elif isinstance(one, ast.Assign | ast.AnnAssign):
            keep(named, one)
        elif isinstance(one, ast.ClassDef):
            bases.append((one.name, frozenset(base.id for base in one.bases if isinstance(base, ast.Name))))
        elif isinstance(one, ast.ImportFrom):
            imported += [(f"{one.module}".replace(".", "/") + ".py", of.name, of.asname or of.name) for of in one.names]
    constants: dict[str, list[ast.expr]] = {}
    for one in tree.body:
        if isinstance(one, ast.Assign | ast.AnnAssign):
            keep(constants, one)
    return Module(tuple(calls), named, constants, tuple(bases), tuple(imported))


def keep(found: dict[str, list[ast.expr]], one: ast.Assign | ast.AnnAssign) -> None:
    for target in one.targets if isinstance(one, ast.Assign) else (one.target,):
        if isinstance(target, ast.Name) and one.value is not None:
            found.setdefault(target.id, []).append(one.value)


@cache
def failures() -> frozenset[str]:
    """Each failure of ours by name, with those that inherit; also ValueError, by which a field of a file says no."""
    found = {"ConfigError", "DeviceError", "TryLater", "GiveUp", "ValueError"}
    bases = [one for module in modules().values() for one in module.bases]
    while more := {name for name, over in bases if over & found} - found:
        found |= more
    return frozenset(found - set(FOR_DEVELOPERS))


def in_room(room: str) -> dict[str, Module]:
    return {name: module for name, module in modules().items() if name.startswith(f"{room}/")}


def is_for_others(name: str, failure: str) -> bool:
    return any(
        fnmatchcase(f"{name}:{failure}", pattern if ":" in pattern else f"{pattern}:*") for pattern in FOR_OTHERS
    )


def is_english_alone(words: ast.expr, named: dict[str, list[ast.expr]]) -> bool:
    """Whether it can be told from the source that this text carries no Chinese."""
    if isinstance(words, ast.JoinedStr | ast.BinOp) or text_of(words):
        return True
    return any(is_english_alone(one, {}) for one in choices(words, named)) or is_made_plain(words)


def is_made_plain(words: ast.expr) -> bool:
    """`str(...)`, `"...".join(...)`: what carried both does no more."""
    match words:
        case ast.Call(func=ast.Name(id="str")) | ast.Call(func=ast.Attribute(attr="join" | "format")):
            return True
    return False


def choices(node: ast.expr, named: dict[str, list[ast.expr]]) -> list[ast.expr]:
    """What this may be, as far as the source tells."""
    match node:
        case ast.Name(id=name):
            return [choice for one in named.get(name, ()) for choice in (one, *choices(one, {}))]
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return named.get(f"{module}.{name}", [])
        case ast.IfExp(body=body, orelse=other):
            return [one for part in (body, other) for one in (part, *choices(part, named))]
        case ast.BoolOp(values=values) | ast.Dict(values=values):
            return [one for part in values for one in (part, *choices(part, named))]
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[_, *others]):
            return [one for part in (value, *others) for one in (part, *choices(part, named))]
    return choices(node.value, named) if isinstance(node, ast.Subscript) else []


@cache
def constants_of(name: str) -> dict[str, list[ast.expr]]:
    """What stands under each name of this module, also what it has from another of ours."""
    found = dict(modules()[name].constants)
    for source, what, called in modules()[name].imported:
        inside = source.removesuffix(".py") + f"/{what}.py"
        if inside in modules():
            found |= {f"{called}.{one}": values for one, values in modules()[inside].constants.items()}
        elif source in modules():
            found[called] = modules()[source].constants.get(what, [])
    return found


def text_of(node: ast.expr) -> str | None:
    """The text, `{}` for what an f-string puts in; None for what is none in the source."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
    return None


def patterns(call: ast.Call, constants: dict[str, list[ast.expr]]) -> list[tuple[str, str]]:
    """The English and the Chinese ones that a call of `both` may have; none where the source does not tell."""
    if not call.args or not isinstance(call.args[0], ast.Starred):
        found: list[ast.expr] = [ast.Tuple(elts=call.args)]
    else:
        found = [call.args[0].value, *choices(call.args[0].value, constants)]
    told = [[text_of(part) for part in one.elts] for one in found if isinstance(one, ast.Tuple)]
    return [(one[0], one[1]) for one in told if len(one) == 2 and one[0] is not None and one[1] is not None]


def fields(pattern: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}


def is_told(en: str, zh: str) -> bool:
    return CHINESE.search(zh) is not None or ENGLISH.search(re.sub(r"\{[^}]*\}|`[^`]*`", "", en)) is None


def words_of(called: str, call: ast.Call) -> list[ast.expr]:
    """What a failure, or a complaint about a part of a file, says."""
    if called == ".problem":
        return call.args[1:2]
    return [one for one in call.args[:1] if called in failures() and not isinstance(one, ast.Starred)]


@pytest.mark.parametrize("room", ROOMS)
def test_no_failure_is_told_in_english_alone(room: str) -> None:
    alone = [
        f"{name}:{call.lineno}: {ast.unparse(call)[:100]}"
        for name, module in in_room(room).items()
        for called, call in module.calls
        if not is_for_others(name, called)
        and any(is_english_alone(one, constants_of(name) | module.named) for one in words_of(called, call))
    ]
    assert not alone, "say it in both languages (shouwang.bilingual.both), or name in FOR_OTHERS who else reads it"


@pytest.mark.parametrize("room", ROOMS)
def test_each_sentence_has_its_chinese_and_all_that_it_puts_in(room: str) -> None:
    faults = []
    for name, module in in_room(room).items():
        for called, call in module.calls:
            given = {one.arg: one.value for one in call.keywords}
            if called == "Bilingual" and call.args and "zh" in given:
                en, zh = text_of(call.args[0]), text_of(given["zh"])
                said = [] if en is None or zh is None else [(en, zh)]
            elif called == "both" and name not in SENTENCES_OF_ONE:
                said = patterns(call, constants_of(name))
                lacking = {field for one in said for text in one for field in fields(text)} - set(given)
                faults += [f"{name}:{call.lineno}: {lacking} not given"] if lacking and None not in given else []
            else:
                continue
            faults += [f"{name}:{call.lineno}: no Chinese: {zh}" for en, zh in said if not is_told(en, zh)]
    assert not faults


def test_who_reads_it_instead_is_still_so() -> None:
    raised = {f"{name}:{called}" for name, module in modules().items() for called, _ in module.calls}
    for pattern in FOR_OTHERS:
        wanted = pattern if ":" in pattern else f"{pattern}:*"
        kept = [one for one in raised if fnmatchcase(one, wanted) and one.rpartition(":")[2] in failures()]
        assert kept, f"{pattern} raises nothing: take it out"
