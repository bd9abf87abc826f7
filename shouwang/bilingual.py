"""A sentence in English that carries the same in Chinese along, through everything that takes a text."""

from collections.abc import Iterable


class Bilingual(str):
    """Reads, compares and is written like the English sentence; `zh` is the other one. Formatting it loses that."""

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, en: str, *, zh: str) -> "Bilingual":
        """`en` is what programs and logs see."""
        made = super().__new__(cls, en)
        made.zh = zh
        return made

    def __reduce__(self) -> tuple[object, ...]:
        """Copies keep both."""
        return _again, (str(self), self.zh)


def both(en: str, zh: str, /, **parts: object) -> Bilingual:
    """A sentence of both languages with its parts put in: `{name}`. A part may be in both languages itself."""
    in_zh = {name: (chinese(part) or part) if isinstance(part, str) else part for name, part in parts.items()}
    return Bilingual(en.format(**parts), zh=zh.format(**in_zh))


def by_lines(lines: Iterable[str]) -> Bilingual:
    """Several sentences, a line each."""
    told = tuple(lines)
    return Bilingual("\n".join(told), zh="\n".join(chinese(one) or one for one in told))


def in_a_row(sentences: Iterable[str]) -> Bilingual:
    """Several sentences on one line, with the sign between them that each language has."""
    told = tuple(sentences)
    return Bilingual("; ".join(told), zh="；".join(chinese(one) or one for one in told))


def lines_of(text: str) -> tuple[str, ...]:
    """Its lines, each in both languages where the text is and has as many in each."""
    en, zh = text.splitlines(), chinese(text).splitlines()
    return (
        tuple(Bilingual(one, zh=other) for one, other in zip(en, zh, strict=True)) if len(en) == len(zh) else tuple(en)
    )


def chinese(text: str) -> str:
    """The same in Chinese; empty where the text carries none."""
    return text.zh if isinstance(text, Bilingual) else ""


def told_by(error: Exception) -> str:
    """What a failure of ours says, in both languages where it carries them."""
    first = error.args[0] if len(error.args) == 1 else None
    return first if isinstance(first, Bilingual) else str(error)


def _again(en: str, zh: str) -> Bilingual:
    return Bilingual(en, zh=zh)
