"""Why a sensor, a way or a channel does not work, as it was told: in English, and in Chinese where whoever told has it.

Kept as one text, so that every reader has it whole: the English sentence, and on the next line the Chinese one.
"""

import re

from shouwang.alert import Sentence

_CHINESE = re.compile("[\u3400-\u9fff]")


def kept(en: str, zh: str) -> str:
    """As it is kept; older gateways tell no Chinese."""
    line = en.replace("\n", " ")
    return "\n".join((line, zh.replace("\n", " "))) if zh else line


def told(text: str) -> Sentence:
    """What was kept; in English for both languages where there is nothing else."""
    en, _, zh = text.partition("\n")
    return Sentence(zh=zh, en=en) if _CHINESE.search(zh) else Sentence(zh=text, en=text)
