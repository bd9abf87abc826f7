"""The page of the demonstration in a browser: its picture stays fresh, its buttons tell what is under way."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from simulators.acts import Act, Acts
from simulators.door.opening import open_door
from simulators.door.page import create_door
from simulators.door.scene import Said, Scene
from simulators.door.seats import Seats

if TYPE_CHECKING:
    from playwright.async_api import Browser

PHONE = "http://127.0.0.1:9/r/asked"


async def test_it_goes_on_beside_an_open_link_and_says_when_all_is_over(browser: "Browser") -> None:
    from playwright.async_api import expect

    expect.set_options(timeout=20_000)
    going: set[Act] = set()
    lines = [Said(at=datetime.now(UTC), who="phone", words="please go", link=PHONE)]
    scene = SimpleNamespace(reached=0, is_served=True, has_audience=True, going=going, lines=lines)
    acts = cast("Acts", SimpleNamespace(begin=going.add))
    door = create_door(cast("Scene", scene), acts, cast("Seats", SimpleNamespace()), language="en")
    page = await (await browser.new_context(locale="en-GB")).new_page()
    async with open_door(door) as address:
        await page.goto(address)
        link = page.locator(f"#now a[href='{PHONE}']")
        await link.focus()  # as after a click that opened his telephone in another tab
        lines.insert(0, Said(at=datetime.now(UTC), who="home", words="help is on the way"))
        await expect(page.locator("#now")).to_contain_text("help is on the way")
        await expect(link).to_be_focused()

        sos = page.locator("button.sos")
        await sos.click()
        await expect(page.locator("#now")).to_contain_text("SOS is pressed")
        await expect(sos).to_be_disabled()
        going.clear()
        await expect(sos).to_be_enabled()
        await expect(page.locator("#over")).to_be_hidden()
    await expect(page.get_by_text("The demonstration has ended")).to_be_visible()
