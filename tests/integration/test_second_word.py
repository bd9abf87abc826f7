"""A colleague's word is tried at somebody else's screen: guessing does not pay, and keeps him out of no log-in."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, Centre, cheap_hasher

from community import totp
from community.accounts import Accounts
from community.slowing import FREE_FAILURES
from community.staff import Staff
from community.store import schema
from community.users import User
from community.word_tries import ASKED_CODES, ASKING_AT_ONCE, CODES, GIVEN_CODES, TriedTooOften
from shouwang.alert import Severity
from shouwang.errors import TryLater

WRONG = "000000"


@pytest.fixture
async def secrets_of(centre: Centre) -> dict[str, str]:
    """Everybody's app: zhang asks, li gives his word, wang does both."""
    staff = Staff(store=centre.store, by="root", clock=centre.clock)
    found = {}
    for login in ("zhang", "li", "wang"):
        await centre.user(login=login, name=login, language="en")
        found[login] = await staff.give_app(login)
        while WRONG in (code_of(centre, found[login], steps=steps) for steps in range(-1, 10)):
            found[login] = await staff.give_app(login)
    return found


def code_of(centre: Centre, secret: str, *, steps: int = 0) -> str:
    return totp.code_at(secret, totp.step_at(centre.clock.now) + steps)


async def word(
    accounts: Accounts, centre: Centre, secret: str, *, by: str = "zhang", of: str = "li", at: str = "office"
) -> User | None:
    return await accounts.vouch(of, secret, asker=by, client=at, now=centre.clock.now)


async def guessed_out(centre: Centre, asker: str, of: str = "li") -> None:
    """From an address each, so that nobody waits for the failures before."""
    for number in range(ASKED_CODES.at_once):
        assert await word(centre.accounts, centre, WRONG, by=asker, of=of, at=f"desk-{number}") is None
    with pytest.raises(TriedTooOften):
        await word(centre.accounts, centre, WRONG, by=asker, of=of)


# ---- codes ----


async def test_who_guesses_a_colleagues_code_takes_none_of_his_own_tries(
    centre: Centre, secrets_of: dict[str, str]
) -> None:
    await guessed_out(centre, "zhang")
    right = code_of(centre, secrets_of["li"])
    with pytest.raises(TriedTooOften):
        await word(centre.accounts, centre, right)
    shift = await centre.accounts.log_in("li", PASSWORD, client="office", now=centre.clock.now, code=right)
    assert shift is not None
    centre.clock.later(minutes=1)
    for number in range(CODES.at_once - 2):
        assert not await centre.accounts.prove(shift, WRONG, client=f"desk-{number}", now=centre.clock.now)
    right = code_of(centre, secrets_of["li"])
    assert await centre.accounts.prove(shift, right, client="b", now=centre.clock.now), "all his own tries were there"


async def test_a_colleague_still_gives_his_word_to_another_and_by_password(
    centre: Centre, secrets_of: dict[str, str]
) -> None:
    await guessed_out(centre, "zhang")
    assert await word(centre.accounts, centre, code_of(centre, secrets_of["li"]), by="wang") is not None
    assert await word(centre.accounts, centre, PASSWORD) is not None
    centre.clock.later(minutes=2)
    assert await word(centre.accounts, centre, code_of(centre, secrets_of["li"])) is not None, "delayed, not locked"


async def test_guessing_at_one_after_the_other_is_one_guessing(centre: Centre, secrets_of: dict[str, str]) -> None:
    """Anybody's word would do for him."""
    await guessed_out(centre, "zhang", of="li")
    with pytest.raises(TriedTooOften):
        await word(centre.accounts, centre, code_of(centre, secrets_of["wang"]), of="wang")


async def test_many_who_guess_at_one_colleague_are_bounded_together(centre: Centre, secrets_of: dict[str, str]) -> None:
    for number in range(GIVEN_CODES.at_once):
        asker = f"stolen-{number % 5}"
        assert await word(centre.accounts, centre, WRONG, by=asker, at=f"desk-{number}") is None
    with pytest.raises(TriedTooOften):
        await word(centre.accounts, centre, WRONG, by="zhang")
    right = code_of(centre, secrets_of["li"])
    assert await centre.accounts.log_in("li", PASSWORD, client="office", now=centre.clock.now, code=right) is not None
    centre.clock.later(minutes=1)
    assert await word(centre.accounts, centre, code_of(centre, secrets_of["li"])) is not None


async def test_right_codes_use_up_nobodys_tries(centre: Centre, secrets_of: dict[str, str]) -> None:
    now, secret = centre.clock.now, secrets_of["li"]
    for number in range(ASKED_CODES.at_once + 2):
        await forget_step(centre, "li")
        right = code_of(centre, secret)
        assert await centre.accounts.vouch("li", right, asker="zhang", client=f"desk-{number}", now=now) is not None
    for number in range(CODES.at_once + 2):
        await forget_step(centre, "li")
        assert await centre.accounts.log_in(
            "li", PASSWORD, client=f"desk-{number}", now=now, code=code_of(centre, secret)
        )
    await guessed_out(centre, "zhang")


