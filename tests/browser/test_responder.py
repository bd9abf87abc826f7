"""A responder's phone in Chromium without scripts: each target fits a thumb, nothing is fetched elsewhere."""

from urllib.parse import urlsplit

import pytest
from fixtures.browser import Centre, dispatch_of
from fixtures.sent_out import PEOPLE, bring_in
from playwright.async_api import Browser, Page, expect

from community.desk import Wish
from community.store.cases import load
from shouwang.alert import Severity

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LEAST_PX = 44


async def too_small(page: Page) -> list[str]:
    """What can be pressed and is lower than a thumb needs (a ring of text inside a label counts as its label)."""
    found = []
    for target in await page.locator("a.button, button, summary, label:has(input), input[type=file]").all():
        box = await target.bounding_box() if await target.is_visible() else None
        if box is not None and box["height"] < LEAST_PX - 0.5:
            found.append(await target.text_content() or await target.evaluate("e => e.outerHTML"))
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_whole_way_by_thumb(centre: Centre, console_url: str, browser: Browser, language: str) -> None:
    gateway = await centre.home(501, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"])
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    await centre.alarm(gateway, "sos", Severity.P1)
    for command, targets in (("ack", ()), ("dispatch", ("liu",))):
        case = await centre.store.read(lambda connection: load(connection, 1))
        assert case is not None
        whose = {"incident_id": 1, "by": "zhang", "role": "operator", "version": case.version}
        await centre.desk.order(Wish(command=command, command_id=f"{command}-1", targets=targets, **whose))
    token = await dispatch_of(centre).errands.make_link(1, "liu")
    context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False)
    await context.add_cookies([{"name": "language", "value": language, "url": console_url}])
    page = await context.new_page()
    strangers: list[str] = []
    page.on("request", lambda request: strangers.append(request.url))
    await page.goto(f"{console_url}/r/{token}")
    states = []
    for _ in range(3):
        await page.locator("button.primary.big").first.click()
        assert await too_small(page) == []
        case = await centre.store.read(lambda connection: load(connection, 1))
        assert case is not None
        states.append(case.state)
    assert states == ["DISPATCHED", "EN_ROUTE", "ON_SCENE"]
    await page.locator("[name=disposition][value=helped]").check()
    await page.fill("#text", "扶起，无外伤")
    await page.locator("form[action$=report] button").click()
    await expect(page.locator("p[role=status]")).to_be_visible()
    assert {urlsplit(url).netloc for url in strangers} == {urlsplit(console_url).netloc}
    await context.close()
