"""One alarm through all six steps, as people see them: console, phone, SMS; the server is killed in the middle.

Found, reported, assigned, handled, fed back, called back: the real server, a real broker, a real HTTP provider of SMS.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fixtures.community_home import DemoHome
from fixtures.faulty_sink import FaultySink
from fixtures.mosquitto import Mosquitto

from messaging.broker import BrokerSettings
from messaging.session import PublishRefused, connect
from shouwang.wire import encode, up_topic
from simulators.browser import Page

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
PATIENCE_S = 120.0
GATEWAY = "gw-demo-0001"
SON, LIU, ZHAO = "13800000001", "13900000001", "13900000002"
CENTRE = """
name: Sunshine
broker: {{url: "{broker}"}}
web: {{port: {port}}}
channels:
  ways:
    sms: {{kind: sms_http, url: "{sms}", form: json, fields: {{to: "{{to}}", text: "{{text}}"}}}}
homes:
  - id: home-501
    gateway: gw-demo-0001
    address: 3号楼2-501
    resident: {{id: resident-0001, name: 王桂兰, contacts: [{{name: 王强, relation: 儿子, phone: "{son}"}}]}}
"""
PEOPLE = """
units: [{id: grid, name: 网格, kind: grid}]
responders:
  - {id: liu, name: 刘芳, unit: grid, phone: "13900000001"}
  - {id: zhao, name: 赵敏, unit: grid, phone: "13900000002"}
"""


class Centre:
    """The server as a process that can be killed, and who works at it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._server: asyncio.subprocess.Process | None = None

    async def run(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shouwang", "community", *words, "-c", "community.yaml",
            cwd=self._folder, stdout=asyncio.subprocess.PIPE, env=self._environment,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def start(self) -> None:
        with (self._folder / "community.log").open("ab") as log:
            self._server = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "shouwang", "community", "serve", "-c", "community.yaml",
                cwd=self._folder, stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip

    async def end(self, how: signal.Signals) -> None:
        assert self._server is not None
        self._server.send_signal(how)
        await self._server.wait()

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@asynccontextmanager
async def browser(centre: Centre) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=centre.url, follow_redirects=True, trust_env=False) as client:
        client.headers["Origin"] = centre.url
        yield client


@asynccontextmanager
async def signed_in(centre: Centre, link: str) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(centre) as client:
        await page_where(client, "/healthz", lambda text: "ok" in text)
        await client.post(urlsplit(link.strip()).path)
        yield client


async def page_where(client: httpx.AsyncClient, path: str, is_it: Callable[[str], bool]) -> str:
    """The page once it is so; a server that is away is asked again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                text = (await client.get(path)).text
            except httpx.TransportError:
                text = ""
            if is_it(text):
                return text
            await asyncio.sleep(0.1)


async def press(client: httpx.AsyncClient, page: str, action: str, **words: str) -> None:
    """Send the form of that page, once it stands there; whoever was overtaken by another step looks again."""
    for _ in range(5):
        text = await page_where(client, page, lambda text: f'action="{action}"' in text)
        answer = await client.post(action, data={**Page(text).forms[action], **words})
        if answer.status_code != httpx.codes.CONFLICT:
            break
    assert answer.status_code == httpx.codes.OK, answer.text


async def sms_to(sink: FaultySink, number: str, after: int = 0) -> str:
    """The text of the next message that the provider was given for this number."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = [str(one.json["text"]) for one in sink.taken if one.body and one.json["to"] == number]
            if len(found) > after:
                return found[after]
            await asyncio.sleep(0.1)


async def phone_of(phone: httpx.AsyncClient, text: str) -> str:
    """The path of the link in the SMS, held by this phone."""
    found = re.search(r"/r/[A-Za-z0-9_-]+", text)
    assert found is not None, text
    await phone.post(found[0])
    return found[0]


async def an_alarm(mosquitto: Mosquitto) -> None:
    home = DemoHome(GATEWAY)
    envelope = home.envelope(home.alert(since=datetime.now(UTC)))
    broker = BrokerSettings(host="127.0.0.1", port=mosquitto.port, client_id=GATEWAY)
    async with asyncio.timeout(PATIENCE_S), connect(broker) as session:
        while True:
            try:
                await session.publish(up_topic(GATEWAY, envelope.id.lane), encode(envelope))
            except PublishRefused:  # the server subscribes a moment after it is ready
                await asyncio.sleep(0.1)
            else:
                return


@pytest.fixture
async def centre(tmp_path: Path, mosquitto: Mosquitto, sink: FaultySink, free_port: int) -> AsyncIterator[Centre]:
    text = CENTRE.format(broker=mosquitto.url, port=free_port, sms=sink.url, son=SON)
    (tmp_path / "community.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "dispatch.yaml").write_text(PEOPLE, encoding="utf-8")
    centre = Centre(tmp_path, free_port)
    await centre.run("dispatch", "import", "dispatch.yaml")
    await centre.start()
    yield centre
    await centre.end(signal.SIGTERM)


async def test_an_alarm_goes_through_all_six_steps_over_a_crash_of_the_server(
    centre: Centre, mosquitto: Mosquitto, sink: FaultySink
) -> None:
    case = "/incidents/1"
    links = await asyncio.gather(*(centre.run("user", "add", login, "--login-link") for login in ("zhang", "chen")))
    async with (
        signed_in(centre, links[0]) as desk,
        signed_in(centre, links[1]) as colleague,
        browser(centre) as first,
        browser(centre) as second,
    ):
        await an_alarm(mosquitto)  # found, reported
        await press(desk, case, f"{case}/ack")
        await press(desk, f"{case}/send", f"{case}/send/order", who="liu")  # assigned
        link = await phone_of(first, await sms_to(sink, LIU))
        await press(first, link, f"{link}/order", command="decline", why="busy")
        family = await sms_to(sink, SON)
        assert "王桂兰" in family
        link = await phone_of(second, await sms_to(sink, ZHAO))  # nobody had to ask the next one
        await press(second, link, f"{link}/order", command="accept", eta_min="5")

        await centre.end(signal.SIGKILL)
        await centre.start()

        await press(second, link, f"{link}/order", command="arrive")  # handled; the phone still holds its link
        await press(second, link, f"{link}/report", disposition="helped", text="扶起，无外伤")
        await press(colleague, case, f"{case}/verify_ok")  # fed back
        await press(colleague, case, f"{case}/revisit_ok", score="5")  # called back
        page = await page_where(desk, case, lambda text: 'data-state="CLOSED"' in text)
        assert "扶起，无外伤" in page
    told = [one.json for one in sink.taken if one.body]
    assert len({(str(one["to"]), str(one["text"])) for one in told}) == len(told), "a message went out twice"
    verified = await centre.run("audit", "verify")
    assert "whole" in verified
