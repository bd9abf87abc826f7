"""Carries the outbox to the centre: life-safety lane first, again and again until the receipt.

At PUBACK the broker has a message; only the centre's receipt (after its COMMIT) lets it go. Refusals of the broker
(0x10 nobody listens, 0x87 not authorised, 0x97 quota) are failures, not deliveries. Each connection begins anew with
all that has no receipt; the centre drops what it already has. While no receipts come, a few messages ask and the rest
waits on the card: a city of homes must not drown a centre that is just coming back.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Never

from gateway.batch import Key
from gateway.clock import Clock
from gateway.internet import Internet
from gateway.lanes import AHEAD, LaneQueue
from gateway.orders import Orders
from gateway.outbox import Stored
from gateway.scribe import Scribe
from gateway.unconfirmed import RESEND_FIRST_S, Unconfirmed
from gateway.window import Window
from messaging.attempt import attempt
from messaging.backoff import Backoff
from messaging.broker import BrokerSettings, Will
from messaging.refusals import Refused
from messaging.session import Message, PublishRefused, Session, connect
from shouwang.bilingual import Bilingual, both, chinese, told_by
from shouwang.errors import ConfigError, DecodeError, DeviceError, TryLater
from shouwang.outage import Outage
from shouwang.squeeze import WORTH_BYTES, ZLIB_1, squeeze
from shouwang.wire import (
    ChainHead,
    Command,
    Lane,
    Sent,
    command_topic,
    decode_head,
    decode_receipt,
    head_topic,
    receipt_topic,
    up_topic,
    will_topic,
)

log = logging.getLogger(__name__)

BACKOFF_START_S, BACKOFF_CAP_S = 0.5, 60.0
"""Full jitter up to 60 s: 100,000 homes come back at 1,700 handshakes/s."""
WILL_DELAY_S = 30
_STEADY_S = 10.0  # a connection that stood this long was a success; a shorter one counts as a failure
_SLIPS = 1000  # alerts that are in memory only; above that the oldest wait for the card
_CARD_REST_S = 1.0
_BRIEF_S, _DROPS = 60.0, 3  # so many connections in a row that stood for a shorter time than this
_TWICE = (
    "; again and again the broker lets this box in and the line is cut at once: a bad line, or another box or program "
    "with the id {id} (the broker's log says: already connected)"
)
_TWICE_ZH = (
    "；消息服务器一次次让这台网关进来，线路却随即断开：线路不好，"
    "或另有网关或程序也用编号 {id}（服务器日志：already connected）"
)
_ONLINE = b"online"
_NOBODY = 0x10
_ADVICE = {
    _NOBODY: Bilingual(
        "nobody listens at the centre; its server may be down: ask the centre",
        zh="中心没有人在接收；中心的服务器可能停了：请联系服务中心",
    ),
    0x87: Bilingual(
        "this box may not write there: the user that the broker takes it for (the common name of its certificate, or "
        "username) must be the gateway's id, and the broker's acl_file must hold: pattern write v1/%u/up/#",
        zh="这台网关无权写到那里：消息服务器认定的用户（证书的通用名 CN，或 username）必须就是网关的编号，"
        "它的 acl_file 里要有：pattern write v1/%u/up/#",
    ),
    0x97: Bilingual(
        "the broker's quota for this box is used up: ask the centre",
        zh="消息服务器给这台网关的配额用完了：请联系服务中心",
    ),
}
_ASK_WHY = Bilingual("ask the centre why", zh="请向服务中心询问原因")
_NO_WAY = "no way to the centre: %s; data and alarms wait on the card"


class Uplink:
    """The gateway's end of the wire."""

    _head: ChainHead | None = None

    def __init__(
        self,
        settings: BrokerSettings,
        gateway_id: str,
        scribe: Scribe,
        *,
        confirmed: Callable[[Iterable[Key]], None],
        obey: Callable[[Command, Callable[[], None]], None],
        done: set[str],
        internet: Internet,
        clock: Clock,
        is_metered: bool = False,
    ) -> None:
        """`confirmed` is told what the centre has; `obey(command, when_durable)` carries a command out once.

        `done` holds the ids of the commands carried out before; `internet` judges the way by what is met on it.
        `clock` stamps what is sent, and is told the time by the receipts. `is_metered`: the link is paid by the byte,
        so all but alerts is packed and goes without a stamp (MQTT 5 only).
        """
        self._settings = settings
        self._gateway_id = gateway_id
        self._scribe = scribe
        self._confirmed = confirmed
        self._orders = Orders(obey, done)
        self._internet = internet
        self._clock = clock
        self._packs = is_metered and settings.version == "5"
        self._lanes = {lane: LaneQueue() for lane in Lane}
        self._slips: dict[Key, Stored] = {}
        self._work = asyncio.Event()
        self._hungry = asyncio.Event()
        self._window = Window(settings.receive_maximum)
        self._unconfirmed = Unconfirmed(_now)
        self._steady_from = float("inf")
        self._brief_until, self._drops = 0.0, 0
        self._error: DeviceError | ConfigError | None = None
        self._outage = Outage(log, _NO_WAY, level=logging.WARNING, tells_news=True)
        self._told_refusals: set[str] = set()
        self._card = Outage(log, "%s", ends="the card can be read again")
        self._running = asyncio.Lock()

    def use(self, settings: BrokerSettings, *, is_metered: bool) -> None:
        """The way to the centre is this one from the next `run` on."""
        self._settings = settings
        self._packs = is_metered and settings.version == "5"

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
        """Connect, send, reconnect, until cancelled; a run that was cancelled and is not over yet is waited for."""
        backoff = Backoff(BACKOFF_START_S, BACKOFF_CAP_S)
        async with self._running:  # two at once would share queues and window, and throw each other out of the broker
            while True:
                self._steady_from, self._brief_until = float("inf"), 0.0
                await attempt(self._connection(), "uplink-connection")
                # a box that is sent away by another one with its id must not fight it second by second
                if _now() > self._steady_from and not isinstance(self._error, Refused):
                    backoff.succeeded()
                await backoff.pause()

    async def _connection(self) -> None:
        """One connection, from its beginning to its end."""
        self._error = None
        try:
            async with connect(self._settings, will=self._will()) as session:
                await self._serve(session)
        except* (DeviceError, ConfigError) as group:  # a certificate may be replaced while we run
            self._lost(_first(group))

    async def _serve(self, session: Session) -> None:
        topics = (receipt_topic, command_topic, head_topic)
        await session.subscribe([topic(self._gateway_id) for topic in topics])
        self._begin(session)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._announce_online(session), name="uplink-online")
            group.create_task(self._listen(session), name="uplink-listen")
            group.create_task(self._resend_late(), name="uplink-resend")
            group.create_task(self._read_ahead(), name="uplink-read")
            group.create_task(self._send_all(session, group), name="uplink-send")

    def _begin(self, session: Session) -> None:
        for lane in self._lanes.values():
            lane.rewind()
        for slip in self._slips.values():
            self._lanes[slip.lane].again(slip)
        self._window = Window(session.window)
        self._unconfirmed = Unconfirmed(_now)
        self._orders.begin()
        self._steady_from = _now() + _STEADY_S
        self._brief_until = _now() + _BRIEF_S
        self._outage.over()
        self._internet.connected()
        log.info("connected to the centre's broker at %s:%d", self._settings.host, self._settings.port)
        self._work.set()

    def _lost(self, error: DeviceError | ConfigError) -> None:
        self._error = error
        text = told_by(error)
        self._drops = self._drops + 1 if not isinstance(error, Refused) and _now() < self._brief_until else 0
        if self._drops >= _DROPS:
            who = self._settings.client_id
            text = Bilingual(f"{text}{_TWICE.format(id=who)}", zh=f"{chinese(text) or text}{_TWICE_ZH.format(id=who)}")
        self._outage.begin(text)
        self._internet.lost(text, is_refusal=isinstance(error, Refused | ConfigError))

    def _will(self) -> Will:
        return Will(topic=will_topic(self._gateway_id), payload=b"offline", delay_s=WILL_DELAY_S)

    async def _announce_online(self, session: Session) -> None:
        self._window.take(Lane.STATE, len(_ONLINE))
        try:
            await session.publish(will_topic(self._gateway_id), _ONLINE, retain=True)
        except PublishRefused as error:
            if error.reason_code != _NOBODY:  # retained: it need not have a listener yet
                log.warning("%s; the broker's acl_file must hold: pattern write v1/%%u/lwt", error)
        finally:
            self._window.free(Lane.STATE, len(_ONLINE))
            self._work.set()

    # ---- up ----

    async def _send_all(self, session: Session, group: asyncio.TaskGroup) -> None:
        """Never waits for the card: an alert must not stand behind the reading of telemetry."""
        while True:
            self._work.clear()
            while (message := self._next()) is not None:
                self._window.take(message.lane, len(message.payload))
                self._unconfirmed.sent(message)
                self._internet.asked()
                group.create_task(self._send(session, message), name=f"uplink-{message.lane.name}-{message.seq}")
            if any(queue.must_read for queue in self._lanes.values()):
                self._hungry.set()
            await self._work.wait()

    def _next(self) -> Stored | None:
        for lane, queue in self._lanes.items():
            message = queue.peek()
            if message is None or not self._window.has_room(lane, len(message.payload)):
                continue
            if lane is Lane.LIFE_SAFETY or queue.has_repeat or self._unconfirmed.may_grow:
                queue.pop()
                return message
        return None

    async def _send(self, session: Session, message: Stored) -> None:
        payload, encoding = self._packed(message)
        try:
            await session.publish(
                up_topic(self._gateway_id, message.lane), payload, encoding=encoding, sent=self._stamp(message)
            )
        except PublishRefused as error:
            self._refused(message.lane, error)
        finally:
            self._window.free(message.lane, len(message.payload))
            self._work.set()
        self._unconfirmed.answered(message)

    def _packed(self, message: Stored) -> tuple[bytes, str]:
        # an alert is small, rare, and must be readable for the oldest of servers
        if not self._packs or message.lane is Lane.LIFE_SAFETY or len(message.payload) < WORTH_BYTES:
            return message.payload, ""
        return squeeze(message.payload), ZLIB_1

    def _stamp(self, message: Stored) -> str:
        is_dear = self._packs and message.lane is not Lane.LIFE_SAFETY
        return "" if is_dear else str(Sent(boot=self._clock.boot, mono=self._clock.mono()))

    def _refused(self, lane: Lane, error: PublishRefused) -> None:
        advice = _ADVICE.get(error.reason_code, _ASK_WHY)
        text = both("{error}; {advice}", "{error}；{advice}", error=told_by(error), advice=advice)
        if text not in self._told_refusals:
            log.warning("%s", text)
        self._told_refusals.add(text)
        if error.reason_code == _NOBODY:
            self._internet.unheard(text)
        else:
            self._internet.barred(lane, text)

    async def _resend_late(self) -> None:
        while True:
            await asyncio.sleep(RESEND_FIRST_S / 4)
            for message in self._unconfirmed.late():
                self._lanes[message.lane].again(message)
                self._work.set()

    # ---- from the card ----

    async def _read_ahead(self) -> None:
        while True:
            self._hungry.clear()
            lane = next((lane for lane, queue in self._lanes.items() if queue.must_read), None)
            if lane is None:
                await self._hungry.wait()
            else:
                await self._read(lane, self._lanes[lane])

    async def _read(self, lane: Lane, queue: LaneQueue) -> None:
        after, newest = queue.cursor, queue.newest
        try:
            queue.fill(await self._scribe.pending(lane, after, AHEAD), after, newest)
        except TryLater as error:
            self._card.begin(error)
            await asyncio.sleep(_CARD_REST_S)
        else:
            self._card.over()
            self._work.set()

    # ---- down ----

    async def _listen(self, session: Session) -> None:
        async for message in session.messages():
            try:
                if message.topic == receipt_topic(self._gateway_id):
                    self._take_receipt(message)
                elif message.topic == head_topic(self._gateway_id):
                    self._witness(message)
                else:
                    self._orders.take(message)
            except DecodeError as error:
                log.warning("a message from the centre cannot be read and is left out: %s", error)
                message.ack()

    def _witness(self, message: Message) -> None:
        """The journal of this box keeps it: the centre cannot change what stands there."""
        head = decode_head(message.payload)
        message.ack()
        if head != self._head:
            log.info("witness: the centre's record ends in %s after %d entries", head.hash, head.entries)
            log.info("witness: the centre's changes end in %s after %d", head.changes_hash, head.changes)
        self._head = head

    def _take_receipt(self, message: Message) -> None:
        receipt = decode_receipt(message.payload)
        message.ack()
        self._unconfirmed.heard()
        keys = [(receipt.epoch, receipt.lane, seq) for seq in receipt.seqs]
        round_trip_s = self._unconfirmed.round_trip_s(keys)
        if round_trip_s is not None:
            self._clock.wall.heard(receipt.server_at, round_trip_s)
        for key in keys:
            self._slips.pop(key, None)
            if self._unconfirmed.confirmed(key):
                self._lanes[receipt.lane].drop(key)
        self._internet.confirmed(receipt.lane, is_more_waiting=len(self._unconfirmed) > 0)
        self._work.set()
        self._confirmed(keys)
        self._orders.tell_time(receipt.server_at)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _first(group: BaseExceptionGroup[DeviceError | ConfigError]) -> DeviceError | ConfigError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, DeviceError | ConfigError)  # noqa: S101 - what `except*` has sorted out
    return error
