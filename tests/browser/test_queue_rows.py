"""Many rows in Chromium: those far out of sight are found, read out and right; what has not changed is not touched."""

import pytest
from fixtures.browser import Centre
from fixtures.casebook import wish
from fixtures.desk_time import run_on
from fixtures.seats import Operator
from playwright.async_api import Page, Response, Route, expect

from shouwang.alert import Severity

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect.set_options(timeout=15_000)

ROWS = "#rows > .case"
MANY = 40
"""Rows: some screens of them."""
_CLOCKS = "([first, last]) => [first, last].map((id) => document.querySelector(`#${id} sw-age`).textContent)"
_WATCH = """() => { window.put = new Set();
  window.watch ??= new MutationObserver((all) =>
    all.forEach(({addedNodes}) => addedNodes.forEach(({id}) => window.put.add(id))));
  window.watch.observe(document.getElementById('rows'), {childList: true}); }"""
_PUT = "() => [...window.put].sort()"
"""Rows that were put into the list since: new, drawn anew or moved."""
_SLOW = """() => { const now = performance.now.bind(performance); let more = 0;
  performance.now = () => now() + (more += 25); }"""
"""Each look at the time finds that the time for one piece of work is over."""


@pytest.fixture
async def crowd(centre: Centre, operator: Operator) -> Page:
    """The queue with many lives, as it was read."""
    run_on(centre)
    await centre.home(1000 + MANY, "9号楼", "周远山", 1940)
    for number in range(1, MANY + 1):
        await centre.alarm(f"gw-{1000 + number}", "sos", Severity.P1)
    await operator.page.goto(f"{operator.url}/queue")
    await expect(operator.page.locator(ROWS)).to_have_count(MANY)
    return operator.page


async def test_row_far_out_of_sight_is_found_read_out_and_has_the_right_time(centre: Centre, crowd: Page) -> None:
    page = crowd
    ends = ["case-1", f"case-{MANY}"]
    await page.wait_for_function(f"(ids) => new Set(({_CLOCKS})(ids)).size === 2", arg=ends)  # only the near one runs
    assert await page.evaluate("() => find('周远山')")  # as Ctrl-F does
    session = await page.context.new_cdp_session(page)
    tree = await session.send("Accessibility.getFullAXTree")
    named = [node.get("name", {}).get("value", "") for node in tree["nodes"] if not node["ignored"]]
    assert "周远山" in named
    assert named.count("Acknowledge Space") + named.count("Acknowledge") >= MANY  # each row's button, seen or not
    await page.evaluate("() => { getSelection().removeAllRanges(); scrollTo(0, 0); }")
    await page.keyboard.press("k")  # from nowhere: the last one
    last = page.locator(f"#case-{MANY}")
    await expect(last).to_be_in_viewport()
    await expect(last.locator("a.open")).to_be_focused()
    await page.wait_for_function(f"(ids) => new Set(({_CLOCKS})(ids)).size === 2", arg=ends)  # now the first stands
    await page.keyboard.press("j")
    await expect(last.locator("a.open")).to_be_focused()  # there is none below
    await page.evaluate("() => scrollTo(0, 0)")
    await page.wait_for_function(f"(ids) => ({_CLOCKS})(ids)[0] >= ({_CLOCKS})(ids)[1]", arg=ends)


async def test_changed_row_out_of_sight_comes_alone_and_all_others_are_left_as_they_are(
    centre: Centre, crowd: Page
) -> None:
    page = crowd
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "part=live" in answer.url else None)
    await centre.user("li", "李敏")
    await page.evaluate(_WATCH)
    (row,) = [one for one in await centre.desk.queue() if one.incident_id == MANY]
    await centre.desk.order(wish("ack", MANY, "li", version=row.version))
    await expect(page.locator(f"#case-{MANY}")).to_contain_text("李敏")
    assert await page.evaluate(_PUT) == [f"case-{MANY}"]
    assert (await answers[0].text()).count('<li class="case') == 1
    await page.keyboard.press("Space")  # the topmost goes to its place below the open ones, and it alone is moved
    await expect(page.locator("#case-1.acked")).to_have_count(1)
    await page.wait_for_function("() => document.querySelector('#rows > .case').id === 'case-2'")
    assert await page.evaluate(_PUT) == ["case-1", f"case-{MANY}"]
    states = await page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.dataset.state)")
    assert states == ["OPEN"] * (MANY - 2) + ["ACKED"] * 2


