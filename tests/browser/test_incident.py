"""The page of a case in Chromium: a whole emergency without a mouse, readings that come in, a code that hides again."""

from dataclasses import replace

import pytest
from fixtures.browser import Centre
from fixtures.casebook import wish
from fixtures.seats import Operator, signed_in
from fixtures.sent_out import PEOPLE, bring_in
from playwright.async_api import Browser, Page, expect

from community.casefile import Disposition
from community.registry_sealing import Safe
from community.store import people_key_safes
from community.web import streams
from community.web.access import CODE_SHOWN_S
from shouwang.alert import Severity
from shouwang.quantities import Quantity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)
FAR = 90
"""No part of the page is more presses of the tab key away."""


async def tab_to(page: Page, selector: str) -> None:
    """As somebody without a mouse goes there."""
    for _ in range(FAR):
        await page.keyboard.press("Tab")
        if await page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by keyboard")


async def answer(page: Page, step: str, *, moves: int = 0) -> None:
    """Tick an answer of a step: the first one, or so many further on."""
    await tab_to(page, f"#script [name=step-{step}]")
    await page.keyboard.press("Space")
    for _ in range(moves):
        await page.keyboard.press("ArrowRight")
    await expect(page.locator("#script .saved")).to_have_text("Saved")


async def test_whole_emergency_by_keyboard_alone(
    centre: Centre, operator: Operator, browser: Browser, console_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_mouse(*_: object, **__: object) -> None:
        raise AssertionError("this emergency has no mouse")

    page = operator.page
    for name in ("click", "dblclick", "move", "down"):
        monkeypatch.setattr(page.mouse, name, no_mouse)
    box = await centre.home(501, "3号楼2-501", "王桂兰", 1944, conditions=["冠心病"])
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    await centre.alarm(box, "fall", Severity.P1)
    await expect(page.locator("#rows > .case")).to_have_count(1)
    await page.keyboard.press("Space")
    await expect(page.locator("#rows > .case")).to_contain_text("taken")
    await page.keyboard.press("Enter")
    await expect(page.locator("#case-head")).to_contain_text("taken: you")
    await answer(page, "called", moves=1)
    await expect(page.locator("#timeline")).to_contain_text("no answer")
    assert await page.evaluate("document.activeElement.name") == "step-called", "the focus stays where he ticks"
    await answer(page, "conscious")
    await answer(page, "danger", moves=1)
    await expect(page.locator("#actions")).not_to_contain_text("Not asked yet")
    await page.keyboard.press("d")  # though the focus is at a tick
    await expect(page.locator("h1")).to_contain_text("Whom to send")
    await tab_to(page, "form.card button.primary")
    await page.keyboard.press("Enter")
    await expect(page.locator("#case-head")).to_contain_text("Waiting for an answer")
    await goes_there(centre, page)
    for login, command in (("li", "verify_ok"), ("wu", "revisit_ok")):
        await centre.user(login, login, language="en")
        async with signed_in(browser, console_url, login) as seat:
            await by_colleague(seat.page, command)
    await expect(page.locator("#case-head")).to_contain_text("closed")
    (row,) = await centre.desk.closed()
    assert (row.state, row.disposition) == ("CLOSED", Disposition.HELPED)


async def goes_there(centre: Centre, page: Page) -> None:
    """The responder who was asked accepts, arrives and reports on his own phone; the open page tells of each."""
    shown = await centre.desk.incident(1)
    assert shown is not None
    who = shown.case.offers[0].to
    given = wish("", 1, who, role="responder")
    steps: tuple[tuple[str, dict[str, object], str], ...] = (
        ("accept", {"eta_min": 4}, "Help is on the way"),
        ("arrive", {}, "Help is there"),
        ("report", {"disposition": Disposition.HELPED, "text": "扶起，无外伤"}, "to be verified"),
    )
    for command, more, said in steps:
        await centre.desk.order(replace(given, command=command, command_id=f"phone-{command}", **more))
        await expect(page.locator("#case-head")).to_contain_text(said)


async def by_colleague(page: Page, command: str) -> None:
    """From his own queue to the order that his page shows large, and on to its button."""
    await expect(page.locator("#rows > .case")).to_have_count(1)
    await page.keyboard.press("Enter")
    await tab_to(page, f'#case-head a[href="#order-{command}"]')
    await page.keyboard.press("Enter")
    if command == "revisit_ok":
        await tab_to(page, "form.revisit_ok [name=score]")
        await page.keyboard.press("ArrowLeft")  # from the first round to the last: five
    await tab_to(page, f"form.{command} > button")
    await page.keyboard.press("Enter")
    await expect(page.locator(f"form.{command}")).to_have_count(0)


async def test_letters_at_a_tick_lead_nowhere_while_the_words_of_its_form_would_be_lost(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "fall", Severity.P1)
    await page.goto(f"{operator.url}/incidents/1")
    await page.keyboard.press("Space")
    await expect(page.locator("#case-head")).to_contain_text("taken: you")
    await page.locator("#resolve_remote-note").fill("she sits up")
    tick = page.locator("form.resolve_remote [value=helped]")
    await tick.check()
    for key in ("q", "d", "1"):
        await page.keyboard.press(key)
    await page.keyboard.press("n")  # what stays on the page is there as ever
    await expect(page.locator("#note-note")).to_be_focused()
    await expect(page.locator("#resolve_remote-note")).to_have_value("she sits up")
    assert page.url == f"{operator.url}/incidents/1"
    await page.locator("#resolve_remote-note").fill("")
    await tick.focus()
    await page.keyboard.press("d")
    await expect(page.locator("h1")).to_contain_text("Whom to send")


async def test_readings_come_into_the_open_case_and_grow_old(
    centre: Centre, operator: Operator, homes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PING_S", 0.2)
    page = operator.page
    await centre.measure(homes[0], Quantity.SPO2, [95, 93, 88, 84])
    await centre.alarm(homes[0], "vital", Severity.P1)
    await page.goto(f"{operator.url}/incidents/1")
    tile = page.locator("#latest li").first
    await expect(tile).to_contain_text("84")
    await expect(page.locator("sw-plot canvas")).to_be_visible()
    await page.locator("figure.series summary").click()
    await page.evaluate("window.canvas = document.querySelector('sw-plot canvas')")
    centre.clock.later(seconds=20)
    await centre.measure(homes[0], Quantity.SPO2, [91])
    await expect(tile).to_contain_text("91")
    await expect(tile).to_contain_text("good")
    await expect(page.locator("figure.series tbody").last).to_contain_text("91 %")
    assert await page.evaluate("window.canvas === document.querySelector('sw-plot canvas')"), "the plot goes on"
    assert await page.locator("figure.series details").get_attribute("open") is not None
    centre.clock.later(minutes=4)
    await expect(tile.locator("sw-ago")).to_have_class("stale")
    await expect(tile).to_contain_text("4 min ago")


async def test_key_safe_code_hides_again_by_itself_and_on_leaving(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page, now = operator.page, centre.clock.now
    await centre.store.write(
        lambda connection: people_key_safes.put(connection, "home-1", "47#11", Safe(), hint="门框", by="li", at=now)
    )
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.clock.install()
    await page.goto(f"{operator.url}/incidents/1")
    code = page.locator(".key-safe-code")
    await expect(page.locator("html.lively")).to_be_attached()
    await page.locator("form.key-safe button").click()
    await expect(code).to_contain_text("47#11")
    await page.clock.run_for((CODE_SHOWN_S - 2) * 1000)
    await expect(code).to_contain_text("47#11")
    await page.clock.run_for(3000)
    await expect(code).to_have_count(0)
    await page.locator("form.key-safe button").click()
    await expect(code).to_contain_text("47#11")
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    await expect(code).to_have_count(0)


async def test_head_stays_in_sight_and_a_half_written_word_stays_where_it_is(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "fall", Severity.P1)
    await page.goto(f"{operator.url}/incidents/1")
    await page.keyboard.press("Space")
    await expect(page.locator("#case-head")).to_contain_text("taken: you")
    await page.locator("#resolve_remote-note").fill("she sits up")
    await page.evaluate("scrollTo(0, 400)")
    await expect(page.locator("#case-head")).to_be_in_viewport()
    await page.locator("#script [name=step-called]").first.check()
    await expect(page.locator("#timeline")).to_contain_text("they answer")
    await expect(page.locator("#case-changed")).to_be_hidden()  # his own tick is no news to him
    await page.locator("form.resolve_remote [value=helped]").check()
    await page.locator("form.resolve_remote [name=spoke]").check()
    await page.locator("form.resolve_remote > button").click()
    await expect(page.locator("#case-head")).to_contain_text("to be verified")
