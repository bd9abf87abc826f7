"""Passkeys at the console: a device in software, the real store, and what a thief or a forger would try."""

import json
import re
import secrets
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fixtures.authenticator import Device
from fixtures.browser import PASSWORD, Centre, cheap_hasher

from community import passkey_room
from community.accounts import PROOF_LASTS, SHIFT, Accounts
from community.case_room import CaseRoom
from community.limits import Rate
from community.passkey_room import ASKS_OF_ALL, ASKS_OF_ONE, ASKS_OF_USER, CHALLENGE_LASTS, MOST_KEYS, PasskeyRoom
from community.passkeys import site_of
from community.registry_sealing import Safe
from community.slowing import FREE_FAILURES
from community.staff import Staff
from community.staff_room import StaffRoom
from community.store import passkeys
from community.store.passkey_schema import passkey_challenges
from community.store.passkey_schema import passkeys as table
from community.store.rights_schema import right_changes
from community.store.schema import users
from community.users import Role
from community.web.app import create_app
from shouwang.alert import Severity

HOME = "https://console.example.org"


Console = Callable[..., httpx.AsyncClient]


@pytest.fixture
def console(centre: Centre) -> Console:
    """A browser in front of a console that makes passkeys; one console for all browsers of a test."""
    apps: dict[tuple[Accounts, str], FastAPI] = {}

    def browser(accounts: Accounts = centre.accounts, home: str = HOME, place: str = "192.0.2.1") -> httpx.AsyncClient:
        if (accounts, home) not in apps:
            apps[accounts, home] = app_of(centre, accounts, home)
        transport = httpx.ASGITransport(app=apps[accounts, home], client=(place, 50_000))
        return httpx.AsyncClient(transport=transport, base_url=home, headers={"accept-language": "en"})

    return browser


