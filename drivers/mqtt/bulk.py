"""Many packets at a time, where paho reads each with three calls of the system and acknowledges each with two.

A quiet home gains nothing by it; a flood costs half as much, and its alarms come through.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Protocol

CHUNK_BYTES = 16 * 1024
TURN_S = 0.005
"""Packets are taken for so long at a time, then the loop has its turn: rules, siren and other links do not wait for a
flood. No packet is broken off."""
_PUBACK = struct.Struct("!BBH")
PUBACK = 0x40


class Socket(Protocol):
    """What is read from."""

    def recv(self, size: int, /) -> bytes:
        """Bytes that came, none at the end; raises OSError."""
        ...


class ReadAhead:
    """A socket that is read in larger pieces; in all else the socket that it was."""

    def __init__(self, socket: Socket, read: Callable[[], int]) -> None:
        """`socket` is open; `read` has the next packet read, for what a turn has left; gives 0, or has failed."""
        self._socket = socket
        self._read = read
        self._loop = asyncio.get_running_loop()
        self._piece = b""
        self._at = 0
        self._turn_ends = 0.0
        self._is_going_on = False

    def recv(self, size: int) -> bytes:
        """As a socket does."""
        if self._at == len(self._piece):
            self._piece, self._at = self._socket.recv(CHUNK_BYTES), 0
        found = self._piece[self._at : self._at + size]
        self._at += len(found)
        return found

    def pending(self) -> int:
        """How many bytes to go on with in this turn; aiomqtt asks for this, as a TLS socket may hold some back."""
        left = self._left()
        if not left or self._is_going_on:
            self._turn_ends = 0.0
            return 0
        now = self._loop.time()
        if not self._turn_ends:
            self._turn_ends = now + TURN_S
        elif now > self._turn_ends:
            self._turn_ends, self._is_going_on = 0.0, True
            self._loop.call_soon(self._go_on)
            return 0
        return left

    def _go_on(self) -> None:
        self._is_going_on = False
        end = self._loop.time() + TURN_S
        while self._left() and self._read() == 0:
            if self._loop.time() > end:
                self._is_going_on = True
                self._loop.call_soon(self._go_on)
                return

    def _left(self) -> int:
        in_tls: Callable[[], int] | None = getattr(self._socket, "pending", None)
        return len(self._piece) - self._at + (0 if in_tls is None else in_tls())

    def __getattr__(self, name: str) -> object:
        return getattr(self._socket, name)


class Acknowledgements:
    """Those given in one turn of the loop leave together."""

    def __init__(self, send: Callable[[bytes], object]) -> None:
        """`send` takes whole packets."""
        self._send = send
        self._waiting: list[int] = []
        self._loop = asyncio.get_running_loop()

    def add(self, mid: int) -> None:
        """The broker may forget this message."""
        if not self._waiting:
            self._loop.call_soon(self._leave)
        self._waiting.append(mid)

    def _leave(self) -> None:
        packets = b"".join(_PUBACK.pack(PUBACK, 2, mid) for mid in self._waiting)
        self._waiting.clear()
        self._send(packets)
