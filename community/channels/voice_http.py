"""Calls by a provider: a signed webhook asks for the call, the provider brings the end of it to /inlet/answer."""

import time
from collections.abc import Callable

import msgspec

from community.channels.http_call import HttpCall
from community.channels.knock import knock
from community.channels.signature import signed
from community.channels.voice import CallEnd, Ended


class VoiceHttp:
    """One provider."""

    def __init__(
        self,
        http: HttpCall,
        url: str,
        secret: bytes,
        *,
        answer_url: str,
        now_s: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        """`answer_url`: our inlet as the provider sees it; `now_s`: Unix seconds, for the signature."""
        self._http = http
        self._url = url
        self._secret = secret
        self._answer_url = answer_url
        self._now_s = now_s

    async def call(self, to: str, text: str, confirm_digit: str, *, key: str) -> CallEnd:
        """Raises TryLater, GiveUp, ConfigError."""
        wish = {"id": key, "to": to, "text": text, "confirm_digit": confirm_digit, "answer_url": self._answer_url}
        body = msgspec.json.encode(wish)
        headers = {"content-type": "application/json", **signed(self._secret, body, key=key, now_s=self._now_s())}
        answer = await self._http.ask("POST", self._url, body=body, headers=headers)
        return CallEnd(ended=Ended.PENDING, code=answer.shown)

    async def probe(self) -> None:
        """Raises TryLater, ConfigError."""
        await knock(self._url)
