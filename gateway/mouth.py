"""One annunciator with its own bounded queue: urgent things first, and nothing that is no longer so."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Never

from gateway.annunciators.announcement import Announcement, Annunciator, Cue
from shouwang.outage import Outage

log = logging.getLogger(__name__)

QUEUE_BOUND = 64
AGAIN_S = 5.0
AGAIN_MAX = 3
"""What is urgent and was not heard (the sound card is busy, or was pulled out for a moment) is tried again so often."""
URGENT = frozenset({Cue.PREALARM, Cue.ALARM, Cue.HELP_COMING, Cue.CUT_OFF})
"""Said before all else, and they cut off what is not urgent and is being said."""


class Mouth:
    """Speaks what is queued, one after the other."""

    def __init__(self, annunciator: Annunciator) -> None:
        """Nothing is said before `run`."""
        self.annunciator = annunciator
        self._queue: deque[Announcement] = deque()
        self._arrived = asyncio.Event()
        self._outage = Outage(
            log, f"annunciator {annunciator.name} fails: %s", ends=f"annunciator {annunciator.name} works again"
        )
        self._saying: Announcement | None = None
        self._deadline: asyncio.Timeout | None = None
        self._is_hushed = False
        self._again = 0

    def hush(self, key: str) -> None:
        """Not a word more of this alarm, also where it is being said."""
        self._queue = deque(waiting for waiting in self._queue if waiting.key != key)
        if self._saying is not None and self._saying.key == key:
            self._cut_off()

    def queue(self, announcement: Announcement, *, is_new: bool = False) -> None:
        """Say it when its turn comes. What says the same of the same alarm, and still waits, is replaced by it.

        When the queue is full, the oldest of the least urgent goes. An alarm that `is_new` waits for none of a lower
        severity; one that is said again takes its turn, so that two alarms never silence each other.
        """
        same = (announcement.key, announcement.cue)
        self._queue = deque(waiting for waiting in self._queue if (waiting.key, waiting.cue) != same)
        self._queue.insert(self._place(announcement, is_new=is_new), announcement)
        if len(self._queue) > QUEUE_BOUND:
            self._queue.remove(max(self._queue, key=lambda waiting: waiting.severity.rank))
        if self._saying is not None and _overtakes(announcement, self._saying, is_new=is_new):
            self._cut_off()
        self._arrived.set()

    async def run(self) -> Never:
        """Speak until cancelled."""
        while True:
            while self._queue:
                await self._say(self._next())
            self._arrived.clear()
            await self._arrived.wait()

    async def _say(self, announcement: Announcement) -> None:
        is_well = await self._announce(announcement)
        same = (announcement.key, announcement.cue)
        is_over = any((waiting.key, waiting.cue) == same for waiting in self._queue)
        if is_well or is_over or announcement.cue not in URGENT or self._again >= AGAIN_MAX:
            self._again = 0
            return
        self._again += 1
        self._queue.appendleft(announcement)  # where `hush` finds it
        self._arrived.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await self._arrived.wait()

    def _place(self, announcement: Announcement, *, is_new: bool) -> int:
        least = (place for place, waiting in enumerate(self._queue) if _overtakes(announcement, waiting, is_new=is_new))
        return next(least, len(self._queue))

    def _next(self) -> Announcement:
        found = next((waiting for waiting in self._queue if waiting.cue in URGENT), self._queue[0])
        self._queue.remove(found)
        return found

    def _cut_off(self) -> None:
        if self._deadline is not None and not self._deadline.expired():
            self._is_hushed = True
            self._deadline.reschedule(asyncio.get_running_loop().time())

    async def _announce(self, announcement: Announcement) -> bool:
        """Whether it was heard, or is not to be heard any more."""
        try:
            async with asyncio.timeout(self.annunciator.longest_s) as self._deadline:
                self._saying = announcement
                await self.annunciator.announce(announcement)
        except TimeoutError:
            if not self._is_hushed:
                self._outage.begin(f"it is not done after {self.annunciator.longest_s:.0f} s")
            return self._is_hushed
        except Exception as error:  # noqa: BLE001 - a broken loudspeaker must not silence the siren
            self._outage.begin(error if str(error) else repr(error))
            return self._is_hushed
        else:
            self._outage.over()
            return True
        finally:
            self._saying, self._deadline, self._is_hushed = None, None, False


def _overtakes(announcement: Announcement, other: Announcement, *, is_new: bool) -> bool:
    """Whether it comes before the other, and cuts it off where that is being said."""
    if announcement.cue not in URGENT:
        return False
    return other.cue not in URGENT or (is_new and announcement.severity.rank < other.severity.rank)
