"""A message as the card has it."""

from dataclasses import dataclass

from gateway.batch import Key
from shouwang.wire import Lane


@dataclass(frozen=True, slots=True)
class Stored:
    """One message as it will be sent, again and again, until its receipt."""

    epoch: str
    lane: Lane
    seq: int
    payload: bytes

    @property
    def key(self) -> Key:
        """What a receipt calls it."""
        return self.epoch, self.lane, self.seq
