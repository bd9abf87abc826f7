"""Logins against the real store: tokens are never stored, links work once, failures slow down and never lock."""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Literal

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher
from fixtures.browser import PASSWORD, Centre, cheap_hasher
from fixtures.stalled import stalled

from community.accounts import LINK_LIFE, SHIFT, Accounts
from community.slowing import DATABASE_WITHIN_S, FREE_FAILURES, MAX_DELAY_S
from community.store import schema
from community.users import Role
from community.web.guard import ANSWER_TIMEOUT_S
from shouwang.errors import ConfigError, IllegalMove, TryLater


async def test_right_password_begins_a_shift(centre: Centre) -> None:
    user = await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    assert shift is not None
    assert shift.user == user
    found = await centre.accounts.shift(shift.token, now=centre.clock.now)
    assert found == shift


@pytest.mark.parametrize(("login", "password"), [("zhang", "wrong"), ("nobody", PASSWORD), ("", ""), ("zhang", "\0")])
async def test_wrong_credentials_begin_none(centre: Centre, login: str, password: str) -> None:
    await centre.user()
    assert await centre.accounts.log_in(login, password, client="a", now=centre.clock.now) is None


async def test_user_without_a_password_cannot_use_one(centre: Centre) -> None:
    await centre.accounts.add_user(
        login="demo", name="演示", role=Role.OPERATOR, language="zh", password=None, now=centre.clock.now
    )
    assert await centre.accounts.log_in("demo", "", client="a", now=centre.clock.now) is None
    assert await centre.accounts.log_in("demo", "None", client="a", now=centre.clock.now) is None


async def test_no_token_or_password_is_in_the_database(centre: Centre) -> None:
    await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    link = await centre.accounts.make_link("zhang", now=centre.clock.now)
    assert shift is not None

    def everything(connection: sa.Connection) -> str:
        tables = (schema.users, schema.login_sessions, schema.login_links)
        return repr([connection.execute(sa.select(table)).all() for table in tables])

    stored = await centre.store.read(everything)
    assert not any(secret in stored for secret in (shift.token, link, PASSWORD, shift.csrf))


async def test_shift_ends_after_twelve_hours(centre: Centre) -> None:
    await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    assert shift is not None
    almost = centre.clock.now + SHIFT - timedelta(seconds=1)
    assert await centre.accounts.shift(shift.token, now=almost) is not None
    for late in (timedelta(seconds=1), timedelta(days=1)):
        assert await centre.accounts.shift(shift.token, now=almost + late) is None


async def test_logging_out_ends_the_session_in_the_database(centre: Centre) -> None:
    await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    assert shift is not None
    await centre.accounts.log_out(shift.token)
    assert await centre.accounts.shift(shift.token, now=centre.clock.now) is None


async def test_new_password_ends_all_sessions(centre: Centre) -> None:
    user = await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    assert shift is not None
    await centre.accounts.set_password(user.user_id, "another four words")
    assert await centre.accounts.shift(shift.token, now=centre.clock.now) is None
    assert await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now) is None
    assert await centre.accounts.log_in("zhang", "another four words", client="a", now=centre.clock.now) is not None


async def test_link_lets_in_once(centre: Centre) -> None:
    await centre.user()
    token = await centre.accounts.make_link("zhang", now=centre.clock.now)
    attempts = [centre.accounts.use_link(token, now=centre.clock.now) for _ in range(5)]
    shifts = [shift for shift in await asyncio.gather(*attempts) if shift is not None]
    assert [shift.user.login for shift in shifts] == ["zhang"]


async def test_link_is_too_old_after_fifteen_minutes(centre: Centre) -> None:
    await centre.user()
    token = await centre.accounts.make_link("zhang", now=centre.clock.now)
    assert await centre.accounts.use_link(token, now=centre.clock.now + LINK_LIFE) is None
    assert await centre.accounts.use_link("", now=centre.clock.now) is None


async def test_link_needs_a_user(centre: Centre) -> None:
    with pytest.raises(IllegalMove, match="no user"):
        await centre.accounts.make_link("nobody", now=centre.clock.now)


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 129])
async def test_password_of_the_wrong_length_is_refused(centre: Centre, password: str) -> None:
    with pytest.raises(ConfigError, match="12 to 128"):
        await centre.accounts.add_user(
            login="zhang", name="张琳", role=Role.OPERATOR, language="zh", password=password, now=centre.clock.now
        )


async def test_login_is_given_once(centre: Centre) -> None:
    await centre.user()
    with pytest.raises(IllegalMove, match="already"):
        await centre.user()


