"""When the broker may forget a message of QoS 1: once every sensor that takes it has taken it in.

Until then it gives the message again, to this connection's successor or to this process's. What a sensor that rests has
not read is let go of by and by: the broker has room for a few messages only, and those of the others must come.
"""

from collections import deque
from collections.abc import Callable, Sequence
from hashlib import blake2b

from drivers.mqtt.taken import ALL, Place, Taken

PATIENCE = 16
"""Messages that wait unacknowledged for sensors that rest. Below the smallest window that brokers have by default
(mosquitto and VerneMQ 20, EMQX 32), so that a broken driver never keeps back the message of another sensor."""


class Receipts:
    """Those of one connection after another."""

    def __init__(self) -> None:
        """Nothing is under way."""
        self.taken = Taken()
        self._under_way: dict[int, Receipt] = {}
        self._waiting: deque[Claim] = deque()
        self._acknowledge: Callable[[int], None] | None = None

    def connected(self, acknowledge: Callable[[int], None], *, is_resumed: bool) -> None:
        """The broker is there; `is_resumed`: it has kept our place, and gives again what it has no receipt for."""
        self._acknowledge = acknowledge
        if not is_resumed:
            self._under_way.clear()
            self.taken.forget()

    def lost(self) -> None:
        """It is gone: what is under way can be acknowledged only after it has given it again."""
        self._acknowledge = None
        for receipt in self._under_way.values():
            receipt.is_current = False

    def receipt(self, mid: int, topic: str, payload: bytes, *, is_repeated: bool) -> "Receipt | None":
        """For a message of QoS 1; None where it is given again while it is still in our hands."""
        digest = int.from_bytes(blake2b(b"%b\0%b" % (topic.encode(), payload), digest_size=8).digest())
        known = self._under_way.get(mid)
        if is_repeated and known is not None and known.digest == digest:
            known.is_current = True
            return None
        receipt = self._under_way[mid] = Receipt(self, mid, digest, is_repeated=is_repeated)
        return receipt

    def wait(self, claim: "Claim") -> None:
        """Nobody reads it now. Of more than a few such, the oldest stay in our memory only."""
        self._waiting.append(claim)
        if len(self._waiting) > PATIENCE:
            self._waiting.popleft().done()

    def close(self, receipt: "Receipt") -> None:
        """All have it."""
        if self._under_way.get(receipt.mid) is receipt:
            del self._under_way[receipt.mid]
            if receipt.is_current and self._acknowledge is not None:
                self._acknowledge(receipt.mid)


class Receipt:
    """Of one message; given when the last claim on it is done."""

    __slots__ = ("_left", "_receipts", "digest", "is_current", "is_repeated", "mid")

    def __init__(self, receipts: Receipts, mid: int, digest: int, *, is_repeated: bool) -> None:
        """Made by `Receipts`. `is_current`: this connection can acknowledge it."""
        self._receipts = receipts
        self._left = 0
        self.mid = mid
        self.digest = digest
        self.is_repeated = is_repeated
        self.is_current = True

    def claims(self, takers: int) -> "Sequence[Claim | None]":
        """One for each taker, None for those that have all of it from before; called once."""
        taken = self._receipts.taken
        found: list[Claim | None] = []
        for number in range(takers):
            place = taken.place(self.mid, number, takers, self.digest)
            if not self.is_repeated:
                taken.renew(place)
            count = taken.count(place) if self.is_repeated else 0
            found.append(None if count == ALL else Claim(self, place, taken, count))
        self._left = len(found) - found.count(None)
        if not self._left:
            self._receipts.close(self)
        return found

    def settle(self) -> None:
        """One claim is done."""
        self._left -= 1
        if not self._left:
            self._receipts.close(self)


class Claim:
    """One taker's share in a receipt. `already`: how many of the message's readings were taken in before a kill."""

    __slots__ = ("_place", "_receipt", "_taken", "already", "is_done")

    def __init__(self, receipt: Receipt, place: Place, taken: Taken, already: int) -> None:
        """Made by `Receipt`."""
        self._receipt = receipt
        self._place = place
        self._taken = taken
        self.already = already
        self.is_done = False

    def begin(self) -> None:
        """The taker takes it in now, without a pause."""
        if not self.is_done:
            self._taken.begin(self._place, self.already)

    def done(self) -> None:
        """The taker has it, or lets it go."""
        if not self.is_done:
            self.is_done = True
            self._taken.end(self._place)
            self._receipt.settle()
