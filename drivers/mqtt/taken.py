"""Which messages of the local broker were taken in, kept over the death of the process, so that none counts twice.

The broker gives again, marked as a repetition, what we did not acknowledge before we died; part of it was taken in.
Each message has a slot here by its packet identifier, written before its readings are taken in (with the number of the
last event before them) and after. Of a slot that was left open, the recovered events tell how many readings are in.

Of one boot only: after a power cut what was taken in may be lost too, and is better heard twice than never.
"""

import logging
import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple, Protocol

log = logging.getLogger(__name__)

SLOTS = 4096
"""More than are under way at once: a Receive Maximum of 256, and as many more as lie unread on the line, for mosquitto
2.0.11 sends a whole window more with each acknowledgement while it has a backlog."""
ALL = 255
"""All readings of a message are in."""
_SLOT = struct.Struct("<HBBxxxxQQ")  # packet identifier, how many are in, open or not, the event before, the digest
_FREE, _OPEN, _SHUT = 0, 1, 2
_HEAD = 64
_VERSION = "1"
_STRIDE = 61
"""Slots between those of two takers of one message."""


class Record(Protocol):
    """What numbers the events that are taken in, and knows those that were recovered at the start."""

    def last(self) -> int:
        """The number of the last event that was taken in."""
        ...

    def readings_after(self, number: int) -> int:
        """How many recovered readings have a higher number."""
        ...


class Place(NamedTuple):
    """The slot of one message for one of its takers."""

    number: int
    mid: int
    digest: int


class Taken:
    """The slots. Without a file they last as long as the process, which does while it loses only its connection."""

    def __init__(self, record: Record | None = None) -> None:
        """Nothing was taken in."""
        self._record = record
        self._map: bytearray | mmap.mmap = bytearray(_HEAD + SLOTS * _SLOT.size)

    @classmethod
    def kept_in(cls, file: Path, boot: str, record: Record) -> "Taken":
        """Go on from this file, where it is of this boot; where it cannot be used, without it."""
        taken = cls(record)
        head = f"{_VERSION} {boot}".encode()[:_HEAD].ljust(_HEAD)
        try:
            taken._map = _mapped(file)
        except (OSError, ValueError) as error:
            log.warning(
                "%s cannot be used: after a kill, messages of the local broker may be heard twice: %s", file, error
            )
            return taken
        if taken._map[:_HEAD] == head:
            taken._settle()
        else:
            taken.forget()
            taken._map[:_HEAD] = head
        return taken

    def place(self, mid: int, taker: int, takers: int, digest: int) -> Place:
        """Where the message of this packet identifier and digest stands for one of its takers."""
        return Place((mid + taker * _STRIDE) % SLOTS, mid, digest ^ (takers << 8 | taker))

    def count(self, place: Place) -> int:
        """How many readings of it are in; `ALL` for all."""
        mid, count, state, _, digest = self._read(place.number)
        return count if state != _FREE and (mid, digest) == (place.mid, place.digest) else 0

    def begin(self, place: Place, count: int) -> None:
        """Its readings are taken in from now on, without another in between; `count` of them are in."""
        before = 0 if self._record is None else self._record.last()
        self._write(place.number, (place.mid, count, _OPEN, before, place.digest))

    def end(self, place: Place) -> None:
        """All its readings are in."""
        self._write(place.number, (place.mid, ALL, _SHUT, 0, place.digest))

    def renew(self, place: Place) -> None:
        """The broker uses the packet identifier for another message."""
        if self._read(place.number)[0] == place.mid:
            self._write(place.number, (0, 0, _FREE, 0, 0))

    def forget(self) -> None:
        """The broker does not know us any more: it gives nothing again."""
        self._map[_HEAD:] = bytes(SLOTS * _SLOT.size)

    def close(self) -> None:
        """Let go of the file; what stands in it stays."""
        if isinstance(self._map, mmap.mmap):
            self._map.close()
            self._map = bytearray(_HEAD + SLOTS * _SLOT.size)

    # ---- inside ----

    def _settle(self) -> None:
        """Count what is in of the messages that were under way when the process died."""
        for index in range(SLOTS):
            mid, count, state, before, digest = self._read(index)
            if state == _OPEN and self._record is not None:
                count = min(count + self._record.readings_after(before), ALL - 1)
                self._write(index, (mid, count, _SHUT, 0, digest))

    def _read(self, index: int) -> tuple[int, int, int, int, int]:
        return _SLOT.unpack_from(self._map, _HEAD + index * _SLOT.size)

    def _write(self, index: int, slot: tuple[int, int, int, int, int]) -> None:
        _SLOT.pack_into(self._map, _HEAD + index * _SLOT.size, *slot)


def _mapped(file: Path) -> mmap.mmap:
    size = _HEAD + SLOTS * _SLOT.size
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)  # a full card must be told here: a page that it lacks kills the process
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