def app_of(centre: Centre, accounts: Accounts, home: str) -> FastAPI:
    site = site_of(home, "阳光社区")
    keys = () if site is None else (PasskeyRoom(centre.store, accounts, site, clock=centre.clock),)
    staff = StaffRoom(centre.store, accounts, clock=centre.clock, safe=Safe(), centre="阳光社区", address=home)
    cases = CaseRoom(centre.store, clock=centre.clock)
    return create_app(
        centre.desk, accounts, name="阳光社区", clock=centre.clock, secure_cookies=True, rooms=(staff, cases, *keys)
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
        assert (await enter(client, key.sign(await ask(client)))).status_code == 401, "what a thief made stays gone"
        key = device()
        await owner(console, key)
        assert (await enter(client, key.sign(await ask(client)))).status_code == 200
        csrf = await sign_in(admin, "gao")
        page = (await admin.get("/admin/users/zhang")).text
        (lost,) = re.findall(r'action="(/admin/users/zhang/passkeys/\w+/remove)"', page)
        assert (await admin.post(lost, data={"csrf": csrf})).status_code == 303
        assert (await client.get("/queue")).status_code == 303, "whose right is taken is out"
        assert (await enter(client, key.sign(await ask(client)))).status_code == 401
    told = [one for one in await changes(centre) if "removed" in one or "abled" in one]
    gone = "gao passkey removed zhang my telephone"
    assert told == ["gao disabled zhang ", gone, "gao enabled zhang ", gone]


async def test_key_of_who_was_disabled_before_keys_went_does_not_come_back_with_him(
    centre: Centre, console: Console
) -> None:
    await centre.user()
    await centre.user("li", "李敏")
    key, hers = device(), device()
    await owner(console, key)
    await owner(console, hers, "li")
    before = sa.update(users).where(users.c.login == "zhang").values(disabled_at=centre.clock.now)
    await centre.store.write(lambda connection: connection.execute(before))
    await Staff(store=centre.store, by="gao", clock=centre.clock).enable("zhang")
    async with console() as client:
        assert (await enter(client, key.sign(await ask(client)))).status_code == 401
        assert (await enter(client, hers.sign(await ask(client)))).status_code == 200, "hers is hers"


@pytest.mark.parametrize("reaction", ["password", "sessions"])
async def test_whoever_reacts_to_a_theft_is_shown_the_keys_that_still_open(
    centre: Centre, console: Console, reaction: str
) -> None:
    await centre.user(language="en")
    told = {
        "password": {"old": PASSWORD, "new": "five other words for today", "again": "five other words for today"},
        "sessions": {},
    }
    address = {"password": "/account/password", "sessions": "/account/sessions/end"}[reaction]
    word = "Each of these still logs in as you"
    async with console() as client:
        csrf = await sign_in(client)
        client.follow_redirects = True
        assert word not in (await client.post(address, data={"csrf": csrf} | told[reaction])).text, "he has none"
        if reaction == "password":
            told["password"] |= {"old": told["password"]["new"], "new": PASSWORD, "again": PASSWORD}
        assert (await register(client, csrf, device(), "of a stranger")).status_code == 200
        assert word not in (await client.get("/account")).text
        page = (await client.post(address, data={"csrf": csrf} | told[reaction])).text
        assert page.index("logged out everywhere else") < page.index(word) < page.index("<b>of a stranger</b>")
        (remove,) = re.findall(r'action="(/account/passkeys/\w+/remove)"', page)
        assert "of a stranger" not in (await client.post(remove, data={"csrf": csrf})).text


async def test_admin_is_told_that_disabling_takes_the_keys(centre: Centre, console: Console) -> None:
    await centre.user()
    await centre.user("gao", "高远", role="admin", language="en")
    await owner(console, device())
    async with console() as admin:
        await sign_in(admin, "gao")
        assert "Whoever is disabled loses all of these" in (await admin.get("/admin/users/zhang")).text


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


async def waiting(centre: Centre) -> int:
    """How many challenges are on file."""
    asked = sa.select(sa.func.count()).select_from(passkey_challenges)
    return await centre.store.read(lambda connection: connection.execute(asked).scalar_one())


async def test_flood_from_one_place_is_refused_in_words_and_pushes_nobody_out(
    centre: Centre, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkeys, "CHALLENGES_AT_MOST", ASKS_OF_ONE.at_once + 10)
    await centre.user()
    key = device()
    await owner(console, key)
    async with console() as client, console(place="198.51.100.7") as flood, console(place="192.0.2.2") as other:
        asked = await ask(client)
        answers = []
        for _ in range(3 * ASKS_OF_ONE.at_once):
            flood.cookies.clear()
            answers.append(await flood.post("/login/passkey/ask", json={}))
        refused = answers[-1]
        assert [one.status_code for one in answers].index(429) == ASKS_OF_ONE.at_once
        assert (refused.status_code, refused.json()) == (429, {"problem": "often"})
        assert refused.headers["retry-after"] == "1"
        assert "set-cookie" not in refused.headers
        assert await waiting(centre) == ASKS_OF_ONE.at_once + 1, "who is refused writes nothing"
        assert 'data-passkey-said="often"' in (await flood.get("/login")).text
        assert (await enter(client, key.sign(asked))).status_code == 200, "a log-in under way survives it"
        assert (await other.post("/login/passkey/ask", json={})).status_code == 200
        centre.clock.now += timedelta(seconds=1)
        assert (await flood.post("/login/passkey/ask", json={})).status_code == 200
        centre.clock.now += CHALLENGE_LASTS + timedelta(seconds=1)
        await ask(other)
        assert await waiting(centre) == 1, "those that are too old are gone"


async def test_one_network_of_ipv6_is_one_place(
    centre: Centre, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passkey_room, "ASKS_OF_ONE", Rate(a_minute=1, at_once=2))
    await centre.user()
    for place, status in (
        ("2001:db8::1", 200),
        ("2001:db8::ffff", 200),
        ("2001:db8:0:0:a::1", 429),
        ("2001:db8:0:1::1", 200),
        ("::ffff:192.0.2.1", 200),
        ("192.0.2.1", 200),
        ("::ffff:192.0.2.1", 429),
        ("::ffff:192.0.2.2", 200),
        ("a socket", 200),
    ):
        async with console(place=place) as client:
            assert (await client.post("/login/passkey/ask", json={})).status_code == status, place


async def test_crowd_from_everywhere_is_refused_before_it_pushes_anybody_out(
    centre: Centre, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = ASKS_OF_ALL.at_once + ASKS_OF_ALL.a_minute * CHALLENGE_LASTS.total_seconds() / 60
    assert most < passkeys.CHALLENGES_AT_MOST
    monkeypatch.setattr(passkey_room, "ASKS_OF_ALL", Rate(a_minute=60, at_once=3))
    monkeypatch.setattr(passkey_room, "ASKS_OF_ONE", Rate(a_minute=60, at_once=2))
    statuses = []
    for place in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"):
        async with console(place=place) as client:
            statuses.append((await client.post("/login/passkey/ask", json={})).status_code)
    assert statuses == [200, 200, 429, 200, 429], "what one was refused is not taken from all"


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


# ---- who is signed in ----


async def test_who_is_signed_in_waits_some_seconds_and_goes_on_by_password(centre: Centre, console: Console) -> None:
    await centre.user()
    await centre.user("li", "李敏")
    async with console() as client, console() as other:
        csrf = await sign_in(client)
        hers = await sign_in(other, "li")
        for _ in range(ASKS_OF_USER.at_once):
            assert (await client.post("/account/prove/ask", json={"csrf": csrf})).status_code == 200
        for address, more in (("/account/prove/ask", {}), ("/account/passkeys/ask", {})):
            refused = await client.post(address, json={"csrf": csrf} | more)
            assert (refused.status_code, refused.json()) == (429, {"problem": "often"})
            assert refused.headers["retry-after"] == "5"
            assert "set-cookie" not in refused.headers, "who is refused writes nothing"
        assert (await other.post("/account/prove/ask", json={"csrf": hers})).status_code == 200, "others go on"
        centre.clock.now += PROOF_LASTS + timedelta(seconds=1)
        assert (await client.post("/account/prove/ask", json={"csrf": csrf})).status_code == 200
        for _ in range(ASKS_OF_USER.at_once):
            await client.post("/account/prove/ask", json={"csrf": csrf})
        proved = await client.post("/account/app/new", data={"csrf": csrf, "proof": PASSWORD})
        assert proved.status_code == 200, "his password is asked of nobody else"


async def test_open_questions_of_one_user_are_few_and_push_nobody_else_out(centre: Centre, console: Console) -> None:
    await centre.user()
    key = device()
    await owner(console, key)
    async with console() as client, console() as stranger:
        csrf = await sign_in(client)
        asked = await ask(stranger)
        first = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
        word = client.cookies["__Host-passkey"]
        for _ in range(passkeys.OPEN_OF_ONE):
            client.cookies.delete("__Host-passkey")
            last = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
        await client.post("/account/passkeys/ask", json={"csrf": csrf})
        assert await waiting(centre) == passkeys.OPEN_OF_ONE + 2, (
            "his proofs; the log-in of another and a new key beside them"
        )
        client.cookies.delete("__Host-passkey")
        shift = client.cookies["__Host-shift"]
        old = {"cookie": f"__Host-shift={shift}; __Host-passkey={word}"}
        told = {"csrf": csrf, "answer": key.sign(first)}
        assert (await client.post("/account/prove", json=told, headers=old)).status_code == 401
        assert (await enter(stranger, key.sign(asked))).status_code == 200
        assert last["challenge"] != first["challenge"]


# ---- the word of a second person ----


async def two_at_a_case(centre: Centre, console: Console) -> tuple[Device, Device]:
    """Two cases are open, in the hands of zhang; the keys of zhang and of li."""
    mine, hers = device(), device()
    for login in ("zhang", "li", "wang"):
        await centre.user(login=login, name=login, language="en")
    await owner(console, mine)
    await owner(console, hers, "li")
    for number in (1, 2):
        box = await centre.home(number, f"3号楼{number}-501", "王桂兰", 1944)
        await centre.alarm(box, "sos", Severity.P1)
    return mine, hers


async def confirmed(
    client: httpx.AsyncClient, csrf: str, key: Device, second: str = "li", case: int = 1
) -> httpx.Response:
    """The colleague signs with this key."""
    told = {"csrf": csrf, "second": second}
    asked = await client.post(f"/incidents/{case}/second/ask", json=told)
    if asked.status_code != 200:
        return asked
    return await client.post(f"/incidents/{case}/second", json=told | {"answer": key.sign(asked.json())})


async def ended(client: httpx.AsyncClient, csrf: str, proof: str, second: str = "li", case: int = 1) -> int:
    said = {"disposition": "helped", "note": "all well", "version": "2", "csrf": csrf}
    said |= {"command_id": f"command-{case}-{second}-{secrets.token_hex(4)}", "second": second, "second_proof": proof}
    return (await client.post(f"/incidents/{case}/resolve_remote", data=said)).status_code


async def test_colleague_confirms_by_his_passkey_once_for_this_case_at_this_screen(
    centre: Centre, console: Console
) -> None:
    _, hers = await two_at_a_case(centre, console)
    async with console() as client, console() as other:
        csrf = await sign_in(client)
        for case in (1, 2):
            await client.post(
                f"/incidents/{case}/ack", data={"csrf": csrf, "command_id": f"command-ack-{case}", "version": "1"}
            )
        assert 'data-passkey="second"' in (await client.get("/incidents/1")).text
        proof = (await confirmed(client, csrf, hers)).json()["proof"]
        theirs = await sign_in(other, "wang")
        assert await ended(other, theirs, proof) == 409, "of another screen"
        for second, case, status in (("wang", 1, 409), ("li", 2, 409), ("li", 1, 303)):
            proof = (await confirmed(client, csrf, hers)).json()["proof"]
            assert await ended(client, csrf, proof, second, case) == status, "li has signed, for the first case"
        assert await ended(client, csrf, proof, case=2) == 409, "good once, and for its case"
        old = (await confirmed(client, csrf, hers, case=2)).json()["proof"]
        centre.clock.now += CHALLENGE_LASTS
        assert await ended(client, csrf, old, case=2) == 409, "too old"
        assert await ended(client, csrf, "passkey:", case=2) == 409
        assert await ended(client, csrf, PASSWORD, case=2) == 303, "the password goes on"
    page = await centre.desk.incident(1)
    assert page is not None
    assert page.row.state == "FEEDBACK"


async def test_only_the_colleague_s_own_key_confirms(centre: Centre, console: Console) -> None:
    mine, hers = await two_at_a_case(centre, console)
    await centre.user("guo", "国", role="auditor")
    async with console() as client, console() as auditor:
        csrf = await sign_in(client)
        for second, key, status, problem in (
            ("li", mine, 401, "refused"),
            ("zhang", mine, 409, "keyless"),
            ("wang", mine, 409, "keyless"),
            ("nobody", hers, 409, "keyless"),
        ):
            answer = await confirmed(client, csrf, key, second)
            assert (answer.status_code, answer.json()) == (status, {"problem": problem}), second
        asked = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
        told = {"csrf": csrf, "second": "li", "answer": hers.sign(asked)}
        assert (await client.post("/incidents/1/second", json=told)).status_code == 401, "asked for something else"
        assert (await confirmed(client, "x", hers)).status_code == 403
        await Staff(store=centre.store, by="gao", clock=centre.clock).disable("li")
        assert (await confirmed(client, csrf, hers)).status_code == 409
        theirs = await sign_in(auditor, "guo")
        assert (await confirmed(auditor, theirs, hers)).status_code == 403, "who works no cases asks for no keys"


async def test_who_asks_for_a_colleagues_key_delays_him_not_and_pushes_out_nobodys_question(
    centre: Centre, console: Console
) -> None:
    mine, hers = await two_at_a_case(centre, console)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    accounts = Accounts(centre.store, hasher=cheap_hasher(), pause=pause)
    async with console(accounts) as client, console(accounts) as other:
        csrf, theirs = await sign_in(client), await sign_in(other, "wang")
        asked = await other.post("/incidents/2/second/ask", json={"csrf": theirs, "second": "li"})
        hers.is_verified = False
        for _ in range(passkeys.OPEN_OF_ONE + 1):
            assert (await confirmed(client, csrf, hers)).status_code == 401
        for _ in range(passkeys.OPEN_OF_ONE):
            asking = await client.post("/incidents/1/second/ask", json={"csrf": csrf, "second": "li"})
            assert asking.status_code == 200
        hers.is_verified = True
        told = {"csrf": theirs, "second": "li", "answer": hers.sign(asked.json())}
        assert (await other.post("/incidents/2/second", json=told)).status_code == 200
        assert pauses == [1], "of who asks, and of nobody else"
        proof = (await client.post("/account/prove/ask", json={"csrf": csrf})).json()
        for _ in range(FREE_FAILURES + 1):
            await client.post("/account/prove", json={"csrf": csrf, "answer": hers.sign(proof)})
        assert pauses == [1, 1], "with her key, and counted as his own"
        assert (await enter(other, hers.sign(await ask(other)))).status_code == 200
        assert pauses == [1, 1]
        assert mine.count == 0
