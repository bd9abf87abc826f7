"""What was sent in this connection and has no receipt yet, and when to send it again."""

import random
from collections.abc import Callable, Iterable

from gateway.batch import Key
from gateway.outbox import Stored
from shouwang.wire import Lane

RESEND_FIRST_S, RESEND_CAP_S = 2.0, 10.0
"""No receipt within 2 to 10 s of the broker's answer, growing: send again."""
AWAITING = 256
"""So many messages of the other lanes may be without a receipt; the rest waits on the card."""
ASKING = 4
"""The same while no receipts come: a city of homes must not drown a centre that is just coming back."""
_NEVER = float("inf")


class Unconfirmed:
    """The messages of one connection that wait for their receipts."""

    def __init__(self, time: Callable[[], float]) -> None:
        """`time` is the loop's."""
        self._time = time
        self._waiting: dict[Key, _Waiting] = {}
        self._heard_at = -_NEVER

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_heard(self) -> bool:
        """Whether receipts come."""
        return self._time() - self._heard_at <= RESEND_CAP_S

    @property
    def may_grow(self) -> bool:
        """Whether one more message of the other lanes may be sent for the first time; alerts always may."""
        return len(self._waiting) < (AWAITING if self.is_heard else ASKING)

    def sent(self, message: Stored) -> None:
        """It is on its way to the broker, where it may take long: nothing is due before the broker's answer."""
        waiting = self._waiting.setdefault(message.key, _Waiting(message, self._time()))
        waiting.tries += 1
        waiting.due = _NEVER

    def answered(self, message: Stored) -> None:
        """The broker has it, or has thrown it away: the receipt is due."""
        waiting = self._waiting.get(message.key)
        if waiting is not None:
            pause = min(RESEND_CAP_S, RESEND_FIRST_S * 1.5 ** min(waiting.tries - 1, 16))
            waiting.due = self._time() + pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret

    def round_trip_s(self, keys: Iterable[Key]) -> float | None:
        """How long ago the newest of these was sent first, so at most as old is their receipt; None: not by us."""
        sent = [waiting.first_at for key in keys if (waiting := self._waiting.get(key)) is not None]
        return self._time() - max(sent) if sent else None

    def confirmed(self, key: Key) -> bool:
        """The centre has it; whether it was waited for."""
        return self._waiting.pop(key, None) is not None

    def heard(self) -> None:
        """A receipt has come. After a silence, what the centre missed need not wait for its turn."""
        now = self._time()
        if not self.is_heard:
            for waiting in self._waiting.values():
                if waiting.due < _NEVER:
                    waiting.due = min(waiting.due, now + RESEND_FIRST_S)
        self._heard_at = now

    def late(self) -> list[Stored]:
        """What is to be sent again now; while no receipts come, all alerts but only a few of the others."""
        now = self._time()
        found: list[Stored] = []
        others = 0
        for waiting in self._waiting.values():
            if waiting.due > now:
                continue
            if waiting.message.lane is not Lane.LIFE_SAFETY:
                others += 1
                if others > ASKING and not self.is_heard:
                    waiting.due = now + RESEND_CAP_S
                    continue
            waiting.due = _NEVER  # until it was sent
            found.append(waiting.message)
        return found


class _Waiting:
    __slots__ = ("due", "first_at", "message", "tries")

    def __init__(self, message: Stored, first_at: float) -> None:
        self.message = message
        self.first_at = first_at
        self.tries = 0
        self.due = _NEVER
