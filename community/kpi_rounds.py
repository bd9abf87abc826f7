"""Each minute: the tables of figures follow the audit log; once a month its figures are judged."""

import asyncio
import logging

from community.kpi_desk import SETTLED_AFTER, KpiDesk
from community.kpi_months import Month
from shouwang.errors import DecodeError, GiveUp, TryLater
from shouwang.outage import Outage

EVERY_S = 60.0
"""Pages read what is newer from the log itself; items of improvement may wait a minute."""

log = logging.getLogger(__name__)


class KpiRounds:
    """Goes round until cancelled."""

    def __init__(self, desk: KpiDesk) -> None:
        """`desk`: on whose store."""
        self._desk = desk
        self._judged: Month | None = None
        self._outage = Outage(log, "figures are not kept for now: %s", ends="figures are kept again")

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """One round. Alarms go on without figures: a failure is said once, and tried again."""
        try:
            opened = await self._desk.take_in() + await self._judge()
        except (TryLater, GiveUp, DecodeError) as error:
            self._outage.begin(error)
            return
        self._outage.over()
        if opened:
            log.info("%d items of improvement opened", opened)

    async def _judge(self) -> int:
        """The month before this one, once it is settled."""
        month = self._desk.this_month().before
        if month == self._judged or self._desk.this_month() != self._desk.month_at(-SETTLED_AFTER):
            return 0
        opened = await self._desk.judge(month)
        self._judged = month
        return opened
