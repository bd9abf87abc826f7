"""What desks told of their sound: taken in beside the alarms, and a technical case where a life was heard nowhere."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from community.limits import Limits, Rate
from community.rings import DESKS_SILENT, HEARD_AGAIN, DeskSound, Report, Taken, unheard_why
from community.store import own_faults, rings
from community.store.database import Connection, Store
from community.users import User
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

LOOK_S = 10.0
ASKS = Rate(a_minute=60, at_once=40)
"""Reports of one person: a browser gathers up to 50 cases in one (heard.js), so 40 at once are a storm of 2,000."""

log = logging.getLogger(__name__)


class RingRoom:
    """Takes reports of browsers; writes behind whatever is urgent."""

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime], changed: Callable[[], None] | None = None
    ) -> None:
        """`changed` is called when there may be a new case."""
        self._store = store
        self._clock = clock
        self._changed = changed
        self._asks = Limits(ASKS)

    def wait_s(self, user: User) -> float:
        """0.0 where he may tell now, else how long to wait."""
        return self._asks.wait_s(user.login, asyncio.get_running_loop().time())

    async def take(self, user: User, reports: Sequence[Report]) -> Taken:
        """Keep those of his cases, at the time of this clock. Raises TryLater."""
        now = self._clock()
        kept, taken = await self._store.read(lambda connection: rings.sort_out(connection, user, reports, now))
        if kept:  # never urgent: an acknowledgement passes it
            await self._store.write(lambda connection: rings.keep(connection, user, kept, now))
        return taken

    async def desks(self) -> tuple[DeskSound, ...]:
        """Those on shift now."""
        now = self._clock()
        return await self._store.read(lambda connection: rings.desks(connection, now))

    async def run(self) -> None:
        """Look for lives that were heard nowhere, until cancelled."""
        outage = Outage(log, "whether desks can be heard is not judged for now: %s", level=logging.WARNING)
        while True:
            try:
                await self.look()
                outage.over()
            except (TryLater, GiveUp) as error:
                outage.begin(error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Raise the centre's own case, or clear it."""
        now = self._clock()

        def read(connection: Connection) -> tuple[int, bool, bool]:
            return *rings.mute_for_life(connection, now), own_faults.stands(connection, DESKS_SILENT)

        mute, is_unheard, stands = await self._store.read(read)
        if is_unheard and not stands:
            said = unheard_why(mute)
            is_new = await self._store.write(lambda one: own_faults.begin(one, DESKS_SILENT, said, now), urgent=True)
            log.warning("a life alarm rang at no desk; desks on shift that are mute: %d", mute)
        elif stands and not mute:
            is_new = await self._store.write(lambda one: own_faults.over(one, DESKS_SILENT, HEARD_AGAIN, now))
            log.info("no desk on shift is mute any more")
        else:
            return
        if is_new and self._changed is not None:
            self._changed()
