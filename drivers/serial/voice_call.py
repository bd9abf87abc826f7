"""Voice calls through the modem: dial, wait for an answer, hear which key is pressed, hang up. Always hangs up.

What the called person hears depends on the modem: where `modem_models` has no way to play a file, the call is silent
and nothing else is claimed.
"""

import asyncio
import logging
from contextlib import suppress
from enum import StrEnum
from typing import Never, Protocol

import msgspec

from drivers.serial.at_actor import NOTHING, AtActor, NoAnswer
from drivers.serial.codec.at_lines import call, prefix_of, tone
from drivers.serial.codec.sms_fields import is_e164
from drivers.serial.modem_models import Abilities
from drivers.serial.sms import masked
from shouwang.bilingual import Bilingual
from shouwang.errors import DecodeError, DeviceError, GiveUp, TryLater

log = logging.getLogger(__name__)

RING_S = 45.0
"""Mailboxes take over after 20 to 30 s; networks end a call that nobody answers after 60 s or so."""
TALK_S = 90.0
"""An announcement of 20 s three times, and time to press a key."""
_POLL_S = 1.0
_DIAL_S = 20.0
_HANG_UP_S = 5.0
_ACTIVE = 0
_NO_NETWORK = "no network"
_OVER = {"NO CARRIER": "ended", "BUSY": "busy", "NO ANSWER": "no answer", "NO DIALTONE": _NO_NETWORK}
_PLAY_AGAIN_S = 25.0
_ANOTHER_CALL = Bilingual("another call is on", zh="正在打另一个电话")
_NOT_READY = Bilingual("the modem is not ready for calls", zh="调制解调器还不能打电话")


class CallFate(StrEnum):
    """How a call ended. CONFIRMED: the key was pressed. ANSWERED: somebody, or a mailbox, has taken it; no key."""

    CONFIRMED = "confirmed"
    ANSWERED = "answered"
    BUSY = "busy"
    NOT_ANSWERED = "not answered"
    FAILED = "failed"


class CallOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """`can_hear_keys` and `was_played`: what the modem could do. A mailbox answers too: only a key is a person."""

    fate: CallFate
    reason: str = ""
    keys: str = ""
    can_hear_keys: bool = False
    was_played: bool = False


class Voice(Protocol):
    """Makes voice calls, one at a time."""

    @property
    def is_ready(self) -> bool:
        """Whether a modem serves calls and a network has taken it in; else `call` raises TryLater at once."""
        ...

    async def call(self, to: str, *, confirm: str = "1", prompt: str = "") -> CallOutcome:
        """Call, play `prompt` (a file in the modem) where the modem can, and end when `confirm` is pressed.

        Raises GiveUp where the number is none, TryLater where the modem is not up or another call is on.
        """
        ...


class _Wish(msgspec.Struct, kw_only=True):
    to: str
    confirm: str
    prompt: str
    done: "asyncio.Future[CallOutcome]"


