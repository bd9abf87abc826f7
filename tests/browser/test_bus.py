"""The alarm bus in Chromium: one stream and one ring for all tabs, hidden tabs, lost servers, loud failures."""

import asyncio
import re
from contextlib import AsyncExitStack

import pytest
from fixtures.browser import PASSWORD, Centre, console_of
from fixtures.seats import LISTEN, BareTab, Operator, more_tabs, signed_in, start_shift, tabs_that_hide
from playwright.async_api import Browser, Page, Route, expect

from shouwang.alert import Severity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)

NO_WORKER = "delete window.SharedWorker"
NO_LOCKS = "delete window.SharedWorker; Object.defineProperty(navigator, 'locks', { value: undefined })"
SLOW_SOUND = """() => {
  const resume = AudioContext.prototype.resume;
  AudioContext = class extends AudioContext {
    constructor() { super(); this.suspend(); }
    resume() { return new Promise((done) => setTimeout(() => done(resume.call(this)), 1200)); }
  };
}"""
"""As in Firefox, which opens the loudspeaker only now."""
JUMP = "{ const now = performance.now.bind(performance); performance.now = () => now() + 11_000; }"
"""The page has heard nothing for longer than it may."""
ROWS = "#rows > .case"


async def rings(pages: list[Page]) -> list[int]:
    """How often each of them rang for a life."""
    return [await page.evaluate("window.heard.filter((name) => name === 'P1').length") for page in pages]


async def test_test_tone_is_played_where_the_first_sound_takes_long(operator: Operator) -> None:
    page = operator.page
    await page.evaluate(LISTEN)
    await page.evaluate(SLOW_SOUND)
    await page.click("#sound")
    await expect(page.locator("#sound-check")).to_be_visible()
    await page.wait_for_function("() => window.heard.includes('test')")


async def test_hidden_and_throttled_tab_rings_at_once(centre: Centre, console_url: str, homes: list[str]) -> None:
    await centre.user(language="en")
    async with tabs_that_hide() as (root, profile):
        tab = await BareTab.open(root, f"{console_url}/login", profile)
        await tab.until("document.querySelector('#password')")
        await tab.run(
            "document.querySelector('#login').value = 'zhang';"
            f"document.querySelector('#password').value = '{PASSWORD}';"
            "document.querySelector('form.door').requestSubmit()"
        )
        await tab.until("document.querySelector('#live')?.textContent.startsWith('Live')")
        await tab.run(LISTEN)
        await tab.run("document.querySelector('#sound').click()")
        await tab.until("document.querySelector('#sound-check').open")
        await tab.run("document.querySelector('[data-heard=yes]').click()")
        await tab.until("document.querySelector('#sound').textContent === 'Sound on'")
        await tab.run("window.turns = 0; (function turn() { turns++; setTimeout(turn, 20); })()")
        await (await BareTab.open(root, "about:blank", profile)).show()
        await tab.until("document.hidden && performance.now() > (window.since ??= performance.now()) + 4000")
        turns = await tab.run("window.turns")
        await centre.alarm(homes[0], "sos", Severity.P1)
        await tab.until("window.heard.includes('P1')")
        await tab.until(f"document.querySelectorAll('{ROWS}').length === 1")
        await tab.until("document.title.startsWith('LIFE')")
        assert await tab.run("document.hidden") is True
        assert await tab.run(f"window.turns - {turns} <= 2")  # a second before, 50 of them