async def forget_step(centre: Centre, login: str) -> None:
    """As if the code had not been used."""
    users = schema.users
    anew = sa.update(users).where(users.c.login == login).values(totp_step=0)
    await centre.store.write(lambda connection: connection.execute(anew))


# ---- passwords ----


async def test_wrong_words_make_the_next_try_of_who_asks_wait_and_no_log_in(centre: Centre) -> None:
    await centre.user(login="li", name="li")
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    accounts = Accounts(centre.store, pause=pause, hasher=cheap_hasher())
    for _ in range(FREE_FAILURES + 2):
        assert await word(accounts, centre, "wrong") is None
    assert pauses == [1, 2]
    assert await accounts.log_in("li", PASSWORD, client="office", now=centre.clock.now) is not None
    assert await word(accounts, centre, PASSWORD, by="wang") is not None
    assert pauses == [1, 2], "he who logs in, and he who asks too, wait for none of it"
    assert await word(accounts, centre, PASSWORD) is not None
    assert await word(accounts, centre, "wrong") is None
    assert pauses == [1, 2, 4], "the right word was the end of it"


async def test_one_who_asks_for_many_words_at_once_takes_nobody_elses_seat(centre: Centre) -> None:
    await centre.user(login="li", name="li")
    held, waiting = asyncio.Event(), asyncio.Semaphore(0)

    async def pause(_: float) -> None:
        waiting.release()
        await held.wait()

    accounts = Accounts(centre.store, pause=pause, hasher=cheap_hasher())
    for _ in range(FREE_FAILURES):
        await word(accounts, centre, "wrong")
    slow = [asyncio.create_task(word(accounts, centre, "wrong")) for _ in range(ASKING_AT_ONCE)]
    for _ in slow:
        await waiting.acquire()
    with pytest.raises(TriedTooOften):
        async with asyncio.timeout(20):
            await word(accounts, centre, PASSWORD)
    assert await word(accounts, centre, PASSWORD, by="wang") is not None
    held.set()
    assert await asyncio.gather(*slow) == [None] * ASKING_AT_ONCE
    assert await word(accounts, centre, PASSWORD) is not None


# ---- at the console ----


async def test_who_tried_too_often_is_told_so_and_keeps_what_he_typed(
    centre: Centre, console_url: str, secrets_of: dict[str, str]
) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)
    await guessed_out(centre, "zhang")
    async with at_the_case(centre, console_url, secrets_of) as (client, order):
        order |= {"second_proof": code_of(centre, secrets_of["li"])}
        answer = await client.post("/incidents/1/resolve_remote", data=order)
        assert answer.status_code == 409
        assert "it was tried too often" in answer.text
        assert "she answered at once" in answer.text
        order |= {"command_id": "command-end-2", "second_proof": PASSWORD}
        assert (await client.post("/incidents/1/resolve_remote", data=order)).status_code == 200


async def test_who_comes_while_too_many_wait_is_told_so_and_keeps_what_he_typed(
    centre: Centre, console_url: str, secrets_of: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = await centre.home(1, "3号楼2-501", "王桂兰", 1944)
    await centre.alarm(box, "sos", Severity.P1)

    async def crowded(*_: object, **__: object) -> User | None:
        raise TryLater("too many people who have failed often are logging in at this moment")

    async with at_the_case(centre, console_url, secrets_of) as (client, order):
        monkeypatch.setattr(centre.accounts, "vouch", crowded)
        answer = await client.post("/incidents/1/resolve_remote", data=order | {"second_proof": "any"})
        assert answer.status_code == 409
        assert "it cannot be checked at this moment" in answer.text
        assert "she answered at once" in answer.text


@asynccontextmanager
async def at_the_case(
    centre: Centre, console_url: str, secrets_of: dict[str, str]
) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """zhang, who has taken the case, and the form by which he ends it with the word of li."""
    async with httpx.AsyncClient(
        base_url=console_url,
        follow_redirects=True,
        headers={"accept-language": "en"},
    ) as client:
        said = {"login": "zhang", "password": PASSWORD, "code": code_of(centre, secrets_of["zhang"])}
        await client.post("/login", data=said)
        page = await client.get("/incidents/1")
        found = re.search(r'name="csrf" value="([^"]+)"', page.text)
        assert found is not None
        order = {"csrf": found[1], "version": "1", "command_id": "command-ack"}
        await client.post("/incidents/1/ack", data=order)
        ending = {"disposition": "helped", "note": "she answered at once", "version": "2", "second": "li"}
        yield client, order | {"command_id": "command-end"} | ending
