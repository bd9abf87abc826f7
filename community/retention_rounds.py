"""Each night: what is kept long enough ends, kind by kind, a page at a time, so that no alarm waits for it.

Only the server that runs the engine does it: every transaction begins with the lease (community.store.database).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial

from community.retention_settings import RetentionEntry
from community.store import retention_days, retention_people
from community.store.database import Connection, Store
from community.store.retention import KINDS, SPENT_AFTER, Key, Kind, Page
from community.store.stays import Claim
from shouwang.errors import GiveUp, TryLater
from shouwang.outage import Outage

LOOK_S = 600.0
"""How often it is asked whether it is time; also the longest wait after the start, so that two servers differ."""
AGAIN_CAP_S = 3600.0
"""The longest pause after failures, one after the other."""
PAUSE_S = 0.2
"""Between two pages: alarms and orders go first."""
PAGES = 200
"""Of one kind in one night: 40,000 rows. What is left ends the next night."""
Forget = Callable[[Sequence[Claim]], Awaitable[tuple[str, ...]]]

log = logging.getLogger(__name__)


def due(entry: RetentionEntry, now: datetime) -> Iterator[tuple[Kind, datetime]]:
    """Each kind, and before which moment it ends."""
    for kind in KINDS:
        span = entry.of(kind.setting) if kind.setting else SPENT_AFTER
        if span is not None:
            yield kind, now - span


class RetentionRounds:
    """Goes round until cancelled."""

    def __init__(
        self,
        store: Store,
        entry: RetentionEntry,
        *,
        zone: tzinfo | None,
        clock: Callable[[], datetime],
        forget: Forget,
    ) -> None:
        """`zone`: of the centre's day; `forget`: takes a person's measurements out of wherever they lie."""
        self._store, self._entry, self._zone, self._clock, self._forget = store, entry, zone, clock, forget
        self._outage = Outage(log, "what is kept long enough does not end for now: %s", ends="it ends again")
        self._failures = 0

    async def run(self) -> None:
        """Go round until cancelled."""
        pause_s = LOOK_S
        while True:
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))  # noqa: S311 - jitter, not a secret
            pause_s = await self.look()

    async def look(self) -> float:
        """Tonight's round, where it is time and it was not done; how long to wait for the next look."""
        now = self._clock()
        local = now.astimezone(self._zone)
        day = f"{local:%Y-%m-%d}"
        try:
            is_done = await self._store.read(lambda connection: retention_days.is_done(connection, day))
            if local.hour >= self._entry.hour and not is_done:
                await self.turn(day, now)
        except (TryLater, GiveUp) as error:
            self._outage.begin(error)
            self._failures += 1
            return min(LOOK_S * (1 << min(self._failures, 10)), AGAIN_CAP_S)
        self._outage.over()
        self._failures = 0
        return LOOK_S

    async def turn(self, day: str, now: datetime) -> dict[str, int]:
        """The whole round of a day; how many of each kind ended. Raises TryLater, GiveUp: the rest is for the next."""
        ended = {}
        for kind, before in due(self._entry, now):
            ended[kind.name] = await self._all_of(kind, before, day)
        people = self._entry.of("person_days")
        if people is not None:
            ended[retention_people.NAME] = await self._people(now - people, day)
        await self._store.write(partial(retention_days.note, day=day, kind=retention_days.ROUND, number=1, at=now))
        told = ", ".join(f"{number} {name}" for name, number in ended.items() if number)
        if told:
            log.info("kept long enough, and gone: %s", told)
        return ended

    async def _all_of(self, kind: Kind, before: datetime, day: str) -> int:
        number, after = 0, None
        for _ in range(PAGES):
            page = await self._store.read(partial(_looked_up, kind, before, after))
            if page.keys:
                number += await self._store.write(partial(self._end, kind, page.keys, before, day))
            after = page.last
            if after is None:
                break
            await asyncio.sleep(PAUSE_S)
        return number

    def _end(self, kind: Kind, keys: Sequence[Key], before: datetime, day: str, connection: Connection) -> int:
        now = self._clock()
        number = kind.end(connection, keys, before, now)
        if number:
            retention_days.note(connection, day, kind.name, number, now)
        return number

    async def _people(self, before: datetime, day: str) -> int:
        number = 0
        for resident_id in await self._store.read(partial(retention_people.over, before=before)):
            number += await self._store.write(
                partial(retention_people.end, resident_id=resident_id, before=before, day=day, now=self._clock())
            )
            await asyncio.sleep(PAUSE_S)
        for resident_id, claims in await self._store.read(retention_people.claims):
            for line in await self._forget(claims):
                log.warning("%s: %s", resident_id, line)
            await self._store.write(partial(retention_people.forgotten, resident_id=resident_id))
        return number


def _looked_up(kind: Kind, before: datetime, after: Key | None, connection: Connection) -> Page:
    return kind.look(connection, before, after)
