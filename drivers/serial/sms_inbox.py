"""Incoming messages: on the card part by part, whole ones judged, answered, and forgotten.

Each step may be cut off by a power cut and is done again then; the answer has the message's own key, so that the queue
sends it once.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from drivers.serial.codec.sms_pdu import Deliver, decode_pdu, joined
from drivers.serial.sms import Sms, masked
from drivers.serial.sms_commands import Commands, SmsOrder
from drivers.serial.sms_store import Incoming, SmsStore
from shouwang.errors import DecodeError, GiveUp, IllegalMove

log = logging.getLogger(__name__)

PARTS_KEPT = 60
"""Parts that wait for the rest of their message; when more come, the oldest message goes."""
REST_S = 86_400.0
"""The rest of a message comes within the validity that networks give it, mostly seconds."""

Obey = Callable[[SmsOrder], str]
"""Carries out an order and gives the answer to send, empty for none. May be called twice for one order; must not block.
"""
T = TypeVar("T")


class Inbox:
    """The messages of one home. Without `commands` no text is ever read for orders."""

    def __init__(
        self, store: SmsStore, thread: ThreadPoolExecutor, sms: Sms, *, commands: Commands | None, obey: Obey
    ) -> None:
        """`thread` has exactly one worker, in which the store was opened."""
        self._store = store
        self._thread = thread
        self._sms = sms
        self._commands = commands
        self._obey = obey
        self._first_seen: dict[str, float] = {}

    async def take(self, pdu: bytes) -> None:
        """Keep an incoming message or part, and judge what is whole now. Raises TryLater where the card fails."""
        incoming = Incoming(digest=hashlib.sha256(pdu).hexdigest(), pdu=pdu)
        if await self._in_thread(partial(self._store.take_in, incoming)):
            await self.go_through()

    async def go_through(self) -> None:
        """Judge every message that is whole, and let go of what has waited too long for its rest."""
        waiting: dict[tuple[str, int, int], dict[int, tuple[Incoming, Deliver]]] = {}
        for incoming in await self._in_thread(self._store.incoming):
            try:
                deliver = decode_pdu(incoming.pdu)
            except DecodeError:  # it could be read when it came: of another version of this program
                await self._forget([incoming])
                continue
            if not isinstance(deliver, Deliver):
                continue
            concat = deliver.data.header.concat
            if concat is None:
                await self._judge([(incoming, deliver)])
                continue
            parts = waiting.setdefault((deliver.sender, concat.ref, concat.total), {})
            parts.setdefault(concat.seq, (incoming, deliver))
            if len(parts) == concat.total:
                await self._judge([parts[seq] for seq in sorted(parts)])
                del waiting[deliver.sender, concat.ref, concat.total]
        await self._bound([[incoming for incoming, _ in parts.values()] for parts in waiting.values()])

    async def _bound(self, waiting: list[list[Incoming]]) -> None:
        now = asyncio.get_running_loop().time()
        known = {incoming.digest for parts in waiting for incoming in parts}
        self._first_seen = {digest: self._first_seen.get(digest, now) for digest in known}
        count = len(known)
        for parts in waiting:
            is_old = any(now - self._first_seen[incoming.digest] >= REST_S for incoming in parts)
            if is_old or count > PARTS_KEPT:
                log.warning("an SMS of several parts is let go: its rest did not come")
                count -= len(parts)
                await self._forget(parts)

    async def _judge(self, parts: list[tuple[Incoming, Deliver]]) -> None:
        sender = parts[0][1].sender
        text = joined([deliver for _, deliver in parts])
        verdict: SmsOrder | str = "it is no text" if text is None else "this home takes no commands by SMS"
        if self._commands is not None and text is not None:
            verdict = self._commands.judge(sender, text, asyncio.get_running_loop().time())
        if isinstance(verdict, SmsOrder):
            log.info("SMS from %s: %s", masked(sender), verdict.order)
            await self._answer(verdict, parts[0][0].digest)
        else:
            log.warning("an SMS from %s is not obeyed: %s", masked(sender), verdict)
        await self._forget([incoming for incoming, _ in parts])

    async def _answer(self, order: SmsOrder, digest: str) -> None:
        words = self._obey(order)
        if not words:
            return
        try:
            await self._sms.send(order.sender, words, key=f"answer-{digest[:32]}")
        except (IllegalMove, GiveUp) as error:  # it was answered before the power cut, with what was true then
            log.info("no second answer: %s", error)

    async def _forget(self, parts: list[Incoming]) -> None:
        await self._in_thread(partial(self._store.dealt_with, [incoming.digest for incoming in parts]))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work))
