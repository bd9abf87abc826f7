"""Finds frames in a byte stream that starts anywhere, is cut anywhere, and holds noise. Pure."""

from collections.abc import Callable
from typing import Generic, TypeVar

from shouwang.errors import DecodeError

T = TypeVar("T")

Measure = Callable[[bytes], int | None]
"""The size of the frame that begins so, None where more bytes are needed; raises DecodeError for an impossible one."""


class Framer(Generic[T]):
    """Collects bytes until they make a frame, and gives what `decode` makes of it.

    After a bad frame one byte is dropped, not the frame: a good one may begin inside. An implausible size is refused by
    `measure` at once, so that no more than `max_frame` bytes are ever waited for. `taken` and `skipped` count the bytes
    that were part of good frames and those that were not.
    """

    def __init__(self, head: bytes, measure: Measure, decode: Callable[[bytes], T], *, max_frame: int) -> None:
        """`head` begins every frame; `decode` raises DecodeError for a bad one; no frame is longer than `max_frame`."""
        self._head = head
        self._measure = measure
        self._decode = decode
        self._max_frame = max_frame
        self._pending = bytearray()
        self.taken = 0
        self.skipped = 0

    @property
    def is_waiting(self) -> bool:
        """Whether a frame has begun that is not complete."""
        return bool(self._pending)

    def feed(self, data: bytes, reject: Callable[[DecodeError], None]) -> list[T]:
        """What the frames mean that these bytes complete; each bad frame goes to `reject`."""
        self._pending += data
        found: list[T] = []
        while self._seek():
            try:
                size = self._size()
                if size is None or size > len(self._pending):
                    break
                found.append(self._decode(bytes(self._pending[:size])))
            except DecodeError as error:
                reject(error)
                self._skip(1)
            else:
                del self._pending[:size]
                self.taken += size
        return found

    def give_up(self, reject: Callable[[DecodeError], None]) -> list[T]:
        """The rest of a frame has not come in time: look for frames inside what has."""
        if not self._pending:
            return []
        if len(self._pending) >= len(self._head):
            reject(DecodeError(f"cut off: {bytes(self._pending).hex()}"))
        self._skip(1)
        return self.feed(b"", reject)

    def forget(self) -> None:
        """Drop what is pending: the line was closed, and what comes next is not its rest."""
        self._pending.clear()

    def _seek(self) -> bool:
        """Drop what cannot begin a frame; whether the head stands in front."""
        at = self._pending.find(self._head)
        if at < 0:  # the end may be the beginning of a head
            keep = next((n for n in range(len(self._head) - 1, 0, -1) if self._pending.endswith(self._head[:n])), 0)
            at = len(self._pending) - keep
        self._skip(at)
        return self._pending.startswith(self._head)

    def _size(self) -> int | None:
        """As `measure` says, which is not believed where it would wait for more than any frame has."""
        beginning = bytes(self._pending[: self._max_frame])
        size = self._measure(beginning)
        if (len(beginning) == self._max_frame) if size is None else (size > self._max_frame):
            raise DecodeError(f"longer than any frame: {beginning[:40].hex()}")
        return size

    def _skip(self, count: int) -> None:
        del self._pending[:count]
        self.skipped += count
