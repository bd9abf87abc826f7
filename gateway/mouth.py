"""One annunciator with its own bounded queue: urgent things first, and nothing that is no longer so."""

import asyncio
import logging
from collections import deque
from typing import Never

from gateway.annunciators.announcement import Announcement, Annunciator, Cue

log = logging.getLogger(__name__)

QUEUE_BOUND = 64
URGENT = frozenset({Cue.PREALARM, Cue.ALARM, Cue.HELP_COMING, Cue.CUT_OFF})
"""Said before all else, and they cut off what is not urgent and is being said."""


class Mouth:
    """Speaks what is queued, one after the other."""

    def __init__(self, annunciator: Annunciator) -> None:
        """Nothing is said before `run`."""
        self.annunciator = annunciator
        self._queue: deque[Announcement] = deque()
        self._arrived = asyncio.Event()
        self._is_failing = False
        self._saying: Announcement | None = None
        self._deadline: asyncio.Timeout | None = None
        self._is_hushed = False

    def hush(self, key: str) -> None:
        """Not a word more of this alarm, also where it is being said."""
        self._queue = deque(waiting for waiting in self._queue if waiting.key != key)
        if self._saying is not None and self._saying.key == key:
            self._cut_off()

    def queue(self, announcement: Announcement) -> None:
        """Say it when its turn comes. What says the same of the same alarm, and still waits, is replaced by it.

        When the queue is full, the oldest of the least urgent goes.
        """
        same = (announcement.key, announcement.cue)
        self._queue = deque(waiting for waiting in self._queue if (waiting.key, waiting.cue) != same)
        self._queue.append(announcement)
        if len(self._queue) > QUEUE_BOUND:
            self._queue.remove(max(self._queue, key=lambda waiting: waiting.severity.rank))
        if announcement.cue in URGENT and self._saying is not None and self._saying.cue not in URGENT:
            self._cut_off()
        self._arrived.set()

    async def run(self) -> Never:
        """Speak until cancelled."""
        while True:
            while self._queue:
                await self._announce(self._next())
            self._arrived.clear()
            await self._arrived.wait()

    def _next(self) -> Announcement:
        found = next((waiting for waiting in self._queue if waiting.cue in URGENT), self._queue[0])
        self._queue.remove(found)
        return found

    def _cut_off(self) -> None:
        if self._deadline is not None and not self._deadline.expired():
            self._is_hushed = True
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _announce(self, announcement: Announcement) -> None:
        try:
            async with asyncio.timeout(self.annunciator.longest_s) as self._deadline:
                self._saying = announcement
                await self.annunciator.announce(announcement)
        except TimeoutError as error:
            if not self._is_hushed:
                self._fails(error)
        except Exception as error:  # noqa: BLE001 - a broken loudspeaker must not silence the siren
            self._fails(error)
        else:
            if self._is_failing:
                log.warning("annunciator %s works again", self.annunciator.name)
            self._is_failing = False
        finally:
            self._saying, self._deadline, self._is_hushed = None, None, False

    def _fails(self, error: Exception) -> None:
        if not self._is_failing:
            log.error("annunciator %s fails: %s", self.annunciator.name, error or repr(error))
        self._is_failing = True
