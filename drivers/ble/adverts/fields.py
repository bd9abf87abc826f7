"""The bytes of a frame, one field after the other."""

from shouwang.errors import DecodeError


class Cursor:
    """Reads a frame from its start; raises DecodeError where it is too short."""

    def __init__(self, frame: bytes, *, at: int = 0) -> None:
        """Nothing is read before `at`."""
        self._frame = frame
        self._at = at

    @property
    def left(self) -> int:
        """How many bytes are not read yet."""
        return len(self._frame) - self._at

    def take(self, size: int) -> bytes:
        """The next bytes as they are."""
        field = self._frame[self._at : self._at + size]
        if len(field) < size:
            raise DecodeError(f"cut off: {self._frame[:40].hex()}")
        self._at += size
        return field

    def big(self, size: int, *, signed: bool = False) -> int:
        """The next number, most significant byte first."""
        return int.from_bytes(self.take(size), "big", signed=signed)

    def little(self, size: int, *, signed: bool = False) -> int:
        """The next number, least significant byte first."""
        return int.from_bytes(self.take(size), "little", signed=signed)


def sized(frame: bytes | None, size: int, what: str) -> bytes:
    """The frame, where it has the size that its format says; raises DecodeError."""
    if frame is None:
        raise DecodeError(f"no {what} in the advert")
    if len(frame) != size:
        raise DecodeError(f"{what} has {len(frame)} bytes, not {size}: {frame[:40].hex()}")
    return frame
