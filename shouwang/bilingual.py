"""A sentence in English that carries the same in Chinese along, through everything that takes a text."""


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


def chinese(text: str) -> str:
    """The same in Chinese; empty where the text carries none."""
    return text.zh if isinstance(text, Bilingual) else ""


def told_by(error: Exception) -> str:
    """What a failure of ours says, in both languages where it carries them."""
    first = error.args[0] if len(error.args) == 1 else None
    return first if isinstance(first, Bilingual) else str(error)


def _again(en: str, zh: str) -> Bilingual:
    return Bilingual(en, zh=zh)
