"""How plans of care are kept, found piece by piece beside everything else, so that the list of all is there at once."""

import asyncio
import logging

from community.care_room import CareRoom
from shouwang.errors import DecodeError, GiveUp, TryLater
from shouwang.outage import Outage

EVERY_S = 60.0
AT_ONCE = 50
"""Plans of one transaction: some 5 ms of writing, with a few reads of measurements before it for each."""
A_ROUND = 500
"""Plans of one minute: 30,000 an hour, the plans of 10,000 residents."""

log = logging.getLogger(__name__)


class CareRounds:
    """Goes round until cancelled."""

    def __init__(self, room: CareRoom) -> None:
        """`room`: on whose store, with whose measurements."""
        self._room = room
        self._outage = Outage(log, "plans of care wait to be looked at: %s", ends="plans of care are looked at again")

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> int:
        """One round; how many plans were looked at. Alarms go on without: a failure is said once, and tried again."""
        looked = 0
        try:
            while looked < A_ROUND and (found := await self._room.judge(AT_ONCE)):
                looked += found
        except (TryLater, GiveUp, DecodeError) as error:
            self._outage.begin(error)
            return looked
        self._outage.over()
        return looked
