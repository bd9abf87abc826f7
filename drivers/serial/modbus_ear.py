"""Finds the answer to one question in what comes in from an RS-485 line. Pure: bytes in, a sound frame out.

Lines turn round with 00 bytes before and after a frame (home-assistant/core#69742, minimalmodbus#61, libmodbus#14),
other units answer late, adapters give back what they send. pymodbus takes the first bytes that may begin a frame for
one, and gives up when its CRC is wrong; so every byte is tried here, and only a frame of the unit, function and length
that were asked for is handed on.
"""

import msgspec

from drivers.serial.codec import modbus

_HEAD = 3
"""Unit, function, and how many bytes of values follow."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of one unit: `count` registers or bits from `address` on."""

    unit: int
    function: int
    address: int
    count: int

    @property
    def frame(self) -> bytes:
        """As it goes out."""
        return modbus.question(self.unit, self.function, self.address, self.count)

    @property
    def answer_bytes(self) -> int:
        """The length of its answer."""
        return _HEAD + modbus.data_bytes(self.function, self.count) + modbus.CRC_BYTES


class Ear:
    """Listens for one answer. Our own question, given back by the adapter, is none: a dead unit must not look alive.

    Without `has_echo` a frame that is the question again is never an answer; with it only the first one is not.
    """

    def __init__(self, question: Question, *, has_echo: bool = False) -> None:
        """Nothing was heard."""
        self._echo = question.frame
        self._head = bytes((question.unit, question.function, modbus.data_bytes(question.function, question.count)))
        self._failed = bytes((question.unit, question.function | modbus.FAILED))
        self._size = question.answer_bytes
        self._has_echo = has_echo
        self._pending = bytearray()
        self.is_garbled = False
        """Whether a frame of the right shape came with a wrong CRC."""

    def feed(self, data: bytes) -> bytes | None:
        """The answer, or the exception, once it is whole and sound."""
        self._pending += data
        at, kept = 0, -1
        while at < len(self._pending):
            rest = bytes(self._pending[at : at + max(self._size, len(self._echo))])
            if self._echo and rest.startswith(self._echo):  # what came before our own words is no answer to them
                del self._pending[: at + len(self._echo)]
                self._echo = b"" if self._has_echo else self._echo
                at, kept = 0, -1
                continue
            if self._may_grow(rest):  # look behind it meanwhile
                kept = at if kept < 0 else kept
            elif frame := self._sound(rest):
                return frame
            at += 1
        del self._pending[: kept if kept >= 0 else len(self._pending)]
        return None

    def _may_grow(self, rest: bytes) -> bool:
        """Whether too little is here to say what this is."""
        if len(rest) < len(self._echo) and self._echo.startswith(rest):
            return True
        size = self._size_of(rest)
        return size is not None and len(rest) < size

    def _sound(self, rest: bytes) -> bytes:
        """The answer that stands here, empty where none does."""
        size = self._size_of(rest)
        if size is None:
            return b""
        if modbus.is_sound(rest[:size]):
            return rest[:size]
        self.is_garbled = True
        return b""

    def _size_of(self, rest: bytes) -> int | None:
        """The size of the frame that may begin so."""
        if self._head.startswith(rest[:_HEAD]):
            return self._size
        if self._failed.startswith(rest[:2]):
            return modbus.EXCEPTION_FRAME
        return None
