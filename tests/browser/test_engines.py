"""The console in Firefox and in WebKit (Safari's engine): an alarm rings, a case is worked through, pages stay whole.

Asked for by `-m engines` (`./dev test --engines`); with a sound server of its own, since neither plays without one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fixtures.browser import PASSWORD, Centre, dispatch_of
from fixtures.casebook import wish
from fixtures.ear import Ear, ear
from fixtures.engines import ENGINES, Engine
from fixtures.seats import LISTEN
from fixtures.sent_out import PEOPLE, bring_in
from fixtures.showcase import PAGES, PHONE_WIDTH, ROLES, Showcase, Shown, showcase

from shouwang.alert import Severity
from shouwang.quantities import Quantity

pytestmark = [pytest.mark.engines, pytest.mark.browser, pytest.mark.slow]

ROWS = "document.querySelectorAll('#rows > .case').length"
PARTS = ("login", "queue", "incident", "plan", "wall", "family", "account", "resident", "send", "admin")
"""Pages whose names begin so are looked at: at least one of each script and sheet."""
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth ? [document.documentElement.scrollWidth, innerWidth] : []"
STRANGERS = """performance.getEntriesByType('resource').map((one) => one.name)
  .filter((name) => name.startsWith('http') && !name.startsWith(location.origin))"""
OUTLINED = "getComputedStyle(document.activeElement).outlineStyle !== 'none' && document.activeElement.tagName"


@pytest.fixture(params=list(ENGINES))
def which(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def loudspeaker(tmp_path: Path) -> AsyncIterator[Ear]:
    async with ear(tmp_path) as found:
        yield found


@asynccontextmanager
async def seat(which: str, url: str, login: str = "zhang") -> AsyncIterator[Engine]:
    """Somebody who has logged in, in this engine."""
    async with ENGINES[which]() as engine:
        await engine.resize(1440, 900)
        await engine.go(f"{url}/login")
        await engine.fill("#login", login)
        await engine.fill("#password", PASSWORD)
        await engine.type("Enter")
        await engine.until("!location.pathname.startsWith('/login') && document.readyState === 'complete'")
        yield engine


async def begin_shift(engine: Engine) -> None:
    await engine.until("document.querySelector('#live').textContent.includes(' s')")
    await engine.run(LISTEN)
    await engine.click("#sound")
    await engine.until("window.heard.includes('test')")
    await engine.click("[data-heard=yes]")
    await engine.until("document.querySelector('#sound').textContent === 'Sound on'")


async def home(centre: Centre) -> str:
    await centre.user(language="en")
    return await centre.home(1, "1号楼", "王桂兰", 1940)


async def test_alarm_rings_in_a_hidden_tab_and_is_taken_by_key(
    centre: Centre, console_url: str, which: str, loudspeaker: Ear
) -> None:
    box = await home(centre)
    async with seat(which, console_url) as engine:
        await begin_shift(engine)
        await loudspeaker.falls_silent()
        if await engine.cover():
            await engine.until("document.hidden")
        await centre.alarm(box, "sos", Severity.P1)
        await engine.until("window.heard.includes('P1')")
        await loudspeaker.hears()
        await engine.uncover()
        await engine.until(f"{ROWS} === 1")
        await engine.until("document.querySelector('#say-now').textContent.includes('LIFE: 王桂兰')")
        await engine.type(" ")
        await engine.until("document.querySelector('#rows > .case.acked')")
        assert engine.complaints == []
    (case,) = await centre.desk.queue()
    assert (case.state, case.owner) == ("ACKED", "zhang")


async def test_line_is_kept_without_a_shared_worker(centre: Centre, console_url: str, which: str) -> None:
    box = await home(centre)
    async with seat(which, console_url) as engine:
        await engine.until("document.querySelector('#live').textContent.includes(' s')")
        bus = "import(document.querySelector('script[type=module]').src.replace('main.js', 'bus.js'))"
        await engine.run("void (window.SharedWorker = undefined)")
        await engine.run(f"{bus}.then((found) => found.listen())")
        await centre.alarm(box, "sos", Severity.P1)
        await engine.until(f"{ROWS} === 1")
        assert engine.complaints == []


async def test_case_is_taken_by_form_and_worked_through(centre: Centre, console_url: str, which: str) -> None:
    box = await home(centre)
    await centre.measure(box, Quantity.SPO2, [95, 93, 88, 84])
    await centre.alarm(box, "vital", Severity.P1)
    async with seat(which, console_url) as engine:
        await engine.until("document.querySelector('#live').textContent.includes(' s')")  # nothing moves any more
        await engine.click("form.ack button")
        await engine.until("document.querySelector('#rows > .case.acked')")
        await engine.click("#rows a.open")
        await engine.until("document.querySelector('sw-plot canvas')?.getBoundingClientRect().width > 100")
        await engine.type("n")
        await engine.type("q j k ? she answered")
        await engine.type("Tab")
        assert await engine.run(OUTLINED) == "BUTTON"
        await engine.type("Enter")
        await engine.until("document.querySelector('#timeline').innerText.includes('q j k ? she answered')")
        await engine.type("?")
        await engine.until("document.querySelector('dialog[open]')")
        await engine.type("Escape")
        await engine.until("!document.querySelector('dialog[open]')")
        await engine.click("form.resolve_remote [value=helped]")
        await engine.fill("#resolve_remote-note", "son is there")
        await engine.click("form.resolve_remote [name=spoke]")
        await engine.click("form.resolve_remote > button")
        await engine.until("document.querySelector('#case-head').innerText.includes('to be verified')")
        assert engine.complaints == []
    (row,) = await centre.desk.queue()
    assert row.state == "FEEDBACK"


async def test_whole_case_is_worked_through_by_keys_alone(centre: Centre, console_url: str, which: str) -> None:
    box = await home(centre)
    await centre.measure(box, Quantity.SPO2, [95, 93, 88, 84])
    await centre.alarm(box, "vital", Severity.P1)
    async with ENGINES[which]() as engine:
        await engine.resize(1440, 900)
        await engine.go(f"{console_url}/login")
        for word in ("zhang", "Tab", PASSWORD, "Enter"):  # the first field is ready
            await engine.type(word)
        await engine.until(f"{ROWS} === 1 && document.documentElement.classList.contains('lively')")
        await engine.run("void addEventListener('blur', () => { window.lostKeys = true; })")
        await engine.type("'")  # a slip beside Enter: Firefox would search the page by what is typed next
        await engine.type("j")
        await engine.until("document.activeElement.matches('#rows > .selected a.open')")
        await engine.type(" ")
        await engine.until("document.querySelector('#rows > .case.acked')")
        await engine.type("Enter")
        await engine.until("document.querySelector('#case-head')?.innerText.includes('taken: you')")
        await answered_and_noted(engine)
        await engine.type("?")
        await engine.until("document.querySelector('dialog[open]')?.contains(document.activeElement)")
        await engine.type("'/")
        await engine.type("Escape")
        await engine.until("!document.querySelector('dialog[open]')")
        await settled(engine)
        await engine.type("q")
        await engine.until("document.querySelector('#rows > .case')?.innerText.includes('to be verified')")
        await engine.type("/")
        await engine.type("it's 1/2")
        assert await engine.run("document.querySelector('#search').value") == "it's 1/2"
        assert not await engine.run("window.lostKeys"), "the browser took the keys for itself"
        assert engine.complaints == []
    (row,) = await centre.desk.queue()
    assert row.state == "FEEDBACK"


async def answered_and_noted(engine: Engine) -> None:
    """An answer of the call script, and from there a note."""
    await engine.tab_to("#script [name=step-called]")
    await engine.type(" ")
    await engine.type("Right")
    await engine.until("document.querySelector('#timeline').innerText.includes('no answer')")
    assert await engine.run("document.activeElement.value") == "silent"
    await engine.type("n")
    await engine.until("document.activeElement.id === 'note-note'")
    await engine.type("q j k ? she answered")
    await engine.type("Tab")
    assert await engine.run(OUTLINED) == "BUTTON"
    await engine.type("Enter")
    await engine.until("document.querySelector('#timeline').innerText.includes('q j k ? she answered')")


async def settled(engine: Engine) -> None:
    # Behind the last button Tab leads to those of the browser, and a driver's keys do not come back from there.
    await engine.run("document.getElementById('main').focus()")
    await engine.tab_to("form.resolve_remote [name=disposition]")
    await engine.type(" ")
    await engine.until("document.activeElement.matches('[value=helped]:checked')")
    await engine.tab_to("#resolve_remote-note")
    await engine.type("son is there")
    await engine.tab_to("form.resolve_remote [name=spoke]")
    await engine.type(" ")
    await engine.tab_to("form.resolve_remote > button")
    await engine.type("Enter")
    await engine.until("document.querySelector('#case-head').innerText.includes('to be verified')")


@pytest.mark.parametrize("role", ["", *ROLES])
async def test_pages_are_whole_quiet_and_alone(centre: Centre, which: str, role: str, tmp_path: Path) -> None:
    found: list[str] = []
    pages = [page for page in PAGES if page.role == role and page.name.startswith(PARTS)]
    async with showcase(centre) as shown:
        if role:
            async with seat(which, shown.url, ROLES[role][0]) as engine:
                found = [fault for page in pages for fault in await faults(engine, shown, page)]
        else:
            async with ENGINES[which]() as engine:
                found = [fault for page in pages for fault in await faults(engine, shown, page)]
    assert not found, "\n".join(found)


async def faults(engine: Engine, shown: Showcase, page: Shown) -> list[str]:
    known = len(engine.complaints)
    await engine.resize(page.width, 844 if page.width == PHONE_WIDTH else 900)
    await engine.go(shown.address(page))
    await engine.until("document.readyState === 'complete'")
    found = [f"{page.name} is too wide: {wide}" for wide in [await engine.run(TOO_WIDE)] if wide]
    if page.width == PHONE_WIDTH:
        assert await engine.run("innerWidth") == PHONE_WIDTH
    found += [f"{page.name} asks another server: {one}" for one in await engine.run(STRANGERS)]
    return found + [f"{page.name} says: {one}" for one in engine.complaints[known:]]


async def test_responder_goes_the_whole_way_on_a_phone(centre: Centre, console_url: str, which: str) -> None:
    box = await centre.home(501, "3号楼2-501", "王桂兰", 1944)
    await bring_in(centre.store, centre.clock.now, PEOPLE)
    await centre.alarm(box, "sos", Severity.P1)
    for command, targets in (("ack", ()), ("dispatch", ("liu",))):
        (row,) = await centre.desk.queue()
        await centre.desk.order(wish(command, row.incident_id, version=row.version, targets=targets))
    token = await dispatch_of(centre).errands.make_link(1, "liu")
    states = []
    async with ENGINES[which]() as engine:
        await engine.resize(PHONE_WIDTH, 844)
        await engine.go(f"{console_url}/r/{token}")
        for _ in range(3):
            assert await engine.run(TOO_WIDE) == []
            await engine.go_by("button.primary.big")
            (row,) = await centre.desk.queue()
            states.append(row.state)
        assert engine.complaints == []
    assert states == ["DISPATCHED", "EN_ROUTE", "ON_SCENE"]


async def test_passkeys_are_offered_only_where_the_browser_has_them(
    centre: Centre, console_url: str, which: str
) -> None:
    await home(centre)
    async with ENGINES[which]() as engine:
        await engine.go(f"{console_url.replace('127.0.0.1', 'localhost')}/login")
        has = await engine.run("!!window.PublicKeyCredential")
        seen = await engine.run(
            "[...document.querySelectorAll('[data-passkey], .passkey-only')].some((one) => one.checkVisibility())"
        )
        assert has or not seen
        assert engine.complaints == []
