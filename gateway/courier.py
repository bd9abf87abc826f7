"""Carries the SMS of the second path: writes each for its receiver, gives it to the queue, follows it to its end."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec

from config.second_path import SecondPathPart
from drivers.serial.sms import Fate, Outcome, Sms, masked
from drivers.serial.voice_call import Voice
from gateway import circle_words as words
from gateway.climb import CENTRE, Parcel
from gateway.phone import Phone
from messaging.secret import read_secret
from shouwang.alert import Alert
from shouwang.bilingual import both, told_by
from shouwang.errors import ConfigError, GiveUp, IllegalMove, TryLater
from shouwang.short_alert import encode_alert, key_from

log = logging.getLogger(__name__)

CARD_S = 10.0
"""A card that takes longer is as good as one that fails."""
_QUEUE_FULL_S = 10.0


class Marks(Protocol):
    """Texts on the card."""

    async def mark(self, name: str) -> str:
        """What was noted under this name; empty where nothing was. Raises TryLater."""
        ...

    async def set_mark(self, name: str, text: str) -> None:
        """Note it. Raises TryLater."""
        ...


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What carries a home's second path."""

    part: SecondPathPart
    key: bytes
    sms: Sms
    voice: Voice
    marks: Marks
    sms_is: Callable[[str, Outcome], None]
    """Is told what became of each SMS, and to which receiver, for whoever supervises the way."""


def means_of(part: SecondPathPart | None, phone: Phone | None, sms_is: Callable[[str, Outcome], None]) -> Means | None:
    """What carries it; None for a home that has no second path. Raises ConfigError where the key cannot be used."""
    if part is None or phone is None:
        return None
    return Means(part=part, key=key_of(part), sms=phone.sms, voice=phone.voice, marks=phone.marks, sms_is=sms_is)


def key_of(part: SecondPathPart) -> bytes:
    """The key that signs for the centre; empty for a home that tells people only. Raises ConfigError."""
    if part.key_file is None:
        return b""
    words = read_secret(part.key_file)
    try:
        return key_from(words)
    except ConfigError as error:
        raise ConfigError(
            both("{file}: {error}", "{file}：{error}", file=part.key_file, error=told_by(error))
        ) from error


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who is meant."""

    gateway_id: str
    resident: str


class Courier:
    """One home's."""

    def __init__(self, sender: Sender, means: Means, *, is_clock_unsure: Callable[[Alert], bool]) -> None:
        """`is_clock_unsure`: whether the times of an alarm were told by a clock that nobody had set."""
        self._sender = sender
        self._means = means
        self._is_clock_unsure = is_clock_unsure
        self._languages = {contact.phone: contact.language for contact in means.part.contacts}

    async def carry(
        self,
        parcel: Parcel,
        *,
        is_wanted: Callable[[Parcel], bool],
        told: Callable[[Parcel, Outcome], None],
    ) -> None:
        """Give one SMS to the queue, as long as it `is_wanted`, and follow it to its end; `told` hears each change."""
        outcome = await self._queued(parcel, is_wanted)
        while outcome is not None:
            told(parcel, outcome)
            self._means.sms_is(parcel.receiver, outcome)
            seen, outcome = outcome, None if outcome.is_final else await self._means.sms.next(outcome)
            if outcome == seen:  # the queue has forgotten it
                return

    async def _queued(self, parcel: Parcel, is_wanted: Callable[[Parcel], bool]) -> Outcome | None:
        """The SMS once the queue has it; None where nobody wants it any more."""
        means = self._means
        number, text = self._letter(parcel)
        while True:
            try:
                async with asyncio.timeout(CARD_S):
                    return await means.sms.send(number, text, key=parcel.key, urgent=True)
            except IllegalMove:  # it was given before a restart, in other words: its fate is what matters
                return await means.sms.next(Outcome(key=parcel.key, fate=Fate.QUEUED))
            except GiveUp as error:
                log.error("the SMS to %s cannot be sent: %s", masked(number), error)  # noqa: TRY400 - said in words
                return Outcome(key=parcel.key, fate=Fate.FAILED, reason=str(error), is_final=True)
            except (TryLater, TimeoutError) as error:
                log.warning("the SMS to %s waits: %s", masked(number), error)
                await asyncio.sleep(_QUEUE_FULL_S)
            if not is_wanted(parcel):
                return None

    def _letter(self, parcel: Parcel) -> tuple[str, str]:
        """To which number, and the text; the same each time, but for the clock's flag."""
        part = self._means.part
        if parcel.receiver == CENTRE:
            is_unsure = self._is_clock_unsure(parcel.alert)
            text = encode_alert(self._sender.gateway_id, parcel.alert, self._means.key, is_clock_unsure=is_unsure)
            return str(part.centre_number), text
        text = words.sms_to_contact(
            parcel.alert,
            resident=self._sender.resident,
            home_phone=part.home_phone,
            language=self._languages.get(parcel.receiver, "zh"),
        )
        return parcel.receiver, text