async def test_page_that_lacks_what_the_server_thinks_it_has_reads_all_again(centre: Centre, crowd: Page) -> None:
    page = crowd
    lost = {
        "() => { document.getElementById('rows').dataset.drawn = 'another-7'; }": [],  # the server began anew
        "() => document.getElementById('case-7').remove()": ["case-7"],
        "() => Object.assign(document.getElementById('case-8').dataset, {version: '0', stamp: 'old'})": ["case-8"],
        "() => document.getElementById('case-9').classList.add('gone')": ["case-9"],
    }
    for more, (damage, anew) in enumerate(lost.items(), 1):
        await page.evaluate(_WATCH)
        await page.evaluate(damage)
        await centre.alarm(f"gw-{5000 + more}", "sos", Severity.P1)
        await expect(page.locator(ROWS)).to_have_count(MANY + more)
        await page.wait_for_function(
            "() => /^[0-9a-f]{12}-[0-9]+$/.test(document.getElementById('rows').dataset.drawn)"
        )
        order = await page.locator(ROWS).evaluate_all("rows => rows.map((row) => row.id)")
        assert order == [f"case-{row.incident_id}" for row in await centre.desk.queue()]
        assert await page.evaluate(_PUT) == sorted([*anew, f"case-{MANY + more}"])


async def test_many_changes_are_put_in_piece_by_piece_and_none_is_lost(centre: Centre, crowd: Page) -> None:
    page = crowd
    await centre.user("li", "李敏")
    await page.evaluate(_SLOW)
    for incident_id, login in ((3, "li"), (17, "li"), (MANY, "zhang")):
        await centre.desk.order(wish("ack", incident_id, login, version=1))
    for number in range(4):
        await centre.alarm(f"gw-{5000 + number}", "vital", Severity.P2)
    await expect(page.locator(ROWS)).to_have_count(MANY + 4)
    await expect(page.locator(f"{ROWS}.acked")).to_have_count(3)
    there = [f"case-{row.incident_id}" for row in await centre.desk.queue()]
    await page.wait_for_function(
        "(there) => [...document.querySelectorAll('#rows > .case')].map((row) => row.id).join() === there.join()",
        arg=there,
    )
    await expect(page.locator("#band")).to_be_hidden()


async def test_strip_is_right_on_the_page_to_which_one_goes_back(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await page.locator("#rows a.open").click()
    await expect(page.locator("#strip .waiting b")).to_have_text("1 case is waiting")
    await page.keyboard.press("q")
    await expect(page.locator(ROWS)).to_have_count(1)
    await centre.alarm(homes[1], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(2)
    await page.go_back()
    await expect(page.locator("#strip .waiting b")).to_have_text("2 cases are waiting")


async def test_alarm_while_another_page_is_on_its_way_stands_on_its_strip(
    centre: Centre, operator: Operator, homes: list[str]
) -> None:
    page = operator.page
    await centre.alarm(homes[0], "sos", Severity.P1)
    await expect(page.locator(ROWS)).to_have_count(1)

    async def late(route: Route) -> None:
        drawn = await route.fetch()
        await centre.alarm(homes[1], "sos", Severity.P1)
        await expect(page.locator(ROWS)).to_have_count(2)  # the page that is still open has heard of it
        await route.fulfill(response=drawn)

    await page.route("**/closed", late)
    await page.locator("#nav summary").click()
    await page.locator('#nav a[href="/closed"]').click()
    await expect(page.locator("#strip .waiting b")).to_have_text("2 cases are waiting")
