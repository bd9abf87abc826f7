"""Passkeys at the console: a device in software, the real store, and what a thief or a forger would try."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fixtures.authenticator import Device
from fixtures.browser import PASSWORD, Centre, cheap_hasher

from community.accounts import PROOF_LASTS, SHIFT, Accounts
from community.passkey_room import CHALLENGE_LASTS, MOST_KEYS, PasskeyRoom
from community.passkeys import site_of
from community.registry_sealing import Safe
from community.staff import Staff
from community.staff_room import StaffRoom
from community.store import passkeys
from community.store.passkey_schema import passkey_challenges
from community.store.passkey_schema import passkeys as table
from community.store.rights_schema import right_changes
from community.users import Role
from community.web.app import create_app

HOME = "https://console.example.org"


Console = Callable[..., httpx.AsyncClient]


@pytest.fixture
def console(centre: Centre) -> Console:
    """A browser in front of a console that makes passkeys; one console for all browsers of a test."""
    apps: dict[tuple[Accounts, str], FastAPI] = {}

    def browser(accounts: Accounts = centre.accounts, home: str = HOME) -> httpx.AsyncClient:
        if (accounts, home) not in apps:
            apps[accounts, home] = app_of(centre, accounts, home)
        transport = httpx.ASGITransport(app=apps[accounts, home])
        return httpx.AsyncClient(transport=transport, base_url=home, headers={"accept-language": "en"})

    return browser


def app_of(centre: Centre, accounts: Accounts, home: str) -> FastAPI:
    site = site_of(home, "阳光社区")
    keys = () if site is None else (PasskeyRoom(centre.store, accounts, site, clock=centre.clock),)
    staff = StaffRoom(centre.store, accounts, clock=centre.clock, safe=Safe(), centre="阳光社区", address=home)
    return create_app(
        centre.desk, accounts, name="阳光社区", clock=centre.clock, secure_cookies=True, rooms=(staff, *keys)
    )


def device(**other: object) -> Device:
    return Device(**{"origin": HOME, "rp_id": "console.example.org"} | other)


async def sign_in(client: httpx.AsyncClient, login: str = "zhang") -> str:
    """Log in by password; the token of forms."""
    await client.post("/login", data={"login": login, "password": PASSWORD})
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/account")).text)
    assert found is not None
    return found[1]


async def register(client: httpx.AsyncClient, csrf: str, key: Device, name: str = "my telephone") -> httpx.Response:
    asked = await client.post("/account/passkeys/ask", json={"csrf": csrf})
    assert asked.status_code == 200, asked.text
    return await client.post("/account/passkeys", json={"csrf": csrf, "name": name, "answer": key.make(asked.json())})


async def owner(console: Console, key: Device, login: str = "zhang") -> None:
    """This user has this key."""
    async with console() as client:
        answer = await register(client, await sign_in(client, login), key)
        assert answer.status_code == 200, answer.text


async def ask(client: httpx.AsyncClient) -> dict[str, object]:
    answer = await client.post("/login/passkey/ask", json={})
    found: dict[str, object] = answer.json()
    return found


async def enter(client: httpx.AsyncClient, answer: str, **more: str) -> httpx.Response:
    return await client.post("/login/passkey", json={"answer": answer} | more)


async def changes(centre: Centre) -> list[str]:
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(right_changes)).all())
    return [f"{row.actor} {row.what} {row.whom} {row.detail}" for row in rows]


async def test_key_is_made_and_logs_in_without_password_or_app(centre: Centre, console: Console) -> None:
    await centre.user(role="supervisor", language="en")
    key = device()
    await owner(console, key)
    guarded = Accounts(centre.store, hasher=cheap_hasher(), totp_for=frozenset({Role.SUPERVISOR}))
    async with console(guarded) as client:
        asked = await client.post("/login/passkey/ask", json={})
        cookie = asked.headers["set-cookie"]
        assert cookie.startswith("__Host-passkey=")
        assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/", "Max-Age=300"))
        assert asked.json()["userVerification"] == "required"
        assert asked.json()["allowCredentials"] == [], "the device knows who it is"
        came = await enter(client, key.sign(asked.json()), next="/kpi")
        assert came.json() == {"next": "/kpi"}
        assert "SameSite=strict" in next(c for c in came.headers.get_list("set-cookie") if c.startswith("__Host-shift"))
        page = (await client.get("/account")).text
        assert "my telephone" in page
        assert 'name="proof"' not in page, "a key is a fresh proof"
    assert "zhang passkey made zhang my telephone" in await changes(centre)
    (kept,) = await centre.store.read(lambda connection: passkeys.of(connection, key.handle.decode()))
    assert (kept.sign_count, kept.last_used_at) == (1, centre.clock.now)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("origin", {"origin": "https://console.example.org.evil.test"}),
        ("http origin", {"origin": "http://console.example.org"}),
        ("rp", {"rp_id": "example.org"}),
        ("no finger", {"is_verified": False}),
        ("owner", {"handle": b"somebody-else"}),
    ],
)
async def test_answer_that_was_made_elsewhere_or_without_its_person_is_refused(
    centre: Centre, console: Console, fault: str, what: dict[str, object]
) -> None:
    await centre.user()
    key = device()
    await owner(console, key)
    for name, value in what.items():
        setattr(key, name, value)
    async with console() as client:
        came = await enter(client, key.sign(await ask(client)))
        assert (came.status_code, came.json()) == (401, {"problem": "refused"}), fault
        assert "__Host-shift" not in client.cookies


async def test_challenge_is_answered_once_by_the_browser_that_was_asked_and_soon(
    centre: Centre, console: Console
) -> None:
    await centre.user()
    key = device()
    await owner(console, key)
    async with console() as client, console() as thief:
        asked = await ask(client)
        answer = key.sign(asked)
        word = client.cookies["__Host-passkey"]
        await ask(thief)
        assert (await enter(thief, answer)).status_code == 401, "it was asked of another browser"
        assert (await enter(client, answer)).status_code == 200
        thief.cookies.clear()
        key.count = 40
        for replayed in (answer, key.sign(asked)):  # as it was, and signed anew for what was asked once
            copied = {"cookie": f"__Host-passkey={word}"}
            again = await thief.post("/login/passkey", json={"answer": replayed}, headers=copied)
            assert again.status_code == 401, "answered already, though the cookie was copied"
        old = key.sign(await ask(thief))
        centre.clock.now += CHALLENGE_LASTS
        assert (await enter(thief, old)).status_code == 401
        assert (await enter(thief, key.sign(await ask(thief)))).status_code == 200


async def test_answer_for_one_purpose_is_none_for_another(centre: Centre, console: Console) -> None:
    await centre.user()
    key = device()
    await owner(console, key)
    async with console() as client:
        csrf = await sign_in(client)
        asked = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
        assert (await enter(client, key.sign(asked))).status_code == 401, "asked as a proof, shown as a log-in"
        asked = await ask(client)
        told = {"csrf": csrf, "answer": key.sign(asked)}
        assert (await client.post("/account/prove", json=told)).status_code == 401
        asked = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
        told = {"csrf": csrf, "name": "x", "answer": device().make({"user": {"id": "eA"}} | asked)}
        assert (await client.post("/account/passkeys", json=told)).status_code == 409


async def test_counter_that_goes_back_is_refused_and_told(centre: Centre, console: Console) -> None:
    await centre.user()
    await centre.user("gao", "高远", role="admin", language="en")
    key = device(count=7)
    await owner(console, key)
    async with console() as client:
        for count in (7, 2):
            key.count = count - 1
            assert (await enter(client, key.sign(await ask(client)))).status_code == 401
        assert [one for one in await changes(centre) if "counter back" in one] == [
            "zhang passkey counter back zhang my telephone: 7 -> 7",
            "zhang passkey counter back zhang my telephone: 7 -> 2",
        ]
        key.count = 7
        assert (await enter(client, key.sign(await ask(client)))).status_code == 200
    async with console() as client:
        await sign_in(client, "gao")
        assert "PASSKEY REFUSED" in (await client.get("/admin/users/zhang")).text


async def test_device_that_does_not_count_gets_in_each_time(centre: Centre, console: Console) -> None:
    await centre.user()
    key = device()
    await owner(console, key)
    async with console() as client:
        for _ in range(2):
            key.count = -1
            assert (await enter(client, key.sign(await ask(client)))).status_code == 200


async def test_removed_key_and_disabled_user_get_in_no_more_and_are_out_at_once(
    centre: Centre, console: Console
) -> None:
    await centre.user()
    await centre.user("gao", "高远", role="admin", language="en")
    key = device()
    await owner(console, key)
    books = Staff(store=centre.store, by="gao", clock=centre.clock)
    async with console() as client, console() as admin:
        assert (await enter(client, key.sign(await ask(client)))).status_code == 200
        await books.disable("zhang")
        assert (await client.get("/queue")).status_code == 303
        assert (await enter(client, key.sign(await ask(client)))).status_code == 401
        await books.enable("zhang")
        assert (await enter(client, key.sign(await ask(client)))).status_code == 200
        csrf = await sign_in(admin, "gao")
        page = (await admin.get("/admin/users/zhang")).text
        (lost,) = re.findall(r'action="(/admin/users/zhang/passkeys/\w+/remove)"', page)
        assert (await admin.post(lost, data={"csrf": csrf})).status_code == 303
        assert (await client.get("/queue")).status_code == 303, "whose right is taken is out"
        assert (await enter(client, key.sign(await ask(client)))).status_code == 401
    assert "gao passkey removed zhang my telephone" in await changes(centre)


async def test_owner_removes_his_own_and_no_other(centre: Centre, console: Console) -> None:
    await centre.user()
    await centre.user("li", "李敏")
    mine, hers = device(), device()
    await owner(console, mine)
    await owner(console, hers, "li")
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(table)).all())
    ids = {bytes(row.credential_id): row.passkey_id for row in rows}
    async with console() as client:
        csrf = await sign_in(client)
        other = f"/account/passkeys/{ids[hers.credential_id]}/remove"
        assert (await client.post(other, data={"csrf": csrf})).status_code == 409
        own = f"/account/passkeys/{ids[mine.credential_id]}/remove"
        assert (await client.post(own, data={"csrf": csrf})).status_code == 303
        assert (await client.get("/account")).status_code == 200, "he stays logged in here"
        assert (await enter(client, hers.sign(await ask(client)))).status_code == 200


async def test_key_proves_anew_who_it_is_and_only_its_owner(centre: Centre, console: Console) -> None:
    await centre.user(language="en")
    await centre.user("li", "李敏")
    mine, hers = device(), device()
    await owner(console, mine)
    await owner(console, hers, "li")
    async with console() as client:
        csrf = await sign_in(client)
        centre.clock.now += PROOF_LASTS + timedelta(seconds=1)
        assert 'data-passkey="prove"' in (await client.get("/account")).text
        for key, status in ((hers, 401), (mine, 200)):
            asked = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
            assert len(asked["allowCredentials"]) == 1
            told = {"csrf": csrf, "answer": key.sign(asked)}
            assert (await client.post("/account/prove", json=told)).status_code == status
        assert 'data-passkey="prove"' not in (await client.get("/account")).text
        assert (await client.post("/account/app/new", data={"csrf": csrf})).status_code == 200


async def test_new_key_needs_a_fresh_proof_and_our_form(centre: Centre, console: Console) -> None:
    await centre.user()
    async with console() as client:
        csrf = await sign_in(client)
        centre.clock.now += PROOF_LASTS + timedelta(seconds=1)
        for told, status in (
            ({"csrf": "x"}, 403),
            ({"csrf": csrf}, 401),
            ({"csrf": csrf, "proof": "wrong"}, 401),
            ({"csrf": csrf, "proof": PASSWORD}, 200),
        ):
            assert (await client.post("/account/passkeys/ask", json=told)).status_code == status, told
        away = {"sec-fetch-site": "cross-site"}
        assert (await client.post("/account/passkeys/ask", json={"csrf": csrf}, headers=away)).status_code == 403
        centre.clock.now += SHIFT
        assert (await client.post("/account/passkeys/ask", json={"csrf": csrf})).status_code != 200


async def test_new_key_ends_the_other_sessions_and_there_is_a_bound(centre: Centre, console: Console) -> None:
    await centre.user()
    async with console() as client, console() as other:
        await sign_in(other)
        csrf = await sign_in(client)
        for number in range(MOST_KEYS):
            assert (await register(client, csrf, device(), f"key {number}")).status_code == 200
        assert (await other.get("/queue")).status_code == 303
        assert (await client.get("/queue")).status_code == 200
        assert (await client.post("/account/passkeys/ask", json={"csrf": csrf})).json() == {"problem": "many"}


@pytest.mark.parametrize("what", [{"origin": "https://evil.test"}, {"rp_id": "evil.test"}, {"is_verified": False}])
async def test_key_made_elsewhere_is_not_taken(centre: Centre, console: Console, what: dict[str, object]) -> None:
    await centre.user()
    async with console() as client:
        csrf = await sign_in(client)
        assert (await register(client, csrf, device(**what))).status_code == 409
        key = device()
        assert (await register(client, csrf, key)).status_code == 200
        assert (await register(client, csrf, key)).status_code == 409, "it is in use already"


async def test_wrong_answers_make_the_next_wait_and_rubbish_is_refused(centre: Centre, console: Console) -> None:
    await centre.user()
    key = device()
    await owner(console, key)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    accounts = Accounts(centre.store, hasher=cheap_hasher(), pause=pause)
    async with console(accounts) as client:
        rubbish = ("", "{}", "[]", '{"id": 1}', json.dumps({"id": "eA", "rawId": "eA", "type": "x", "response": {}}))
        for answer in rubbish:
            assert (await enter(client, answer)).status_code == 401
        assert pauses == [1, 2]
        key.is_verified = False
        for _ in range(5):
            assert (await enter(client, key.sign(await ask(client)))).status_code == 401
        assert pauses == [1, 2, 1, 2], "the tries of a login are its own"
        assert (await enter(client, "x" * 20_000)).status_code == 422


async def test_challenges_are_bounded_and_only_hashes_of_their_words_are_kept(
    centre: Centre, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkeys, "CHALLENGES_AT_MOST", 3)
    async with console() as client:
        for _ in range(6):
            client.cookies.clear()
            await ask(client)
        word = client.cookies["__Host-passkey"]
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(passkey_challenges)).all())
    assert len(rows) == 3
    assert word not in repr(rows)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://care.example.org", "https://care.example.org"),
        ("https://care.example.org:443/", "https://care.example.org"),
        ("https://Care.example.org:8443", "https://care.example.org:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://care.example.org", None),
        ("http://127.0.0.1:8080", None),
        ("https://10.0.0.7", None),
        ("https://[::1]:8080", None),
    ],
)
def test_keys_are_made_only_where_browsers_make_them(address: str, origin: str | None) -> None:
    site = site_of(address, "x")
    assert (None if site is None else site.origin) == origin


async def test_console_by_number_or_without_tls_speaks_of_no_passkeys(centre: Centre, console: Console) -> None:
    await centre.user()
    async with console(home="https://10.0.0.7") as client:
        assert "passkey" not in (await client.get("/login")).text
        await sign_in(client)
        assert "passkey" not in (await client.get("/account")).text
        assert (await client.post("/login/passkey/ask", json={})).status_code == 404
