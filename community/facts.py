"""What was done, as facts: a word and its values, kept as text and put into people's languages where it is shown.

Before there were facts, English sentences were kept: `found` gives None for them, and they are shown as they are.
"""

from collections.abc import Iterable

import msgspec

from shouwang.bilingual import chinese

Value = str | int


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`what`: which sentence of community.web.fact_words says it; words are added, never changed.

    `of`: its values. One that people read in their own language stands twice, as `..._zh` and `..._en`.
    """

    what: str
    of: dict[str, Value] = {}


def fact(what: str, /, **of: Value) -> Fact:
    """One of them."""
    return Fact(what=what, of=of)


def words(said: str) -> Fact:
    """What somebody or another program said; in both languages where it carries them."""
    zh = chinese(said)
    return fact("words", text_zh=zh, text_en=str(said)) if zh else fact("words", text=said)


def kept(facts: Iterable[Fact]) -> str:
    """As it is kept."""
    return _MARK + msgspec.json.encode(list(facts)).decode()


def found(text: str) -> tuple[Fact, ...] | None:
    """What was kept; None for text that was written by hand, or by an older server."""
    if not text.startswith(_MARK):
        return None
    try:
        return _decoder.decode(text.removeprefix(_MARK))
    except msgspec.MsgspecError:  # cut off, or of a newer server
        return None


_MARK = "facts:"
_decoder = msgspec.json.Decoder(tuple[Fact, ...])
