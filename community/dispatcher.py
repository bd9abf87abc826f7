"""What must go on by itself in sending people: the next one is asked, links end, missing colleagues are noticed.

Nothing is kept in memory: what is to be done is asked of the database, so that a restart loses nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.news import news_or_later
from community.store import next_offers, no_shows, responder_links
from community.store.database import Connection, Store
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

LOOK_EVERY_S = 1.0
"""How late the next one is asked at most, where nobody rang for it."""
ROSTER_EVERY_S = 30.0
"""How late a missing colleague is noticed at most, of the quarter of an hour that he has (community.rosters)."""

log = logging.getLogger(__name__)


class Dispatcher:
    """The loop."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], told: Callable[[], None]) -> None:
        """`told` is called when a case has changed."""
        self._store = store
        self._clock = clock
        self._told = told
        self._news = asyncio.Event()
        self._waits = Outage(log, "sending people waits for the database: %s", ends="people are sent again")
        self._unread = Outage(log, "missing colleagues are not noticed: %s", ends="rosters are read again")

    def look(self) -> None:
        """There may be somebody to ask: a case has changed."""
        self._news.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        loop = asyncio.get_running_loop()
        roster_at = loop.time()
        while True:
            self._news.clear()
            await self.turn()
            if loop.time() >= roster_at:
                roster_at = loop.time() + ROSTER_EVERY_S
                await self.look_at_the_roster()
            await news_or_later(self._news, LOOK_EVERY_S)

    async def turn(self) -> None:
        """Ask whom is to be asked, end what is over."""
        now = self._clock()
        try:
            if await self._store.read(next_offers.are_any):
                asked, lost = await self._store.write(lambda connection: next_offers.ask(connection, now), urgent=True)
                if asked or lost:
                    log.info("asked the next one in %d cases; in %d nobody is left", asked, lost)
                self._told()
            over = await self._store.read(responder_links.those_over)
            if over:
                await self._store.write(lambda connection: responder_links.end(connection, over))
        except (TryLater, GiveUp) as error:
            self._waits.begin(error)
        else:
            self._waits.over()

    async def look_at_the_roster(self) -> None:
        """Who should be here and is not."""
        now = self._clock()

        def find(connection: Connection) -> tuple[str, ...]:
            return no_shows.look(connection, now)

        try:
            missing = await self._store.write(find)
        except (TryLater, GiveUp) as error:
            self._unread.begin(error)
            return
        self._unread.over()
        if missing:
            log.warning("%d operators have not come to their shift; see the page of shifts", len(missing))
            self._told()
