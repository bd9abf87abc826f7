"""Every page of the console as people get it: accessible, whole at 200 % zoom, quiet, and alone with its own server."""

import os

import pytest
from axe_playwright_python.async_playwright import Axe
from fixtures.browser import Centre
from fixtures.pseudo import VISIBLE, Pseudo, untranslated
from fixtures.showcase import DESK_WIDTH, PAGES, Shown, showcase
from fixtures.showing import Tab, Viewer
from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
WALKS = 4
"""Each fills a centre, which takes as long as to look at a few pages, and no test may take minutes."""
RECORDS = {"admin-changes"}
"""What was written down when it happened, in the words of the record."""
ZOOMED = DESK_WIDTH // 2
"""A desk's screen at 200 % (WCAG 2.2, 1.4.4 and 1.4.10)."""

TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll('body *')]
    .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 1)
    .filter((node) => {
      for (let up = node.parentElement; up !== document.body; up = up.parentElement)
        if (getComputedStyle(up).overflowX !== 'visible') return false;
      return true;
    })
    .map((node) => node.outerHTML.slice(0, 90))"""
SMALL_TARGETS = """() => [...document.querySelectorAll('button, a[href], input, select, textarea, summary')]
  .filter((node) => node.type !== 'hidden')
  .map((node) => ['radio', 'checkbox'].includes(node.type) ? node.closest('label') : node)
  .filter((node) => node && node.checkVisibility() && !node.classList.contains('skip'))
  .filter((node) => !node.closest('dialog:not([open]), svg') && getComputedStyle(node).display !== 'inline')
  .filter((node) => { const box = node.getBoundingClientRect(); return box.width < 43.5 || box.height < 43.5; })
  .map((node) => node.outerHTML.slice(0, 90))"""


async def faults(tab: Tab) -> list[str]:
    """All that is wrong with the page that stands open."""
    height = await tab.page.evaluate("document.documentElement.scrollHeight")
    await tab.page.set_viewport_size({**tab.page.viewport_size, "height": min(height, 4000)})  # nothing is covered
    found = [f"says: {complaint}" for complaint in tab.complaints]
    found += [f"asks another server: {stranger}" for stranger in tab.strangers]
    for broken in (await Axe().run(tab.page, options=RULES)).response["violations"]:
        found += [f"{broken['id']}: {broken['help']}: {node['html'][:120]}" for node in broken["nodes"][:3]]
    found += [f"too small: {target}" for target in await tab.page.evaluate(SMALL_TARGETS)]
    await tab.page.set_viewport_size({"width": min(ZOOMED, tab.page.viewport_size["width"]), "height": 800})
    return found + [f"too wide at 200 %: {node}" for node in (await tab.page.evaluate(TOO_WIDE))[:5]]


async def words_left(tab: Tab) -> list[str]:
    """What the page says without asking a catalogue."""
    said = [untranslated(text) for text in await tab.page.evaluate(VISIBLE)]
    return [f"untranslated: {words[:120]}" for words in said if words]


def wanted(walk: int) -> list[Shown]:
    """The pages of this walk; with SHOUWANG_PAGE those whose names begin so."""
    return [one for one in PAGES[walk::WALKS] if one.name.startswith(os.environ.get("SHOUWANG_PAGE", ""))]


@pytest.mark.parametrize("walk", range(WALKS))
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_every_page_is_fit_for_people(centre: Centre, browser: Browser, language: str, walk: int) -> None:
    found: list[str] = []
    async with showcase(centre) as shown, Viewer(browser, shown, language) as viewer:
        for page in wanted(walk):
            async with viewer.open(page) as tab:
                found += [f"{page.name} {fault}" for fault in await faults(tab)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("walk", range(WALKS))
async def test_no_page_says_a_word_that_no_catalogue_knows(centre: Centre, browser: Browser, walk: int) -> None:
    """In a language whose words are all longer and stand in brackets."""
    found: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("community.web.pages.translations", lambda _: Pseudo())
        async with showcase(centre) as shown, Viewer(browser, shown, "zh") as viewer:
            for page in wanted(walk):
                async with viewer.open(page, width=min(ZOOMED, page.width)) as tab:
                    if page.name not in RECORDS:
                        found += [f"{page.name} {fault}" for fault in await words_left(tab)]
                    wide = await tab.page.evaluate(TOO_WIDE)
                    found += [f"{page.name} too wide with longer words: {node}" for node in wide[:5]]
    assert not found, "\n".join(found)
