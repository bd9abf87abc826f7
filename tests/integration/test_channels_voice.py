"""Calls through an Asterisk: against a contract fake of ARI (real HTTP and WebSocket, events as it documents them).

No Asterisk is in Debian 12; the fake follows the ARI documentation of Asterisk 18 to 22 and proves our half.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import pytest
from fixtures.community_home import NOON
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from community.channels.ari import Ari, Asterisk
from community.channels.http_call import HttpCall
from community.channels.port import Message, Outcome
from community.channels.voice import NotTaken, VoiceChannel
from shouwang.errors import ConfigError, GiveUp, TryLater

KEY = "sw-7-1-abc"


class FakeAsterisk:
    """Answers orders over HTTP on one port, tells events on a WebSocket of the other. `plot`: what a call does."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str, dict[str, str]]] = []
        self.plot: list[dict[str, object]] = []
        self.after_play: list[dict[str, object]] = []
        self.password = "pw"
        self.drops = False
        self._line: ServerConnection | None = None
        self.app = ""

    async def events(self, line: ServerConnection) -> None:
        self._line = line
        await line.wait_closed()

    async def tell(self, events: list[dict[str, object]]) -> None:
        if self._line is None:
            return
        if self.drops:
            await self._line.close()
            return
        for event in events:
            await self._line.send(json.dumps(event))

    def admit(self, line: ServerConnection, request: Request) -> Response | None:
        """The WebSocket's door; orders of plain HTTP are answered here too."""
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.app = query.get("app", "")
        if query.get("api_key") != f"shouwang:{self.password}":
            return line.respond(HTTPStatus.UNAUTHORIZED, "no\n")
        return None


class HttpFront:
    """Plain HTTP orders go to the fake, WebSocket upgrades to the port behind it: Asterisk has both on one port."""

    def __init__(self, asterisk: FakeAsterisk, behind: int) -> None:
        self._asterisk = asterisk
        self._behind = behind

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                await self._pass_on(head, reader, writer)
                return
            first = head.decode().split("\r\n")[0]
            method, target, _ = first.split(" ")
            parts = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._asterisk.orders.append((method, parts.path, query))
            is_ours = b"Basic c2hvdXdhbmc6cHc=" in head
            status = b"200 OK" if is_ours and self._asterisk.password == "pw" else b"401 Unauthorized"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
            if method == "POST" and parts.path == "/ari/channels":
                await self._asterisk.tell(self._asterisk.plot)
            elif method == "POST":
                await self._asterisk.tell(self._asterisk.after_play)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._behind)
        back.write(head)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while piece := await source.read(4096):
                sink.write(piece)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)


@pytest.fixture
def asterisk() -> FakeAsterisk:
    return FakeAsterisk()


@pytest.fixture
async def url(asterisk: FakeAsterisk) -> AsyncIterator[str]:
    behind: Server = await serve(asterisk.events, "127.0.0.1", 0, process_request=asterisk.admit)
    port = next(iter(behind.sockets)).getsockname()[1]
    front = await asyncio.start_server(HttpFront(asterisk, port), "127.0.0.1", 0)
    yield f"http://127.0.0.1:{front.sockets[0].getsockname()[1]}"
    front.close()
    behind.close()
    await behind.wait_closed()
    await asyncio.sleep(0.01)


def channel(url: str) -> VoiceChannel:
    settings = Asterisk(
        url=url,
        username="shouwang",
        password="pw",
        endpoint="PJSIP/{to}@trunk",
        media="sound:https://tts/{language}?t={text}",
    )
    return VoiceChannel(Ari(HttpCall(timeout_s=2), settings))


def message(to: str = "+8613800000001") -> Message:
    return Message(key=KEY, to=to, subject="", text="能去请按1。", at=NOON, digit="1")


def event(kind: str, channel_id: str = KEY, **more: object) -> dict[str, object]:
    return {"type": kind, "channel": {"id": channel_id}, **more}


FINISHED = {"type": "PlaybackFinished", "playback": {"target_uri": f"channel:{KEY}"}}


async def test_who_presses_the_key_has_answered(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.plot = [event("StasisStart", "another"), event("StasisStart")]
    asterisk.after_play = [event("ChannelDtmfReceived", "another", digit="9"), event("ChannelDtmfReceived", digit="1")]
    carried = await channel(url).send(message())
    assert (carried.outcome, carried.digit) == (Outcome.ANSWERED, "1")
    (_, _, wish), (_, play, said), (last, _, _) = asterisk.orders
    assert wish["endpoint"] == "PJSIP/+8613800000001@trunk"
    assert wish["channelId"] == KEY
    assert wish["app"] == asterisk.app == f"shouwang-{KEY}"
    assert play == f"/ari/channels/{KEY}/play"
    assert "%E8%83%BD" in said["media"]
    assert last == "DELETE"


async def test_another_key_shows_that_somebody_was_there(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.plot = [event("StasisStart")]
    asterisk.after_play = [event("ChannelDtmfReceived", digit="5")]
    carried = await channel(url).send(message())
    assert (carried.outcome, carried.digit) == (Outcome.ANSWERED, "5")


async def test_a_responder_who_presses_2_is_heard(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.plot = [event("StasisStart")]
    asterisk.after_play = [event("ChannelDtmfReceived", digit="2")]
    assert (await channel(url).send(message())).digit == "2"


@pytest.mark.parametrize(("cause", "word"), [(17, "busy"), (19, "no-answer"), (21, "refused"), (None, "no-answer")])
async def test_a_call_that_nobody_takes(asterisk: FakeAsterisk, url: str, cause: int | None, word: str) -> None:
    asterisk.plot = [event("ChannelDestroyed", cause=cause)]
    with pytest.raises(NotTaken, match=word):
        await channel(url).send(message())


async def test_a_number_that_does_not_exist(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.plot = [event("ChannelDestroyed", cause=1)]
    with pytest.raises(GiveUp, match="wrong-number"):
        await channel(url).send(message())
    with pytest.raises(GiveUp):
        await channel(url).send(message(to="138;rm@x"))


async def test_who_hangs_up_after_the_words_has_heard_them(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.plot = [event("StasisStart")]
    asterisk.after_play = [FINISHED, event("StasisEnd")]
    assert (await channel(url).send(message())).outcome is Outcome.DELIVERED


async def test_an_asterisk_that_goes_away_is_tried_later(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.drops = True
    with pytest.raises(TryLater):
        await channel(url).send(message())


async def test_a_wrong_password_is_the_channels_own_fault(asterisk: FakeAsterisk, url: str) -> None:
    asterisk.password = "other"
    with pytest.raises(ConfigError, match=r"ari\.conf"):
        await channel(url).send(message())
    with pytest.raises(ConfigError):
        await channel(url).probe()


async def test_a_probe_asks_and_nobody_there_is_said(asterisk: FakeAsterisk, url: str, free_port: int) -> None:
    await channel(url).probe()
    assert asterisk.orders == [("GET", "/ari/asterisk/info", {"only": "status"})]
    for call in (
        channel(f"http://127.0.0.1:{free_port}").send(message()),
        channel(f"http://127.0.0.1:{free_port}").probe(),
    ):
        with pytest.raises(TryLater):
            await call
