"""What a browser tells of its sound, in Chromium: one report for all tabs, silence with its reason, storms at once."""

import asyncio
from urllib.parse import parse_qs

import pytest
import sqlalchemy as sa
from fixtures.browser import Centre
from fixtures.seats import Operator, more_tabs, start_shift
from playwright.async_api import Page, Request, Route, expect

from community.store.ring_schema import case_rings
from shouwang.alert import Severity

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_WAIT_S = 30.0
KEEP_AUDIO = "window.AudioContext = class extends AudioContext { constructor() { super(); window.audio = this; } }"
FROZEN = "() => { const at = performance.now(); window.more = 0; performance.now = () => at + window.more; }"
LATER = """() => { window.more = 6500; return import(document.querySelector('script[type=module]').src
  .replace('main.js', 'clock.js')).then(({ seconds }) => new Promise((resolve) => {
    let ticks = 0; seconds.addEventListener('second', () => ++ticks === 2 && resolve()); })) }"""
"""The page's monotonic clock stands; then it goes on by more than a desk waits before it calls itself mute."""
NOT_YET = LATER.replace("6500", "4000")


class Told:
    """What the browser posts, in order: kind and case of each report."""

    def __init__(self, page: Page) -> None:
        self.posts: list[list[str]] = []
        page.context.on("request", self._see)

    def _see(self, request: Request) -> None:
        if request.url.endswith("/rings"):
            found = parse_qs(request.post_data or "")
            self.posts.append([f"{kind} {one}" for kind in ("rang", "mute") for one in found.get(kind, [])])

    async def until(self, number: int) -> list[list[str]]:
        """Once there are so many posts."""
        async with asyncio.timeout(_WAIT_S):
            while len(self.posts) < number:
                await asyncio.sleep(0.02)
        return self.posts


Row = dict[str, object]


async def kept(centre: Centre, number: int, column: str = "rang_at") -> list[Row]:
    """The rows, once so many have this."""
    asked = sa.select(case_rings).where(case_rings.c[column].is_not(None)).order_by(case_rings.c.incident_id)
    async with asyncio.timeout(_WAIT_S):
        while True:
            rows: list[Row] = await centre.store.read(lambda one: [dict(row) for row in one.execute(asked).mappings()])
            if len(rows) >= number:
                return rows
            await asyncio.sleep(0.02)


async def test_six_tabs_are_one_report(centre: Centre, operator: Operator, homes: list[str]) -> None:
    await start_shift(operator.page)
    await more_tabs(operator.page.context, operator.url, 5)
    told = Told(operator.page)
    for number, home in enumerate(homes[:2], 1):
        await centre.alarm(home, "sos", Severity.P1)
        (*_, row) = await kept(centre, number)
        assert row["cause"] == "opened"
        assert row["was_visible"] is not None
        assert 20 <= int(str(row["after_ms"])) < 60_000
    assert [[one.split(":")[0] for one in post] for post in told.posts] == [["rang 1"], ["rang 2"]]


async def test_stopped_sound_is_told_once_as_silence_and_the_ring_that_comes_later_too(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await page.context.add_init_script(KEEP_AUDIO)
    await page.reload()
    await start_shift(page)
    (second,) = await more_tabs(page.context, operator.url, 1)
    told = Told(page)
    for tab in (page, second):
        await tab.evaluate(FROZEN)
        await tab.evaluate("window.audio.suspend()")
    for tab in (page, second):  # both know that nobody in this browser can ring
        await expect(tab.locator("#sound")).to_have_text("Sound is off: press here", timeout=15_000)
    await centre.alarm(homes[0], "sos", Severity.P1)
    for tab in (page, second):
        await tab.wait_for_function("() => document.querySelectorAll('#rows > .case').length === 1")
    await page.evaluate(NOT_YET)
    assert told.posts == []  # the sound may come back yet
    await second.evaluate(LATER)
    assert told.posts == []  # one tab tells it for all
    await page.evaluate(LATER)
    (row,) = await kept(centre, 1, "mute_at")
    assert (row["mute"], row["rang_at"]) == ("suspended", None)
    await page.mouse.click(5, 400)
    (row,) = await kept(centre, 1)
    assert [post[0].split(":")[0] for post in told.posts] == ["mute 1", "rang 1"]
    operator.complaints[:] = [said for said in operator.complaints if "AudioContext" not in said]  # asleep till a click


async def test_storm_is_told_at_once_and_forgotten_while_the_server_is_away(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await page.add_init_script("Math.random = () => 0")
    await page.reload()
    await start_shift(page)
    is_away = True

    async def answer(route: Route) -> None:
        if is_away:
            await route.fulfill(status=503)
        else:
            await route.continue_()

    await page.route("**/rings", answer)
    told = Told(page)
    for number in range(5, 15):
        await centre.home(number, f"{number}号楼", "李建国", 1940)
    await asyncio.gather(*(centre.alarm(f"gw-{number}", "sos", Severity.P1) for number in range(5, 15)))
    async with asyncio.timeout(_WAIT_S):
        while sum(map(len, told.posts)) < 20:
            await asyncio.sleep(0.02)
    assert len(told.posts) <= 6  # ten cases, each told twice
    is_away = False
    await centre.alarm(homes[0], "sos", Severity.P1)
    (row,) = await kept(centre, 1)
    assert row["incident_id"] == 11
    assert [one.split(":")[0] for one in told.posts[-1]] == ["rang 11"]
    operator.complaints[:] = [said for said in operator.complaints if "503" not in said and "AudioContext" not in said]