class Booth:
    """Where the home asks for calls, and the modem's visit serves them."""

    def __init__(self) -> None:
        """No call is on."""
        self._wish: _Wish | None = None
        self._wished = asyncio.Event()
        self._network: asyncio.Event | None = None
        self._keys = ""
        self._over = ""
        self._happened = asyncio.Event()

    async def call(self, to: str, *, confirm: str = "1", prompt: str = "") -> CallOutcome:
        """As `Voice.call`."""
        if not is_e164(to):
            raise GiveUp(
                Bilingual(
                    f"{masked(to)} is no number of the form +countrycode...; nobody was called",
                    zh=f"{masked(to)} 不是“+国家码…”形式的号码；没有拨打",
                )
            )
        if not self.is_ready or self._wish is not None:
            raise TryLater(_ANOTHER_CALL if self.is_ready else _NOT_READY)
        wish = _Wish(to=to, confirm=confirm, prompt=prompt, done=asyncio.get_running_loop().create_future())
        self._wish = wish
        self._wished.set()
        try:
            return await wish.done
        finally:
            self._wish = None
            self._happened.set()

    @property
    def is_ready(self) -> bool:
        """As `Voice.is_ready`: without a modem nobody is made to wait."""
        return self._network is not None and self._network.is_set()

    def heard(self, line: str) -> None:
        """A line of the modem's own: a key, or the end of the call."""
        with suppress(DecodeError):
            key = tone(line)
            self._keys += key or ""
        if line in _OVER:
            self._over = _OVER[line]
        if prefix_of(line) == "VOICE CALL" and "END" in line:
            self._over = "ended"
        self._happened.set()

    async def serve(self, actor: AtActor, abilities: Abilities, registered: asyncio.Event) -> Never:
        """Make the calls that are asked for while `registered` is set, until cancelled.

        A call that was left on by an earlier run is ended.
        """
        await _hang_up(actor)
        try:
            self._network = registered
            while True:
                await self._wished.wait()
                self._wished.clear()
                if self._wish is not None:
                    await self._serve(actor, abilities, self._wish)
        finally:
            self._network = None
            if self._wish is not None and not self._wish.done.done():
                self._wish.done.set_result(CallOutcome(fate=CallFate.FAILED, reason="the modem was lost in the call"))

    async def _serve(self, actor: AtActor, abilities: Abilities, wish: _Wish) -> None:
        self._keys = self._over = ""
        log.info("calling %s", masked(wish.to))
        try:
            outcome = await self._dialled(actor, abilities, wish)
        except NoAnswer as error:
            outcome = CallOutcome(fate=CallFate.FAILED, reason=str(error))
        except BaseException:
            with suppress(DeviceError):  # nobody reads the modem's answers any more
                await actor.shout(*_HANG_UP)
            raise
        await _hang_up(actor)
        log.info("the call to %s: %s", masked(wish.to), outcome.fate)
        if not wish.done.done():
            wish.done.set_result(outcome)

    async def _dialled(self, actor: AtActor, abilities: Abilities, wish: _Wish) -> CallOutcome:
        can_hear = bool(abilities.keys_on) and (await actor.ask(abilities.keys_on, NOTHING)).refusal is None
        answer = await actor.ask(f"ATD{wish.to};", NOTHING, timeout_s=_DIAL_S)
        if answer.refusal is not None:
            return CallOutcome(fate=_fate_of(str(answer.refusal)), reason=str(answer.refusal))
        if not await self._is_answered(actor, wish):
            fate = {"busy": CallFate.BUSY, _NO_NETWORK: CallFate.FAILED}.get(self._over, CallFate.NOT_ANSWERED)
            return CallOutcome(fate=fate, reason=self._over or "nobody took the call")
        was_played = await self._talk(actor, abilities, wish)
        is_confirmed = can_hear and wish.confirm in self._keys
        return CallOutcome(
            fate=CallFate.CONFIRMED if is_confirmed else CallFate.ANSWERED,
            reason="" if can_hear else "this modem does not hear keys",
            keys=self._keys,
            can_hear_keys=can_hear,
            was_played=was_played,
        )

    async def _is_answered(self, actor: AtActor, wish: _Wish) -> bool:
        end = _now() + RING_S
        while _now() < end and not self._is_over(wish):
            for line in (await actor.ask("AT+CLCC", "+CLCC")).lines:
                with suppress(DecodeError):
                    found = call(line)
                    if found.is_outgoing and found.is_voice and found.state == _ACTIVE:
                        return True
            await self._pause(_POLL_S)
        return False

    async def _talk(self, actor: AtActor, abilities: Abilities, wish: _Wish) -> bool:
        """Whether something was played."""
        end, play_at, was_played = _now() + TALK_S, _now(), False
        while _now() < end and not self._is_over(wish) and wish.confirm not in self._keys:
            if wish.prompt and abilities.play and _now() >= play_at:
                play_at = _now() + _PLAY_AGAIN_S
                answer = await actor.ask(abilities.play.format(wish.prompt), NOTHING)
                was_played = was_played or answer.refusal is None
            await self._pause(min(end, play_at if wish.prompt and abilities.play else end) - _now())
        if was_played and not self._over:
            await actor.ask(abilities.stop, NOTHING)
        return was_played

    def _is_over(self, wish: _Wish) -> bool:
        """The other end, the network or whoever wished for the call has ended it."""
        return bool(self._over) or wish.done.done()

    async def _pause(self, within_s: float) -> None:
        self._happened.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, within_s)):
                await self._happened.wait()


_HANG_UP = ("AT+CHUP", "ATH")
"""AT+CHUP ends voice calls also where ATH is kept for data (AT+CVHU of LTE modems); old modems know ATH only."""


async def _hang_up(actor: AtActor) -> None:
    for command in _HANG_UP:
        with suppress(NoAnswer):
            await actor.ask(command, NOTHING, timeout_s=_HANG_UP_S)


def _fate_of(refusal: str) -> CallFate:
    return {"busy": CallFate.BUSY, "no answer": CallFate.NOT_ANSWERED}.get(refusal, CallFate.FAILED)


def _now() -> float:
    return asyncio.get_running_loop().time()
