"""Failures and identities in both databases: bounded, forgotten in time, and one subject is one user."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from fixtures.browser import PASSWORD, cheap_hasher
from fixtures.community_home import NOON

from community.accounts import Accounts
from community.slowing import FREE_FAILURES
from community.store import failures, identities
from community.store.database import Store
from community.store.identities import EMAIL, SUB, Vouched
from community.store.log_in_schema import log_in_failures, spent_nonces
from community.users import Role
from shouwang.errors import IllegalMove, TryLater

ISSUER = "https://id.example.org"
SOON = NOON + timedelta(minutes=5)


class Seat:
    """A server with these accounts; `pauses`: how long it let people wait."""

    def __init__(self, store: Store) -> None:
        self.pauses: list[float] = []
        self.accounts = Accounts(store, pause=self._pause, hasher=cheap_hasher())

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def tries(self, password: str, *, times: int = 1, client: str = "a") -> bool:
        found = [await self.accounts.log_in("zhang", password, client=client, now=NOON) for _ in range(times)]
        return found[-1] is not None


async def user(store: Store, login: str = "zhang") -> None:
    await Accounts(store, hasher=cheap_hasher()).add_user(
        login=login, name=login, role=Role.OPERATOR, language="zh", password=PASSWORD, now=NOON
    )


async def count(store: Store, table: sa.Table) -> int:
    return await store.read(lambda connection: len(connection.execute(sa.select(table)).all()))


async def test_neither_a_restart_nor_the_standby_forgets_failures(store: Store) -> None:
    await user(store)
    await Seat(store).tries("wrong", times=FREE_FAILURES + 2)
    standby = Seat(store)
    await standby.tries("wrong")
    assert standby.pauses == [4]
    assert not await standby.tries(PASSWORD, client="b") or standby.pauses == [4], "another address does not wait"
    assert await standby.tries(PASSWORD)
    assert standby.pauses == [4, 8], "never locked"
    assert await count(store, log_in_failures) == 0
    assert await Seat(store).tries(PASSWORD)


async def test_busy_database_slows_down_by_memory_and_lets_in(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise TryLater("the database is busy")

    await user(store)
    seat = Seat(store)
    for name in ("since", "keep", "forget"):
        monkeypatch.setattr(failures, name, busy)
    await seat.tries("wrong", times=FREE_FAILURES + 1)
    assert seat.pauses == [1]
    assert await seat.tries(PASSWORD)


async def test_failures_are_bounded_and_fade(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "KEPT_AT_MOST", 3)
    for number in range(6):
        at, who = NOON + timedelta(seconds=number), bytes([number])
        await store.write(lambda connection: failures.keep(connection, who, 4, at=at, begin=NOON))  # noqa: B023
    assert await count(store, log_in_failures) == 3
    assert await store.read(lambda connection: failures.since(connection, b"\x05", NOON)) == 4
    assert await store.read(lambda connection: failures.since(connection, b"\x05", SOON)) == 0
    await store.write(lambda connection: failures.keep(connection, b"new", 1, at=SOON, begin=SOON))
    assert await count(store, log_in_failures) == 1


def vouched(subject: str = "u-1", nonce: str = "n-1", **more: str) -> Vouched:
    return Vouched(issuer=ISSUER, subject=subject, nonce=nonce, until=SOON, **more)


async def meets(store: Store, who: Vouched, *, at=NOON, links_by_login: bool = False) -> str | None:
    found = await store.write(lambda connection: identities.met(connection, who, at=at, links_by_login=links_by_login))
    return None if found is None else found[0].login


async def linked(store: Store, login: str, kind: str = SUB, subject: str = "u-1") -> None:
    await store.write(lambda connection: identities.link(connection, ISSUER, kind, subject, login=login, at=NOON))


async def test_subject_is_one_user_and_an_answer_counts_once(store: Store) -> None:
    await user(store)
    await user(store, "li")
    assert await meets(store, vouched()) is None
    await linked(store, "zhang")
    with pytest.raises(IllegalMove, match="linked to the login zhang already"):
        await linked(store, "li")
    assert await meets(store, vouched()) == "zhang"
    assert await meets(store, vouched()) is None
    assert await meets(store, vouched(nonce="n-2"), at=SOON + timedelta(minutes=1)) == "zhang"
    assert await count(store, spent_nonces) == 1
    await linked(store, "zhang", subject="u-2")
    assert await meets(store, vouched(nonce="n-3")) is None, "he has another subject now"


async def test_address_and_login_bind_once(store: Store) -> None:
    await user(store)
    await user(store, "li")
    await linked(store, "zhang", EMAIL, "zhang@example.org")
    assert await meets(store, vouched(login="li")) is None
    assert await meets(store, vouched(email="ZHANG@example.org")) == "zhang"
    assert await meets(store, vouched("u-2", "n-2", email="zhang@example.org")) is None
    assert await meets(store, vouched("u-2", "n-2", login="zhang"), links_by_login=True) is None
    assert await meets(store, vouched("u-3", "n-3", login="li"), links_by_login=True) == "li"
