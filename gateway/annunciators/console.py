"""One line on standard output for each announcement, for installers, demonstrations and the journal."""

import sys
from typing import Literal, TextIO

from gateway.annunciators.announcement import Announcement

Language = Literal["zh", "en", "both"]
_LONGEST_S = 5.0


class ConsoleAnnunciator:
    """Prints; in Chinese, English or both."""

    name = "console"
    longest_s = _LONGEST_S

    def __init__(self, language: Language, out: TextIO = sys.stdout) -> None:
        """Nothing is printed yet."""
        self._language = language
        self._out = out

    async def announce(self, announcement: Announcement) -> None:
        """Print `ANNOUNCE <cue> <severity> <key> | <words>`."""
        words = announcement.words
        said = {"zh": words.zh, "en": words.en, "both": f"{words.zh} {words.en}"}[self._language]
        self._out.write(f"ANNOUNCE {announcement.cue} {announcement.severity} {announcement.key} | {said}\n")
        self._out.flush()
