"""Failed log-ins make the next ones wait, and never lock: a lock would let a stranger keep the night shift out.

They are counted in this process first, so that many at once do not slip by, and kept in the database, so that neither
a restart nor the standby forgets them. A database that is busy or away slows nobody down further.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from community.store import failures
from community.store.database import Store
from shouwang.errors import ShouwangError

T = TypeVar("T")

FREE_FAILURES = 3
"""A tired operator mistypes; from the next attempt on each one waits twice as long as the last."""
MAX_DELAY_S = 8.0
"""Short enough for the answer: a page is given up after 15 s (community.web.guard), and that would be a lock."""
FAILURES_FADE = timedelta(minutes=15)
DATABASE_WITHIN_S = 1.0
"""An operator who logs in or reads during a storm does not wait for the memory of a failure, or of his being here."""


class Failures:
    """How often whom has failed from where."""

    def __init__(self, store: Store) -> None:
        """What is known is kept in `store`."""
        self._store = store
        self._here: OrderedDict[bytes, tuple[int, datetime]] = OrderedDict()

    async def count(self, login: str, client: str, now: datetime) -> float:
        """Count an attempt before it is tried; its delay in seconds."""
        who = _who(login, client)
        before = self._one_more(who, now)
        kept = await soon(self._store.read(lambda connection: failures.since(connection, who, now - FAILURES_FADE)))
        if kept is not None and kept > before:
            before = kept
            self._here[who] = (kept + 1, now)
        late = before - FREE_FAILURES
        return 0.0 if late < 0 else min(2.0 ** min(late, 10), MAX_DELAY_S)

    async def keep(self, login: str, client: str, now: datetime) -> None:
        """The attempt has failed: other processes are to know."""
        who = _who(login, client)
        count = self._here.get(who, (1, now))[0]
        begin = now - FAILURES_FADE
        await soon(
            self._store.write(lambda connection: failures.keep(connection, who, count, at=now, begin=begin)),
        )

    async def forget(self, login: str, client: str) -> None:
        """The attempt was right. Whoever had not failed before costs no write."""
        who = _who(login, client)
        count, _ = self._here.pop(who, (2, None))
        if count > 1:
            await soon(self._store.write(lambda connection: failures.forget(connection, who)))

    def _one_more(self, who: bytes, now: datetime) -> int:
        """How often he had failed before, as this process knows."""
        count, last = self._here.pop(who, (0, now))
        if now - last > FAILURES_FADE:
            count = 0
        self._here[who] = (count + 1, now)
        if len(self._here) > failures.KEPT_AT_MOST:
            self._here.popitem(last=False)
        return count


async def soon(asked: Awaitable[T]) -> T | None:
    """What the database says, or None where it does not say it soon."""
    with suppress(ShouwangError, TimeoutError):
        async with asyncio.timeout(DATABASE_WITHIN_S):
            return await asked
    return None


def _who(login: str, client: str) -> bytes:
    return hashlib.sha256(f"{login}\0{client}".encode()).digest()
