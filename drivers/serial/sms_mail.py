"""What came in to the modem: read, kept on our card, and only then deleted from the SIM."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Never

from drivers.rejects import Rejects
from drivers.serial.at_actor import NOTHING, AtActor
from drivers.serial.codec.at_lines import listed_index, pdu_from
from drivers.serial.codec.sms_pdu import Deliver, Message, StatusReport, decode_pdu
from drivers.serial.sms_inbox import Inbox
from drivers.serial.sms_queue import SmsQueue
from shouwang.errors import DecodeError, TryLater

log = logging.getLogger(__name__)

_LIST_S = 30.0
_WAITING = 64
"""Words of arrivals that wait to be read; more are found by the next look at the whole memory."""
_HOME_MEMORY = "SM"


class Mail:
    """Arrivals of one visit to the modem."""

    def __init__(self, queue: SmsQueue, inbox: Inbox, rejects: Rejects) -> None:
        """Nothing has arrived."""
        self._queue = queue
        self._inbox = inbox
        self._rejects = rejects
        self._places: deque[tuple[str, int]] = deque(maxlen=_WAITING)
        self._direct: deque[bytes] = deque(maxlen=_WAITING)
        self._arrived = asyncio.Event()
        self._memory = _HOME_MEMORY

    def arrived(self, memory: str, index: int) -> None:
        """The modem says that a message lies there."""
        self._places.append((memory, index))
        self._arrived.set()

    def came(self, pdu: bytes) -> None:
        """The modem gives a message at once, and keeps none."""
        self._direct.append(pdu)
        self._arrived.set()

    async def run(self, actor: AtActor, *, sweep_s: float) -> Never:
        """Read what arrives, and all that lies there at the start and every `sweep_s`. Raises DeviceError."""
        await self._sweep(actor)
        while True:
            is_in_time = True
            try:
                async with asyncio.timeout(sweep_s):
                    await self._arrived.wait()
            except TimeoutError:
                is_in_time = False
            self._arrived.clear()
            while self._direct:
                await self._take(self._direct.popleft())
            while self._places:
                await self._fetch(actor, *self._places.popleft())
            if not is_in_time:
                await self._sweep(actor)

    async def _sweep(self, actor: AtActor) -> None:
        await self._select(actor, _HOME_MEMORY)
        answer = await actor.ask("AT+CMGL=4", "+CMGL", timeout_s=_LIST_S)
        for header, pdu in zip(answer.lines, answer.lines[1:], strict=False):
            if header.startswith("+CMGL"):
                with suppress(DecodeError):
                    await self._take_stored(actor, listed_index(header), pdu)
        await self._inbox.go_through()

    async def _fetch(self, actor: AtActor, memory: str, index: int) -> None:
        await self._select(actor, memory)
        answer = await actor.ask(f"AT+CMGR={index}", "+CMGR")
        if len(answer.lines) >= 2:
            await self._take_stored(actor, index, answer.lines[1])
        await self._select(actor, _HOME_MEMORY)

    async def _select(self, actor: AtActor, memory: str) -> None:
        if memory != self._memory and memory.isalpha():
            await actor.ask(f'AT+CPMS="{memory}"', "+CPMS")
            self._memory = memory

    async def _take_stored(self, actor: AtActor, index: int, line: str) -> None:
        try:
            pdu = pdu_from(line)
        except DecodeError as error:  # the line may have been garbled: it is read again at the next look
            self._rejects.add(error)
            return
        if await self._take(pdu):
            await actor.ask(f"AT+CMGD={index}", NOTHING)

    async def _take(self, pdu: bytes) -> bool:
        """Whether the message is safe, so that the modem need not keep it."""
        try:
            message = decode_pdu(pdu)
        except DecodeError as error:  # it will not be readable tomorrow either, and a full SIM hears nothing more
            self._rejects.add(error)
            return True
        try:
            return await self._keep(message, pdu)
        except TryLater as error:
            log.warning("an SMS stays in the modem: %s", error)
            return False

    async def _keep(self, message: Message, pdu: bytes) -> bool:
        if isinstance(message, StatusReport):
            if not await self._queue.reported(message):
                log.info("a status report fits no SMS that waits for one")
            return True
        if not isinstance(message, Deliver):
            return False  # a draft that somebody wrote into the SIM
        await self._inbox.take(pdu)
        return True
