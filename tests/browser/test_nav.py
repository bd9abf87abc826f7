"""The way between pages on a telephone, without scripts."""

from urllib.parse import urlsplit

import pytest
from fixtures.browser import PASSWORD, Centre
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PHONE = {"width": 390, "height": 844}
SMALLEST_PX = 44
"""Of a target, as on every page (test_pages.py)."""


async def test_the_bar_of_a_telephone_is_one_row_and_more_holds_the_rest(
    centre: Centre, console_url: str, browser: Browser
) -> None:
    await centre.user(language="en")
    context = await browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = await context.new_page()
    await page.goto(f"{console_url}/login")
    await page.fill("#login", "zhang")
    await page.fill("#password", PASSWORD)
    await page.click("form.door button")
    more = page.locator("#nav summary")
    await expect(page.locator("#nav > a:visible")).to_have_text(["Queue", "New request", "Residents"], timeout=20_000)
    boxes = [await one.bounding_box() for one in [*await page.locator("#nav > a:visible").all(), more]]
    assert len({box and round(box["y"] + box["height"] / 2) for box in boxes}) == 1
    assert all(box and box["height"] >= SMALLEST_PX for box in boxes)
    await expect(page.get_by_role("button", name="Log out")).to_have_count(0)
    await expect(more).not_to_have_css("font-weight", "700")
    await more.click()
    await page.get_by_role("link", name="Shifts").click()
    await expect(page.get_by_role("heading", name="Shifts", exact=True)).to_be_visible(timeout=20_000)
    await expect(more).to_have_css("font-weight", "700")
    await more.click()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.locator("form.door")).to_be_visible(timeout=20_000)
    assert urlsplit(page.url).path == "/login"
    await context.close()
