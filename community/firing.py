"""Fires the clocks of cases when they are due, each once, in the order in which they are due.

Nothing is kept in memory: what is due is asked of the database, so that a restart, a stop or a slow disk loses
nothing; all that has become due meanwhile fires at once, in its order.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.news import news_or_later
from community.store import due
from community.store.database import Store
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

LOOK_EVERY_S = 0.5
"""How late a clock fires at most while the database answers; 1 s of 60 s would be seen by nobody."""
AT_ONCE = 100
"""Clocks in one transaction: an alarm waits for no more."""

STUCK_S = 30.0
"""A case whose clock cannot fire is passed over for so long."""

log = logging.getLogger(__name__)


class Firing:
    """The clocks' loop."""

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime], fired: Callable[[], None], beat: Callable[[], None]
    ) -> None:
        """`fired` is called when clocks have fired; `beat` at every turn."""
        self._store = store
        self._clock = clock
        self._fired = fired
        self._beat = beat
        self._news = asyncio.Event()
        self._outage = Outage(log, "clocks of cases wait for the database: %s", ends="clocks of cases fire again")
        self._stuck: dict[int, float] = {}

    def look(self) -> None:
        """There may be something due: a case has begun."""
        self._news.set()

    async def run(self) -> None:
        """Fire until cancelled."""
        while True:
            self._news.clear()
            self._beat()
            if await self.turn() < AT_ONCE:
                await news_or_later(self._news, LOOK_EVERY_S)

    async def turn(self) -> int:
        """Fire what is due, at most AT_ONCE clocks; how many did."""
        now, but = self._clock(), self._passed_over()
        try:
            if not await self._store.read(lambda connection: due.is_any(connection, but)):
                self._outage.over()
                return 0
            turn = await self._store.write(lambda connection: due.fire(connection, now, AT_ONCE, but), urgent=True)
        except (TryLater, GiveUp) as error:
            self._outage.begin(error)
            return 0
        self._outage.over()
        self._tell(turn.stuck)
        if turn.fired:
            self._fired()
        return turn.fired

    def _tell(self, stuck: dict[int, str]) -> None:
        """A case that cannot go on must not hold up the others; it is tried again, and told each time."""
        for incident_id, why in stuck.items():
            log.error("a clock of case %d cannot fire, again in %.0f s: %s", incident_id, STUCK_S, why)
            self._stuck[incident_id] = asyncio.get_running_loop().time() + STUCK_S

    def _passed_over(self) -> tuple[int, ...]:
        now = asyncio.get_running_loop().time()
        self._stuck = {incident_id: until for incident_id, until in self._stuck.items() if until > now}
        return tuple(self._stuck)
