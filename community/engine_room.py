"""Who runs the engine of this database: waits for it, holds it by a beat each second, says when it is lost."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.store import adoption, lease, policies
from community.store.database import Connection, Store
from community.store.lease import BEAT_EVERY_S, STANDS_STILL_S, Lease, LeaseLost, Taken
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

log = logging.getLogger(__name__)


class EngineRoom:
    """One engine at a time: the second server waits until the first one's beat stands still."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        """`clock`: wall time."""
        self._store = store
        self._clock = clock
        self._token = 0

    async def enter(self) -> None:
        """Wait until the engine is ours; then every transaction of this store proves that it still is."""
        taken = await self._taken()
        self._token = taken.token
        self._store.fence(lambda connection: lease.check(connection, taken.token))
        if taken.is_doubtful:
            log.warning("the wall clock went back while the engine stood: what is due within a minute fires now")
        for lost in await self._store.read(policies.bring_in):  # not before: another server may have set one meanwhile
            log.error("a policy cannot be used, its cases go on by the table of this server: %s", lost)
        now = self._clock()
        carried_over = await self._store.write(lambda connection: adoption.adopt(connection, now))
        if carried_over:
            log.info("carried over %d cases of an earlier version; their clocks begin now", carried_over)

    async def run(self) -> None:
        """Beat until cancelled. Raises LeaseLost where another server has taken the engine."""
        outage = Outage(log, "cannot say that the engine lives: %s", ends="the engine says again that it lives")
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            try:
                await self._store.write(self._beat, urgent=True)
                outage.over()
            except LeaseLost:
                log.error("another server runs the engine: this one stops, so that no clock fires twice")  # noqa: TRY400
                raise
            except (TryLater, GiveUp) as error:
                outage.begin(error)

    async def leave(self) -> None:
        """Let the next server begin at once."""
        token = self._token
        try:
            await self._store.write(lambda connection: lease.give_back(connection, token), urgent=True)
        except (LeaseLost, TryLater, GiveUp) as error:
            log.warning("the engine was not handed back: %s", error)

    def _beat(self, connection: Connection) -> None:
        lease.beat(connection, self._token)

    async def _taken(self) -> Taken:
        loop = asyncio.get_running_loop()
        watched: Lease | None = None
        since = loop.time()
        outage = Outage(log, "cannot take the engine yet: %s", level=logging.WARNING, tells_news=True)
        while True:
            try:
                seen = await self._store.read(lease.look)
                stood_still = seen == watched and loop.time() - since >= STANDS_STILL_S
                if seen is None or stood_still or lease.is_gone(seen.holder):
                    taken = await self._try(seen)
                    if taken is not None:
                        return taken
                elif seen != watched:
                    if watched is None:
                        log.info("another server runs the engine (%s): waiting until it stands still", seen.holder)
                    watched, since = seen, loop.time()
            except TryLater as error:
                outage.begin(error)
            await asyncio.sleep(BEAT_EVERY_S)

    async def _try(self, seen: Lease | None) -> Taken | None:
        holder = lease.this_process()
        return await self._store.write(lambda connection: lease.take(connection, seen, holder), urgent=True)
