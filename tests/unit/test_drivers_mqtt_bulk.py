"""Reading ahead and acknowledging by the dozen: nothing is left lying, and the loop has its turn."""

import asyncio
from collections import deque

import pytest

from drivers.mqtt import bulk
from drivers.mqtt.bulk import Acknowledgements, ReadAhead

PACKET = 10


class Line:
    """Gives what came, in the pieces in which it came."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = deque(pieces)
        self.calls = 0

    def recv(self, size: int) -> bytes:
        self.calls += 1
        if not self.pieces:
            raise BlockingIOError
        piece = self.pieces.popleft()
        assert len(piece) <= size
        return piece

    def fileno(self) -> int:
        return 7


class Client:
    """Reads packets of ten bytes, as paho does: one byte, one more, and the rest."""

    def __init__(self, line: Line, *, fails_at: int = -1) -> None:
        self.packets: list[bytes] = []
        self.turns = 0
        self._part = b""
        self._fails_at = fails_at
        self.socket = ReadAhead(line, self.loop_read)

    def loop_read(self) -> int:
        if len(self.packets) == self._fails_at:
            return 7
        while len(self._part) < PACKET:
            wanted = 1 if len(self._part) < 2 else PACKET - len(self._part)
            try:
                self._part += self.socket.recv(wanted)
            except BlockingIOError:
                return 0
        self.packets.append(self._part)
        self._part = b""
        return 0

    def readable(self) -> None:
        """As aiomqtt's callback."""
        while True:
            self.turns += 1
            self.loop_read()
            if not self.socket.pending():
                return


def numbered(count: int) -> bytes:
    return b"".join(b"%010d" % number for number in range(count))


async def test_many_packets_take_one_call() -> None:
    line = Line(numbered(100))
    client = Client(line)
    client.readable()
    assert client.packets == [b"%010d" % number for number in range(100)]
    assert line.calls == 1
    assert client.socket.fileno() == 7


async def test_a_packet_in_two_pieces_is_one() -> None:
    whole = numbered(3)
    line = Line(whole[:15])
    client = Client(line)
    client.readable()
    assert len(client.packets) == 1
    line.pieces.append(whole[15:])
    client.readable()
    assert client.packets == [whole[:10], whole[10:20], whole[20:]]


async def test_the_loop_has_its_turn_and_nothing_is_left_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "TURN_S", 0.0)
    client = Client(Line(numbered(50)))
    seen: list[int] = []
    client.readable()
    while len(client.packets) < 50:
        seen.append(len(client.packets))
        await asyncio.sleep(0)
    assert len(seen) > 10, "others ran in between"
    assert client.packets == [b"%010d" % number for number in range(50)]


async def test_new_bytes_during_a_turn_that_goes_on_come_after_those_that_lie_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "TURN_S", 0.0)
    whole = numbered(60)
    line = Line(whole[:300])
    client = Client(line)
    client.readable()
    line.pieces.append(whole[300:])
    client.readable()  # the socket is readable again before the rest was read
    async with asyncio.timeout(10):
        while len(client.packets) < 30:
            await asyncio.sleep(0)
    client.readable()
    async with asyncio.timeout(10):
        while len(client.packets) < 60:
            await asyncio.sleep(0)
    assert b"".join(client.packets) == whole


async def test_a_connection_that_fails_is_read_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "TURN_S", 0.0)
    client = Client(Line(numbered(50)), fails_at=5)
    client.readable()
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(client.packets) == 5
    assert not client.socket._is_going_on


async def test_what_tls_holds_back_is_counted() -> None:
    line = Line(numbered(1))
    line.pending = lambda: 5  # type: ignore[attr-defined]
    assert ReadAhead(line, lambda: 0).pending() == 5


async def test_acknowledgements_of_one_turn_leave_together() -> None:
    sent: list[bytes] = []
    acknowledgements = Acknowledgements(sent.append)
    acknowledgements.add(1)
    acknowledgements.add(0x1234)
    assert sent == []
    await asyncio.sleep(0)
    assert sent == [bytes.fromhex("40020001 40021234")]
    acknowledgements.add(0xFFFF)
    await asyncio.sleep(0)
    assert sent[1:] == [bytes.fromhex("4002ffff")]
