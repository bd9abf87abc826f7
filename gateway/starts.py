"""How often this gateway has started within a day: systemd counts restarts too, but tells only itself.

Counted in engine time, which a wrong clock on the wall does not move.
"""

import json
from collections.abc import Callable, Mapping

from gateway.clock import Clock

NOTES = "gateway/starts"
"""Under this name, which no sensor can have, the card keeps them."""
_NAME = "starts"
_DAY_MS = 86_400_000
_KEPT = 200
"""More starts in a day are not told apart."""


class Starts:
    """The starts of the last 24 h, this one included."""

    def __init__(self, clock: Clock, notes: Mapping[str, Mapping[str, str]]) -> None:
        """Count this start, and go on from what was noted on the card."""
        self._clock = clock
        now = clock.mono()
        known = [at for at in _read(notes.get(NOTES, {}).get(_NAME)) if now - _DAY_MS < at <= now]
        self._at = [*known, now][-_KEPT:]

    def keep(self, note: Callable[[str, str, str], None]) -> None:
        """Note them; the birth that is stored right after takes the note to the card."""
        note(NOTES, _NAME, json.dumps(self._at))

    def count(self) -> int:
        """How many there were in the last 24 h, as of now."""
        since = self._clock.mono() - _DAY_MS
        return sum(at > since for at in self._at)


def _read(noted: str | None) -> list[int]:
    try:
        found = json.loads(noted or "[]")
    except ValueError:
        return []
    return [at for at in found if isinstance(at, int)] if isinstance(found, list) else []
