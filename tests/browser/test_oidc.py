"""Back from a provider on another site: the session's strict cookie is there on the page that comes next."""

import asyncio
import socket
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from fixtures.browser import Centre
from fixtures.identity_provider import CLIENT, SECRET, provider

from community.access_settings import OidcEntry
from community.sign_on import SignOn
from community.staff import Staff
from community.store.identities import SUB
from community.web.app import create_app
from community.web.serve import serve

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


async def test_button_leads_to_the_provider_and_back_into_the_queue(centre: Centre, browser: "Browser") -> None:
    await centre.user(language="en")
    async with provider(lambda: centre.clock().timestamp()) as idp:
        idp.issuer = idp.issuer.replace("127.0.0.1", "localhost")  # another site for a browser
        await Staff(store=centre.store, by="root", clock=centre.clock).link_identity("zhang", idp.issuer, SUB, "u-1")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            entry = OidcEntry(issuer=idp.issuer, client_id=CLIENT, name="Care ID")
            room = SignOn(centre.accounts, entry, secret=SECRET, address=url, clock=centre.clock)
            app = create_app(
                centre.desk,
                centre.accounts,
                name="阳光社区",
                clock=centre.clock,
                secure_cookies=False,
                zone=ZoneInfo("Asia/Shanghai"),
                rooms=(room,),
            )
            serving = asyncio.create_task(serve(app, listener), name="console")
            try:
                await _through(browser, url)
            finally:
                serving.cancel()
                await asyncio.wait({serving}, timeout=20)


async def _through(browser: "Browser", url: str) -> None:
    context = await browser.new_context(locale="en")
    page = await context.new_page()
    await page.goto(f"{url}/queue")
    await page.get_by_role("link", name="Log in with Care ID").click()
    await page.locator("#back").click()
    await page.wait_for_url(f"{url}/queue")
    assert await page.locator("main h1").count() >= 1
    kept = {cookie["name"]: cookie["sameSite"] for cookie in await context.cookies()}
    assert kept["shift"] == "Strict"
    assert "oidc" not in kept
    await context.close()
