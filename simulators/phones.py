"""Telephones of the people around a home: an SMS provider that takes messages over HTTP and shows them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

_MOST_BYTES = 64 * 1024
_PATIENCE_S = 10.0
_LINK = re.compile(r"https?://\S+/r/[A-Za-z0-9_-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sms:
    """One message on a telephone."""

    to: str
    text: str

    @property
    def link(self) -> str | None:
        """The address of the page for whoever is asked to go."""
        found = _LINK.search(self.text)
        return None if found is None else found[0]


class Phones:
    """All telephones there are: whatever is handed in has arrived."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self.url = ""
        self.taken: list[Sms] = []
        self.on_sms: Callable[[Sms], None] | None = None
        self.news = asyncio.Event()

    @property
    def channel(self) -> dict[str, object]:
        """The entry of `channels: ways:` in community.yaml that leads here."""
        return {"kind": "sms_http", "url": self.url, "form": "json", "fields": {"to": "{to}", "text": "{text}"}}

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One message of the centre, and the answer that it was taken."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                head = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace").lower()
                length = re.search(r"content-length: (\d{1,6})\r", head)
                body = await reader.readexactly(min(int(length[1]), _MOST_BYTES)) if length else b""
                if body:
                    self._arrived(Sms(**json.loads(body)))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, TimeoutError, ValueError):
            return  # hung up, or no message: the centre brings it again
        finally:
            writer.close()

    def _arrived(self, sms: Sms) -> None:
        self.taken.append(sms)
        self.news.set()
        if self.on_sms is not None:
            self.on_sms(sms)


@asynccontextmanager
async def ringing_phones() -> AsyncIterator[Phones]:
    """Telephones that can be reached until the end of the block."""
    phones = Phones()
    server = await asyncio.start_server(phones.take, "127.0.0.1", 0, limit=_MOST_BYTES)
    phones.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sms"
    try:
        yield phones
    finally:
        server.close()
        await server.wait_closed()
