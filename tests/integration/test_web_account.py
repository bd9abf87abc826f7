"""One's own settings: password, authenticator app with its picture, sessions; for everybody who logs in."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import segno
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre

from community import qr, totp
from community.accounts import PROOF_LASTS
from community.store.rights_schema import right_changes

NEW = "five other words for today"


@pytest.fixture
async def client(console_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=console_url, follow_redirects=True) as found:
        yield found


async def come_in(client: httpx.AsyncClient, password: str = PASSWORD, **more: str) -> str:
    await client.post("/login", data={"login": "zhang", "password": password} | more)
    return csrf(await client.get("/account"))


def csrf(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="(\w+)"', page.text)
    return found[1] if found else ""


async def changes(centre: Centre) -> list[str]:
    rows = await centre.store.read(lambda connection: connection.execute(sa.select(right_changes)).all())
    return [f"{row.actor} {row.what} {row.whom}" for row in rows]


async def test_password_is_changed_with_the_old_one_and_others_are_out(
    centre: Centre, console_url: str, client: httpx.AsyncClient
) -> None:
    await centre.user(language="en")
    async with httpx.AsyncClient(base_url=console_url) as elsewhere:
        await come_in(elsewhere)
        token = await come_in(client)
        for told, said in (
            ({"old": "wrong wrong wrong", "new": NEW, "again": NEW}, "The old password was not right"),
            ({"old": PASSWORD, "new": NEW, "again": NEW + "x"}, "The two new passwords differ"),
            ({"old": PASSWORD, "new": "short", "again": "short"}, "12 to 128"),
        ):
            refused = await client.post("/account/password", data={"csrf": token} | told)
            assert refused.status_code == 409
            assert said in refused.text
        told = {"csrf": token, "old": PASSWORD, "new": NEW, "again": NEW}
        done = await client.post("/account/password", data=told)
        assert "The password has been changed" in done.text
        assert (await elsewhere.get("/account")).status_code == 303
    assert await centre.accounts.log_in("zhang", PASSWORD, client="b", now=centre.clock.now) is None
    assert await centre.accounts.log_in("zhang", NEW, client="b", now=centre.clock.now) is not None
    assert await changes(centre) == ["zhang password changed zhang"]


async def test_who_came_by_a_link_gives_himself_a_password_while_he_is_proved(
    centre: Centre, client: httpx.AsyncClient
) -> None:
    from community.users import Role

    await centre.accounts.add_user(
        login="zhang", name="张琳", role=Role.OPERATOR, language="en", password=None, now=centre.clock.now
    )
    link = await centre.accounts.make_link("zhang", now=centre.clock.now)
    await client.post(f"/login/once/{link}")
    page = await client.get("/account")
    assert "Give myself a password" in page.text
    told = {"csrf": csrf(page), "new": NEW, "again": NEW}
    centre.clock.now += PROOF_LASTS + timedelta(seconds=1)
    assert (await client.post("/account/password", data=told)).status_code == 409, "an open screen is no proof"
    link = await centre.accounts.make_link("zhang", now=centre.clock.now)
    client.cookies.clear()
    await client.post(f"/login/once/{link}")
    told["csrf"] = csrf(await client.get("/account"))
    assert (await client.post("/account/password", data=told)).status_code == 200
    assert await centre.accounts.log_in("zhang", NEW, client="b", now=centre.clock.now) is not None


async def test_own_app_is_shown_once_as_a_picture_and_counts_after_a_right_code(
    centre: Centre, console_url: str, client: httpx.AsyncClient
) -> None:
    await centre.user(language="en")
    async with httpx.AsyncClient(base_url=console_url) as elsewhere:
        await come_in(elsewhere)
        token = await come_in(client)
        shown = await client.post("/account/app/new", data={"csrf": token})
        assert shown.headers["cache-control"] == "no-store"
        secret = re.search(r'name="secret" value="([A-Z2-7]{32})"', shown.text)
        assert secret is not None
        address = totp.address(secret[1], "zhang", "阳光社区")
        alt = "QR code for the authenticator app: the same as the key in letters"
        assert qr.picture(address, alt) in shown.text
        assert segno.make(address, micro=False, error="m").symbol_size(border=4)[0] > 40
        assert secret[1] not in (await client.get("/account")).text
        told = {"csrf": token, "secret": secret[1], "code": "000000"}
        wrong = await client.post("/account/app", data=told)
        assert wrong.status_code == 409
        assert qr.picture(address, alt) in wrong.text, "he may try again with the same picture"
        told["code"] = totp.code_at(secret[1], totp.step_at(centre.clock.now))
        done = await client.post("/account/app", data=told)
        assert "The app is in use from now on" in done.text
        assert (await elsewhere.get("/account")).status_code == 303
    assert await changes(centre) == ["zhang app given zhang"]


async def test_new_app_needs_a_fresh_proof(centre: Centre, client: httpx.AsyncClient) -> None:
    await centre.user()
    token = await come_in(client)
    centre.clock.now += PROOF_LASTS + timedelta(seconds=1)
    for proof, status in (("", 409), ("wrong", 409), (PASSWORD, 200)):
        answer = await client.post("/account/app/new", data={"csrf": token, "proof": proof})
        assert answer.status_code == status
        assert ("<svg role" in answer.text) is (status == 200)


async def test_admin_shows_the_picture_to_the_user(centre: Centre, client: httpx.AsyncClient) -> None:
    await centre.user(role="admin", language="en")
    token = await come_in(client)
    page = await client.get("/admin/users/zhang")
    seen = re.search(r'name="seen" value="(\w+)"', page.text)
    assert seen is not None
    shown = await client.post("/admin/users/zhang/new-app", data={"csrf": token, "seen": seen[1]})
    secret = re.search(r'name="secret" value="([A-Z2-7]{32})"', shown.text)
    assert secret is not None
    address = totp.address(secret[1], "zhang", "阳光社区")
    assert qr.picture(address, "QR code for the authenticator app: the same as the key in letters") in shown.text


async def test_he_logs_out_everywhere_else(centre: Centre, console_url: str, client: httpx.AsyncClient) -> None:
    await centre.user(language="en")
    async with httpx.AsyncClient(base_url=console_url) as elsewhere:
        await come_in(elsewhere)
        centre.clock.now += timedelta(minutes=3)
        token = await come_in(client)
        page = await client.get("/account")
        assert "Logged in at 2 places" in page.text
        done = await client.post("/account/sessions/end", data={"csrf": token})
        assert "Logged in at 1 place" in done.text
        assert (await elsewhere.get("/account")).status_code == 303
    assert await changes(centre) == ["zhang other sessions ended zhang"]
