"""The fields of a value, one after the other, little-endian."""

from drivers.ble.codec.date_time import SIZE as DATE_TIME_SIZE
from drivers.ble.codec.date_time import DateTime, decode_date_time
from drivers.ble.codec.numbers import Number, float32, sfloat
from shouwang.errors import DecodeError

SFLOAT_SIZE = 2
FLOAT_SIZE = 4
_SHOWN = 40
"""Bytes of a bad value that its error shows."""


class Fields:
    """A place in a value that moves on with each field taken; raises DecodeError where the fields do not fit it."""

    def __init__(self, value: bytes) -> None:
        """Begin at the first byte."""
        self._value = value
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self._at + size
        if end > len(self._value):
            raise DecodeError(f"cut off: {self._value[:_SHOWN].hex()}")
        field = self._value[self._at : end]
        self._at = end
        return field

    def flags(self, size: int, known: int) -> int:
        """A word of flags. One that is reserved means a field whose place and length nobody knows: refused."""
        flags = self.number(size)
        if flags & ~known:
            raise DecodeError(f"reserved flags are set ({flags & ~known:#x}): {self._value[:_SHOWN].hex()}")
        return flags

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def signed(self, size: int) -> int:
        """A number of `size` bytes in two's complement."""
        return int.from_bytes(self.take(size), "little", signed=True)

    def sfloat(self) -> Number:
        """A number of 16 bits, or what stands in its place."""
        return sfloat(self.number(SFLOAT_SIZE))

    def float32(self) -> Number:
        """A number of 32 bits, or what stands in its place."""
        return float32(self.number(FLOAT_SIZE))

    def date_time(self) -> DateTime:
        """A moment on the device's clock."""
        return decode_date_time(self.take(DATE_TIME_SIZE))

    def has_more(self) -> bool:
        """Whether bytes are left."""
        return self._at < len(self._value)

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._value):
            raise DecodeError(f"longer than its flags say: {self._value[:_SHOWN].hex()}")


def user_of(number: int) -> int | None:
    """A user's number; None for 0xFF, by which all services say that they do not know whose it is."""
    return None if number == 0xFF else number
