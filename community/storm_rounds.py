"""Goes round storms, quiet cases and flapping alarms every few seconds. Nothing is kept in memory."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.store import storm_round
from community.store.database import Store
from community.store.storm_round import Work
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

EVERY_S = 2.0
"""A case that waited half an hour waits two seconds more; where there is nothing to do, a look costs a few reads."""

log = logging.getLogger(__name__)


class StormRounds:
    """What becomes of storms."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], told: Callable[[], None]) -> None:
        """`told` is called when something may have changed in the queue."""
        self._store = store
        self._clock = clock
        self._told = told
        self._outage = Outage(log, "storms are not looked after for now: %s", ends="storms are looked after again")

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """One round."""
        try:
            while await self._turn():
                pass
        except (TryLater, GiveUp) as error:
            self._outage.begin(error)
            return
        self._outage.over()

    async def _turn(self) -> bool:
        """Whether there may be more to do at once."""
        now = self._clock()
        if (await self._store.read(lambda connection: storm_round.look(connection, now))).is_none:
            return False
        work = await self._store.write(lambda connection: storm_round.turn(connection, now))
        if not work.is_none:
            _log(work)
            self._told()
        return work.is_more


def _log(work: Work) -> None:
    for storm_id in work.begun:
        log.warning("storm %d: many homes tell of the same at once, their cases wait", storm_id)
    for storm_id in work.grown:
        log.warning("storm %d: so many gateways are silent that our own line is the first suspect", storm_id)
    for storm_id in work.over:
        log.warning("storm %d is over", storm_id)
    if work.let_in or work.quiet:
        log.info("%d cases of storms come into the queue, %d quiet ones end", len(work.let_in), len(work.quiet))
