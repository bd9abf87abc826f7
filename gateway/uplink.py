"""Carries the outbox to the centre: life-safety lane first, again and again until the receipt.

At PUBACK the broker has a message; only the centre's receipt (after its COMMIT) lets it go. Refusals of the broker
(0x10 nobody listens, 0x87 not authorised, 0x97 quota) are failures, not deliveries. Each connection begins anew with
all that has no receipt; the centre drops what it already has.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Never

from gateway.clock import Clock
from gateway.outbox import Stored
from gateway.scribe import Scribe
from messaging.backoff import Backoff
from messaging.broker import BrokerSettings, Will
from messaging.session import Message, PublishRefused, Session, connect
from shouwang.errors import DecodeError, DeviceError, TryLater
from shouwang.wire import (
    Command,
    Lane,
    command_topic,
    decode_command,
    decode_receipt,
    receipt_topic,
    up_topic,
    will_topic,
)

log = logging.getLogger(__name__)

RESERVED_FOR_LIFE = 8
"""Places of the window that telemetry may not fill."""
RESEND_FIRST_S, RESEND_CAP_S = 2.0, 10.0
"""No receipt within 2 to 10 s, growing: send again."""
BACKOFF_START_S, BACKOFF_CAP_S = 0.5, 60.0
"""Full jitter up to 60 s: 100,000 homes come back at 1,700 handshakes/s."""
WILL_DELAY_S = 30
_STEADY_S = 10.0  # a connection that stood this long was a success; a shorter one counts as a failure
_AHEAD = 200  # messages of one lane read ahead from the card
_AWAITING = 256  # sent, not yet confirmed; the rest waits on the card
_ADVICE = {
    0x10: "nobody listens at the centre",
    0x87: "this box may not write there: check its certificate or password, and the broker's ACL",
    0x97: "the broker's quota for this box is used up",
}


class Uplink:
    """The gateway's end of the wire."""

    def __init__(
        self,
        settings: BrokerSettings,
        gateway_id: str,
        epoch: str,
        scribe: Scribe,
        clock: Clock,
        *,
        obey: Callable[[Command, Callable[[], None]], None],
        done: set[str],
    ) -> None:
        """`obey(command, done)` carries a command out once; `done` holds the ids of those carried out before."""
        self._settings = settings
        self._gateway_id = gateway_id
        self._epoch = epoch
        self._scribe = scribe
        self._clock = clock
        self._obey = obey
        self._done = done
        self._lanes = {lane: _LaneQueue() for lane in Lane}
        self._work = asyncio.Event()
        self._awaiting: dict[tuple[Lane, int], _Awaiting] = {}
        self._in_flight = 0
        self._skew = timedelta(0)
        self._told: str | None = None
        self.is_connected = False
        """Whether the broker is reached now."""

    def offer(self, stored: list[Stored]) -> None:
        """New messages are on the card; the fast way to the wire, without reading them back."""
        for message in stored:
            self._lanes[message.lane].offer(message)
        self._work.set()

    async def run(self) -> Never:
        """Connect, send, reconnect, until cancelled."""
        backoff = Backoff(BACKOFF_START_S, BACKOFF_CAP_S)
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                async with connect(self._settings, will=self._will()) as session:
                    await self._serve(session)
            except* DeviceError as group:
                self._lost(_first(group))
            if loop.time() - began > _STEADY_S:
                backoff.succeeded()
            await backoff.pause()

    async def _serve(self, session: Session) -> None:
        await session.subscribe([receipt_topic(self._gateway_id), command_topic(self._gateway_id)])
        self._begin()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._announce_online(session), name="uplink-online")
                group.create_task(self._listen(session), name="uplink-listen")
                group.create_task(self._resend_late(), name="uplink-resend")
                group.create_task(self._send_all(session, group), name="uplink-send")
        finally:
            self.is_connected = False

    def _begin(self) -> None:
        for lane in self._lanes.values():
            lane.rewind()
        self._awaiting.clear()
        self._in_flight = 0
        self.is_connected = True
        self._told = None
        log.info("connected to the centre's broker at %s:%d", self._settings.host, self._settings.port)
        self._work.set()

    def _lost(self, error: BaseException) -> None:
        text = str(error)
        if text != self._told:
            log.warning("no way to the centre: %s; data and alarms wait on the card", text)
        self._told = text

    def _will(self) -> Will:
        return Will(topic=will_topic(self._gateway_id), payload=b"offline", delay_s=WILL_DELAY_S)

    async def _announce_online(self, session: Session) -> None:
        try:
            await session.publish(will_topic(self._gateway_id), b"online", retain=True)
        except PublishRefused as error:
            if error.reason_code != 0x10:  # retained: it need not have a listener yet
                log.warning("%s; %s", error, _ADVICE.get(error.reason_code, ""))

    # ---- up ----

    async def _send_all(self, session: Session, group: asyncio.TaskGroup) -> None:
        while True:
            self._work.clear()
            message = await self._next(session.window)
            if message is None:
                await self._work.wait()
                continue
            self._in_flight += 1
            self._await_receipt(message)
            group.create_task(self._send(session, message), name=f"uplink-{message.lane.name}-{message.seq}")

    async def _next(self, window: int) -> Stored | None:
        for lane, queue in self._lanes.items():
            limit = window if lane == Lane.LIFE_SAFETY else max(1, window - RESERVED_FOR_LIFE)
            if self._in_flight >= limit:
                continue
            late = queue.pop_again()
            if late is not None:
                return late
            if lane != Lane.LIFE_SAFETY and len(self._awaiting) >= _AWAITING:
                continue
            if queue.must_read():
                await self._read(lane, queue)
            message = queue.pop()
            if message is not None:
                return message
        return None

    async def _read(self, lane: Lane, queue: "_LaneQueue") -> None:
        after, newest = queue.cursor, queue.newest
        try:
            queue.fill(await self._scribe.pending(lane, after, _AHEAD), newest)
        except TryLater as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence says it all
            await asyncio.sleep(1.0)

    async def _send(self, session: Session, message: Stored) -> None:
        try:
            await session.publish(up_topic(self._gateway_id, message.lane), message.payload)
        except PublishRefused as error:
            advice = _ADVICE.get(error.reason_code, "")
            if advice != self._told:
                log.warning("%s; %s", error, advice)
            self._told = advice
        finally:
            self._in_flight -= 1
            self._work.set()

    def _await_receipt(self, message: Stored) -> None:
        key = (message.lane, message.seq)
        tries = self._awaiting[key].tries + 1 if key in self._awaiting else 1
        pause = min(RESEND_CAP_S, RESEND_FIRST_S * 1.5 ** (tries - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
        self._awaiting[key] = _Awaiting(message, tries, asyncio.get_running_loop().time() + pause)

    async def _resend_late(self) -> None:
        while True:
            await asyncio.sleep(RESEND_FIRST_S / 4)
            now = asyncio.get_running_loop().time()
            for waiting in list(self._awaiting.values()):
                if waiting.due <= now:
                    waiting.due = now + RESEND_CAP_S
                    self._lanes[waiting.message.lane].again(waiting.message)
                    self._work.set()

    # ---- down ----

    async def _listen(self, session: Session) -> None:
        async for message in session.messages():
            try:
                if message.topic == receipt_topic(self._gateway_id):
                    await self._take_receipt(message)
                else:
                    self._take_command(message)
            except DecodeError as error:
                log.warning("a message from the centre cannot be read and is left out: %s", error)
                message.ack()

    async def _take_receipt(self, message: Message) -> None:
        receipt = decode_receipt(message.payload)
        message.ack()
        self._skew = receipt.server_at - self._clock.now()
        if receipt.epoch != self._epoch:
            return
        for seq in receipt.seqs:
            self._awaiting.pop((receipt.lane, seq), None)
            self._lanes[receipt.lane].drop(seq)
        self._work.set()
        await self._scribe.confirm((receipt.lane, seq) for seq in receipt.seqs)

    def _take_command(self, message: Message) -> None:
        command = decode_command(message.payload)
        is_late = self._clock.now() + self._skew > command.expires_at
        if is_late or command.command_id in self._done:
            if is_late:
                log.warning("command %s came too late and is left out", command.command_id)
            message.ack()
            return
        self._done.add(command.command_id)
        self._obey(command, message.ack)


class _Awaiting:
    """A message that was sent and has no receipt: how often, and when to send it again."""

    __slots__ = ("due", "message", "tries")

    def __init__(self, message: Stored, tries: int, due: float) -> None:
        self.message = message
        self.tries = tries
        self.due = due


class _LaneQueue:
    """One lane's messages to send now, in order, read ahead from the card up to `cursor`; `newest` is the last one."""

    def __init__(self) -> None:
        self._ready: deque[Stored] = deque()
        self._again: deque[Stored] = deque()
        self.cursor = 0
        self.newest: int | None = None  # None: the card has not been looked at yet

    def rewind(self) -> None:
        """Begin again with the oldest message on the card."""
        self._ready.clear()
        self._again.clear()
        self.cursor = 0

    def offer(self, message: Stored) -> None:
        """A message just stored: taken at once where everything before it is here, else read from the card later."""
        if self.cursor == self.newest and len(self._ready) < _AHEAD:
            self._ready.append(message)
            self.cursor = message.seq
        self.newest = message.seq

    def must_read(self) -> bool:
        """Whether the next messages are on the card only."""
        return not self._ready and (self.newest is None or self.cursor < self.newest)

    def fill(self, read: list[Stored], newest: int | None) -> None:
        """Messages read from the card after `cursor`; `newest` is what was known when the reading began."""
        self._ready.extend(read)
        if read:
            self.cursor = read[-1].seq
        elif newest is not None:  # those in between have their receipts
            self.cursor = max(self.cursor, newest)
        if self.newest is None and len(read) < _AHEAD:
            self.newest = self.cursor

    def again(self, message: Stored) -> None:
        """No receipt came: send it once more, before the others."""
        self._again.append(message)

    def pop_again(self) -> Stored | None:
        """The next message to repeat."""
        return self._again.popleft() if self._again else None

    def drop(self, seq: int) -> None:
        """It was confirmed while waiting to be repeated."""
        self._again = deque(message for message in self._again if message.seq != seq)

    def pop(self) -> Stored | None:
        """The next message, None where nothing waits."""
        return self._ready.popleft() if self._ready else None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
