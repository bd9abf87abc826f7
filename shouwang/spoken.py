"""In which of the two languages a terminal is spoken to: that of whoever is logged in."""

import os

from shouwang.bilingual import chinese

_CHOSEN_BY = ("LC_ALL", "LC_MESSAGES", "LANG")
"""POSIX, 8.2: the first that is set and not empty says it."""


def spoken_here() -> str:
    """`zh` or `en`."""
    said = next((os.environ[name] for name in _CHOSEN_BY if os.environ.get(name)), "")
    return "zh" if said.startswith("zh") else "en"


def said_here(text: str) -> str:
    """The text in that language; as it is where it carries no other."""
    return (chinese(text) if spoken_here() == "zh" else "") or text
