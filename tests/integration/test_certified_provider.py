"""Log-in by a provider that we have not written (npm's oidc-provider): what it really sends is good, or refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from fixtures.browser import PASSWORD, Centre, cheap_hasher
from fixtures.certified_provider import certified, walk
from fixtures.identity_provider import CLIENT, SECRET
from fixtures.visitor import fields

from community import oidc
from community.access_settings import OidcEntry
from community.accounts import Accounts
from community.sign_on import SignOn
from community.staff import Staff
from community.store.identities import EMAIL, SUB
from community.web.app import create_app

pytestmark = [pytest.mark.engines, pytest.mark.slow]
HOME = "http://console.example.org"


@dataclass
class Console:
    """A browser before our console, which knows a provider at this port."""

    client: httpx.AsyncClient
    port: int

    async def log_in(self, login: str = "zhang") -> httpx.Response:
        """By the button, the provider's pages, and back."""
        asked = await self.client.get("/login/oidc", params={"next": "/closed"})
        assert asked.status_code == 303, asked.text
        async with httpx.AsyncClient(trust_env=False) as abroad:
            back = await walk(abroad, asked.headers["location"], login, until=HOME)
        return await self.client.get(back)


@asynccontextmanager
async def console(centre: Centre, port: int, **settings: object) -> AsyncIterator[Console]:
    # the provider's clock is the computer's
    centre.clock.now = datetime.now(UTC)
    accounts = Accounts(centre.store, hasher=cheap_hasher())
    told = {"issuer": f"http://localhost:{port}", "client_id": CLIENT, "name": "Care ID", **settings}
    room = SignOn(accounts, OidcEntry.model_validate(told), secret=SECRET, address=HOME, clock=centre.clock)
    app = create_app(centre.desk, accounts, name="x", clock=centre.clock, secure_cookies=False, rooms=(room,))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url=HOME, headers={"accept-language": "en"}) as client:
        yield Console(client, port)


async def link(centre: Centre, port: int, kind: str = SUB, subject: str = "zhang") -> None:
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    await staff.link_identity("zhang", f"http://localhost:{port}", kind, subject)


async def test_linked_user_comes_in_goes_and_must_say_again_who_he_is(centre: Centre, free_port: int) -> None:
    await centre.user(language="en")
    await link(centre, free_port)
    async with console(centre, free_port) as desk, certified(free_port, HOME):
        page = await desk.log_in()
        assert (page.status_code, "/closed" in page.text) == (200, True), page.text
        queue = await desk.client.get("/queue")
        assert queue.status_code == 200
        form = fields(queue.text, "/logout")
        await desk.client.post("/logout", data=form)
        assert (await desk.client.get("/queue")).status_code == 303
        assert (await desk.log_in()).status_code == 200, "walk() fills in the name again: the provider asks for it"


@pytest.mark.parametrize("way", ["address", "login"])
async def test_name_or_address_links_although_its_tokens_carry_neither(
    centre: Centre, free_port: int, way: str
) -> None:
    await centre.user(language="en")
    if way == "address":
        await link(centre, free_port, EMAIL, "zhang@example.org")
    async with console(centre, free_port, links_by_login=way == "login") as desk, certified(free_port, HOME):
        assert (await desk.log_in()).status_code == 200
        assert (await desk.log_in("li")).status_code == 401, "no user of ours"


async def test_new_key_of_the_provider_is_learned(
    centre: Centre, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await centre.user(language="en")
    await link(centre, free_port)
    monkeypatch.setattr(oidc, "KEYS_AGAIN_S", 0.0)
    async with console(centre, free_port) as desk:
        for kid in ("first", "second"):
            async with certified(free_port, HOME, kid=kid):
                assert (await desk.log_in()).status_code == 200


@pytest.mark.parametrize(
    ("skew_s", "status"),
    [(50, 200), (-50, 200), (180, 401), (-600, 401)],
    ids=["fast", "slow", "too fast", "too slow"],
)
async def test_provider_whose_clock_is_wrong(centre: Centre, free_port: int, skew_s: int, status: int) -> None:
    await centre.user(language="en")
    await link(centre, free_port)
    async with console(centre, free_port) as desk, certified(free_port, HOME, skew_s=skew_s):
        assert (await desk.log_in()).status_code == status


async def test_provider_that_is_away_or_calls_itself_otherwise_leaves_the_password(
    centre: Centre, free_port: int
) -> None:
    await centre.user(language="en")
    async with console(centre, free_port, issuer=f"http://127.0.0.1:{free_port}") as desk:
        assert (await desk.client.get("/login/oidc")).status_code == 503
        async with certified(free_port, HOME):
            assert (await desk.client.get("/login/oidc")).status_code == 401, "it calls itself localhost"
        entered = await desk.client.post("/login", data={"login": "zhang", "password": PASSWORD})
        assert entered.status_code == 303
        assert (await desk.client.get("/queue")).status_code == 200
