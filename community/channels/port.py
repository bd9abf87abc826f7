"""The one port of all channels: a message to one person, carried or refused. Values and protocols only.

A channel does not retry, count, escalate or log: community.notifier does. It says how it failed by what it raises:
TryLater (passing), GiveUp (this person cannot be reached so), ConfigError (the channel is set up wrongly).
"""

from datetime import timedelta
from enum import StrEnum
from typing import Protocol

import msgspec

from shouwang.reading import Moment


class Way(StrEnum):
    """What a person hears or sees. A channel is one concrete road of one way."""

    CONSOLE = "console"
    VOICE = "voice"
    SMS = "sms"
    PUSH = "push"
    MAIL = "mail"
    WEBHOOK = "webhook"


STALE_AFTER = {
    Way.VOICE: timedelta(minutes=10),
    Way.SMS: timedelta(minutes=30),
    Way.PUSH: timedelta(minutes=30),
    Way.MAIL: timedelta(hours=24),
    Way.WEBHOOK: timedelta(hours=24),
}
"""Older words mislead more than they help: they are told as one digest (incident model, Time)."""


class Outcome(StrEnum):
    """What became of an attempt."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    FAILED = "failed"


REACHED = frozenset({Outcome.SENT, Outcome.DELIVERED, Outcome.ANSWERED})
"""Outcomes of attempts that have left the house."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """Words for one person by one channel.

    `key` is the same in every repeat: providers that know it send once. `digit`: the key of a telephone that confirms,
    empty where nothing is asked. `incident_id` 0: it belongs to no case.
    """

    key: str
    to: str
    subject: str
    text: str
    at: Moment
    language: str = "zh"
    audience: str = ""
    priority: str = ""
    incident_id: int = 0
    digit: str = ""


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """How far it came: SENT, DELIVERED or ANSWERED; `code`: the far end's own word; `digit`: what a person pressed."""

    outcome: Outcome = Outcome.SENT
    code: str = ""
    digit: str = ""


class Channel(Protocol):
    """A road to people."""

    async def send(self, message: Message) -> Carried:
        """Carry it. Raises TryLater, GiveUp, ConfigError."""
        ...

    async def probe(self) -> None:
        """See cheaply, without a message, that the far end is there. Raises TryLater, GiveUp, ConfigError."""
        ...
