"""Carries the outbox to the centre: life-safety lane first, again and again until the receipt.

At PUBACK the broker has a message; only the centre's receipt (after its COMMIT) lets it go. Refusals of the broker
(0x10 nobody listens, 0x87 not authorised, 0x97 quota) are failures, not deliveries. Each connection begins anew with
all that has no receipt; the centre drops what it already has. While no receipts come, a few messages ask and the rest
waits on the card: a city of homes must not drown a centre that is just coming back.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Never

from gateway.batch import Key
from gateway.outbox import Stored
from gateway.scribe import Scribe
from messaging.backoff import Backoff
from messaging.broker import BrokerSettings, Will
from messaging.session import Message, PublishRefused, Session, connect
from shouwang.errors import ConfigError, DecodeError, DeviceError, TryLater
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
_ASKING = 4  # the same while no receipts come
_EARLY = 64  # commands that came before the first receipt
_SLIPS = 1000  # alerts that are in memory only; above that the oldest wait for the card
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
        scribe: Scribe,
        *,
        confirmed: Callable[[Iterable[Key]], None],
        obey: Callable[[Command, Callable[[], None]], None],
        done: set[str],
    ) -> None:
        """`confirmed` is told what the centre has; `obey(command, when_durable)` carries a command out once.

        `done` holds the ids of the commands carried out before.
        """
        self._settings = settings
        self._gateway_id = gateway_id
        self._scribe = scribe
        self._confirmed = confirmed
        self._obey = obey
        self._done = done
        self._under_way: dict[str, Callable[[], None]] = {}
        self._early: deque[Message] = deque(maxlen=_EARLY)
        self._lanes = {lane: _LaneQueue() for lane in Lane}
        self._slips: dict[Key, Stored] = {}
        self._work = asyncio.Event()
        self._awaiting: dict[Key, _Awaiting] = {}
        self._in_flight = 0
        self._heard_at = float("-inf")
        self._anchor: tuple[datetime, float] | None = None
        self._steady_from = float("inf")
        self._told: str | None = None
        self._is_card_mute = False

    def offer(self, stored: list[Stored]) -> None:
        """New messages are on the card; the fast way to the wire, without reading them back."""
        for message in stored:
            self._lanes[message.lane].offer(message)
        self._work.set()

    def offer_unwritten(self, slips: list[Stored]) -> None:
        """Alerts that the card does not take: they go from memory, in every connection until their receipt."""
        for slip in slips:
            self._slips[slip.key] = slip
            self._lanes[slip.lane].again(slip)
        while len(self._slips) > _SLIPS:
            del self._slips[next(iter(self._slips))]
        self._work.set()

    async def run(self) -> Never:
        """Connect, send, reconnect, until cancelled."""
        backoff = Backoff(BACKOFF_START_S, BACKOFF_CAP_S)
        loop = asyncio.get_running_loop()
        while True:
            self._steady_from = float("inf")
            try:
                async with connect(self._settings, will=self._will()) as session:
                    await self._serve(session)
            except* (DeviceError, ConfigError) as group:  # a certificate may be replaced while we run
                self._lost(_first(group))
            if loop.time() > self._steady_from:
                backoff.succeeded()
            await backoff.pause()

    async def _serve(self, session: Session) -> None:
        await session.subscribe([receipt_topic(self._gateway_id), command_topic(self._gateway_id)])
        self._begin()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce_online(session), name="uplink-online")
            group.create_task(self._listen(session), name="uplink-listen")
            group.create_task(self._resend_late(), name="uplink-resend")
            group.create_task(self._send_all(session, group), name="uplink-send")

    def _begin(self) -> None:
        for lane in self._lanes.values():
            lane.rewind()
        for slip in self._slips.values():
            self._lanes[slip.lane].again(slip)
        self._awaiting.clear()
        self._early.clear()
        self._in_flight = 0
        self._heard_at = float("-inf")
        self._steady_from = asyncio.get_running_loop().time() + _STEADY_S
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
            if lane != Lane.LIFE_SAFETY and len(self._awaiting) >= (_AWAITING if self._is_heard() else _ASKING):
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
            if not self._is_card_mute:
                log.error("%s", error)  # noqa: TRY400 - the sentence says it all
            self._is_card_mute = True
            await asyncio.sleep(1.0)
        else:
            self._is_card_mute = False

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
        tries = self._awaiting[message.key].tries + 1 if message.key in self._awaiting else 1
        pause = min(RESEND_CAP_S, RESEND_FIRST_S * 1.5 ** (tries - 1)) * random.uniform(0.8, 1.2)  # noqa: S311
        self._awaiting[message.key] = _Awaiting(message, tries, asyncio.get_running_loop().time() + pause)

    def _is_heard(self) -> bool:
        return asyncio.get_running_loop().time() - self._heard_at <= RESEND_CAP_S

    async def _resend_late(self) -> None:
        while True:
            await asyncio.sleep(RESEND_FIRST_S / 4)
            now = asyncio.get_running_loop().time()
            asked = 0
            for waiting in [waiting for waiting in self._awaiting.values() if waiting.due <= now]:
                waiting.due = now + RESEND_CAP_S
                if waiting.message.lane != Lane.LIFE_SAFETY:
                    asked += 1
                    if asked > _ASKING and not self._is_heard():
                        continue
                self._lanes[waiting.message.lane].again(waiting.message)
                self._work.set()

    # ---- down ----

    async def _listen(self, session: Session) -> None:
        async for message in session.messages():
            try:
                if message.topic == receipt_topic(self._gateway_id):
                    self._take_receipt(message)
                else:
                    self._take_command(message)
            except DecodeError as error:
                log.warning("a message from the centre cannot be read and is left out: %s", error)
                message.ack()

    def _take_receipt(self, message: Message) -> None:
        receipt = decode_receipt(message.payload)
        message.ack()
        now = asyncio.get_running_loop().time()
        if not self._is_heard():  # the centre is back: what it missed need not wait for its turn
            for waiting in self._awaiting.values():
                waiting.due = min(waiting.due, now + RESEND_FIRST_S)
        self._heard_at = now
        self._anchor = receipt.server_at, now
        keys = [(receipt.epoch, receipt.lane, seq) for seq in receipt.seqs]
        for key in keys:
            self._slips.pop(key, None)
            if self._awaiting.pop(key, None) is not None:
                self._lanes[receipt.lane].drop(key)
        self._work.set()
        self._confirmed(keys)
        while self._early:
            self._take_command(self._early.popleft())

    def _take_command(self, message: Message) -> None:
        command = decode_command(message.payload)
        if command.command_id in self._done:
            message.ack()
        elif command.command_id in self._under_way:  # sent again before it was durable: so is its acknowledgement
            self._under_way[command.command_id] = message.ack
        elif self._anchor is None:  # this box's clock may be wrong by years: the first receipt tells the time
            self._early.append(message)
        elif self._centre_time(self._anchor) > command.expires_at:
            log.warning("command %s came too late and is left out", command.command_id)
            message.ack()
        else:
            self._under_way[command.command_id] = message.ack
            self._obey(command, partial(self._acknowledge, command.command_id))

    def _centre_time(self, anchor: tuple[datetime, float]) -> datetime:
        at, when = anchor
        return at + timedelta(seconds=asyncio.get_running_loop().time() - when)

    def _acknowledge(self, command_id: str) -> None:
        self._done.add(command_id)
        self._under_way.pop(command_id)()


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
        self._epoch: str | None = None
        self.cursor = 0
        self.newest: int | None = None  # None: the card has not been looked at yet

    def rewind(self) -> None:
        """Begin again with the oldest message on the card."""
        self._ready.clear()
        self._again.clear()
        self.cursor = 0

    def offer(self, message: Stored) -> None:
        """A message just stored: taken at once where everything before it is here, else read from the card later."""
        if self._epoch not in (None, message.epoch):  # the file on the card is a new one
            self.cursor, self.newest = 0, None
        self._epoch = message.epoch
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
        if read and self._epoch not in (None, read[-1].epoch):  # read of a file that has been put aside since
            return
        if read:
            self._epoch, self.cursor = read[-1].epoch, read[-1].seq
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

    def drop(self, key: Key) -> None:
        """It was confirmed while waiting to be repeated."""
        self._again = deque(message for message in self._again if message.key != key)

    def pop(self) -> Stored | None:
        """The next message, None where nothing waits."""
        return self._ready.popleft() if self._ready else None


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
