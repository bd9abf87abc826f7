"""Calls by an Asterisk of one's own, through ARI: HTTP for orders, a WebSocket for what happens.

Follows the Asterisk REST Interface as documented for Asterisk 18 to 22. The text becomes sound by `media`, a template:
`sound:shouwang/{language}` for recorded words, or `sound:https://tts.example/say.wav?text={text}` for a speech server.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

from community.channels.http_call import HttpCall
from community.channels.sms_http import filled
from community.channels.voice import CallEnd, Ended
from shouwang.bilingual import Bilingual
from shouwang.errors import ConfigError, GiveUp, TryLater

RING_S = 30
"""As long as a telephone rings at home before most voice boxes take the call."""
KEY_WITHIN_S = 20.0
"""After the words, for finding the key: a contact gets 45 s to accept (TSA practice)."""
TIMES_SAID = 2
_OPEN_S = 5.0
_CAUSES = {17: Ended.BUSY, 18: Ended.NO_ANSWER, 19: Ended.NO_ANSWER, 21: Ended.REFUSED, 1: Ended.WRONG_NUMBER}
_CAUSES |= {28: Ended.WRONG_NUMBER}
"""Q.850 causes as Asterisk gives them in ChannelDestroyed."""
_REFUSALS = frozenset({401, 403, 404})
_NUMBER = re.compile(r"\+?[0-9*#]{2,20}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asterisk:
    """Where it is. `endpoint`: how a number is called, e.g. `PJSIP/{to}@trunk`."""

    url: str
    username: str
    password: str
    endpoint: str
    media: str
    app: str = "shouwang"
    caller_id: str = ""


class Ari:
    """One Asterisk."""

    def __init__(self, http: HttpCall, asterisk: Asterisk, *, language: str = "zh") -> None:
        """`language` of the recorded words."""
        self._http = http
        self._asterisk = asterisk
        self._auth = (asterisk.username, asterisk.password)
        self._language = language

    async def call(self, to: str, text: str, confirm_digit: str, *, key: str) -> CallEnd:
        """Raises TryLater, GiveUp, ConfigError. The key is the channel's id: Asterisk refuses a second one."""
        if not _NUMBER.fullmatch(to):
            raise GiveUp(Bilingual("is no telephone number", zh="不是电话号码"))
        async with self._events(key) as events:
            await self._originate(to, key)
            try:
                return await self._talk(events, key, text, confirm_digit)
            finally:
                await self._hang_up(key)

    async def probe(self) -> None:
        """Raises TryLater, ConfigError."""
        await self._ask("GET", "asterisk/info", only="status")

    async def _originate(self, to: str, key: str) -> None:
        asterisk = self._asterisk
        wish = {
            "endpoint": filled(asterisk.endpoint, {"to": to}),
            "app": self._app(key),
            "channelId": key,
            "timeout": str(RING_S),
        }
        if asterisk.caller_id:
            wish["callerId"] = asterisk.caller_id
        await self._ask("POST", "channels", **wish)

    async def _talk(self, events: AsyncIterator[dict[str, Any]], key: str, text: str, confirm: str) -> CallEnd:
        asyncio_time = asyncio.get_running_loop().time
        said, until = 0, asyncio_time() + RING_S + _OPEN_S
        while True:
            try:
                async with asyncio.timeout_at(until):
                    event = await anext(events)
            except TimeoutError:
                return CallEnd(ended=Ended.HEARD if said else Ended.NO_ANSWER)
            except StopAsyncIteration as error:
                raise TryLater(
                    Bilingual("the Asterisk went away during the call", zh="通话途中 Asterisk 断开了")
                ) from error
            kind = event.get("type")
            if kind == "StasisStart":
                until = asyncio_time() + RING_S + KEY_WITHIN_S
                await self._say(key, text)
                said += 1
            elif kind == "PlaybackFinished":
                until = asyncio_time() + KEY_WITHIN_S
                if said < TIMES_SAID:
                    await self._say(key, text)
                    said += 1
                    until += KEY_WITHIN_S
                elif not confirm:
                    return CallEnd(ended=Ended.HEARD)
            elif kind == "ChannelDtmfReceived":
                digit = str(event.get("digit", ""))
                return CallEnd(ended=Ended.CONFIRMED if digit == confirm else Ended.HEARD, digit=digit)
            elif kind in ("ChannelDestroyed", "StasisEnd"):
                return _ended(event, is_heard=said > 0)

    async def _say(self, key: str, text: str) -> None:
        media = filled(self._asterisk.media, {"text": quote(text), "language": self._language})
        await self._ask("POST", f"channels/{key}/play", media=media)

    async def _hang_up(self, key: str) -> None:
        with suppress(TryLater, GiveUp, ConfigError):  # it may be over already
            await self._ask("DELETE", f"channels/{key}")

    async def _ask(self, method: str, path: str, **params: str) -> None:
        url = f"{self._asterisk.url.rstrip('/')}/ari/{path}"
        await self._http.ask(method, url, params=params, auth=self._auth)

    def _app(self, key: str) -> str:
        """One for each call: a second listener to the same application would take its events away."""
        return f"{self._asterisk.app}-{key}"

    @asynccontextmanager
    async def _events(self, channel: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        parts = urlsplit(self._asterisk.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        key = quote(f"{self._asterisk.username}:{self._asterisk.password}", safe="")
        address = f"{scheme}://{parts.netloc}/ari/events?app={quote(self._app(channel))}&api_key={key}"
        try:
            async with connect(address, open_timeout=_OPEN_S, close_timeout=1, proxy=None) as line:
                yield _decoded(line, channel)
        except InvalidStatus as error:
            if error.response.status_code in _REFUSALS:
                raise ConfigError(
                    Bilingual(
                        f"the Asterisk refuses us: {error}; check user, password and ari.conf",
                        zh=f"Asterisk 拒绝了我们：{error}；请核对用户名、密码和 ari.conf",
                    )
                ) from error
            raise TryLater(
                Bilingual(f"the Asterisk cannot now: {error}", zh=f"Asterisk 现在做不了：{error}")
            ) from error
        except InvalidURI as error:
            raise ConfigError(
                Bilingual("the address of the Asterisk cannot be used", zh="Asterisk 的地址不能用")
            ) from error
        except (OSError, TimeoutError, WebSocketException) as error:
            raise TryLater(
                Bilingual(
                    f"the Asterisk is not there: {type(error).__name__}", zh=f"连不上 Asterisk：{type(error).__name__}"
                )
            ) from error


async def _decoded(line: ClientConnection, channel: str) -> AsyncIterator[dict[str, Any]]:
    """What happens on this channel."""
    async for raw in line:
        try:
            event = json.loads(raw)
        except ValueError:
            continue
        if isinstance(event, dict) and channel in (_id(event.get("channel")), _target(event.get("playback"))):
            yield event


def _id(channel: object) -> str:
    return str(channel.get("id", "")) if isinstance(channel, dict) else ""


def _target(playback: object) -> str:
    return str(playback.get("target_uri", "")).removeprefix("channel:") if isinstance(playback, dict) else ""


def _ended(event: dict[str, Any], *, is_heard: bool) -> CallEnd:
    cause = event.get("cause")
    if is_heard:
        return CallEnd(ended=Ended.HEARD, code=f"cause {cause}")
    return CallEnd(ended=_CAUSES.get(cause if isinstance(cause, int) else 0, Ended.NO_ANSWER), code=f"cause {cause}")
