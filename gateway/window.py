"""What may be under way to the broker at once: messages by its Receive Maximum, bytes by what a slow line bears."""

from shouwang.wire import Lane

LIFE_PLACES = 8
"""Places of the window that nothing but alerts may take; and no more of them than alerts take."""
OTHER_BYTES = 16 * 1024
"""Bytes of the other lanes without PUBACK: behind these an alert waits, 0.8 s on a line of 20 kB/s. One larger message
goes alone."""


class Window:
    """The window of one connection."""

    def __init__(self, places: int) -> None:
        """`places`: how many messages the broker takes without an answer."""
        self._places = places
        self._other_places = max(1, places - LIFE_PLACES)
        self._life = self._others = self._other_bytes = 0

    def has_room(self, lane: Lane, size: int) -> bool:
        """Whether a message of so many bytes may go now."""
        if self._life + self._others >= self._places:
            return False
        if lane is Lane.LIFE_SAFETY:
            return self._life < LIFE_PLACES
        fits = self._others == 0 or self._other_bytes + size <= OTHER_BYTES
        return fits and self._others < self._other_places

    def take(self, lane: Lane, size: int) -> None:
        """It goes."""
        self._move(lane, 1, size)

    def free(self, lane: Lane, size: int) -> None:
        """The broker has answered."""
        self._move(lane, -1, -size)

    def _move(self, lane: Lane, places: int, size: int) -> None:
        if lane is Lane.LIFE_SAFETY:
            self._life += places
        else:
            self._others += places
            self._other_bytes += size