async def test_desk_that_saw_more_than_a_restored_record_holds_rings(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    async def ahead(route: Route) -> None:
        answer = await route.fetch()
        seen = re.sub(r'(<body[^>]* data-seq=)"\d+"', r'\1"500"', await answer.text())
        await route.fulfill(response=answer, body=seen)

    page = operator.page
    await page.context.add_init_script(NO_WORKER)
    await page.route(operator.url, ahead)
    await page.goto(operator.url)
    assert await page.evaluate("document.body.dataset.seq") == "500"
    await start_shift(page)
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(1)
    await page.wait_for_function("() => window.heard.includes('P1')")


@pytest.mark.parametrize("lacking", ["", NO_WORKER])
async def test_six_tabs_have_one_stream_and_one_ring_that_passes_on(
    centre: Centre, operator: Operator, homes: list[str], lacking: str
) -> None:
    context = operator.page.context
    if lacking:
        await context.add_init_script(lacking)
        await operator.page.reload()
    await start_shift(operator.page)
    pages = [operator.page, *await more_tabs(context, operator.url, 5)]
    assert len(centre.streams) == 1
    await centre.alarm(homes[0], "sos", Severity.P1)
    for page in pages:
        await expect(page.locator(ROWS)).to_have_count(1)
    await operator.page.wait_for_function("() => window.heard.includes('P1')")
    await pages[3].keyboard.press("Space")  # or it would ring again while this test goes on
    await expect(pages[5].locator(f"{ROWS}.acked")).to_have_count(1)
    assert await rings(pages) == [1, 0, 0, 0, 0, 0]
    await operator.page.close()
    await centre.alarm(homes[1], "sos", Severity.P1)
    for page in pages[1:]:
        await expect(page.locator(ROWS)).to_have_count(2)
    await asyncio.gather(*(page.bring_to_front() for page in pages[1:2]))
    async with asyncio.timeout(15):
        while not any(await rings(pages[1:])):
            await asyncio.sleep(0.05)
    assert sum(await rings(pages[1:])) == 1
    assert len(centre.streams) == 1


async def test_without_locks_each_tab_has_its_own_stream_and_rings(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    await operator.page.context.add_init_script(NO_LOCKS)
    await operator.page.reload()
    await start_shift(operator.page)
    (second,) = await more_tabs(operator.page.context, operator.url, 1)
    await centre.alarm(homes[0], "sos", Severity.P1)
    for page in (operator.page, second):
        await page.wait_for_function("() => window.heard.includes('P1')")
    assert len(centre.streams) == 2


async def test_ring_of_a_tab_whose_sound_stops_is_taken_over_and_silence_is_loud(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await page.context.add_init_script(
        "window.AudioContext = class extends AudioContext { constructor() { super(); window.audio = this; } }"
    )
    await page.reload()
    await start_shift(page)
    (second,) = await more_tabs(page.context, operator.url, 1)
    await page.evaluate("window.audio.suspend()")
    await expect(page.locator("#sound")).to_have_text("Another tab rings")
    await centre.alarm(homes[0], "sos", Severity.P1)
    await second.wait_for_function("() => window.heard.includes('P1')")
    assert await rings([page]) == [0]
    await expect(page.locator("#mute")).to_be_hidden()
    await second.close()
    await expect(page.locator("#mute")).to_contain_text("NO SOUND")
    await expect(page.locator("#sound")).to_have_text("Sound is off: press here")
    await page.click("#mute")
    await page.click("[data-heard=yes]")
    await expect(page.locator("#mute")).to_be_hidden()
    await expect(page.locator("#sound")).to_have_text("Sound on")


async def test_ring_of_a_tab_that_hangs_is_made_up_for(centre: Centre, operator: Operator, homes: list[str]) -> None:
    await start_shift(operator.page)
    (second,) = await more_tabs(operator.page.context, operator.url, 1)
    hangs = asyncio.create_task(operator.page.evaluate("const t = Date.now(); while (Date.now() - t < 7000);"))
    await centre.alarm(homes[0], "sos", Severity.P1)
    await second.wait_for_function("() => window.heard.includes('P1')")
    assert not hangs.done()
    await hangs


async def test_case_of_a_time_without_a_page_rings_when_it_is_learned_of(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await start_shift(page)
    await centre.alarm(homes[0], "sensor-silent", Severity.P3)
    await page.wait_for_function("() => window.heard.includes('P3')")
    await expect(page.locator(ROWS)).to_have_count(1)
    await page.goto("about:blank")
    await centre.alarm(homes[1], "medicine", Severity.P4)
    await page.add_init_script(
        "window.heard = []; addEventListener('DOMContentLoaded', () =>"
        " import(document.querySelector('script[type=module]').src.replace('main.js', 'sound.js')).then((m) =>"
        " m.sound.addEventListener('played', ({detail}) => window.heard.push(detail))))"
    )
    await page.goto(f"{operator.url}/queue?show=mine")  # whatever is shown
    await page.mouse.click(5, 400)
    await expect(page.locator("#sound")).to_have_text("Sound on")
    await page.wait_for_function("() => window.heard.includes('P4')")
    assert "P3" not in await page.evaluate("window.heard")  # of that one somebody was told
    assert all("AudioContext" in complaint for complaint in operator.complaints)  # asleep until the click
    operator.complaints.clear()


async def test_alarm_while_the_server_is_down_rings_once_afterwards(
    centre: Centre, browser: Browser, homes: list[str], free_port: int
) -> None:
    await centre.user(language="en")
    async with AsyncExitStack() as seats:
        async with console_of(centre, free_port) as url:
            page = (await seats.enter_async_context(signed_in(browser, url))).page
            await start_shift(page)
            await expect(page.locator("#stale")).to_be_hidden()
        await centre.alarm(homes[0], "sos", Severity.P1)
        await page.evaluate(JUMP)
        await expect(page.locator("#stale")).to_contain_text("NO CONNECTION")
        await expect(page.locator("#live")).to_have_text("Connecting")
        await page.wait_for_function("() => window.heard.includes('stale')")
        async with console_of(centre, free_port):
            await expect(page.locator(ROWS)).to_have_count(1)
            await expect(page.locator("#stale")).to_be_hidden()
            await page.wait_for_function("() => window.heard.includes('P1')")
            await page.keyboard.press("Space")
            await expect(page.locator(f"{ROWS}.acked")).to_have_count(1)
            assert await rings([page]) == [1]


async def test_refused_stream_is_tried_again(
    centre: Centre, browser: Browser, console_url: str, homes: list[str]
) -> None:
    await centre.user(language="en")
    async with signed_in(browser, console_url) as seat:
        page = seat.page
        await page.add_init_script(NO_WORKER)  # a worker's stream cannot be refused by this test
        await page.route("**/events?*", lambda route: route.fulfill(status=503))
        await page.reload()
        await page.evaluate(JUMP)
        await expect(page.locator("#stale")).to_contain_text("NO CONNECTION")
        await centre.alarm(homes[0], "sos", Severity.P1)
        await expect(page.locator(ROWS)).to_have_count(1)
        await page.unroute("**/events?*")
        await page.evaluate(JUMP)
        await expect(page.locator("#stale")).to_be_hidden()


async def test_worker_that_cannot_start_is_replaced(
    centre: Centre, browser: Browser, console_url: str, homes: list[str]
) -> None:
    await centre.user(language="en")
    async with signed_in(browser, console_url) as seat:
        page = seat.page
        await page.add_init_script(
            "const Real = SharedWorker; window.SharedWorker = class { constructor() {"
            " return new Real('/static/nowhere.js', { type: 'module' }); } }"
        )
        await page.reload()
        async with asyncio.timeout(8):  # before the page would ask by itself
            while not centre.streams:
                await asyncio.sleep(0.05)
        await centre.alarm(homes[0], "sos", Severity.P1)
        await expect(page.locator(ROWS)).to_have_count(1)


async def test_computer_that_slept_asks_anew_at_once(
    centre: Centre, operator: Operator, homes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = operator.page
    await page.add_init_script(NO_WORKER)
    await page.reload()
    await expect(page.locator("#live")).to_contain_text("Live")
    (before,) = centre.streams
    await page.evaluate("{ const now = Date.now; Date.now = () => now() + 3_600_000; }")
    async with asyncio.timeout(8):
        while set(centre.streams) in (set(), {before}):
            await asyncio.sleep(0.05)
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(1)