async def test_failures_slow_down_up_to_a_bound_and_never_lock(centre: Centre) -> None:
    await centre.user()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    accounts = Accounts(centre.store, pause=pause, hasher=cheap_hasher())
    for _ in range(FREE_FAILURES + 6):
        assert await accounts.log_in("zhang", "wrong", client="a", now=centre.clock.now) is None
    assert pauses == [1, 2, 4, 8, 8, 8]
    assert await accounts.log_in("zhang", PASSWORD, client="b", now=centre.clock.now) is not None
    assert len(pauses) == 6
    assert await accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now) is not None
    assert pauses[6:] == [MAX_DELAY_S]
    assert await accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now) is not None
    assert len(pauses) == 7


async def test_failures_are_forgotten_after_a_while(centre: Centre) -> None:
    await centre.user()
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    accounts = Accounts(centre.store, pause=pause, hasher=cheap_hasher())
    for _ in range(FREE_FAILURES):
        await accounts.log_in("zhang", "wrong", client="a", now=centre.clock.now)
    centre.clock.later(minutes=16)
    await accounts.log_in("zhang", "wrong", client="a", now=centre.clock.now)
    assert pauses == []


def test_who_failed_often_is_answered_before_the_page_gives_up() -> None:
    assert MAX_DELAY_S + 4 * DATABASE_WITHIN_S < ANSWER_TIMEOUT_S, "or his right password never lets him in"


@pytest.fixture
async def slowed(centre: Centre) -> AsyncIterator[Accounts]:
    """Accounts at which somebody who has failed often waits, until the end of the test."""
    held, waits = asyncio.Event(), asyncio.Event()

    async def pause(_: float) -> None:
        waits.set()
        await held.wait()

    accounts = Accounts(centre.store, pause=pause, hasher=cheap_hasher())
    for _ in range(FREE_FAILURES):
        await accounts.log_in("nobody", "wrong", client="a", now=centre.clock.now)
    slow = asyncio.create_task(accounts.log_in("nobody", "wrong", client="a", now=centre.clock.now))
    await waits.wait()
    yield accounts
    held.set()
    assert await slow is None


async def test_a_crowd_that_fails_is_told_to_come_again(
    centre: Centre, slowed: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.accounts.MAX_SLOWED_LOGINS", 1)
    with pytest.raises(TryLater):
        await slowed.log_in("nobody", "wrong", client="a", now=centre.clock.now)


async def test_strangers_who_fail_keep_nobody_else_out(
    centre: Centre, slowed: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in ("MAX_WAITING_LOGINS", "MAX_SLOWED_LOGINS"):
        monkeypatch.setattr(f"community.accounts.{bound}", 1)
    await centre.user()
    shift = await slowed.log_in("zhang", PASSWORD, client="b", now=centre.clock.now)
    assert shift is not None
    assert await slowed.prove(shift, PASSWORD, client="b", now=centre.clock.now)


async def test_more_log_ins_at_once_than_are_checked_are_told_to_come_again(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.accounts.MAX_WAITING_LOGINS", 0)
    await centre.user()
    with pytest.raises(TryLater):
        await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)


async def test_password_that_is_changed_while_it_is_looked_at_opens_nothing(centre: Centre) -> None:
    """The change ends all sessions: one that began a moment later with the old password would be left."""
    user = await centre.user()
    looking, goes_on = threading.Event(), threading.Event()

    class Slow(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's name
            is_right = super().verify(hash, password)
            looking.set()
            goes_on.wait(10.0)
            return is_right

    accounts = Accounts(centre.store, hasher=Slow(time_cost=1, memory_cost=8, parallelism=1))
    late = asyncio.create_task(accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now))
    try:
        await asyncio.to_thread(looking.wait, 10.0)
        await centre.accounts.set_password(user.user_id, "another passphrase")
    finally:
        goes_on.set()
    assert await late is None


async def test_a_disk_that_stands_still_keeps_no_operator_from_his_page(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("community.slowing.DATABASE_WITHIN_S", 0.01)
    await centre.user()
    shift = await centre.accounts.log_in("zhang", PASSWORD, client="a", now=centre.clock.now)
    assert shift is not None
    later = centre.clock.now + timedelta(minutes=1)
    async with stalled(centre.store):
        assert await centre.accounts.shift(shift.token, now=later) is not None


def test_roles_read_and_act_as_agreed() -> None:
    assert [role for role in Role if role.may_act] == [Role.OPERATOR, Role.SUPERVISOR]
    assert [role for role in Role if not role.may_read_cases] == [
        Role.RESPONDER,
        Role.FAMILY,
        Role.ADMIN,
        Role.SCREEN,
    ]
