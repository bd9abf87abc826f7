"""One file of the tail: records one after the other, each with its length and checksum, written without a sync."""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.position import Position

_MAGIC = 0xA7C3
_FRONT = struct.Struct("<HI")  # magic, CRC-32 of what follows
_INNER = struct.Struct("<IQB")  # bytes of the payload, number, kind
_HEAD = _FRONT.size + _INNER.size
_MARK = struct.pack("<H", _MAGIC)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was read back."""

    kind: int
    number: int
    payload: bytes


def packed(kind: int, number: int, payload: bytes) -> bytes:
    """The bytes of a record."""
    inner = _INNER.pack(len(payload), number, kind) + payload
    return _FRONT.pack(_MAGIC, zlib.crc32(inner)) + inner


def records_in(raw: bytes) -> Iterator[Record | None]:
    """The records in a file's bytes, None for each place that is damaged; a torn last one is left out."""
    at = 0
    while at + _HEAD <= len(raw):
        record, end = _record_at(raw, at)
        if record is not None:
            yield record
            at = end
            continue
        following = _next_sound(raw, at + 1)
        if following is not None or end <= len(raw):  # one that is cut off is the last: its writer was killed
            yield None
        if following is None:
            return
        at = following


def _record_at(raw: bytes, at: int) -> tuple[Record | None, int]:
    """The record that begins there, None where there is none that is sound; and where it ends."""
    magic, checksum = _FRONT.unpack_from(raw, at)
    length, number, kind = _INNER.unpack_from(raw, at + _FRONT.size)
    end = at + _HEAD + length
    if magic != _MAGIC or end > len(raw) or zlib.crc32(raw[at + _FRONT.size : end]) != checksum:
        return None, end
    return Record(kind, number, raw[at + _HEAD : end]), end


def _next_sound(raw: bytes, at: int) -> int | None:
    while (at := raw.find(_MARK, at)) >= 0 and at + _HEAD <= len(raw):
        if _record_at(raw, at)[0] is not None:
            return at
        at += 1
    return None


class TailFile:
    """Open for appending. `last` is the highest that it holds."""

    def __init__(self, path: Path) -> None:
        """Open or make it. Raises OSError."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open(path, flags, 0o600)
        self.path = path
        self.size = os.fstat(self._fd).st_size
        self.last = Position()

    def read(self) -> bytes:
        """All of it."""
        return os.pread(self._fd, self.size, 0)

    def append(self, record: bytes) -> None:
        """Write it at the end: all of it or none. Raises OSError."""
        written = 0
        try:
            written = os.write(self._fd, record)
        finally:
            if written != len(record):
                with suppress(OSError):
                    os.ftruncate(self._fd, self.size)
        if written != len(record):
            raise OSError(f"no room in {self.path}")
        self.size += written

    def clear(self) -> None:
        """Let go of everything. Raises OSError."""
        os.ftruncate(self._fd, 0)
        self.size = 0
        self.last = Position()

    def close(self) -> None:
        """Close it; the content stays."""
        os.close(self._fd)
