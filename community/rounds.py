"""Goes round all homes every few seconds: who is not heard, which ways are lost, whose test alarm is missing.

Nothing is kept in memory but since when the centre has been listening: a restart, a lost broker, a database that did
not answer, a machine that slept, or a clock that was set begin that time anew. So nobody is judged by what could not
arrive.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from community.expected import NeverHeard, PutOnFile
from community.store import supervision
from community.store.database import Store
from community.store.supervision import AT_ONCE, Watch
from community.supervision import Lost, StormBegan, Verdict
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

EVERY_S = 5.0
"""With the 180 s of a home's limit, an outage is a case within 185 s of its last word."""
_GAP = timedelta(seconds=30)
"""A round that is so late or so early by the wall clock: the machine slept, or its clock was set."""

log = logging.getLogger(__name__)


class Rounds:
    """The centre's supervision of homes."""

    def __init__(
        self,
        store: Store,
        watches: Mapping[str, Watch],
        *,
        clock: Callable[[], datetime],
        hears_since: Callable[[], datetime | None],
        told: Callable[[], None],
    ) -> None:
        """`hears_since`: when the intake of what homes say began to hear, None while it does not.

        `told` is called when there may be a new case. Homes without a watch get the usual one.
        """
        self._store = store
        self._watches = watches
        self._clock = clock
        self._hears_since = hears_since
        self._told = told
        self._begun: datetime | None = None
        self._last: datetime | None = None
        self._outage = Outage(log, "homes are not judged for now: %s", ends="homes are judged again")

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """One round."""
        now = self._clock()
        listening_since = self._listening_since(now)
        if listening_since is None:
            return
        try:
            await self._judge(now, listening_since)
        except (TryLater, GiveUp) as error:
            self._outage.begin(error)
            self._begun = None  # what homes said meanwhile may not be in the tables yet
            return
        self._outage.over()

    async def _judge(self, now: datetime, listening_since: datetime) -> None:
        watches = self._watches
        is_more = bool(
            await self._store.read(
                lambda connection: supervision.judge(connection, watches, now=now, listening_since=listening_since)
            )
        )
        while is_more:
            found = await self._store.write(
                lambda connection: supervision.judge_and_record(
                    connection, watches, now=now, listening_since=listening_since
                )
            )
            is_more = len(found) >= AT_ONCE
            if any(not isinstance(verdict, PutOnFile) for verdict in found):
                _log(found)
                self._told()

    def _listening_since(self, now: datetime) -> datetime | None:
        hears_since = self._hears_since()
        last, self._last = self._last, now
        if hears_since is None:
            self._begun = None
            return None
        is_broken = last is None or not timedelta(0) <= now - last <= timedelta(seconds=EVERY_S) + _GAP
        if self._begun is None or is_broken:
            self._begun = now
        return max(self._begun, hears_since) if hears_since <= now else self._begun  # said before the clock was set


def _log(found: list[Verdict]) -> None:
    for verdict in found:
        if isinstance(verdict, StormBegan):
            whose = ": is it our own line or broker?" if verdict.is_ours else ""
            log.warning("%d homes fell silent at once%s", verdict.homes, whose)
        elif isinstance(verdict, NeverHeard):
            log.warning("on file and never heard of: %s", ", ".join(verdict.gateway_ids))
    lost = sum(isinstance(verdict, Lost) for verdict in found)
    log.info("went round: %d things are new, %d homes offline", len(found), lost)
