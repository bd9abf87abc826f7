"""Telephone calls that speak and ask for a key, as one of the channels. Who calls stands behind the port `Voice`."""

from enum import StrEnum
from typing import Protocol

import msgspec

from community.channels.port import Carried, Message, Outcome
from shouwang.errors import GiveUp, TryLater


class Ended(StrEnum):
    """How a call ended. PENDING: the provider has it and tells later, by the inlet for answers."""

    CONFIRMED = "confirmed"
    HEARD = "heard"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    REFUSED = "refused"
    WRONG_NUMBER = "wrong-number"
    PENDING = "pending"


class NotTaken(TryLater):
    """Nobody took the call; the channel is well."""


class CallEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to; `digit`: the key that was pressed."""

    ended: Ended
    digit: str = ""
    code: str = ""


class Voice(Protocol):
    """Who can call people."""

    async def call(self, to: str, text: str, confirm_digit: str, *, key: str) -> CallEnd:
        """Call, speak, wait for a key. The same `key` is the same call. Raises TryLater, GiveUp, ConfigError."""
        ...

    async def probe(self) -> None:
        """See cheaply that calls could be made. Raises TryLater, ConfigError."""
        ...


class VoiceChannel:
    """Calls as a channel."""

    def __init__(self, voice: Voice) -> None:
        """By this driver."""
        self._voice = voice

    async def send(self, message: Message) -> Carried:
        """Raises NotTaken, TryLater, GiveUp for a number of no use, ConfigError."""
        end = await self._voice.call(message.to, message.text, message.digit, key=message.key)
        if end.ended in (Ended.NO_ANSWER, Ended.BUSY, Ended.REFUSED):
            raise NotTaken(_code(end))
        if end.ended is Ended.WRONG_NUMBER:
            raise GiveUp(_code(end))
        if end.ended is Ended.PENDING:
            return Carried(outcome=Outcome.SENT, code=_code(end))
        outcome = Outcome.ANSWERED if end.digit else Outcome.DELIVERED  # a voice box hears the words too
        return Carried(outcome=outcome, code=_code(end), digit=end.digit)

    async def probe(self) -> None:
        """Raises TryLater, ConfigError."""
        await self._voice.probe()


def _code(end: CallEnd) -> str:
    return f"{end.ended.value} {end.code}".strip()
