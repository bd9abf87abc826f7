"""Tries of somebody's secret: his own, and those at the screen of a colleague who asks for his word.

They are counted apart: whoever guesses at the word of others makes himself wait, and keeps nobody out of his log-in.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from community.limits import Limits, Rate
from shouwang.errors import TryLater

CODES = Rate(a_minute=0.5, at_once=10)
"""Codes that may be tried for one login, against a stolen password: it succeeds once in 460 days."""
ASKED_CODES = Rate(a_minute=0.5, at_once=10)
"""Codes of colleagues that may be tried at the screens of one who asks, whosever they are: anybody's word would do for
him. As CODES, once in 460 days."""
GIVEN_CODES = Rate(a_minute=1.0, at_once=40)
"""Codes of one colleague at the screens of all: once in 230 days. More than one who asks can use up."""
ASKING_AT_ONCE = 2
"""Of one who asks: he presses twice, or has two cases before him."""


class TriedTooOften(TryLater):
    """Somebody asks more often, or for more at once, than people do."""


def tried(login: str, *, asker: str = "") -> str:
    """Under which name a try of this login's secret is counted; no login has a space."""
    return f"{login} for {asker}" if asker else login


class WordTries:
    """How often codes were tried in vain, and who asks for a colleague's word just now."""

    def __init__(self) -> None:
        """Nobody has tried."""
        self._own, self._asked, self._given = Limits(CODES), Limits(ASKED_CODES), Limits(GIVEN_CODES)
        self._asking: dict[str, int] = {}

    def code(self, login: str, now_s: float, *, asker: str = "") -> None:
        """Count the try of a code. Raises TriedTooOften where it is one too many."""
        if not asker:
            wait_s = self._own.wait_s(login, now_s)
        else:  # whoever is over his own measure takes nothing of his colleague's
            wait_s = self._asked.wait_s(asker, now_s) or self._given.wait_s(login, now_s)
        if wait_s > 0:
            raise TriedTooOften("too many codes were tried for this login")

    def was_right(self, login: str, *, asker: str = "") -> None:
        """The code that was counted last was good: who works with his own app does not use up his tries."""
        if not asker:
            self._own.give_back(login)
        else:
            self._asked.give_back(asker)
            self._given.give_back(login)

    @contextmanager
    def asking(self, asker: str) -> Iterator[None]:
        """A colleague's word is looked at for him. Raises TriedTooOften where some are already."""
        if self._asking.get(asker, 0) >= ASKING_AT_ONCE:
            raise TriedTooOften("this one asks for a colleague's word already")
        self._asking[asker] = self._asking.get(asker, 0) + 1
        try:
            yield
        finally:
            self._asking[asker] -= 1
            if not self._asking[asker]:
                del self._asking[asker]
