"""The queue in Chromium: what is chosen stays so, the selected row in short, keys of a case, two at once, a storm."""

import asyncio

import pytest
from fixtures.browser import Centre
from fixtures.seats import Operator, signed_in, start_shift
from playwright.async_api import Browser, expect

from community.store import intake
from shouwang.alert import Severity
from shouwang.quantities import Quantity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)

ROWS = "#rows > .case"


async def test_what_is_chosen_stays_with_search_and_new_cases_and_a_life_always_shows(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await start_shift(page)
    await centre.alarm(homes[0], "sensor-silent", Severity.P3)
    await centre.alarm(homes[1], "medicine", Severity.P4)
    await expect(page.locator(ROWS)).to_have_count(2)
    await page.click("#shows >> text=technical")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator("#shows [aria-current]")).to_contain_text("technical 1")
    await page.fill("#search", "3号楼")
    await page.keyboard.press("Enter")
    await expect(page.locator(ROWS)).to_have_count(0)
    assert page.url.partition("?")[2] in {"show=tech&find=3%E5%8F%B7%E6%A5%BC", "find=3%E5%8F%B7%E6%A5%BC&show=tech"}
    await centre.alarm(homes[2], "sensor-silent", Severity.P3)
    await expect(page.locator(ROWS)).to_have_count(1)
    await centre.alarm(homes[2], "vital", Severity.P2)  # hidden by the choice, and rings all the same
    await page.wait_for_function("() => window.heard.includes('P2')")
    await centre.alarm(homes[3], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(2)
    await expect(page.locator(ROWS).first).to_contain_text("LIFE")
    await expect(page.locator("#shows")).to_contain_text("all 5")
    await page.reload()
    await expect(page.locator(ROWS)).to_have_count(2)
    operator.complaints[:] = [said for said in operator.complaints if "AudioContext" not in said]  # asleep till a click


async def test_choosing_needs_no_javascript(
    centre: Centre, operator: Operator, browser: Browser, homes: list[str]
) -> None:
    await centre.alarm(homes[0], "sensor-silent", Severity.P3)
    await centre.alarm(homes[1], "medicine", Severity.P4)
    context = await browser.new_context(java_script_enabled=False)
    await context.add_cookies(await operator.page.context.cookies())
    page = await context.new_page()
    await page.goto(f"{operator.url}/queue?find=号楼")
    await page.click("#shows >> text=care only")
    await expect(page.locator(ROWS)).to_have_count(1)
    await expect(page.locator("#search")).to_have_value("号楼")
    await context.close()


async def test_selected_row_is_shown_in_short_once_it_rests(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await page.set_viewport_size({"width": 1440, "height": 900})
    await centre.measure(homes[1], Quantity.SPO2, [95, 93, 88, 84])
    for home in homes[:2]:
        await centre.alarm(home, "vital", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    short = page.locator("#preview article")
    await expect(short).to_contain_text("李建国")
    await expect(short).to_contain_text("84")
    await expect(short).to_contain_text("Call them by name twice")
    await expect(short).to_contain_text("Nobody has been sent yet")
    assert [url.rpartition("/incidents/")[2] for url in asked if "preview" in url] == ["2/preview"]
    await expect(page.locator("#case-2.selected")).to_have_count(1)
    await page.keyboard.press("Space")  # the topmost, whatever is selected
    await expect(page.locator("#case-1.acked.selected")).to_have_count(1)  # Enter opens what was taken


@pytest.mark.parametrize(
    ("key", "there"),
    [("n", "#note-note:focus"), ("r", "#release-reason:focus"), ("1", ".print-sheet h1"), ("d", ".candidates, h1")],
)
async def test_key_of_a_case_opens_it_at_that_action(
    centre: Centre, operator: Operator, homes: list[str], key: str, there: str
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(1)
    await page.keyboard.press("Space")
    await expect(page.locator(f"{ROWS}.acked")).to_have_count(1)
    await page.click(f'.keys [data-key="{key}"]')  # each key is a button as well
    await expect(page.locator(there).first).to_be_visible()
    if key == "d":
        await expect(page.locator("h1")).to_contain_text("Whom to send")


async def test_key_that_the_case_does_not_allow_says_so(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(1)
    await page.keyboard.press("r")
    await expect(page.locator("#case")).to_be_visible()
    await expect(page.locator("#say")).to_contain_text("does not allow this now")


async def test_two_press_acknowledge_at_the_same_moment(
    centre: Centre, operator: Operator, browser: Browser, console_url: str, homes: list[str]
) -> None:
    await centre.user("li", "李敏", language="en")
    async with signed_in(browser, console_url, "li") as other:
        pages = {"zhang": operator.page, "li": other.page}
        await centre.alarm(homes[0], "sos", Severity.P1)
        for page in pages.values():
            await expect(page.locator(ROWS)).to_have_count(1)
        await asyncio.gather(*(page.keyboard.press("Space") for page in pages.values()))
        for page in pages.values():
            await expect(page.locator(f"{ROWS}.acked")).to_have_count(1)
        (case,) = await centre.desk.queue()
        first = str(case.owner)
        (second,) = set(pages) - {first}
        await expect(pages[first].locator(ROWS)).to_contain_text("you")
        await expect(pages[second].locator(ROWS)).to_contain_text({"zhang": "张琳", "li": "李敏"}[first])
        assert [row.owner for row in await centre.desk.queue()] == [first]
    operator.complaints[:] = [said for said in operator.complaints if "409" not in said]


async def test_two_thousand_cases_and_every_life_is_drawn(
    centre: Centre, operator: Operator, homes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = operator.page
    sent: list[object] = []
    take_in, centre_send = intake.take_in, centre.send

    async def keep(gateway: str, lane: int, body: object, **_: object) -> None:
        with monkeypatch.context() as held:
            held.setattr(intake, "take_in", lambda _, envelopes, __: sent.extend(envelopes))
            await centre_send(gateway, lane, body)  # type: ignore[arg-type]

    monkeypatch.setattr(centre, "send", keep)
    for number in range(2000):
        kind = ("sos", Severity.P1) if number % 4 == 0 else ("medicine", Severity.P4)
        await centre.alarm(f"gw-{1000 + number}", *kind)
    monkeypatch.undo()
    await centre.store.write(lambda connection: take_in(connection, sent, centre.clock.now))  # type: ignore[arg-type]
    await page.goto(f"{operator.url}/queue")
    await expect(page.locator(f'{ROWS}[data-priority="P1"]')).to_have_count(500)
    await expect(page.locator("#more")).to_contain_text("1500 more")
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(page.locator(f"{ROWS}.selected")).to_have_count(1)
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator(f'{ROWS}[data-priority="P1"]')).to_have_count(501)
    await page.fill("#search", "王桂兰")
    await expect(page.locator(f"{ROWS}:not([hidden])")).to_have_count(501)  # a life is never left out
    await page.keyboard.press("Escape")
    await page.keyboard.press("Space")
    await expect(page.locator(f"{ROWS}.acked")).to_have_count(1)
