"""The port through which the home sends short messages, and what it is told of each. No modem is known here."""

from enum import StrEnum
from typing import Protocol

import msgspec


class Fate(StrEnum):
    """Where a message stands. Also a final one may still change, by a late report of the network.

    QUEUED     on the card, nothing was given to the network
    HANDED     parts of it are being given, or were
    SENT       the network has taken all of it
    DELIVERED  the receiver's telephone has all of it
    FAILED     it was refused, or not delivered; nothing more is tried
    UNCERTAIN  it may have been sent and may not; it is not sent again: whoever gave it decides
    """

    QUEUED = "queued"
    HANDED = "handed"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one message. `reason` is a sentence for the operator. `is_final`: no change is waited for."""

    key: str
    fate: Fate
    reason: str = ""
    is_final: bool = False


class Sms(Protocol):
    """Sends short messages, each once."""

    async def send(self, to: str, text: str, *, key: str, urgent: bool = False) -> Outcome:
        """Take a message in; it is on the card when this returns, and will be sent over restarts and power cuts.

        `key` names it: a second message with the same key is not sent, its first one's outcome is returned. Urgent ones
        go before all others, and are taken also where the card fails.

        Raises IllegalMove where the key was used for another text or receiver, GiveUp where this cannot be sent at all
        (`to` is not +countrycode..., the text is empty or too long), TryLater where queue or card take no more.
        """
        ...

    async def next(self, seen: Outcome) -> Outcome:
        """The outcome once it differs from the one that was seen; at once where that is final, or no longer known."""
        ...


def masked(number: str) -> str:
    """A number for the log: enough to tell two apart, not enough to call."""
    return f"{number[:3]}…{number[-2:]}" if len(number) > 6 else "…"
