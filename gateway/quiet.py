"""What is not urgent waits while people sleep, and is said in the morning if it is still so."""

from collections.abc import Callable

from gateway.annunciators.announcement import Announcement, Cue

CAPACITY = 16
"""More than this nobody wants to hear in the morning: the oldest goes."""


class Held:
    """Announcements that wait."""

    def __init__(self, is_quiet: Callable[[], bool]) -> None:
        """`is_quiet`: whether it is the time now."""
        self.is_quiet = is_quiet
        self._waiting: dict[str, Announcement] = {}

    @property
    def holds(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    def takes(self, announcement: Announcement) -> bool:
        """Whether it is quiet, so that this is not to be said now. The good end of something waits for nobody."""
        if not self.is_quiet():
            return False
        if announcement.cue is Cue.NOTICE:
            self._waiting[announcement.key] = announcement
            if len(self._waiting) > CAPACITY:
                del self._waiting[next(iter(self._waiting))]
        return True

    def drop(self, key: str) -> bool:
        """It is no longer so; whether it waited."""
        return self._waiting.pop(key, None) is not None

    def released(self) -> tuple[Announcement, ...]:
        """All that waited, where it is quiet no longer."""
        if not self._waiting or self.is_quiet():
            return ()
        waiting, self._waiting = tuple(self._waiting.values()), {}
        return waiting
