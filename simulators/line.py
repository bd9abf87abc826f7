"""A TCP line between two programs on this computer: as slow, mute or broken as a test or a measurement needs it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_CHUNK_BYTES = 512
"""Small, so that a slow line delivers evenly."""
_HOST = "127.0.0.1"


class Line:
    """What goes in at `port` comes out at `far_port`; `up` is the way there."""

    def __init__(self, far_port: int) -> None:
        """As fast as it can be."""
        self._far_port = far_port
        self._open: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[object]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.port = 0
        self.up_bytes = self.down_bytes = 0
        """What has passed so far."""
        self.packets = 0
        """How often something has passed, either way."""
        self.up_bytes_s: float | None = None
        """How fast it is on the way up; None: as fast as it can be."""
        self.connections = 0
        """How often it was dialled."""

    def mute(self) -> None:
        """Deliver nothing more and tell nobody, as where packets are dropped; who connects is taken all the same."""
        self._flows.clear()

    def unmute(self) -> None:
        """Deliver again, what was held back first."""
        self._flows.set()

    def cut(self) -> None:
        """Reset all connections; new ones are taken."""
        for writer in self._open:
            writer.transport.abort()

    async def close(self) -> None:
        """Cut all connections, and wait until they have ended."""
        self.cut()
        self.unmute()
        if self._carrying:
            await asyncio.wait(self._carrying)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
        self.connections += 1
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            await self._flows.wait()
            far_reader, far_writer = await asyncio.open_connection(_HOST, self._far_port)
            self._open.add(far_writer)
            up = asyncio.create_task(self._carry(reader, far_writer, is_up=True), name="line-up")
            down = asyncio.create_task(self._carry(far_reader, writer, is_up=False), name="line-down")
            try:
                await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
                self._open.discard(far_writer)
                far_writer.transport.abort()
        except OSError:
            pass  # the far end is not there: who dialled sees a line that is hung up
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_up: bool) -> None:
        try:
            while data := await reader.read(_CHUNK_BYTES if is_up and self.up_bytes_s else 65536):
                if is_up and self.up_bytes_s is not None:
                    await asyncio.sleep(len(data) / self.up_bytes_s)
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
                self.packets += 1
                if is_up:
                    self.up_bytes += len(data)
                else:
                    self.down_bytes += len(data)
        except OSError:
            return


@asynccontextmanager
async def running_line(far_port: int) -> AsyncIterator[Line]:
    """A line to that port on loopback."""
    line = Line(far_port)
    server = await asyncio.start_server(line.take, _HOST, 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        await line.close()
        await server.wait_closed()
