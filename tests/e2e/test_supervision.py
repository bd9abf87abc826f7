"""A test alarm that an operator asks for, from the button on the page to the gateway and back, as processes."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fixtures.mosquitto import Mosquitto

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PATIENCE_S = 120.0
_GATEWAY = "gw-demo-0001"


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def running(*arguments: str, folder: Path) -> AsyncIterator[None]:
    """The product's command, until the end of the block."""
    with (folder / f"{arguments[0]}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "shouwang", *arguments, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()


async def output(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shouwang", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode()


async def page_with(browser: httpx.AsyncClient, words: str, path: str) -> str:
    """The page once it says so; where the server does not answer yet, again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                text = (await browser.get(path)).text
            except httpx.TransportError:
                text = ""
            if words in text:
                return text
            await asyncio.sleep(0.1)


async def test_test_alarm_that_an_operator_asks_for_arrives_and_rings_nobody(
    mosquitto: Mosquitto, free_port: int, tmp_path: Path
) -> None:
    community = write(
        tmp_path,
        "community.yaml",
        f"""
name: Sunshine
broker: {{url: "{mosquitto.url}"}}
web: {{port: {free_port}}}
homes:
  - {{id: home-501, gateway: {_GATEWAY}, address: 3-2-501, resident: {{id: r1, name: Wang}}, high_risk: true}}
""",
    )
    home = write(
        tmp_path,
        "home.yaml",
        f"""
gateway: {{id: {_GATEWAY}, data_dir: data, heartbeat: 10s}}
resident: {{id: r1}}
uplink: {{url: "{mosquitto.url}"}}
sensors: []
""",
    )
    async with (
        running("community", "serve", "-c", str(community), folder=tmp_path),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{free_port}", follow_redirects=True) as browser,
    ):
        await page_with(browser, "ok", "/healthz")
        add = ("community", "user", "add", "zhang", "--language", "en", "--login-link", "-c", str(community))
        link = (await output(*add)).strip()
        await browser.post(link[link.index("/login") :])
        async with running("gateway", "run", "-c", str(home), folder=tmp_path):
            page = await page_with(browser, "Next one is due", f"/gateways/{_GATEWAY}")
            assert "None has arrived yet." in page
            form = page[page.index(f'action="/gateways/{_GATEWAY}/test"') :]
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
            await browser.post(f"/gateways/{_GATEWAY}/test", data=fields)
            page = await page_with(browser, "seconds from the home to here", f"/gateways/{_GATEWAY}")
            assert "Told by the box" in await page_with(browser, "Told by the box", f"/gateways/{_GATEWAY}")
            row = await page_with(browser, _GATEWAY, "/gateways?show=online&search=3-2-5")
            assert re.search(r"[+−][01]\.[0-9]&nbsp;s", row), "its clock is ours"
            told = await output("gateway", "test-alarm", "--language", "en", "-c", str(home))
            assert "confirmed after" in told
        assert "Internet: works" in page
        assert "asked for a test alarm" in page
        assert 'class="case ' not in (await browser.get("/queue")).text
    assert "ANNOUNCE alarm" not in (tmp_path / "gateway.log").read_text(encoding="utf-8")
