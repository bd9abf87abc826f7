"""Asks the boxes of a round of test alarms, one after the other, for as long as the server runs."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from community.store import fleet_tests
from community.store.database import Store
from shouwang.errors import GiveUp, TryLater

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
        self._is_blind = False

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Ask whose turn it is."""
        now = self._clock()
        try:
            if not await self._store.read(lambda connection: fleet_tests.is_due(connection, now)):
                self._is_blind = False
                return
            if await self._store.write(lambda connection: fleet_tests.ask_due(connection, now)):
                self._asked()
            self._is_blind = False
        except (TryLater, GiveUp) as error:
            if not self._is_blind:
                log.error("boxes are not asked for test alarms: %s", error)  # noqa: TRY400 - no traceback: said in words
            self._is_blind = True
