"""Which stored measurements of a device were taken in before, also before a restart."""

from collections.abc import Hashable
from hashlib import blake2b

from shouwang.driver import Note, Notes

KEPT = 300
"""Devices keep 30 to 250 measurements for each of two people; one that was pushed out here is no longer in them."""
_BYTES = 6  # 300 of them collide once in 6e9 devices
_NAME = "seen"


class Seen:
    """The last `KEPT` measurements, by what tells them apart (user, time, values)."""

    def __init__(self, notes: Notes) -> None:
        """Go on from what was noted before."""
        self._marks = dict.fromkeys(notes.get(_NAME, "").split())

    def has(self, identity: Hashable) -> bool:
        """Whether this measurement was taken in before."""
        return _mark(identity) in self._marks

    def add(self, identity: Hashable) -> Note:
        """Remember it; the note goes into the record of the measurement itself."""
        self._marks[_mark(identity)] = None
        while len(self._marks) > KEPT:
            del self._marks[next(iter(self._marks))]
        return Note(name=_NAME, text=" ".join(self._marks))


def _mark(identity: Hashable) -> str:
    return blake2b(repr(identity).encode(), digest_size=_BYTES).hexdigest()
