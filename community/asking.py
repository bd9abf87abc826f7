"""Asks the boxes of a round of test alarms, one after the other, for as long as the server runs."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.store import fleet_tests
from community.store.database import Store
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

LOOK_EVERY_S = 1.0
"""Half of the pause between two boxes (community.fleet.ASK_EVERY)."""

log = logging.getLogger(__name__)


class Asking:
    """What is left of a round stands in the tables: a restart goes on where it was."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime], asked: Callable[[], None]) -> None:
        """`asked` is called when there are commands to be sent."""
        self._store = store
        self._clock = clock
        self._asked = asked
        self._outage = Outage(log, "boxes are not asked for test alarms: %s", ends="boxes are asked again")

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Ask whose turn it is."""
        now = self._clock()
        try:
            is_due = await self._store.read(lambda connection: fleet_tests.is_due(connection, now))
            asked = await self._store.write(lambda connection: fleet_tests.ask_due(connection, now)) if is_due else 0
            if asked:
                self._asked()
        except (TryLater, GiveUp) as error:
            self._outage.begin(error)
        else:
            self._outage.over()
