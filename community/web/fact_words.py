"""The sentences of facts (community.facts), for the pages that show what was done."""

from collections.abc import Callable, Mapping

from markupsafe import Markup

from community.facts import Fact, found
from community.web.admin_words import ROLES
from community.web.language import Language
from community.web.words import marked

FACTS = {
    "record": marked("%(entries)s entries of cases, %(changes)s other changes"),
    "whole": marked("whole"),
    "faults": marked("%(count)s faults found; the first:"),
    "head": marked("head %(head)s"),
    "changes-head": marked("head of the changes %(head)s"),
    "backup": marked("%(cases)s cases, %(entries)s entries"),
    "file": marked("file %(name)s"),
    "taken": marked("the far end has taken it"),
    "mistake": marked("a mistake of the server; it is in the log"),
    "before": marked("before: %(name)s, %(role)s, areas %(areas)s, organisations %(organisations)s"),
    "after": marked("now: %(name)s, %(role)s, areas %(areas)s, organisations %(organisations)s"),
    "scope-before": marked("before: areas %(areas)s, organisations %(organisations)s"),
    "scope-after": marked("now: areas %(areas)s, organisations %(organisations)s"),
    "role": marked("role: %(old_role)s → %(new_role)s"),
    "person": marked("in the register as %(person)s"),
    "token": marked("%(role)s, %(scopes)s, areas %(areas)s"),
    "agreement": marked("%(organisation)s may read: %(fields)s, areas %(areas)s"),
    "screen": marked("%(name)s, areas %(areas)s"),
    "proposer": marked("proposed by %(login)s"),
    "number": marked("%(what)s: %(old)s → %(new)s"),
    "name": marked("name: %(old)s → %(new)s"),
    "within": marked("lies in: %(old)s → %(new)s"),
    "counted": marked("%(table)s: %(new)s new, %(changed)s changed, %(same)s as before"),
    "part": marked("%(table)s: %(count)s"),
    "digest": marked("SHA-256 %(digest)s"),
}
"""By the word of the fact. `words` has none: it is what somebody wrote."""

TABLES = {
    "places": marked("places"),
    "homes": marked("homes"),
    "devices": marked("devices"),
    "residents": marked("residents"),
    "contacts": marked("contacts"),
    "consents": marked("consents"),
    "units": marked("units"),
    "responders": marked("responders"),
    "grids": marked("grids"),
    "duties": marked("duties"),
    "shifts": marked("shifts of people"),
    "absences": marked("absences"),
}
_ALL = marked("all")
_NAMED: Mapping[str, Mapping[str, str]] = {
    "role": ROLES,
    "old_role": ROLES,
    "new_role": ROLES,
    "table": TABLES,
}
"""Values that are words of ours."""
_WIDE = ("areas", "organisations")
"""Ids, or a star for all of them."""


def told(text: str, language: Language, translate: Callable[[str], str]) -> Markup:
    """What is kept, for people: one line for each fact; text that is none, as it was written."""
    facts = found(text)
    if facts is None:
        return Markup('<span lang="en">{}</span>').format(text)
    return Markup("<br>").join(_line(one, language, translate) for one in facts)


def plain(text: str, language: Language, translate: Callable[[str], str]) -> str:
    """The same without marks, for a table of another program."""
    facts = found(text)
    return text if facts is None else "; ".join(_said(one, language, translate) for one in facts)


def _line(one: Fact, language: Language, translate: Callable[[str], str]) -> Markup:
    if one.what not in FACTS:  # what somebody or another program said, or of a newer server
        return Markup('<span class="as-said">{}</span>').format(_said(one, language, translate))
    return Markup("{}").format(_said(one, language, translate))


def _said(one: Fact, language: Language, translate: Callable[[str], str]) -> str:
    values = {name: _value(name, str(value), translate) for name, value in one.of.items()}
    ending = f"_{language.value}"
    values |= {name.removesuffix(ending): value for name, value in values.items() if name.endswith(ending)}
    sentence = FACTS.get(one.what)
    if sentence is None:
        return values.get("text") or " ".join(values.values()) or one.what
    try:
        return translate(sentence) % values
    except (KeyError, ValueError):  # a fact that lacks a value is told with those that it has
        return " ".join(values.values())


def _value(name: str, value: str, translate: Callable[[str], str]) -> str:
    if name in _WIDE and value == "*":
        return translate(_ALL)
    words = _NAMED.get(name, {})
    return translate(words[value]) if value in words else value
