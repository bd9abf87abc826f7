"""The plan and the wall in Chromium: they change by themselves, nothing jumps, and keys reach every door."""

from collections.abc import AsyncIterator

import pytest
from fixtures.browser import PASSWORD, Centre, console_of
from fixtures.plan_homes import settle, tower
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from shouwang.alert import Severity
from shouwang.wire import HeartbeatBody, Lane

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)


@pytest.fixture
async def town(centre: Centre) -> Centre:
    await settle(centre, tower())
    for number in (1, 2, 3, 10):
        await centre.send(f"gw-{number}", Lane.STATE, HeartbeatBody(backlog=0, uptime_s=10))
    return centre


async def come_in(browser: Browser, url: str, complaints: list[str]) -> Page:
    page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    page.on("console", complain)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{url}/login")
    await page.fill("#login", "zhang")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#live")).to_contain_text("0 s")
    return page


@pytest.fixture
async def seat(town: Centre, console_url: str, browser: Browser) -> AsyncIterator[Page]:
    await town.user(language="en")
    complaints: list[str] = []
    page = await come_in(browser, console_url, complaints)
    yield page
    await page.context.close()
    assert complaints == []


async def test_a_door_changes_by_itself_and_keys_open_its_case(seat: Page, town: Centre, console_url: str) -> None:
    await seat.goto(f"{console_url}/plan?at=sunny-1/b8号楼")
    door, other = seat.locator("#door-home-010"), seat.locator("#door-home-002")
    await expect(door).to_have_class("door st-well")
    await seat.evaluate("window.isSamePage = true")
    await other.focus()
    before = await door.bounding_box()
    await town.alarm("gw-10", "sos", Severity.P1)
    await expect(door).to_have_class("door st-p1")
    await expect(door).to_have_attribute("aria-label", "Door 502: Open case: LIFE")
    assert await seat.evaluate("document.activeElement.id") == "door-home-002"
    after = await door.bounding_box()
    assert after is not None
    assert before is not None
    assert (after["x"], after["width"]) == (before["x"], before["width"])
    await seat.locator("#door-home-003").focus()
    await town.alarm("gw-3", "fall", Severity.P2)  # the door is put in anew under the focus
    await expect(seat.locator("#door-home-003")).to_have_class("door st-p2")
    assert await seat.evaluate("document.activeElement.id") == "door-home-003"
    await seat.keyboard.press("Enter")
    await expect(seat.locator("#case")).to_be_visible()
    assert seat.url.endswith("/incidents/2")
    assert await seat.evaluate("window.isSamePage")  # or the sound of the shift would be gone


async def test_the_plan_holds_at_twice_the_size_and_on_a_telephone(seat: Page, console_url: str) -> None:
    for width in (640, 390):  # 1280 at 200 %; a telephone
        await seat.set_viewport_size({"width": width, "height": 800})
        for address in ("/plan", "/plan?home=home-024"):
            await seat.goto(console_url + address)
            assert await seat.evaluate("document.documentElement.scrollWidth <= innerWidth")
    frame = await seat.locator(".plan-scroll").bounding_box()
    door = await seat.locator(".door.marked .leaf").bounding_box()
    assert frame is not None
    assert door is not None
    assert frame["x"] <= door["x"] <= frame["x"] + frame["width"] - door["width"]


async def test_the_wall_changes_by_itself_and_says_when_it_is_old(town: Centre, browser: Browser) -> None:
    await town.user(language="en")
    complaints: list[str] = []
    async with console_of(town) as url:
        page = await come_in(browser, url, complaints)
        await page.set_viewport_size({"width": 1920, "height": 1080})
        await page.goto(f"{url}/wall")
        await expect(page.locator(".w-tile.life")).to_have_count(0)
        await town.alarm("gw-10", "sos", Severity.P1)
        await expect(page.locator(".w-tile.life .w-big")).to_have_text("1")
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        assert complaints == []
        await expect(page.locator("#wall-stale")).to_be_hidden()
    await expect(page.locator("#wall-stale")).to_contain_text("OLD NUMBERS")
    await page.context.close()
