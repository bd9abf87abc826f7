"""USB relay boards of the LCUS kind (LCUS-1, -2, -4, -8; a CH340 and a small controller).

`A0 channel state sum`, state 0 or 1, the sum of the three bytes before it; 9600 baud, 8N1 (maker's sheet, LCUS-1).
Most boards say nothing back, so what was written counts as done. A board that was unplugged comes back with all relays
off: it is told anew how each stands.
"""

import asyncio
from collections.abc import Mapping
from typing import Never

from drivers.serial.link import Line, SerialLink, SerialPort
from shouwang.bilingual import both, told_by
from shouwang.errors import DeviceError

LINE = Line(baudrate=9600)
ATTACH_S = 2.0
"""At a start the port is not open yet: so long a switch waits for it before it fails."""
_HEAD = 0xA0


def frame(channel: int, *, on: bool) -> bytes:
    """What switches one relay."""
    body = bytes((_HEAD, channel, int(on)))
    return body + bytes((sum(body) & 0xFF,))


class RelayBoard:
    """One board, for all switches on it. `run` holds the port; who runs it tries again when it ends."""

    def __init__(self, port: str) -> None:
        """Nothing is opened before `run`."""
        self._link = SerialLink(port, LINE)
        self._port: SerialPort | None = None
        self._opened = asyncio.Event()
        self._stands: dict[int, bool] = {}
        self._writing = asyncio.Lock()
        self._trouble: str = both("{port} is not open yet", "{port} 还没有打开", port=port)

    @property
    def stands(self) -> Mapping[int, bool]:
        """How each relay was last asked to stand."""
        return self._stands

    async def run(self) -> Never:
        """Hold the port until it is lost (DeviceError) or cancelled."""
        try:
            async with self._link.opened() as port:
                for channel, on in tuple(self._stands.items()):
                    await port.write(frame(channel, on=on))
                self._port = port
                self._opened.set()
                while True:
                    await port.read()  # nothing that is needed; it ends when the board is lost
        except DeviceError as error:
            self._trouble = told_by(error)
            raise
        finally:
            self._port = None
            self._opened.clear()

    async def set(self, channel: int, *, on: bool) -> None:
        """Switch one relay, now or, where this raises DeviceError, as soon as the board is there."""
        self._stands[channel] = on
        try:
            async with asyncio.timeout(ATTACH_S):
                await self._opened.wait()
        except TimeoutError:
            raise DeviceError(self._trouble) from None
        async with self._writing:
            if self._port is None:
                raise DeviceError(self._trouble)
            await self._port.write(frame(channel, on=on))


class SerialRelay:
    """One relay of a board."""

    reported = None

    def __init__(self, name: str, board: RelayBoard, channel: int) -> None:
        """`channel` counts from 1."""
        self.name = name
        self._board = board
        self._channel = channel

    async def set(self, on: bool) -> None:  # noqa: FBT001 - read aloud
        """Switch it. Raises DeviceError."""
        await self._board.set(self._channel, on=on)
