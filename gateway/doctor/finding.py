"""What was found about one thing, in words for whoever stands at the box, and how bad it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from shouwang.alert import Sentence, sentence_of


class Mark(IntEnum):
    """The order is that of the exit codes: the worst one counts."""

    FINE = 0
    UNPROVEN = 1
    """It could not be looked at, or not proven: no reason to worry, none to be sure."""
    LOOK = 2
    """It works, but somebody should look at it."""
    FAULT = 3
    """It does not work, or will not in a moment that counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """`what` was looked at, what was `found`, and the remedy; none where nothing is wrong."""

    mark: Mark
    what: Sentence
    found: Sentence
    remedy: Sentence | None = None


def fine(what: Sentence, zh: str, en: str) -> Finding:
    """Nothing is wrong."""
    return Finding(mark=Mark.FINE, what=what, found=Sentence(zh=zh, en=en))


def unproven(what: Sentence, zh: str, en: str) -> Finding:
    """Nobody can tell from here."""
    return Finding(mark=Mark.UNPROVEN, what=what, found=Sentence(zh=zh, en=en))


def wrong(mark: Mark, what: Sentence, found: Sentence, remedy: Sentence) -> Finding:
    """Something is, and this is to be done."""
    return Finding(mark=mark, what=what, found=found, remedy=remedy)


def both(words: object) -> Sentence:
    """What is the same in both languages: a path, a message of the system."""
    return sentence_of(str(words))


def exit_code(findings: Iterable[Finding]) -> int:
    """0 where all is fine (or could not be proven), 1 where somebody should look, 2 where there is a fault."""
    worst = max((finding.mark for finding in findings), default=Mark.FINE)
    return max(0, worst - Mark.UNPROVEN)


_SIGNS = {Mark.FINE: "ok", Mark.UNPROVEN: "??", Mark.LOOK: "!!", Mark.FAULT: "XX"}


def lines_of(finding: Finding, language: str) -> list[str]:
    """`ok  what: found`, and under it the remedy."""
    is_zh = language == "zh"

    def said(sentence: Sentence) -> str:
        return sentence.zh if is_zh else sentence.en

    colon = "：" if is_zh else ": "
    first = f"{_SIGNS[finding.mark]}  {said(finding.what)}{colon}{said(finding.found)}"
    rest = [] if finding.remedy is None else said(finding.remedy).splitlines()
    return [*first.splitlines(), *(f"    -> {line}" for line in rest)]
