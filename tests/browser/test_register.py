"""A wrong number mended from an open case by the keyboard alone, without a mouse and back to the case."""

import re

import pytest
from fixtures.browser import PASSWORD, Centre
from playwright.async_api import Browser, expect

from community.store import register_keeping
from shouwang.alert import Severity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)


async def test_a_wrong_number_is_mended_from_the_case_by_keys(
    centre: Centre, console_url: str, browser: Browser
) -> None:
    await centre.user(language="en")
    son = {"name": "王强", "relation": "儿子", "phone": "13800000001"}
    await centre.alarm(await centre.home(1, "3号楼2-501", "王桂兰", 1944, contacts=[son]), "sos", Severity.P1)
    page = await (await browser.new_context(viewport={"width": 1280, "height": 800})).new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{console_url}/login")
    await page.fill("#login", "zhang")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("#live")).to_be_visible()
    await page.goto(f"{console_url}/incidents/1")
    await page.get_by_role("link", name=re.compile("Number wrong.*王强")).focus()
    await page.keyboard.press("Enter")
    first = page.get_by_label("First number")
    await expect(first).to_have_value("13800000001")
    await first.focus()
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("139 0000 7777")
    words = page.get_by_label("Who said so, and by what proof")
    await words.first.focus()
    await page.keyboard.type("the son rang")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{console_url}/incidents/1")
    await expect(page.locator("section.resident")).to_contain_text("139 0000 7777")
    entry = await centre.store.read(lambda connection: register_keeping.read(connection, "resident-1"))
    assert entry is not None
    assert entry.contacts[0].phones == ("139 0000 7777",)
    assert complaints == []
    await page.context.close()
