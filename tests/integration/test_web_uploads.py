"""Slow uploads at the console: whoever holds one link, or none, takes no place from another responder's report."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from fixtures.browser import PASSWORD, Centre, dispatch_of
from fixtures.sent_out import PEOPLE, bring_in
from PIL import Image

from community.desk import Wish
from community.store.cases import load
from community.web.uploads import AT_ONCE, IN_LINE_OF_ONE
from shouwang.alert import Severity

WITHIN_S = 30.0
"""A busy computer; nothing here is judged by it."""


def a_photo() -> bytes:
    made = io.BytesIO()
    Image.effect_noise((600, 600), 90).save(made, "JPEG", quality=95)
    assert len(made.getvalue()) > 64 * 1024, "more than a form"
    return made.getvalue()


def phone(console_url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=console_url, follow_redirects=True, headers={"accept-language": "en"}, timeout=WITHIN_S
    )


async def on_scene(centre: Centre, client: httpx.AsyncClient, number: int, who: str) -> tuple[str, dict[str, str]]:
    """His link, held by this phone, and the fields of the form that reports."""
    box = await centre.home(number, f"3号楼{number}-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    for command, more in (("ack", {}), ("dispatch", {"targets": (who,)})):
        case = await centre.store.read(lambda connection: load(connection, number))
        assert case is not None
        order = Wish(
            incident_id=number,
            command=command,
            command_id=f"{command}-{number}",
            by="zhang",
            role="operator",
            version=case.version,
            **more,
        )
        await centre.desk.order(order)
    link = f"/r/{await dispatch_of(centre).errands.make_link(number, who)}"
    page = (await client.post(link)).text
    for command, more in (("accept", {"eta_min": "5"}), ("arrive", {})):
        page = (await client.post(f"{link}/order", data=fields(page, f"{link}/order", command) | more)).text
    return link, fields(page, f"{link}/report") | {"disposition": "helped", "text": "扶起，无外伤"}


def fields(page: str, action: str, command: str = "") -> dict[str, str]:
    for form in re.findall(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL):
        found = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        if not command or found.get("command") == command:
            return found
    raise AssertionError(f"no form {action} {command}")


@asynccontextmanager
async def slow_uploads(console_url: str, path: str, number: int, cookie: str = "") -> AsyncIterator[None]:
    """Connections that have begun to send a photo and go no further."""
    at = urlsplit(console_url)
    head = f"POST {path} HTTP/1.1\r\nhost: {at.netloc}\r\ncookie: {cookie}\r\ncontent-length: 1000000\r\n\r\n"
    writers = []
    try:
        for _ in range(number):
            _, writer = await asyncio.open_connection(at.hostname, at.port)
            writer.write(head.encode() + b"x" * 100)
            await writer.drain()
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.close()


async def test_slow_uploads_to_one_link_leave_the_others_theirs(centre: Centre, console_url: str) -> None:
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    async with phone(console_url) as one, phone(console_url) as other:
        link, _ = await on_scene(centre, one, 1, "liu")
        theirs, report = await on_scene(centre, other, 2, "zhao")
        cookie = f"phone={one.cookies['phone']}"
        async with slow_uploads(console_url, f"{link}/report", IN_LINE_OF_ONE, cookie):
            assert (await one.get(link)).status_code == 200
            answer = await other.post(f"{theirs}/report", data=report, files={"photo": ("a.jpg", a_photo())})
            assert answer.status_code == 200
    case = await centre.store.read(lambda connection: load(connection, 2))
    assert case is not None
    assert (case.state, case.reporter) == ("FEEDBACK", "zhao")


async def test_a_report_without_a_photo_waits_for_no_photo_of_his_own(centre: Centre, console_url: str) -> None:
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    async with phone(console_url) as client:
        link, report = await on_scene(centre, client, 1, "liu")
        cookie = f"phone={client.cookies['phone']}"
        async with slow_uploads(console_url, f"{link}/report", IN_LINE_OF_ONE, cookie):
            assert (await client.get(link)).status_code == 200
            answer = await client.post(f"{link}/report", data=report, files={"photo": ("", b"")})
            assert answer.status_code == 200
    case = await centre.store.read(lambda connection: load(connection, 1))
    assert case is not None
    assert (case.state, case.reporter) == ("FEEDBACK", "liu")


@pytest.mark.parametrize(
    "path", [f"/r/{'x' * 32}/report", "/residents/resident-1/keep/photo", "/admin/files"], ids=["link", "photo", "file"]
)
async def test_strangers_hold_no_place_at_all(centre: Centre, console_url: str, path: str) -> None:
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    async with phone(console_url) as client:
        link, report = await on_scene(centre, client, 1, "liu")
        async with slow_uploads(console_url, path, 2 * AT_ONCE):
            answer = await client.post(f"{link}/report", data=report, files={"photo": ("a.jpg", a_photo())})
            assert answer.status_code == 200
    case = await centre.store.read(lambda connection: load(connection, 1))
    assert case is not None
    assert case.state == "FEEDBACK"


async def test_who_knows_a_link_and_is_not_the_phone_that_holds_it_is_a_stranger(
    centre: Centre, console_url: str
) -> None:
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    async with phone(console_url) as client:
        link, report = await on_scene(centre, client, 1, "liu")
        async with slow_uploads(console_url, f"{link}/report", IN_LINE_OF_ONE, "phone=another"):
            assert (await client.get(link)).status_code == 200
            answer = await client.post(f"{link}/report", data=report, files={"photo": ("a.jpg", a_photo())})
            assert answer.status_code == 200


async def test_a_stranger_is_told_who_he_is_not_and_nothing_of_his_is_read(centre: Centre, console_url: str) -> None:
    await centre.user(role="supervisor", language="en")
    photo = {"photo": ("a.jpg", b"x" * 70_000)}
    async with phone(console_url) as client:
        answer = await client.post(f"/r/{'x' * 32}/report", data={"text": "all well"}, files=photo)
        assert answer.status_code == 404
        said = {"data": {"csrf": "x"}, "files": {"file": ("a.jpg", b"x" * 70_000)}}
        for path in ("/residents/resident-1/keep/photo", "/admin/files"):
            answer = await client.post(path, **said, follow_redirects=False)
            assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        await client.post("/login", data={"login": "zhang", "password": PASSWORD})
        answer = await client.post("/residents/resident-1/keep/photo", **said)
        assert answer.status_code in {403, 404}, "he is known, and the page says the rest"
