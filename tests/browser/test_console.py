"""The console in Chromium, on the real store and desk: alarms arrive and ring by themselves, keys do what they say."""

import asyncio
from urllib.parse import urlsplit

import pytest
from fixtures.browser import PASSWORD, Centre
from fixtures.casebook import brought_to_result, wish
from fixtures.desk_time import let_pass, take_the_engine
from fixtures.seats import Operator, signed_in, start_shift
from playwright.async_api import Browser, Route, expect

from community.desk import IncidentPage
from community.store import notices
from community.store.orders import rung_failed
from shouwang.alert import Severity
from shouwang.quantities import Quantity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)


async def test_case_arrives_in_the_open_queue_rings_and_is_acknowledged_by_keyboard(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await start_shift(page)
    await page.evaluate("window.sameDocument = true")
    await expect(page.locator("#empty")).to_be_visible()
    await centre.alarm(homes[0], "sos", Severity.P1)
    row = page.locator("#rows > .case")
    await expect(row).to_have_count(1)
    await expect(row).to_contain_text("the SOS button was pressed")
    await expect(page.locator("#say-now")).to_contain_text("LIFE: 王桂兰")
    await page.wait_for_function("() => window.heard.includes('P1')")
    await page.keyboard.press("Space")
    await expect(row).to_contain_text("taken")
    await expect(row).to_contain_text("you")
    assert await page.evaluate("window.sameDocument") is True
    (case,) = await centre.desk.queue()
    assert (case.state, case.owner) == ("ACKED", "zhang")


async def test_case_is_worked_through_by_keyboard_alone(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await centre.measure(homes[0], Quantity.SPO2, [95, 93, 88, 84])
    await centre.alarm(homes[0], "vital", Severity.P1)
    await expect(page.locator("#rows > .case")).to_have_count(1)
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.locator("#case h1")).to_contain_text("王桂兰")
    await expect(page.locator("sw-plot canvas")).to_be_visible()
    await page.keyboard.press("Space")
    await expect(page.locator("#case-head")).to_contain_text("taken: you")
    await page.keyboard.press("n")
    await page.keyboard.type("q j k ? she answered")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#timeline")).to_contain_text("q j k ? she answered")
    await page.check("form.resolve_remote [value=helped]")
    await page.fill("#resolve_remote-note", "son is there")
    await page.check("form.resolve_remote [name=spoke]")
    await page.click("form.resolve_remote > button")
    await expect(page.locator("#case-head")).to_contain_text("to be verified")
    await expect(page.locator("form.verify_ok")).to_have_count(0)  # not by whoever reported it
    await page.keyboard.press("q")
    await expect(page.locator("#rows > .case")).to_contain_text("to be verified")


async def test_case_is_verified_by_a_second_and_called_back_by_a_third(
    centre: Centre, browser: Browser, console_url: str, homes: list[str]
) -> None:
    await centre.alarm(homes[0], "sos", Severity.P1)
    (row,) = await centre.desk.queue()
    await brought_to_result(centre.desk.order, row)
    for login, command in (("li", "verify_ok"), ("wu", "revisit_ok")):
        await centre.user(login, login, language="en")
        async with signed_in(browser, console_url, login) as seat:
            await seat.page.goto(f"{console_url}/incidents/1")
            if command == "revisit_ok":
                await seat.page.check("form.revisit_ok [value='5']")
            await seat.page.click(f"form.{command} > button")
            await expect(seat.page.locator(f"form.{command}")).to_have_count(0)
    await expect_closed(centre)


async def expect_closed(centre: Centre) -> None:
    (row,) = await centre.desk.closed()
    assert (row.state, await centre.desk.queue()) == ("CLOSED", ())


async def test_held_space_bar_takes_one_case_only(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    for home in homes[:3]:
        await centre.alarm(home, "sos", Severity.P1)
    await expect(page.locator("#rows > .case")).to_have_count(3)
    await page.keyboard.down("Space")
    await expect(page.locator("#rows > .case.acked")).to_have_count(1)
    await page.evaluate("window.then = performance.now()")
    await page.wait_for_function("() => performance.now() > window.then + 1000")
    await page.keyboard.down("Space")
    await page.keyboard.up("Space")
    await centre.alarm(homes[3], "sos", Severity.P1)
    await expect(page.locator("#rows > .case")).to_have_count(4)
    assert [row.state for row in await centre.desk.queue()].count("ACKED") == 1


async def test_case_rings_before_the_queue_can_be_read(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await start_shift(page)
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/queue?part=live*", hold)
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.wait_for_function("() => window.heard.includes('P1')")
    held.set()
    await expect(page.locator("#rows > .case")).to_have_count(1)


async def test_rows_do_not_move_under_the_pointer(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sensor-silent", Severity.P3)
    rows = page.locator("#rows > .case")
    await expect(rows).to_have_count(1)
    await rows.first.hover()
    await centre.alarm(homes[1], "vital", Severity.P2)
    await expect(page.locator("#band")).to_contain_text("URGENT 1")
    await expect(rows).to_have_count(1)
    await centre.alarm(homes[2], "sos", Severity.P1)
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_contain_text("LIFE")
    await page.mouse.move(5, 5)
    await expect(rows).to_have_count(3)
    await expect(page.locator("#band")).to_be_hidden()
    order = await rows.evaluate_all("rows => rows.map((row) => row.dataset.priority)")
    assert order == ["P1", "P2", "P3"]


async def test_colleagues_acknowledgement_is_seen_at_once(centre: Centre, operator: Operator, homes: list[str]) -> None:
    await centre.user("li", "李敏")
    await centre.alarm(homes[0], "sos", Severity.P1)
    row = operator.page.locator("#rows > .case")
    await expect(row).to_have_count(1)
    (case,) = await centre.desk.queue()
    await centre.desk.order(wish("ack", case.incident_id, "li", version=case.version))
    await expect(row).to_contain_text("李敏")


async def test_ladder_at_its_end_is_loud_on_every_page_and_rings_until_somebody_acts(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await start_shift(page)
    await take_the_engine(centre)
    await centre.alarm(homes[0], "fall", Severity.P1)
    await page.locator("#nav summary").click()
    await page.locator('#nav a[href="/closed"]').click()
    await let_pass(centre, 480)
    bar = page.locator("#strip .call-120-bar")
    await expect(bar).to_contain_text("CALL 120 NOW")
    await expect(page.locator("#say-now")).to_contain_text("CALL 120 NOW")
    # in one step: the strip is drawn anew each time something is heard
    await page.wait_for_function(
        """() => {
            const box = document.querySelector("#strip .call-120-bar")?.getBoundingClientRect();
            return box && box.x === 0 && box.width === document.documentElement.clientWidth;
        }"""
    )
    heard = await page.evaluate("window.heard.length")
    await page.wait_for_function("(before) => window.heard.slice(before).includes('P1')", arg=heard)
    await page.locator('#nav a[href="/queue"]').click()
    await expect(page.locator("#rows > .case.loud")).to_contain_text("CALL 120 NOW")
    await centre.desk.order(wish("call_120", 1, reference="77"))
    await expect(page.locator("#rows > .case.loud")).to_have_count(0)


async def test_answers_of_the_script_stay_ticked_and_stand_in_the_timeline(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "fall", Severity.P1)
    await page.locator("#rows a.open").click()
    await page.keyboard.press("Space")
    await expect(page.locator("#actions")).to_contain_text("Not asked yet")
    for step, answer in (("called", "answered"), ("danger", "none"), ("conscious", "clear")):
        await page.check(f"#script [name=step-{step}][value={answer}]")
    await expect(page.locator("#timeline")).to_contain_text("Call them by name twice")
    await expect(page.locator("#script [name=step-called][value=answered]")).to_be_checked()
    await expect(page.locator("#actions")).not_to_contain_text("Not asked yet")


async def test_keys_of_the_case_page(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.locator("#rows a.open").click()
    await page.keyboard.press("Space")
    await expect(page.locator("#case-head")).to_contain_text("taken: you")
    await page.keyboard.press("r")
    await expect(page.locator("#release-reason")).to_be_focused()
    await page.keyboard.type("rd")
    await expect(page.locator("#release-reason")).to_have_value("rd")
    await page.keyboard.press("Escape")
    await page.keyboard.press("1")
    await expect(page.locator(".print-sheet h1")).to_contain_text("Sheet for 120")
    await page.go_back()
    await expect(page.locator("#case")).to_be_visible()
    await page.keyboard.press("d")
    await expect(page.locator("h1")).to_contain_text("Whom to send")


async def test_no_letter_beside_a_field_is_left_to_the_browser(operator: Operator) -> None:
    page = operator.page
    await page.evaluate("""window.left = [];
      addEventListener('keydown', (event) => { if (!event.defaultPrevented) window.left.push(event.key); })""")
    await page.keyboard.type("'x7")  # Firefox would search the page by what is typed next
    await page.keyboard.press("?")
    await expect(page.locator("#help")).to_be_visible()
    await page.keyboard.type("'/")
    await page.keyboard.press("Escape")
    await page.keyboard.press("/")
    await page.keyboard.type("it's")
    await expect(page.locator("#search")).to_have_value("it's")
    assert await page.evaluate("window.left") == ["Escape", *"it's"]


async def test_calls_are_shown_as_they_are_made(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await take_the_engine(centre)
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.locator("#rows a.open").click()
    await expect(page.locator("#calls")).to_contain_text("Nobody has been called")
    await let_pass(centre, 1)
    await expect(page.locator("#calls")).to_contain_text("about to be called")
    now = centre.clock.now
    await centre.store.write(lambda connection: notices.turn(connection, now, 0, rung_failed))
    await expect(page.locator("#calls")).to_contain_text("张琳 on the console arrived")


async def test_typed_words_survive_a_new_alarm(centre: Centre, operator: Operator, homes: list[str]) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.locator("#rows a.open").click()
    await expect(page.locator("#case")).to_be_visible()
    await page.keyboard.press("Space")
    await page.fill("#resolve_remote-note", "she is well")
    centre.clock.later(seconds=5)
    await centre.alarm(homes[0], "fall", Severity.P1)
    await expect(page.locator("#timeline")).to_contain_text("radar-bath")
    await expect(page.locator("#case-changed")).to_be_visible()
    await expect(page.locator("#resolve_remote-note")).to_have_value("she is well")


@pytest.mark.parametrize("way", ["link", "reload"])
async def test_alarm_while_the_page_is_on_its_way_is_shown(
    centre: Centre, operator: Operator, homes: list[str], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator("#rows > .case")).to_have_count(1)
    read = centre.desk.incident

    async def slow(incident_id: int) -> IncidentPage | None:
        monkeypatch.undo()
        before = await read(incident_id)
        async with centre.desk.bells() as rung:
            await centre.alarm(homes[0], "fall", Severity.P1)
            await anext(rung)
        if way == "link":
            await expect(page.locator("#rows > .case")).to_contain_text("2 alarms")
        return before

    monkeypatch.setattr(centre.desk, "incident", slow)
    if way == "link":
        await page.locator("#rows a.open").click()
    else:
        await page.goto(f"{operator.url}/incidents/1")
    await expect(page.locator("#timeline")).to_contain_text("radar-bath")


async def test_ended_shift_is_shown_on_the_open_page(centre: Centre, operator: Operator, homes: list[str]) -> None:
    centre.clock.later(hours=13)
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(operator.page.locator("#stale")).to_contain_text("Your shift has ended")
    assert all("401" in complaint for complaint in operator.complaints)
    operator.complaints.clear()


async def test_case_is_acknowledged_without_javascript(
    centre: Centre, console_url: str, browser: Browser, homes: list[str]
) -> None:
    await centre.user(language="en")
    await centre.alarm(homes[0], "sos", Severity.P1)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{console_url}/login")
    await page.fill("#login", "zhang")
    await page.fill("#password", PASSWORD)
    await page.click("form.door button")
    await expect(page.get_by_text("The live part of this page is not running")).to_be_visible()
    await page.click("form.ack button")
    await expect(page.locator("#rows > .case")).to_contain_text("taken")
    await context.close()


async def test_back_button_and_language_keep_the_page_whole(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.evaluate("window.sameDocument = true")
    await page.locator("#rows a.open").click()
    await expect(page.locator("#case")).to_be_visible()
    await page.go_back()
    await expect(page.locator("#rows > .case")).to_have_count(1)
    await expect(page.locator("#nav [aria-current]")).to_have_text("Queue")
    await centre.alarm(homes[1], "sos", Severity.P1)
    await expect(page.locator("#rows > .case")).to_have_count(2)
    assert await page.evaluate("window.sameDocument") is True
    await page.locator("#rows a.open").first.click()
    await expect(page.locator("#case")).to_be_visible()
    await page.click(".tools form.language button")
    await expect(page.locator("#actions")).to_contain_text("现在要做")
    assert urlsplit(page.url).path == "/incidents/1"


async def test_every_target_is_large_enough_and_every_text_readable(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    hazards = ["sos", "vital", "sensor-silent", "medicine"]
    for home, hazard, severity in zip(homes, hazards, Severity, strict=True):
        await centre.alarm(home, hazard, severity)
    await expect(page.locator("#rows > .case")).to_have_count(4)
    for path in ("/queue", "/incidents/1", "/closed", "/gateways", "/gateways/gw-1"):
        for width in (1280, 640, 390):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(operator.url + path)
            assert await page.evaluate(SMALL_TARGETS) == []
            assert await page.evaluate(FAINT_TEXT) == []
            assert await page.evaluate(TOO_WIDE) == [], (path, width)


SMALL_TARGETS = """() => [...document.querySelectorAll('button, a[href], input, summary')]
  .filter((node) => node.type !== 'hidden')
  .map((node) => ['radio', 'checkbox'].includes(node.type) ? node.closest('label') : node)
  .filter((node) => node.offsetParent && !node.classList.contains('skip') && !node.closest('dialog:not([open])'))
  .filter((node) => { const box = node.getBoundingClientRect(); return box.width < 43.5 || box.height < 43.5; })
  .map((node) => node.outerHTML.slice(0, 80))"""

TOO_WIDE = """() => document.documentElement.scrollWidth <= innerWidth ? []
  : [...document.querySelectorAll('body *')]
    .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => node.outerHTML.slice(0, 90))"""

FAINT_TEXT = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll('body *')) {
    const says = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!says || !node.checkVisibility() || ['SCRIPT', 'OPTION'].includes(node.tagName)) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => x - y);
    if ((b + 0.05) / (a + 0.05) < 4.5) faint.push(node.outerHTML.slice(0, 120));
  }
  return faint;
}"""
