"""What never reaches the pages: too much, too slow, and forms from elsewhere."""

import asyncio
import socket
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message, Scope

from community.web import guard
from community.web.guard import MAX_BODY_BYTES, Guard
from community.web.serve import serve
from community.web.uploads import TooSlow
from shouwang.errors import TryLater


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def sleep(_: Request) -> PlainTextResponse:
    await asyncio.Event().wait()
    return PlainTextResponse("never")


async def nobody(_: Scope) -> str:
    return ""


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST"]), Route("/sleep", sleep)])
    transport = httpx.ASGITransport(Guard(app, secure=True, sender_of=nobody))
    async with httpx.AsyncClient(transport=transport, base_url="https://desk.example") as made:
        yield made


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "https://desk.example"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://desk.example"}, 403),
    ],
)
async def test_forms_come_from_our_own_page(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    assert (await client.post("/", content=b"x", headers=headers)).status_code == status


async def test_a_link_from_elsewhere_may_be_read(client: httpx.AsyncClient) -> None:
    assert (await client.get("/", headers={"sec-fetch-site": "cross-site"})).status_code == 200


async def test_large_body_is_refused_unread(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=b"x" * MAX_BODY_BYTES)).text == str(MAX_BODY_BYTES)
    assert (await client.post("/", content=b"x" * (MAX_BODY_BYTES + 1))).status_code == 413


async def test_large_body_without_a_length_is_cut_off(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"x" * 1024

    assert (await client.post("/", content=chunks())).status_code == 413


@pytest.mark.parametrize("length", ["-1", "many", ""])
async def test_false_length_is_refused(client: httpx.AsyncClient, length: str) -> None:
    answer = await client.post("/", content=b"x", headers={"content-length": length})
    assert answer.status_code == 413


async def test_slow_answer_is_given_up_in_words(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "ANSWER_TIMEOUT_S", 0.01)
    answer = await client.get("/sleep")
    assert answer.status_code == 503
    assert "try again" in answer.text


FORM, REPORT = "/incidents/1/note", f"/r/{'x' * 32}/report"


async def said_to_half_a_body(path: str, length: str = "") -> tuple[int, str]:
    """Status and words for whoever has sent the half of it when the time is over."""
    told: list[Message] = []
    pieces: list[Message] = [{"type": "http.request", "body": b"x" * 100, "more_body": True}]

    async def app(*_: object) -> None:
        raise AssertionError("half a body is nobody's word")

    async def receive() -> Message:
        if not pieces:
            await asyncio.Event().wait()
        return pieces.pop()

    async def send(message: Message) -> None:
        told.append(message)

    async def li(_: Scope) -> str:
        return "li"

    headers = [(b"content-length", length.encode())] if length else []
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
    await Guard(app, secure=True, sender_of=li)(scope, receive, send)
    return told[0]["status"], told[1]["body"].decode()


@pytest.mark.parametrize(
    ("path", "length", "says_photo"), [(FORM, "500", False), (REPORT, "500", False), (REPORT, "90000", True)]
)
async def test_whose_line_is_too_slow_is_told_that_it_is_his_line(
    monkeypatch: pytest.MonkeyPatch, path: str, length: str, says_photo: bool
) -> None:
    """Not by 408: after that, browsers send the same form again by themselves."""
    monkeypatch.setattr(guard, "ANSWER_TIMEOUT_S", 0.01)
    monkeypatch.setattr(guard, "UPLOAD_TIMEOUT_S", 0.01)
    status, said = await said_to_half_a_body(path, length)
    assert status == 503
    assert "The line is too slow and nothing was saved" in said
    assert ("without the photo" in said) == says_photo


async def test_whose_bytes_only_trickle_while_others_wait_is_told_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def flowing(*_: object) -> bytes | None:
        raise TooSlow

    monkeypatch.setattr(guard, "flowing", flowing)
    status, said = await said_to_half_a_body(REPORT)
    assert (status, "without the photo" in said) == (503, True)


async def test_a_failure_that_passes_is_logged_as_what_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def flowing(*_: object) -> bytes | None:
        raise TryLater("this sender has several uploads under way")

    monkeypatch.setattr(guard, "flowing", flowing)
    status, said = await said_to_half_a_body(REPORT)
    assert (status, "The server is slow" in said) == (503, True)
    assert "no answer to POST /r/.../report: this sender has several uploads under way" in caplog.text
    assert "within" not in caplog.text


async def test_every_answer_carries_the_safe_headers(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/"), await client.post("/", headers={"origin": "null"})):
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "max-age" in answer.headers["strict-transport-security"]


async def test_an_answer_does_not_wait_for_a_delayed_ack() -> None:
    app = FastAPI()
    app.state.console = SimpleNamespace(closing=asyncio.Event())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(serve(app, listener))
        _, writer = await asyncio.open_connection(*listener.getsockname())
        is_sent_at_once = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)  # what is accepted inherits it
        writer.close()
        serving.cancel()
        await asyncio.wait({serving})
    assert is_sent_at_once
