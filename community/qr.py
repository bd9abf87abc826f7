"""An address as a picture that a telephone reads (QR code, ISO/IEC 18004)."""

import io

import segno
from markupsafe import Markup

_BORDER = 4
"""ISO/IEC 18004, 6.3.8: a quiet zone of four modules."""
_TERMINAL_LETTERS = "█▀▄"
_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"
"""ECMA-48, 8.3.117: whatever colours the terminal has, or many telephones read nothing."""


def picture(words: str, alt: str) -> Markup:
    """As an element of a page, black on white whatever the page's colours are; `alt`: what it is, in words.

    It has no style attribute: the console's policy forbids those.
    """
    code = segno.make(words, micro=False, error="m")
    drawn = code.svg_inline(border=_BORDER, omitsize=True, light="#fff", svgclass="qr")
    named = Markup('<svg role="img" aria-label="{}" ').format(alt)
    return named + Markup(drawn.removeprefix("<svg "))  # noqa: S704 - segno writes numbers and colours only


def blocks(words: str, encoding: str) -> str:
    """As lines of a terminal, two rows of modules in one; empty where its letters cannot be written in `encoding`."""
    try:
        _TERMINAL_LETTERS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ""
    written = io.StringIO()
    segno.make(words, micro=False, error="l").terminal(written, border=_BORDER, compact=True)
    return "\n".join(f"{_WHITE_ON_BLACK}{line}{_AS_BEFORE}" for line in written.getvalue().splitlines())
