"""Passkeys with Chromium's own virtual device: made, used for a log-in and as a proof; and a screen on the wall."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from fixtures.browser import PASSWORD, Centre, plans_of

from community import passkey_room
from community.accounts import PROOF_LASTS
from community.case_room import CaseRoom
from community.desk import Wish
from community.limits import Rate
from community.passkey_room import PasskeyRoom
from community.passkeys import site_of
from community.registry_sealing import Safe
from community.screen_room import ScreenRoom
from community.staff_room import StaffRoom
from community.users import EVERYWHERE, Role, User
from community.web.app import create_app
from community.web.serve import serve
from shouwang.alert import Severity

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
async def url(centre: Centre) -> AsyncIterator[str]:
    """A console on localhost: browsers take that for a safe place, and give it keys."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://localhost:{listener.getsockname()[1]}"
        site = site_of(address, "阳光社区")
        assert site is not None
        accounts, clock = centre.accounts, centre.clock
        app = create_app(
            centre.desk,
            accounts,
            name="阳光社区",
            clock=clock,
            secure_cookies=False,
            zone=ZoneInfo("Asia/Shanghai"),
            rooms=(
                StaffRoom(centre.store, accounts, clock=clock, safe=Safe(), centre="阳光社区", address=address),
                PasskeyRoom(centre.store, accounts, site, clock=clock),
                ScreenRoom(centre.store, accounts, clock=clock, address=address),
                CaseRoom(centre.store, clock=clock),
                *plans_of(centre),
            ),
        )
        serving = asyncio.create_task(serve(app, listener), name="console")
        try:
            yield address
        finally:
            serving.cancel()
            await asyncio.wait({serving}, timeout=20)


async def with_device(page: "Page") -> tuple[object, str]:
    """The page's browser has a device that holds keys; the way to speak to it, and its name."""
    wire = await page.context.new_cdp_session(page)
    await wire.send("WebAuthn.enable")
    made = await wire.send("WebAuthn.addVirtualAuthenticator", {"options": _DEVICE})
    return wire, made["authenticatorId"]


@pytest.fixture
def few_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A console, made after this, that may be asked once a minute."""
    monkeypatch.setattr(passkey_room, "ASKS_OF_ONE", Rate(a_minute=1, at_once=1))


@pytest.mark.usefixtures("few_asks")
async def test_whoever_asks_too_often_is_told_so_and_logs_in_by_password(
    centre: Centre, browser: "Browser", url: str
) -> None:
    await centre.user(language="en")
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    await with_device(page)
    await page.goto(f"{url}/login")
    button = page.get_by_role("button", name="Log in with a passkey")
    await button.click()
    await page.get_by_text("No passkey was used").wait_for()
    await button.click()
    await page.get_by_text("Passkeys were asked for very often").wait_for()
    await page.fill("#login", "zhang")
    await page.fill("#password", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{url}/queue")
    await context.close()


async def test_key_is_made_then_logs_in_and_proves(centre: Centre, browser: "Browser", url: str) -> None:
    await centre.user(language="en")
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Security Policy" in message.text else None)
    wire, device = await with_device(page)
    await page.goto(f"{url}/login?next=/account")
    await page.get_by_label("Login").fill("zhang")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await page.get_by_label("Name of the new passkey").fill("my telephone")
    await page.get_by_role("button", name="Make a passkey").click()
    await page.get_by_text("The passkey has been made").wait_for()
    await context.clear_cookies()
    await page.goto(f"{url}/login?next=/account")
    await page.get_by_role("button", name="Log in with a passkey").click()
    await page.get_by_role("heading", name="张琳").wait_for()
    centre.clock.now += PROOF_LASTS + timedelta(seconds=1)
    await page.goto(f"{url}/account")
    app = page.locator("section", has=page.get_by_role("button", name="Set up an authenticator app"))
    await app.get_by_role("button", name="Use a passkey instead").click()
    await app.get_by_text("Proved. Go on").wait_for()
    await app.get_by_role("button", name="Set up an authenticator app").click()
    await page.get_by_role("img", name="QR code for the authenticator app").wait_for()
    await wire.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
    await context.clear_cookies()
    await page.goto(f"{url}/login")
    await page.get_by_role("button", name="Log in with a passkey").click()
    await page.get_by_text("No passkey was used").wait_for()
    assert complaints == []
    await context.close()


async def test_colleague_confirms_at_this_screen_with_his_own_passkey(
    centre: Centre, browser: "Browser", url: str
) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    for login in ("li", "zhang"):
        await centre.user(login=login, name=login, language="en")
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    await with_device(page)
    for login in ("li", "zhang"):
        await context.clear_cookies()
        await page.goto(f"{url}/login?next=/account")
        await page.get_by_label("Login").fill(login)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in", exact=True).click()
        if login == "li":
            await page.get_by_label("Name of the new passkey").fill("telephone of li")
            await page.get_by_role("button", name="Make a passkey").click()
            await page.get_by_text("The passkey has been made").wait_for()
    taken = Wish(command="ack", command_id="a", version=1, incident_id=1, by="zhang", role="operator")
    await centre.desk.order(taken)
    await page.goto(f"{url}/incidents/1")
    ending = page.locator("form[action$='/resolve_remote']")
    await ending.locator("input[name=disposition]").first.check()
    await ending.get_by_label("What was done?").fill("helped by neighbours")
    await ending.get_by_text("Nobody answers? A colleague confirms it").click()
    sign = ending.get_by_role("button", name="The colleague uses his passkey instead")
    await sign.click()
    await ending.get_by_text("Choose the colleague first").wait_for()
    await ending.locator("select[name=second]").select_option("li")
    await sign.click()
    await ending.get_by_text("Confirmed. Go on").wait_for()
    await ending.locator("button:not([type=button])").click()
    await page.locator("#actions form[action$='/resolve_remote']").wait_for(state="detached")
    found = await centre.desk.incident(1)
    assert found is not None
    assert found.row.state == "FEEDBACK"
    await context.close()


async def test_without_script_the_password_works_and_nothing_speaks_of_keys(
    centre: Centre, browser: "Browser", url: str
) -> None:
    await centre.user(language="en")
    context = await browser.new_context(locale="en", java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{url}/login?next=/account")
    assert not await page.locator("[data-passkey]").is_visible()
    await page.get_by_label("Login").fill("zhang")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in", exact=True).click()
    await page.get_by_text("This browser cannot make passkeys").wait_for()
    await context.close()


async def test_paired_screen_lives_on_the_wall_until_it_is_ended(centre: Centre, browser: "Browser", url: str) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    gao = User(user_id="u", login="gao", name="高远", role=Role.ADMIN, language="en")
    rooms = ScreenRoom(centre.store, centre.accounts, clock=centre.clock, address=url)
    screen, code = await rooms.make(gao, "hall", EVERYWHERE, "en")
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    await page.goto(f"{url}/wall")
    await page.get_by_role("link", name="Type the code of the screen").click()
    await page.get_by_label("Code of the screen").fill(code.lower())
    async with page.expect_request("**/wall/events"):
        await page.get_by_role("button", name="Show the wallboard here").click()
    tile = page.locator(".w-tile", has_text="LIFE open").locator(".w-big")
    assert await tile.inner_text() == "0"
    await centre.alarm(box, "sos", Severity.P1)
    await page.locator(".w-tile.life").wait_for()
    await rooms.end(gao, screen.screen_id)
    await page.get_by_text("This screen has been ended").wait_for()
    await context.close()
