"""Messages to another system: JSON over HTTP, signed (community.channels.signature)."""

import time
from collections.abc import Callable

import msgspec

from community.channels.http_call import HttpCall
from community.channels.knock import knock
from community.channels.port import Carried, Message
from community.channels.signature import signed


class Webhook:
    """One address of another system; a person is the label of a receiver there."""

    def __init__(
        self, http: HttpCall, url: str, secret: bytes, *, now_s: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        """`now_s`: Unix seconds, for the signature."""
        self._http = http
        self._url = url
        self._secret = secret
        self._now_s = now_s

    async def send(self, message: Message) -> Carried:
        """Raises TryLater, GiveUp, ConfigError."""
        body = msgspec.json.encode({"id": message.key, "kind": "notice", **msgspec.to_builtins(message)})
        headers = {
            "content-type": "application/json",
            **signed(self._secret, body, key=message.key, now_s=self._now_s()),
        }
        answer = await self._http.ask("POST", self._url, body=body, headers=headers)
        return Carried(code=answer.shown)

    async def probe(self) -> None:
        """Raises TryLater. No request: it could mean something there."""
        await knock(self._url)
