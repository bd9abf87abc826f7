"""The console's two languages and their gettext catalogues.

The catalogues in `locale/` are read as `.po` when the console starts, so that no compiled file can be older than its
source. After a change of words: `pybabel extract`, then fill both catalogues; the tests name what is missing.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations


class Language(StrEnum):
    """What an operator can read the console in."""

    ZH = "zh"
    EN = "en"

    @property
    def locale(self) -> str:
        """The catalogue's name."""
        return {"zh": "zh_CN", "en": "en"}[self.value]

    @property
    def tag(self) -> str:
        """The BCP 47 tag for `<html lang>`: it picks the Chinese glyphs of a shared CJK font."""
        return {"zh": "zh-CN", "en": "en"}[self.value]

    @property
    def other(self) -> "Language":
        """Where the toggle leads."""
        return Language.EN if self is Language.ZH else Language.ZH


def catalogue(language: Language) -> Catalog:
    """The catalogue as written by people."""
    source = files("community.web") / "locale" / language.locale / "LC_MESSAGES" / "console.po"
    with source.open("rb") as po:
        return read_po(po, locale=language.locale)


@cache
def translations(language: Language) -> Translations:
    """The catalogue, compiled in memory; once for all pages, for that takes a tenth of a second."""
    compiled = BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled)


def language_named(name: str | None) -> Language | None:
    """`zh` or `en`; None for anything else."""
    return Language(name) if name in set(Language) else None


def preferred(accept_language: str) -> Language:
    """The first of our languages in an Accept-Language header; Chinese where it names none."""
    for part in accept_language.split(","):
        found = language_named(part.split(";")[0].strip().split("-")[0].lower())
        if found is not None:
            return found
    return Language.ZH
