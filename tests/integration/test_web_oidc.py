"""Log-in by the organisation's provider: a real one on loopback, the real console, and what a forger would try."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, cheap_hasher
from fixtures.identity_provider import CLIENT, SECRET, IdentityProvider, provider

from community import oidc, totp
from community.access_settings import OidcEntry, SecondFactorEntry
from community.accounts import Accounts
from community.sign_on import SignOn
from community.staff import Staff
from community.store.identities import EMAIL, SUB
from community.store.rights_schema import right_changes
from community.users import Role
from community.web.app import create_app

HOME = "http://console.example.org"


@pytest.fixture
async def idp(centre: Centre) -> AsyncIterator[IdentityProvider]:
    async with provider(lambda: centre.clock().timestamp()) as found:
        yield found


def console(centre: Centre, idp: IdentityProvider, *, secure: bool = False, **settings: object) -> httpx.AsyncClient:
    """A browser in front of a console with this provider."""
    accounts = Accounts(centre.store, hasher=cheap_hasher(), totp_for=frozenset({Role.SUPERVISOR}))
    entry = OidcEntry.model_validate({"issuer": idp.issuer, "client_id": CLIENT, "name": "社区统一登录", **settings})
    home = HOME.replace("http:", "https:") if secure else HOME
    room = SignOn(accounts, entry, secret=SECRET, address=home, clock=centre.clock)
    app = create_app(centre.desk, accounts, name="阳光社区", clock=centre.clock, secure_cookies=secure, rooms=(room,))
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url=home, headers={"accept-language": "en"})


async def go_through(client: httpx.AsyncClient, idp: IdentityProvider, after: str = "/kpi") -> httpx.Response:
    asked = await client.get("/login/oidc", params={"next": after})
    assert asked.status_code == 303, asked.text
    return await client.get(idp.log_in(asked.headers["location"]))


async def link(centre: Centre, idp: IdentityProvider, kind: str = SUB, subject: str = "u-1") -> None:
    await Staff(store=centre.store, by="root", clock=centre.clock).link_identity("zhang", idp.issuer, kind, subject)


async def changes(centre: Centre) -> list[str]:
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(right_changes)).all())
    return [f"{row.actor} {row.what} {row.whom}" for row in rows]


async def test_linked_user_gets_in_by_a_page_of_our_own(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user(language="en")
    await link(centre, idp)
    async with console(centre, idp, secure=True) as client:
        assert "社区统一登录" in (await client.get("/login")).text
        asked = await client.get("/login/oidc", params={"next": "/kpi?a=1&b=2"})
        step = asked.headers["set-cookie"]
        assert step.startswith("__Host-oidc=")
        assert all(word in step for word in ("HttpOnly", "Path=/", "SameSite=lax", "Secure", "Max-Age=600"))
        came = await client.get(idp.log_in(asked.headers["location"]))
        assert came.status_code == 200, "a redirect would arrive without a cookie of SameSite=Strict"
        assert '<meta http-equiv="refresh" content="0;url=/kpi?a=1&amp;b=2">' in came.text
        session = next(value for value in came.headers.get_list("set-cookie") if value.startswith("__Host-shift"))
        assert "SameSite=strict" in session
        assert "script" not in came.text
        assert "__Host-oidc" not in client.cookies
        assert (await client.get("/language")).status_code in {404, 405}
        assert (await client.get("/login")).headers["location"] == "/", "he is logged in"


@pytest.mark.parametrize(
    "fault",
    [
        "audience",
        "expired",
        "nonce",
        "issuer",
        "old log-in",
        "no subject",
        "alg none",
        "alg HS256",
        "forged",
        "unknown key",
    ],
)
async def test_token_that_is_not_good_lets_nobody_in(centre: Centre, idp: IdentityProvider, fault: str) -> None:
    await centre.user()
    await link(centre, idp)
    async with console(centre, idp) as client:
        idp.fault = fault
        came = await go_through(client, idp)
        assert came.status_code == 401
        assert "did not succeed" in came.text
        assert "shift" not in client.cookies
        idp.fault = ""
        assert (await go_through(client, idp)).status_code == 200


async def test_answer_of_another_browser_or_without_a_state_is_refused(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user()
    await link(centre, idp)
    async with console(centre, idp) as victim, console(centre, idp) as attacker:
        his = idp.log_in((await attacker.get("/login/oidc")).headers["location"])
        await victim.get("/login/oidc")
        assert (await victim.get(his)).status_code == 401
        assert (await victim.get(urlsplit(his).path)).status_code == 401
        assert (await victim.get("/login/oidc/callback", params={"error": "access_denied"})).status_code == 401
        assert "shift" not in victim.cookies
    assert "/token" not in idp.asked, "a code that is not ours goes nowhere"


async def test_answer_counts_once_even_where_the_provider_forgets(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user()
    await link(centre, idp)
    async with console(centre, idp) as client:
        asked = await client.get("/login/oidc")
        step = asked.cookies["oidc"]
        back = idp.log_in(asked.headers["location"])
        assert (await client.get(back)).status_code == 200
    async with console(centre, idp) as thief:
        assert (await thief.get(back, headers={"cookie": f"oidc={step}"})).status_code == 401, "the code is spent"
        idp.again(back)
        assert (await thief.get(back, headers={"cookie": f"oidc={step}"})).status_code == 401, "the answer is spent"


async def test_nobody_gets_in_unlinked_or_disabled(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user()
    idp.says = {"preferred_username": "zhang", "email": "zhang@example.org", "email_verified": True}
    async with console(centre, idp) as client:
        came = await go_through(client, idp)
        assert came.status_code == 401
        assert "no login here is linked to you" in came.text
        await link(centre, idp)
        await Staff(store=centre.store, by="root", clock=centre.clock).disable("zhang")
        assert (await go_through(client, idp)).status_code == 401
    users = await Staff(store=centre.store, by="root", clock=centre.clock).users()
    assert [user.login for user in users] == ["zhang"]


async def test_verified_address_becomes_a_subject_at_the_first_log_in(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user()
    await link(centre, idp, kind=EMAIL, subject="zhang@example.org")
    async with console(centre, idp) as client:
        idp.says = {"email": "Zhang@example.org"}
        assert (await go_through(client, idp)).status_code == 401, "not verified"
        idp.says |= {"email_verified": True}
        assert (await go_through(client, idp)).status_code == 200
        idp.says |= {"sub": "u-2"}
        client.cookies.clear()
        assert (await go_through(client, idp)).status_code == 401, "the address has been given to somebody else"
    assert f"{idp.issuer} identity linked zhang" in await changes(centre)


async def test_login_links_itself_where_the_settings_say_so_and_once(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user()
    idp.says = {"preferred_username": "zhang"}
    async with console(centre, idp, links_by_login=True) as client:
        assert (await go_through(client, idp)).status_code == 200
        client.cookies.clear()
        idp.says |= {"sub": "u-2"}
        assert (await go_through(client, idp)).status_code == 401


async def test_name_that_is_told_beside_the_token_alone_links_too(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user()
    idp.tells = {"sub": "u-2", "preferred_username": "zhang"}
    async with console(centre, idp, links_by_login=True) as client:
        assert (await go_through(client, idp)).status_code == 401, "the name of somebody else"
        idp.tells["sub"] = "u-1"
        assert (await go_through(client, idp)).status_code == 200
    async with console(centre, idp, links_by_login=True) as client:
        idp.tells = {}
        assert (await go_through(client, idp)).status_code == 200, "his subject is known, and no name is needed"


async def test_code_of_the_app_is_asked_as_usual(centre: Centre, idp: IdentityProvider) -> None:
    await centre.user(role="supervisor")
    await link(centre, idp)
    async with console(centre, idp) as client:
        came = await go_through(client, idp)
        assert came.status_code == 401
        assert "authenticator app" in came.text
        secret = await Staff(store=centre.store, by="root", clock=centre.clock).give_app("zhang")
        idp.says = {"amr": ["mfa"]}  # nobody has said that this claim counts
        asked = await go_through(client, idp)
        assert 'autocomplete="one-time-code"' in asked.text
        assert "shift" not in client.cookies
        form = asked.text.partition('action="/login/once/')[2].partition('"')[0]
        assert (await client.post(f"/login/once/{form}", data={"code": "000000"})).status_code == 401
        code = totp.code_at(secret, totp.step_at(centre.clock.now))
        assert (await client.post(f"/login/once/{form}", data={"code": code})).status_code == 303
        assert "shift" in client.cookies


@pytest.mark.parametrize(("says", "status"), [({"amr": ["pwd", "mfa"]}, 200), ({"amr": ["pwd"]}, 401), ({}, 401)])
async def test_second_factor_of_the_provider_counts_where_it_is_named(
    centre: Centre, idp: IdentityProvider, says: dict[str, object], status: int
) -> None:
    await centre.user(role="supervisor")
    await link(centre, idp)
    idp.says = says
    factor = SecondFactorEntry(claim="amr", values=("mfa",)).model_dump()
    async with console(centre, idp, second_factor=factor) as client:
        assert (await go_through(client, idp)).status_code == status


async def test_provider_that_is_away_or_slow_leaves_the_password(
    centre: Centre, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await centre.user()
    await link(centre, idp)
    idp.is_away = True
    async with console(centre, idp) as client:
        away = await client.get("/login/oidc")
        assert away.status_code == 503
        assert "does not answer at this moment" in away.text
        assert (await client.post("/login", data={"login": "zhang", "password": PASSWORD})).status_code == 303
    monkeypatch.setattr(oidc, "ONE_ANSWER_S", 0.05)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        idp.issuer = f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
        async with console(centre, idp) as client:
            assert (await client.get("/login/oidc")).status_code == 503


async def test_keys_are_read_again_for_a_new_one_and_not_for_every_stranger(
    centre: Centre, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    await centre.user()
    await link(centre, idp)
    async with console(centre, idp) as client:
        await go_through(client, idp)
        idp.fault = "unknown key"
        for _ in range(3):
            client.cookies.clear()
            assert (await go_through(client, idp)).status_code == 401
        assert idp.asked.count("/keys") == 1
        assert idp.asked.count("/.well-known/openid-configuration") == 1
        monkeypatch.setattr(oidc, "KEYS_AGAIN_S", 0.0)
        idp.fault, idp.key = "", type(idp.key).generate_key(2048, {"kid": "second", "use": "sig"})
        assert (await go_through(client, idp)).status_code == 200


async def test_other_issuer_and_a_console_without_a_provider(centre: Centre, idp: IdentityProvider) -> None:
    idp.fault = "other issuer"
    async with console(centre, idp) as client:
        assert (await client.get("/login/oidc")).status_code == 401
    app = create_app(centre.desk, centre.accounts, name="x", clock=centre.clock, secure_cookies=False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HOME) as client:
        assert (await client.get("/login/oidc")).status_code == 404
        assert "/login/oidc" not in (await client.get("/login")).text


@pytest.mark.parametrize(
    "issuer", ["http://idp.example.org", "idp.example.org", "https://idp.example.org?x=1", "https://"]
)
def test_issuer_needs_tls(issuer: str) -> None:
    with pytest.raises(ValueError, match="https://"):
        OidcEntry(issuer=issuer, client_id=CLIENT, name="x")
