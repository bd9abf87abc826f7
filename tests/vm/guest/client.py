"""The test's side of `vm.guest.air`, and the names that both sides use."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

SOCKET = "/run/air"

PLAIN = "7A1C0000-5348-4F55-5741-4E4700000000"
NOTIFYING = "7A1C0001-5348-4F55-5741-4E4700000000"
INDICATING = "7A1C0002-5348-4F55-5741-4E4700000000"
SECRET = "7A1C0003-5348-4F55-5741-4E4700000000"
REFUSING = "7A1C0004-5348-4F55-5741-4E4700000000"
WRITABLE = "7A1C0005-5348-4F55-5741-4E4700000000"
SECRET_VALUE = b"only encrypted"

_BOOT_S = 120.0
CALL_S = 120.0


class AirError(Exception):
    """The air could not do it."""


class Air:
    """Calls of the air's methods by their name: `await air("plug")`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()

    async def __call__(self, method: str, /, *, limit_s: float = CALL_S, **arguments: Any) -> Any:
        """One call at a time."""
        async with self._turn, asyncio.timeout(limit_s):
            self._writer.write(json.dumps([method, arguments]).encode() + b"\n")
            answer = json.loads(await self._reader.readline())
        if "error" in answer:
            raise AirError(answer["error"])
        return answer["value"]

    async def of(self, address: str, method: str, /, **arguments: Any) -> Any:
        """Call a method of one device, or look at a property."""
        return await self("ask", address=address, method=method, arguments=arguments)


@asynccontextmanager
async def connected_air() -> AsyncIterator[Air]:
    """A connection of its own; what it brings into the air leaves with it."""
    async with asyncio.timeout(_BOOT_S):
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(SOCKET)
                break
            except OSError:
                await asyncio.sleep(0.1)
    try:
        yield Air(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()
