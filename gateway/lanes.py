"""The queues of the uplink: one for each lane, in memory as far ahead as is worth it, on the card beyond."""

from collections import deque

from gateway.batch import Key
from gateway.outbox import Stored

AHEAD = 200
"""Messages of one lane read ahead from the card."""


class LaneQueue:
    """One lane's messages to send now, in order, read ahead from the card up to `cursor`; `newest` is the last one."""

    def __init__(self) -> None:
        """Nothing is known of the card yet."""
        self._ready: deque[Stored] = deque()
        self._again: deque[Stored] = deque()
        self._epoch: str | None = None
        self.cursor = 0
        self.newest: int | None = None  # None: the card has not been looked at yet

    def rewind(self) -> None:
        """Begin again with the oldest message on the card."""
        self._ready.clear()
        self._again.clear()
        self.cursor = 0

    def offer(self, message: Stored) -> None:
        """A message just stored: taken at once where everything before it is here, else read from the card later."""
        if self._epoch not in (None, message.epoch):  # the file on the card is a new one
            self.cursor, self.newest = 0, None
        self._epoch = message.epoch
        if self.cursor == self.newest and len(self._ready) < AHEAD:
            self._ready.append(message)
            self.cursor = message.seq
        self.newest = message.seq

    @property
    def must_read(self) -> bool:
        """Whether the next messages are on the card only."""
        return not self._ready and (self.newest is None or self.cursor < self.newest)

    def fill(self, read: list[Stored], after: int, newest: int | None) -> None:
        """Messages read from the card; `after` and `newest`: what `cursor` and `newest` were when the reading began."""
        if after != self.cursor:  # begun anew meanwhile
            return
        self._ready.extend(read)
        if read and self._epoch not in (None, read[-1].epoch):  # read of a file that has been put aside since
            return
        if read:
            self._epoch, self.cursor = read[-1].epoch, read[-1].seq
        elif newest is not None:  # those in between have their receipts
            self.cursor = max(self.cursor, newest)
        if self.newest is None and len(read) < AHEAD:
            self.newest = self.cursor

    def again(self, message: Stored) -> None:
        """No receipt came: send it once more, before the others."""
        self._again.append(message)

    def drop(self, key: Key) -> None:
        """It was confirmed while waiting to be repeated."""
        if self._again:
            self._again = deque(message for message in self._again if message.key != key)

    @property
    def has_repeat(self) -> bool:
        """Whether the next message is one that was sent before."""
        return bool(self._again)

    def peek(self) -> Stored | None:
        """The next message, None where nothing waits in memory."""
        queue = self._again or self._ready
        return queue[0] if queue else None

    def pop(self) -> None:
        """It is sent."""
        (self._again or self._ready).popleft()
